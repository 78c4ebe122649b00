#!/bin/bash
# Threads of one program that ask through the library: one handle for all, whose askers share commits, beside a handle for each thread.
# Every ask is a durable admit of another mailbox.  Medians of three runs by their rate.
set -eu
cd "${0%/*}/../.."
bin=build/release/tests/bench
work=$(mktemp -d "${TMPDIR:-/var/tmp}/coldrelay-bench.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

cat >"$work/coldrelay.cfg" <<'CFG'
store = "store.db";
key_file = "key";
limits = { org_per_hour = 0; org_per_day = 0; mailbox_gap = 0; };
CFG
"$bin/fill" -c "$work/coldrelay.cfg" -n 60000

first=0
for run in '1 1 1000' '8 1 4000' '64 1 8000' '8 8 1000' '64 8 4000'; do
	read -r threads handles asks <<<"$run"
	: >"$work/lines"
	for _ in 1 2 3; do
		"$bin/threads" -c "$work/coldrelay.cfg" -t "$threads" -a "$handles" -n "$asks" -f $first >>"$work/lines"
		first=$((first + asks))
	done
	sort -n "$work/lines" | sed -n "2s/^/library_${threads}_threads_${handles}_handles /p"
done
