#!/bin/bash
# The gate and PostgreSQL on two machines, as far as the network goes: each in a network namespace of its own, a router between them that
# loses packets without a word, one way or both, or is gone; under load, and exactly while an answer to COMMIT is on its way.
#   CUT_SECONDS=25 postgres_cut.sh      the long form: every kind of cut, and each lasts so long
# shellcheck disable=SC2317 # promises are reached through pass
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/gate.sh
. "$(dirname "$0")/../lib/gate.sh"
# shellcheck source=tests/lib/pg_load.sh
. "$(dirname "$0")/../lib/pg_load.sh"
begin jq python3 ip
PATH=$PATH:/usr/sbin:/sbin

# Longer than any deadline of the daemon.
cut_s=${CUT_SECONDS:-1.3}
gate=coldrelay-g$$ router=coldrelay-r$$ far=coldrelay-p$$
gate_at=10.79.1.2 far_at=10.79.2.2
port=5432

namespaces_end() {
	local n
	e2e_end
	for n in "$gate" "$router" "$far"; do
		ip netns del "$n" 2>/dev/null
	done
}

# Both ends have the router's address as their way to everywhere, and only the router can lose something.
namespaces_up() {
	local n
	for n in "$gate" "$router" "$far"; do
		ip netns add "$n" && ip -n "$n" link set lo up || return
	done
	ip -n "$router" link add to-gate type veth peer name eth0 netns "$gate" &&
		ip -n "$router" link add to-far type veth peer name eth0 netns "$far" &&
		ip -n "$router" address add 10.79.1.1/24 dev to-gate && ip -n "$router" address add 10.79.2.1/24 dev to-far &&
		ip -n "$router" link set to-gate up && ip -n "$router" link set to-far up &&
		ip -n "$gate" address add $gate_at/24 dev eth0 && ip -n "$far" address add $far_at/24 dev eth0 &&
		gate_link_up && ip -n "$far" link set eth0 up && ip -n "$far" route add default via 10.79.2.1 &&
		ip netns exec "$router" sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
}
gate_link_up() {
	ip -n "$gate" link set eth0 up && ip -n "$gate" route add default via 10.79.1.1
}

trap namespaces_end EXIT
namespaces_up 2>"$err" || { skip "${0##*/}" "no network namespaces here: $(said)"; exit 0; }

lose() { # ADDRESS: what goes there
	ip -n "$router" route add blackhole "$1/32"
}
pass_again() {
	ip -n "$router" route flush type blackhole
}

# ---- a server, an office, a daemon ----

chmod 711 "$work"
e2e_pidfiles+=("$work/pg/pid")
PG_MORE="listen_addresses = '127.0.0.1,$far_at'" ip netns exec "$far" bash "$e2e_lib/pg_up.sh" "$work/pg" "$port" >"$work/pg.env" 2>"$err"
case $? in
0) ;;
77) skip "${0##*/}" "$(said)"; exit 0 ;;
*) not_ok "a server in a namespace of its own" "$(said)"; exit 1 ;;
esac
bin=$(value BIN "$work/pg.env")
echo "host all all $gate_at/32 trust" >>"$work/pg/data/pg_hba.conf"
sql "SELECT pg_reload_conf()" >/dev/null

here="postgresql://coldrelay@/coldrelay?host=$work/pg&port=$port"
there="postgresql://coldrelay@$far_at:$port/coldrelay"
eval "of_a_file() $(declare -f cfg_head | tail -n +2)"
cfg_head() {
	of_a_file | sed "s|store.db|${here//&/\\&}|"
}
office anna
addresses=(anna@getnorthwind.example)
more_boxes 2500
configure "$there"
serve_up "unix:$work/d1" ip netns exec "$gate"

ask() { # MAILBOX INSTANCE
	python3 "$e2e_lib/gate_load.py" ask "$work/d1" "$1" "$2"
}
answers() { # MAILBOX INSTANCE ANSWER
	ask "$1" "$2" >"$out"
	has "$out" "$3"
}
probe=0
# Somebody who has not asked yet.
admits() {
	probe=$((probe + 1))
	answers "q$probe@getnorthwind.example" "probe.$probe" DUNNO
}

# ---- under load ----

