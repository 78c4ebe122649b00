#!/bin/bash
# One process from start to exit: what a send costs where each asks the gate by a `coldrelay check` of its own.
#   bench_start.sh [-r RUNS]     default 500
#
# Beside it the least a process costs (hello, linked statically and dynamically), the least that asking the daemon costs (ask: all but
# the last few microseconds of it are the daemon's sync and the two wakings), and the least a durable decision in a process costs (once:
# opens a SQLite file, one transaction).  `coldrelay version` tells what starting the program alone takes, as it is installed and
# (whole) without the small door before it.
COLDRELAY=${COLDRELAY:-${0%/*}/../../build/release/bin/coldrelay}
# A sync in memory costs nothing.
TMPDIR=${TMPDIR:-/var/tmp}
export TMPDIR
# shellcheck source=tests/lib/e2e.sh
. "${0%/*}/../lib/e2e.sh"
begin
program=$(readlink -f "$program")
tools=$(dirname "$program")/../tests/bench
runs=500
[ "${1:-}" != -r ] || runs=$2

# installation NAME USE_DAEMON: a store of its own, since each run spends a token.
installation() {
	mkdir "$work/$1"
	printf 'store = "store.db";\nkey_file = "key";\nlisten = "unix:%s/%s.sock";\nuse_daemon = %s;\n' "$work" "$1" "$2" >"$work/$1/cfg"
	"$tools/fill" -c "$work/$1/cfg" -n $((runs + 100)) || exit 1
}
installation own false
for i in daemon least; do
	installation $i true
	"$program" -q -c "$work/$i/cfg" serve 2>"$work/$i.err" &
	e2e_pids+=($!)
	until_true 10 test -S "$work/$i.sock" || { echo "bench_start: no daemon: $(cat "$work/$i.err")" >&2; exit 1; }
done
"$tools/start/once" "$work/once.db" make || exit 1

# Whoever syncs pays for what was written before: those that write to the disk themselves come last.
"$tools/spawn" "$runs" \
	-- start_version_whole "$tools/../../coldrelay" version \
	-- start_hello_static "$tools/start/hello_static" \
	-- start_hello "$tools/start/hello" \
	-- start_version "$program" version \
	-- start_ask "$tools/start/ask" "$work/least.sock" "$work/least/store.db" %m %o \
	-- start_check_by_daemon "$program" -c "$work/daemon/cfg" check %m --to %o \
	-- start_once "$tools/start/once" "$work/once.db" \
	-- start_check_own_store "$program" -c "$work/own/cfg" check %m --to %o >"$work/said" || exit 1
cat "$work/said"
# Did it ask the daemon?  One that does not would open the store.
asked=$("$program" -vv -c "$work/daemon/cfg" check m00000000@d0000000-contoso.example --to x@adatum.example --dry-run 2>&1 >"$out")
case $asked in *'no daemon is asked'*) echo "start_check_by_daemon asked no daemon: $asked"; exit 1 ;; esac
awk '{v[$1] = $2}
	function over(name, a, b, most,    r) {
		r = v[a "_p50"] / v[b "_p50"]
		printf "%s %.2f ratio%s\n", name, r, (most ? " (wanted: at most " most (r > most ? ", MISSED" : "") ")" : "")
	}
	END {
		over("start_check_by_daemon_over_hello_static", "start_check_by_daemon", "start_hello_static", 1.6)
		over("start_ask_over_hello_static", "start_ask", "start_hello_static")
		over("start_check_by_daemon_over_ask", "start_check_by_daemon", "start_ask")
		over("start_check_own_store_over_once", "start_check_own_store", "start_once", 1.3)
	}' "$work/said"
