#!/bin/bash
# The gate is killed in the middle of decisions, a one-shot and the daemon, and many writers at random; then it is recounted.
#   KILL_EVERY=1 KILL_SECONDS=60 kill_gate.sh    every step: `make soak`
#   KILL_OFFSET=3                                where to start; by default another one each day
#   KILL_SEED=5                                  the random part again
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/gate.sh
. "$(dirname "$0")/../lib/gate.sh"
begin python3 jq

program=$(realpath "$program")
mode=$(basename "$(dirname "$program")")
if [ "$mode" = asan ]; then
	skip kill_gate "AddressSanitizer wants to be the first library that is loaded"
	exit 0
fi
root=$(realpath "$e2e_lib/../..")
make -s --no-print-directory -C "$root" MODE="$mode" "build/$mode/killshim.so" || exit 70
every=${KILL_EVERY:-6}
office a b c d e f g h
python3 "$e2e_lib/killed_gate.py" "$program" "$cfg" "$root/build/$mode/killshim.so" "$every" \
	"${KILL_OFFSET:-$((10#$(date +%j) % every + 1))}" "${KILL_SECONDS:-3}" {a,b,c,d,e,f,g,h}@getnorthwind.example
