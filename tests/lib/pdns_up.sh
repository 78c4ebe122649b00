#!/bin/bash
# A private PowerDNS Authoritative server on the loopback: SQLite behind it, its HTTP API open to one key.
#   pdns_up.sh DIR [PORT [API_PORT]]     PORT 0 or none: any free one; API_PORT: the one after it
# Prints PIDFILE PID PORT API_URL API_KEY as NAME=VALUE lines once the API answers.  Exit 77: not installed.
# Environment: API_KEY.  Ends with down.sh PIDFILE.
# shellcheck source=tests/lib/server.sh
. "${0%/*}/server.sh"

pdns=$(need pdns_server pdns-server)
need sqlite3 sqlite3 >/dev/null
need curl curl >/dev/null
dir=$(own_dir "${1:?usage: pdns_up.sh DIR [PORT [API_PORT]]}")
port=${2:-0}
[ "$port" != 0 ] || port=$(free_port)
api_port=${3:-$((port + 1))}
api_key=${API_KEY:-$(new_secret | tr -d '+/=')}
schema=
for place in /usr/share/pdns-backend-sqlite3/schema /usr/share/doc/pdns-backend-sqlite3; do
	[ ! -r "$place/schema.sqlite3.sql" ] || schema=$place/schema.sqlite3.sql
done
if [ -z "$schema" ]; then
	echo "${0##*/}: no SQLite schema (package pdns-backend-sqlite3)" >&2
	exit 77
fi
# A test's database need not survive a power cut.
[ -s "$dir/zones.sqlite3" ] || sqlite3 "$dir/zones.sqlite3" <"$schema"

(
	umask 077
	cat <<-CONF
		launch=gsqlite3
		gsqlite3-database=$dir/zones.sqlite3
		gsqlite3-pragma-synchronous=0
		local-address=127.0.0.1
		local-port=$port
		socket-dir=$dir
		daemon=no
		guardian=no
		disable-syslog=yes
		loglevel=4
		query-cache-ttl=0
		negquery-cache-ttl=0
		cache-ttl=0
		zone-cache-refresh-interval=0
		webserver=yes
		webserver-address=127.0.0.1
		webserver-port=$api_port
		webserver-allow-from=127.0.0.1
		webserver-max-bodysize=16
		api=yes
		api-key=$api_key
		default-soa-content=ns1.example.test hostmaster.@ 0 10800 3600 604800 300
	CONF
) >"$dir/pdns.conf"

api_answers() {
	curl -fs -o /dev/null -H "X-API-Key: $api_key" "http://127.0.0.1:$api_port/api/v1/servers/localhost"
}
launch "$dir/pid" "$dir/log" "$pdns" --config-dir="$dir"
wait_until "$dir/log" api_answers
printf '%s=%s\n' PIDFILE "$dir/pid" PID "$PID" PORT "$port" API_URL "http://127.0.0.1:$api_port" API_KEY "$api_key"
