#!/bin/bash
# A store on PostgreSQL: two daemons under load while the server is killed, stopped, cut off, pooled, and replaced by its standby.
# After each load the answers are recounted against the store: nobody got more than 2, and no admit was forgotten.
# shellcheck disable=SC2317 # promises are reached through pass
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/gate.sh
. "$(dirname "$0")/../lib/gate.sh"
# shellcheck source=tests/lib/pg_load.sh
. "$(dirname "$0")/../lib/pg_load.sh"
begin jq python3 pgrep

chmod 711 "$work"
server pg
port=$(value PORT "$work/pg.env") bin=$(value BIN "$work/pg.env")
db_host=127.0.0.1
standby_port=$(free_port)
# pg_up.sh writes the pid anew when the server is started again.

eval "of_a_file() $(declare -f cfg_head | tail -n +2)"
cfg_head() {
	of_a_file | sed "s|store.db|$(value URL "$work/pg.env")|"
}

boxes=()
for i in $(seq 24); do
	boxes+=("m$i")
done
office "${boxes[@]}"
addresses=()
for b in "${boxes[@]}"; do
	addresses+=("$b@getnorthwind.example" "$b@trynorthwind.example")
done

sockets=("$work/d1" "$work/d2")
daemons=()
# daemons_up: two of them, as on two machines.
daemons_up() {
	local i
	daemons=()
	for i in 1 2; do
		rm -f "$work/d$i"
		serve_up "unix:$work/d$i"
		mv "$work/serve.log" "$work/serve$i.log"
		daemons+=("$serve_pid")
	done
}
daemons_down() {
	kill -TERM "${daemons[@]}" 2>/dev/null
	wait "${daemons[@]}" 2>/dev/null
}
pg_pids() {
	local pid
	pid=$(cat "$work/pg/pid")
	pgrep -P "$pid"
	echo "$pid"
}
pg_signal() {
	# shellcheck disable=SC2046
	kill "-$1" $(pg_pids) 2>/dev/null
}
pg_restart() {
	until_true 20 pg_gone || return
	bash "$e2e_lib/pg_up.sh" "$work/pg" "$port" >"$work/pg.env" 2>"$work/pg.err" || { why="not up again: $(tail -n 3 "$work/pg.err")"; return 1; }
}
pg_gone() {
	! pgrep -r R,S,D,T -f "postgres.*-D $work/pg/data" >/dev/null
}
# ---- load ----

side_by_side() {
	load_up 2 "${sockets[@]}"
	recount 96 && slowest_below 5
}
daemons_up
pass "two daemons on one database share out every budget exactly" side_by_side

reached() {
	python3 "$e2e_lib/gate_load.py" load "$work/answers" 0.2 "$work/d1" -- "${addresses[@]}" &&
		python3 "$e2e_lib/gate_load.py" load "$work/answers" 0.2 "$work/d2" -- "${addresses[@]}" &&
		! tail -n 2 "$work/answers" | grep -q 'away'
}
killed() {
	fresh
	load_up 2 "${sockets[@]}"
	sleep 0.3
	pg_signal KILL
	pg_restart || return
	wait "$load_pid"
	# How long it recovers is its own affair; the daemons try again within some seconds.
	until_true 20 reached || return
	load_up 2 "${sockets[@]}"
	recount 40 && slowest_below 7
}
pass "the server is killed under load, and nothing is forgotten or given twice" killed

stopped() {
	fresh
	load_up 4 "${sockets[@]}"
	sleep 0.2
	pg_signal STOP
	sleep 1.5
	pg_signal CONT
	recount 40 && slowest_below 7
}
pass "the server stands still under load, and nothing is forgotten or given twice" stopped
daemons_down

# ---- a network that swallows everything ----

proxy_port=$(free_port)
python3 "$e2e_lib/gate_load.py" blackhole "$proxy_port" "$port" >"$work/proxy.out" &
proxy=$!
e2e_pids+=("$proxy")
until_true 10 grep -q ready "$work/proxy.out"

cut_off() {
	fresh
	configure "postgresql://coldrelay@127.0.0.1:$proxy_port/coldrelay"
	daemons_up
	load_up 9 "${sockets[@]}"
	sleep 0.2
	kill -USR1 "$proxy"
	sleep 6
	kill -USR2 "$proxy"
	recount 40 && slowest_below 12 && has "$work/answers" '^no .*DEFER'
}
pass "the server is cut off under load: deferred within the deadline, nothing forgotten or given twice" cut_off
daemons_down

# ---- a pooler that gives every transaction another session ----

