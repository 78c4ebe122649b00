#!/bin/bash
# Build and run the tests: one line a test file, failures in full, the count at the very end.
#   run.sh all|check-unit|check-tsan|check-fuzz|check-e2e [MODE]
#   check-unit   every unit and contract test, built in MODE (default debug) and again under the sanitizers
#   check-tsan   the gate as a library and as a daemon, under the sanitizer of threads
#   check-fuzz   every fuzz target over its corpus, under the sanitizers
#   check-e2e    tests/e2e/*.sh against the program built in MODE; tests/e2e/lib_*.sh are only sourced by them.
#                Each prints lines "ok NAME", "not ok NAME: why", "skip NAME: why" and exits non-zero after a failure.
# Exit: 0 when nothing failed and everything was built.
set -u -o pipefail
cd "$(dirname "$0")/../.." || exit 70

what=${1:-all}
mode=${2:-debug}
jobs=$(nproc)
passed=0 failed=0 skipped=0
scratch=$(mktemp -d) || exit 74
trap 'rm -rf "$scratch"' EXIT

export ASAN_OPTIONS="abort_on_error=0:detect_leaks=1:allocator_may_return_null=1${ASAN_OPTIONS:+:$ASAN_OPTIONS}"
export UBSAN_OPTIONS="print_stacktrace=1${UBSAN_OPTIONS:+:$UBSAN_OPTIONS}"

# build MODE TARGET...: a build that fails is one failure and shows what the compiler said.
build() {
	local m=$1
	shift
	if ! make -s --no-print-directory -j"$jobs" MODE="$m" "$@" >"$scratch/build" 2>&1; then
		cat "$scratch/build"
		echo "not built: make MODE=$m $*"
		failed=$((failed + 1))
		return 1
	fi
}

# counts TEXT: the lines of a person's summary; nothing that is zero, except when all is.
counts() {
	local text="$1 passed"
	[ "$2" = 0 ] || text="$text, $2 FAILED"
	[ "$3" = 0 ] || text="$text, $3 skipped"
	echo "$text"
}

# The number in front of "test(s)" on cmocka's summary line for WORD, 0 when there is none.
cmocka_number() { # FILE WORD
	sed -n "s/^\[ *$2 *\] \([0-9][0-9]*\) test(s).*/\1/p" "$1" | tail -n 1 | grep . || echo 0
}

# Run one cmocka binary into $scratch/NAME.{log,rc}; the counting is done afterwards, in order.
run_unit_binary() { # BINARY [WRAPPER]
	local name
	name=$(echo "$1" | tr / _)
	# shellcheck disable=SC2086 # a wrapper is words
	timeout 300 ${2:-} "$1" >"$scratch/$name.log" 2>&1
	echo $? >"$scratch/$name.rc"
}
export -f run_unit_binary
export scratch

unit_result() { # BINARY
	local name log rc p f s
	name=$(echo "$1" | tr / _)
	log=$scratch/$name.log
	rc=$(cat "$scratch/$name.rc" 2>/dev/null || echo 1)
	if grep -q '^\[==========\] [0-9]* test(s) run' "$log"; then
		p=$(cmocka_number "$log" PASSED)
		f=$(cmocka_number "$log" FAILED)
		s=$(cmocka_number "$log" SKIPPED)
	else # it died on the way
		p=$(grep -c '^\[ *OK *\]' "$log")
		f=0 s=0
	fi
	# A leak or a crash after the last test is a failure too.
	[ "$rc" = 0 ] || [ "$f" != 0 ] || f=1
	printf '  %-46s %s\n' "${1#build/}" "$(counts "$p" "$f" "$s")"
	if [ "$f" != 0 ]; then
		grep -v '^\[ *\(OK\|RUN\) *\]' "$log" | sed 's/^/    | /'
		[ "$rc" != 124 ] || echo '    | stopped after 300 s'
		echo "    | exit $rc"
	fi
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
}

