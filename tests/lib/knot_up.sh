#!/bin/bash
# A private Knot DNS on the loopback: primary for ZONE..., which one TSIG key may transfer and update.
#   knot_up.sh DIR [PORT [ZONE...]]     PORT 0 or none: any free one; zones: example.test
# Prints PIDFILE PID PORT KEY_NAME KEY_ALGORITHM KEY_SECRET as NAME=VALUE lines once it answers.  Exit 77: not installed.
# Environment: KEY_NAME, KEY_ALGORITHM, KEY_SECRET.  Ends with down.sh PIDFILE.
# shellcheck source=tests/lib/server.sh
. "${0%/*}/server.sh"

knotd=$(need knotd knot)
need dig bind9-dnsutils >/dev/null
dir=$(own_dir "${1:?usage: knot_up.sh DIR [PORT [ZONE...]]}")
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
		server:
		    rundir: "$dir"
		    listen: 127.0.0.1@$port
		    udp-workers: 1
		    tcp-workers: 2
		    background-workers: 1
		log:
		  - target: stderr
		    any: info
		database:
		    storage: "$dir/db"
		    journal-db-max-size: 64M
		key:
		  - id: $key
		    algorithm: $algorithm
		    secret: $secret
		acl:
		  - id: updater
		    key: $key
		    action: [update, transfer]
		template:
		  - id: default
		    acl: updater
		    zonefile-sync: -1
		    zonefile-load: whole
		    journal-content: none
		zone:
	CONF
	for zone; do
		file=$dir/$(zone_file "$zone")
		[ -s "$file" ] || empty_zone >"$file"
		printf '  - domain: "%s"\n    file: "%s"\n' "$zone" "$file"
	done
) >"$dir/knot.conf"

launch "$dir/pid" "$dir/log" "$knotd" -c "$dir/knot.conf"
wait_until "$dir/log" answers "$port" "$1"
printf '%s=%s\n' PIDFILE "$dir/pid" PID "$PID" PORT "$port" KEY_NAME "$key" KEY_ALGORITHM "$algorithm" KEY_SECRET "$secret"
