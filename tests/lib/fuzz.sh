#!/bin/bash
# Let libFuzzer look for inputs that break a parser: fuzz.sh SECONDS [TARGET...]
# What it finds new stays in build/fuzz/corpus/TARGET; a crash is written to build/fuzz/crash/TARGET-*, and belongs into
# tests/fuzz/corpus/TARGET together with its mending.
set -u
cd "$(dirname "$0")/../.." || exit 70

seconds=${1:-60}
shift
make -s --no-print-directory -j"$(nproc)" MODE=fuzz fuzzers || exit 1
mkdir -p build/fuzz/crash
broken=0
for binary in $(make -s --no-print-directory MODE=fuzz list-fuzz); do
	name=${binary##*/fuzz_}
	[ $# = 0 ] || [[ " $* " == *" $name "* ]] || continue
	mkdir -p "build/fuzz/corpus/$name"
	if "$binary" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
		-artifact_prefix="build/fuzz/crash/$name-" "build/fuzz/corpus/$name" "tests/fuzz/corpus/$name" \
		>"build/fuzz/$name.log" 2>&1; then
		printf '  %-30s %s\n' "fuzz/$name" "$(sed -n 's/^stat::number_of_executed_units: */runs: /p' "build/fuzz/$name.log")"
	else
		printf '  %-30s FAILED\n' "fuzz/$name"
		tail -n 40 "build/fuzz/$name.log" | sed 's/^/    | /'
		broken=$((broken + 1))
	fi
done
[ "$broken" = 0 ]