# many_spends N: at least.
many_spends() {
	[ "$(sql "SELECT count(*) FROM history")" -ge "$1" ]
}
# cut_under_load CUT MEND: some spends before, some after, by the same daemon.
cut_under_load() {
	local before
	fresh
	probe=0
	load_up 120 "$work/d1"
	until_true 20 many_spends 50 || return
	$1 || { why="not cut"; return 1; }
	sleep 0.1
	before=$(sql "SELECT count(*) FROM history")
	sleep "$cut_s"
	equal "$(sql "SELECT count(*) FROM history")" "$before" || { why="not cut: $why"; return 1; }
	$2
	# Its next try is a few seconds away at most, and nobody starts it again.
	until_true 10 admits && until_true 10 many_spends $((before + 50)) || return
	kill "$load_pid"
	recount 50 && slowest_below 3 && has "$work/answers" '^(no .*DEFER|unknown)' && kill -0 "$serve_pid"
}

both_ways() {
	lose "$gate_at" && lose "$far_at"
}
requests() {
	lose "$far_at"
}
replies() {
	lose "$gate_at"
}
router_down() {
	ip -n "$router" link set to-far down
}
router_up() {
	ip -n "$router" link set to-far up
}
own_down() {
	ip -n "$gate" link set eth0 down
}
pass "the network swallows everything: deferred within the deadline, and the daemon comes back by itself" cut_under_load both_ways pass_again
pass "only what is answered is lost" cut_under_load replies pass_again
if [ -n "${CUT_SECONDS:-}" ]; then
	pass "the gate's own link goes down and comes up again" cut_under_load own_down gate_link_up
	pass "only what is asked is lost" cut_under_load requests pass_again
	pass "the router's link goes down and comes up again" cut_under_load router_down router_up
fi

# ---- at one instant ----

# A COMMIT that takes its time: the server is at it, and whatever it says now is lost.
commit_is_slow() {
	sql "CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.4); RETURN NULL; END';
		CREATE CONSTRAINT TRIGGER linger AFTER INSERT ON history DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION linger()"
}
commit_is_fast() {
	sql "DROP FUNCTION linger() CASCADE"
}
# is_at USER WAIT: somebody waits for that.
is_at() {
	[ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE usename = '$1' AND '$2' IN (wait_event, wait_event_type)")" = 1 ]
}
spends() { # WANT
	equal "$(sql "SELECT count(*) FROM history")" "$1"
}

lost_answer() {
	local at=anna@getnorthwind.example asked
	fresh
	commit_is_slow || return
	ask "$at" once >"$work/first" &
	asked=$!
	until_true 5 is_at coldrelay PgSleep
	replies
	wait "$asked"
	commit_is_fast 2>"$err"
	# Nobody knows, so nothing is said; the spend is there.
	has "$work/first" '^unknown$' && spends 1 && answers "$at" once DEFER || return
	pass_again
	until_true 10 answers "$at" once DUNNO && spends 1 && answers "$at" twice DUNNO && answers "$at" thrice DEFER && spends 2
}
pass "the answer to COMMIT is lost: no word, and the same question later is not charged again" lost_answer

is_gone() {
	[ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE usename = 'coldrelay' AND state LIKE 'idle in transaction%'")" = 0 ]
}
# The gate holds a mailbox, and is cut off before it has decided.
holds_a_lock() {
	local at=anna@getnorthwind.example asked
	fresh
	# Another one has it first, until the gate waits for it and is cut off.
	coproc "$bin/psql" -qAtX -h "$work/pg" -p "$port" -U postgres coldrelay
	echo "BEGIN; SELECT count(*) FROM (SELECT FROM spent FOR UPDATE) s;" >&"${COPROC[1]}"
	read -r -u "${COPROC[0]}"
	ask "$at" held >"$work/first" &
	asked=$!
	until_true 5 is_at coldrelay Lock
	requests
	echo "ROLLBACK; \\q" >&"${COPROC[1]}"
	wait "$asked" "$COPROC_PID"
	has "$work/first" DEFER && spends 0 || return
	# A gate that stays away does not keep it: the server ends its transaction.
	[ -z "${CUT_SECONDS:-}" ] || until_true 15 is_gone || return
	pass_again
	until_true 12 answers "$at" held DUNNO && spends 1
}
pass "cut off with a mailbox in hand: deferred, and soon anybody's again" holds_a_lock
serve_down TERM
kill -INT "$(cat "$work/pg/pid")"
finish
