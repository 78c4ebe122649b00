#!/bin/bash
# Write front.ld: the functions that a check by the daemon runs, for the linker to put side by side.  `make front-order`, on x86-64.
# A list that has grown old costs a few faults of pages, and nothing else.
cd "$(dirname "$0")/../.." || exit 74
COLDRELAY=$PWD/build/release/coldrelay
# shellcheck source=tests/lib/e2e.sh
. tests/lib/e2e.sh
# shellcheck source=tests/lib/gate.sh
. tests/lib/gate.sh
begin

door=build/release/bin/coldrelay
steps=build/release/tests/bench/start/steps
make -s MODE=release "$steps" && make -s MODE=release -W front.ld "$door" LDFLAGS="-Wl,-Map,$work/map" || exit
office anna
serve_up "unix:$work/gate.sock"

trace() { # ARGUMENT...
	"$steps" "$work/steps" "$door" -c "$cfg" "$@" >"$work/said" || exit
	cat "$work/steps"
}
{
	trace check anna@getnorthwind.example --to li@fabrikam.example
	grep -q '^allow: ' "$work/said" || { echo "front_order: no allow: $(cat "$work/said")" >&2; exit 1; }
	trace --json check anna@getnorthwind.example --to li@fabrikam.example --message-id m1
} >"$work/addresses"

# Each address belongs to the last section that begins before it.  A function of libc comes in several makes, for the processor at hand.
{
	awk '/^ \.[^ ]+$/ { name = $1; next }
	/^ \.[^ ]+ +0x/ { print substr($2, 3), "A", $1, $4; next }
	/^ +0x[0-9a-f]+ +0x[0-9a-f]+ / && name != "" { print substr($1, 3), "A", name, $3 }
	{ name = "" }' "$work/map"
	sed 's/$/ B/' "$work/addresses"
} | sort | awk '
	$2 == "A" { section = $3; file = $4; next }
	section !~ /^\.text/ { next }
	file ~ /\.a\(/ && file !~ /coldrelay/ {
		archive = member = file
		sub(/\(.*/, "", archive); sub(/.*\//, "", archive)
		sub(/.*\(/, "", member); sub(/\)$/, "", member)
		sub(/-(avx|sse|evex).*/, "-*.o", member)
		print "\t\t*" archive ":" member "(.text .text.*)"
		next
	}
	section ~ /^\.text\../ { name = section; sub(/\.(constprop|part|isra|cold)\..*/, "", name); print "\t\t*(" name " " name ".*)" }' |
	awk 'BEGIN { print "/* By tests/lib/front_order.sh: what a check by the daemon runs. */\nSECTIONS\n{\n\t.text.first : {" }
	!seen[$0]++
	END { print "\t}\n}\nINSERT BEFORE .text;" }' >"$work/front.ld"
cp "$work/front.ld" front.ld
