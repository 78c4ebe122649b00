#!/bin/bash
# Every bench, one after the other: "name value unit" a line, each figure beside its floor of the same run.
set -eu
cd "${0%/*}/../.."
make -s --no-print-directory MODE=release all benches
for b in build/release/tests/bench/bench_*; do
	case $b in *.o | *.d) continue ;; esac
	"$b"
done
for b in tests/bench/bench_*.sh; do
	"$b"
done