pooled() {
	fresh
	daemons_up
	load_up 2 "${sockets[@]}"
	recount 96 && [ "$(sql "SELECT count(*) FROM pg_prepared_statements")" = 0 ]
}
bouncer=$(PATH=$PATH:/usr/sbin command -v pgbouncer)
if [ -n "$bouncer" ]; then
	pool_port=$(free_port)
	mkdir "$work/pool"
	cat >"$work/pool/ini" <<-INI
		[databases]
		coldrelay = host=127.0.0.1 port=$port
		[pgbouncer]
		listen_addr = 127.0.0.1
		listen_port = $pool_port
		unix_socket_dir =
		auth_type = any
		pool_mode = transaction
		default_pool_size = 3
		server_reset_query =
		pidfile = $work/pool/pid
		logfile = $work/pool/log
	INI
	sed -i "s/^coldrelay = .*/& user=coldrelay/" "$work/pool/ini"
	as=()
	if [ "$(id -u)" = 0 ]; then
		chown -R postgres "$work/pool"
		as=(setpriv --reuid=postgres --regid=postgres --init-groups --)
	fi
	"${as[@]}" "$bouncer" -d "$work/pool/ini" 2>"$work/pool.err"
	e2e_pidfiles+=("$work/pool/pid")
	configure "postgresql://coldrelay@127.0.0.1:$pool_port/coldrelay"
	pass "PgBouncer in transaction mode stands in between" pooled
	daemons_down
else
	skip "PgBouncer in transaction mode stands in between" "pgbouncer is not installed"
fi
configure "$(value URL "$work/pg.env")"

# ---- clocks of the gates ----

ask() { # MAILBOX VERDICT [COMMAND...]
	local mailbox=$1 verdict=$2
	shift 2
	"$@" "$program" -c "$cfg" --json check "$mailbox" --to li@fabrikam.example >"$out" 2>"$err" </dev/null
	equal "$(jq -r .verdict "$out")" "$verdict" || { why="$why: $(said)"; return 1; }
}
skewed() {
	local at=m1@getnorthwind.example
	fresh
	ask "$at" allow faketime -f +25h && ask "$at" allow faketime -f -400d && ask "$at" wait && ask "$at" wait faketime -f +25h &&
		ask "$at" wait faketime -f -25h
}
if [[ $(realpath "$program") == */asan/* ]] || ! command -v faketime >/dev/null; then
	skip "gates with clocks of their own go by the server's" "no libfaketime, or AddressSanitizer, which wants to be first"
else
	pass "gates with clocks of their own go by the server's" skewed
fi

# ---- there and back ----

moved() {
	run 2 store copy "$(value URL "$work/pg.env")" "$work/file.db" --dry-run || return
	[ ! -e "$work/file.db" ] || { why="a dry run made the target"; return 1; }
	run 0 store copy "$(value URL "$work/pg.env")" "$work/file.db" && configure "$work/file.db" &&
		ask m1@getnorthwind.example wait && run 0 audit verify && run 77 store copy "$(value URL "$work/pg.env")" "$work/file.db"
}
pass "an installation is moved to a file, and its budgets with it" moved
configure "$(value URL "$work/pg.env")"

# ---- another server takes over ----

standby_up() {
	local as=()
	[ "$(id -u)" != 0 ] || as=(setpriv --reuid=postgres --regid=postgres --init-groups --)
	mkdir -p "$work/standby"
	[ "$(id -u)" != 0 ] || chown postgres "$work/standby"
	"${as[@]}" "$bin/pg_basebackup" -h 127.0.0.1 -p "$port" -U postgres -D "$work/standby/data" -R -c fast >"$err" 2>&1 &&
		PG_MORE="primary_conninfo = 'host=127.0.0.1 port=$port user=postgres'" bash "$e2e_lib/pg_up.sh" "$work/standby" "$standby_port" \
			>"$work/standby.env" 2>>"$err"
}
caught_up() {
	[ "$(db_port=$standby_port sql "SELECT count(*) FROM spent WHERE slots IS NOT NULL")" = "$(sql "SELECT count(*) FROM spent WHERE slots IS NOT NULL")" ]
}
e2e_pidfiles+=("$work/standby/pid")
failed_over() {
	local at=m3@getnorthwind.example
	fresh
	standby_up || { why="no standby: $(said)"; return 1; }
	configure "postgresql://coldrelay@127.0.0.1:$port,127.0.0.1:$standby_port/coldrelay"
	ask "$at" allow && until_true 10 caught_up || return
	pg_signal KILL
	db_port=$standby_port sql "SELECT pg_promote()" >/dev/null
	ask "$at" wait && has "$out" 'another server has taken over' && ask "$at" wait && has "$out" 'store trust' &&
		run 0 store trust --reason "the standby had everything" && ask "$at" allow && ask "$at" wait && has "$out" budget &&
		run 0 audit verify && run 0 audit show --subject store && has "$out" 'standby had everything'
}
pass "after a failover to an asynchronous standby the gate waits, until it is told to trust it" failed_over
finish
