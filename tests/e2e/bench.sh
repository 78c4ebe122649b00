#!/bin/bash
# The benches run, and notice what would make their figures worthless.  Their figures themselves are for `make bench`.
# shellcheck disable=SC2317 # promises are reached through pass
# shellcheck source=tests/lib/e2e.sh
. "${0%/*}/../lib/e2e.sh"
begin sqlite3
tools=$(dirname "$(readlink -f "$program")")/tests/bench
[ -x "$tools/load" ] || { skip "${0##*/}" "the benches are not built (make benches)"; exit 0; }
here=$e2e_lib/../bench
export COLDRELAY=$program

# measured SCRIPT NAME... -- [OPTION...]: each name stands in front of a number.
measured() {
	local script=$1 names=() name
	shift
	while [ "$1" != -- ]; do names+=("$1"); shift; done
	shift
	"$here/$script" "$@" >"$out" 2>"$err" || { why="exit $?: $(said)"; return 1; }
	for name in "${names[@]}"; do
		has "$out" "^$name [0-9.]+ " || return 1
	done
}
pass "the daemon is measured beside its floors" measured bench_policy.sh policy_coldrelay_k8_rate policy_coldrelay_over_floor_k8 \
	policy_p99_over_floor_k8 policy_denials_over_echo_k8 policy_512_idle_over_alone_k8 \
	-- --only coldrelay,echo,floor,denials,idle -s 0.1 -r 1 -m 20000 -k 8
# As it is installed: the small door, and the program behind it.
[ ! -x "${program%/*}/bin/coldrelay" ] || COLDRELAY=${program%/*}/bin/coldrelay
pass "one check is measured beside the least process" measured bench_start.sh start_check_by_daemon_over_hello_static \
	start_check_own_store_over_once -- -r 5
COLDRELAY=$program
pass "a large store is measured beside a small one" measured bench_scale.sh scale_8000_large_over_small_k8_p50 scale_8000_memory \
	scale_8000_gate_rows scale_8000_history_row -- -n 8000 -d 2 -r 1

# A program, not a script.
replies_measured() {
	"$tools/bench_reply" -s 0.1 >"$out" 2>"$err" || { why="exit $?: $(said)"; return 1; }
	has "$out" '^reply_load [0-9.]+ ms' && has "$out" '^reply_scan_rate [0-9]+ ' && has "$out" '^reply_rate [0-9]+ '
}
pass "replies are measured beside a bare scan" replies_measured

lookups_measured() {
	"$tools/bench_lookup" 1 >"$out" 2>"$err" || { why="exit $?: $(said)"; return 1; }
	has "$out" '^lookup_floor_time [0-9.]+ us' && has "$out" '^lookup_time [0-9.]+ us' && has "$out" '^lookup_over_floor_time [0-9.]+$'
}
pass "look-ups are measured beside a bare loop of datagrams" lookups_measured

# An echo answers, but not this: a server that refuses everything would be fast.
"$tools/floor" -a "unix:$work/echo" &
e2e_pids+=($!)
notices() { # TEXT LOAD OPTION...
	local text=$1
	shift
	! "$tools/load" -a "unix:$work/echo" -s 0.05 "$@" >"$out" 2>"$err" || { why="exit 0 of load $*"; return 1; }
	has "$err" "$text"
}
pass "load stops at an answer that is not the wanted one" notices "is not 'action=DEFER'" -e action=DEFER
pass "load stops when all mailboxes were used before the clock starts" notices 'no request was answered' -n 5
finish
