# Sourced by the scripts that prove something with a preloaded library: builds what tests/proof/*.py needs, and runs one of them.
# shellcheck shell=bash
set -u -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 70
# shellcheck disable=SC2155
export COLDRELAY=$(realpath "${COLDRELAY:-build/debug/coldrelay}") PYTHONDONTWRITEBYTECODE=1
mode=$(basename "$(dirname "$COLDRELAY")")
unset COLDRELAY_CONFIG

# prove NAME.py [ARGUMENT...]
prove() {
	if [ "$mode" = asan ]; then
		echo "skip ${1%.py}: AddressSanitizer wants to be the first library that is loaded"
		exit 0
	fi
	make -s --no-print-directory MODE="$mode" "build/$mode/traceshim.so" "build/$mode/faultshim.so" "build/$mode/tests/proof/witness" || exit 70
	python3 "tests/proof/$1" "${@:2}"
}
