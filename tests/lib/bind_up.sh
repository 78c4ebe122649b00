#!/bin/bash
# A private BIND 9 on the loopback: primary for ZONE..., which one TSIG key may transfer and update.
#   bind_up.sh DIR [PORT [ZONE...]]     PORT 0 or none: any free one; zones: example.test
# Prints PIDFILE PID PORT KEY_NAME KEY_ALGORITHM KEY_SECRET as NAME=VALUE lines once it answers.  Exit 77: not installed.
# Environment: KEY_NAME, KEY_ALGORITHM, KEY_SECRET.  Ends with down.sh PIDFILE.
# shellcheck source=tests/lib/server.sh
. "${0%/*}/server.sh"

named=$(need named bind9)
need dig bind9-dnsutils >/dev/null
dir=$(own_dir "${1:?usage: bind_up.sh DIR [PORT [ZONE...]]}")
port=${2:-0}
[ "$port" != 0 ] || port=$(free_port)
shift $(($# < 2 ? $# : 2))
[ $# != 0 ] || set -- example.test
key=${KEY_NAME:-updater.example.test}
algorithm=${KEY_ALGORITHM:-hmac-sha256}
secret=${KEY_SECRET:-$(new_secret)}

(
	umask 077
	cat <<-CONF
		key "$key" { algorithm $algorithm; secret "$secret"; };
		options {
		    directory "$dir";
		    pid-file none;
		    session-keyfile "$dir/session.key";
		    managed-keys-directory "$dir";
		    listen-on port $port { 127.0.0.1; };
		    listen-on-v6 { none; };
		    allow-query { 127.0.0.1; };
		    allow-transfer { key "$key"; };
		    recursion no;
		    dnssec-validation no;
		    notify no;
		    tcp-clients 100;
		};
		controls { };
	CONF
	for zone; do
		file=$dir/$(zone_file "$zone")
		[ -s "$file" ] || empty_zone >"$file"
		printf 'zone "%s" { type primary; file "%s"; update-policy { grant "%s" zonesub ANY; }; };\n' "$zone" "$file" "$key"
	done
) >"$dir/named.conf"

launch "$dir/pid" "$dir/log" "$named" -4 -g -n 1 -c "$dir/named.conf"
wait_until "$dir/log" answers "$port" "$1"
printf '%s=%s\n' PIDFILE "$dir/pid" PID "$PID" PORT "$port" KEY_NAME "$key" KEY_ALGORITHM "$algorithm" KEY_SECRET "$secret"