check_unit() {
	local m modes=$mode binaries b
	[ "$mode" = asan ] || modes="$mode asan"
	for m in $modes; do
		build "$m" unit || continue
		binaries=$(make -s --no-print-directory MODE="$m" list-tests)
		[ -n "$binaries" ] || { echo "no unit tests found"; failed=$((failed + 1)); continue; }
		# shellcheck disable=SC2016 # expanded by the inner shell
		xargs -n 1 -P "$jobs" bash -c 'run_unit_binary "$1"' - <<<"$binaries"
		for b in $binaries; do
			unit_result "$b"
		done
	done
}

# Its memory has to lie where it looks for it: without randomised addresses, where the system lets a program ask for that.
check_tsan() {
	local binaries b fixed=
	build tsan tsan || return
	binaries=$(make -s --no-print-directory MODE=tsan list-tsan)
	[ -n "$binaries" ] || { echo "no tests of threads found"; failed=$((failed + 1)); return; }
	setarch -R true 2>/dev/null && fixed='setarch -R'
	for b in $binaries; do
		run_unit_binary "$b" "$fixed"
		unit_result "$b"
	done
}

check_fuzz() {
	local b name log=$scratch/fuzz.log
	build asan fuzzers || return
	for b in $(make -s --no-print-directory MODE=asan list-fuzz); do
		name=${b##*/fuzz_}
		if timeout 300 "$b" "tests/fuzz/corpus/$name" >"$log" 2>&1; then
			printf '  %-46s %s\n' "fuzz/$name" "$(tail -n 1 "$log")"
			passed=$((passed + 1))
		else
			printf '  %-46s FAILED\n' "fuzz/$name"
			sed 's/^/    | /' "$log"
			failed=$((failed + 1))
		fi
	done
}

# Scripts have servers, ports and directories of their own, and wait for most of their time: two at once.
run_e2e_script() {
	local log=$scratch/e2e.${1##*/}
	timeout 900 bash "$1" >"$log" 2>&1 </dev/null
	echo $? >"$log.rc"
}
export -f run_e2e_script

e2e_result() { # SCRIPT
	local log=$scratch/e2e.${1##*/} rc p f s
	rc=$(cat "$log.rc" 2>/dev/null || echo 70)
	p=$(grep -c '^ok ' "$log")
	f=$(grep -c '^not ok ' "$log")
	s=$(grep -c '^skip ' "$log")
	# Silence is no success, and neither is an exit code that the lines do not explain.
	if [ "$f" = 0 ] && { [ "$rc" != 0 ] || [ $((p + s)) = 0 ]; }; then
		f=1
	fi
	printf '  %-46s %s\n' "${1#tests/}" "$(counts "$p" "$f" "$s")"
	if [ "$f" != 0 ]; then
		sed 's/^/    | /' "$log"
		echo "    | exit $rc"
	else
		grep '^skip ' "$log" | sed 's/^/    | /'
	fi
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
}

check_e2e() {
	local script scripts=
	# All that a script would make by itself: two of them at once must not write the same file.
	build "$mode" all lib benches "build/$mode/killshim.so" "build/$mode/traceshim.so" "build/$mode/faultshim.so" \
		"build/$mode/tests/proof/witness" "build/$mode/tests/proof/signed" || return
	export COLDRELAY=$PWD/build/$mode/coldrelay scratch
	for script in tests/e2e/*.sh; do
		[[ $script == */lib_*.sh ]] || scripts+=$script$'\n'
	done
	# shellcheck disable=SC2016 # expanded by the inner shell
	xargs -n 1 -P 2 bash -c 'run_e2e_script "$1"' - <<<"${scripts%?}"
	for script in $scripts; do
		e2e_result "$script"
	done
}

label=
case $what in
check-unit) check_unit ;;
check-tsan) check_tsan ;;
check-fuzz) check_fuzz ;;
check-e2e) check_e2e ;;
all)
	check_unit
	check_tsan
	check_fuzz
	check_e2e
	label='coldrelay: '
	;;
*)
	echo "usage: run.sh all|check-unit|check-tsan|check-fuzz|check-e2e [MODE]" >&2
	exit 64
	;;
esac
echo "$label$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
