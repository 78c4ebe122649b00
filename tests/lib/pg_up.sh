#!/bin/sh
# A PostgreSQL server of our own:  pg_up.sh DIR PORT      (PORT 0: a free one)
#
# Makes a cluster in DIR unless there is one, starts it on a socket in DIR and on 127.0.0.1:PORT, and prints the lines PORT=, PID=,
# BIN= (where its programs are) and URL= (for the setting `store`).  Users: `coldrelay`, who owns the database `coldrelay`, and the
# superuser `postgres`; nobody is asked for a password.  Environment: PG_MORE, lines for its configuration; PG_BIN.
# Ends with down.sh DIR/pid.  Exit 77: PostgreSQL is not installed.
set -eu

dir=$1
port=${2:-0}
bin=${PG_BIN:-$(find /usr/lib/postgresql/*/bin -maxdepth 0 2>/dev/null | sort -V | tail -1)}
[ -x "$bin/postgres" ] || { echo "pg_up: no PostgreSQL here (Debian: postgresql-15)" >&2; exit 77; }

# The server refuses to run as root.
as() {
	if [ "$(id -u)" = 0 ]; then
		setpriv --reuid=postgres --regid=postgres --init-groups -- "$@"
	else
		"$@"
	fi
}

free_port() {
	python3 -c 'import random, socket
for n in random.sample(range(20000, 32000), 50):
    s = socket.socket()
    try:
        s.bind(("127.0.0.1", n))
    except OSError:
        continue
    print(n)
    break'
}

mkdir -p "$dir"
[ "$(id -u)" != 0 ] || chown postgres "$dir"
chmod 755 "$dir"
fresh=
if [ ! -e "$dir/data/PG_VERSION" ]; then
	fresh=1
	as "$bin/initdb" -D "$dir/data" -U postgres -A trust --no-sync -E UTF8 --locale=C.UTF-8 >"$dir/initdb.log" 2>&1 ||
		{ tail -5 "$dir/initdb.log" >&2; exit 69; }
fi
[ "$port" != 0 ] || port=$(free_port)
# shellcheck disable=SC2016
as sh -c 'cat >"$1/data/postgresql.auto.conf"' sh "$dir" <<EOF
listen_addresses = '127.0.0.1'
port = $port
unix_socket_directories = '$dir'
max_connections = 200
shared_buffers = 32MB
logging_collector = off
${PG_MORE:-}
EOF
# One that was killed, and that nobody waits for, still has its number.
old=$(head -1 "$dir/data/postmaster.pid" 2>/dev/null || true)
if [ -n "$old" ] && [ "$(sed 's/.*) \(.\).*/\1/' "/proc/$old/stat" 2>/dev/null)" = Z ]; then
	rm -f "$dir/data/postmaster.pid" "$dir/.s.PGSQL.$port.lock"
fi
# shellcheck disable=SC2016
as sh -c 'exec setsid "$1/postgres" -D "$2/data" >>"$2/server.log" 2>&1 </dev/null &' sh "$bin" "$dir"
tries=0
until "$bin/psql" -qAt -h "$dir" -p "$port" -U postgres -c 'SELECT 1' postgres >/dev/null 2>&1; do
	tries=$((tries + 1))
	[ "$tries" -le 300 ] || { tail -5 "$dir/server.log" >&2; exit 69; }
	sleep 0.1
done
if [ -n "$fresh" ]; then
	"$bin/psql" -q -h "$dir" -p "$port" -U postgres postgres <<EOF
CREATE ROLE coldrelay LOGIN;
CREATE DATABASE coldrelay OWNER coldrelay;
EOF
fi
pid=$(head -1 "$dir/data/postmaster.pid")
echo "$pid" >"$dir/pid"
printf '%s\n' "PORT=$port" "PID=$pid" "BIN=$bin" "URL=postgresql://coldrelay@127.0.0.1:$port/coldrelay"
