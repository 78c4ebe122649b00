#!/bin/bash
# The checkers over the code: layers, format, clang's warnings, clang-tidy, gcc -fanalyzer, shellcheck.
#   check.sh [STAGE...]   layers format clang tidy analyze scripts; none: all
# A file that passed is not read again while it, its headers and the checker's settings stay the same: the stamps are in
# build/check.  One file a run of clang-tidy: release 14 reports phantom va_list faults when it is given several.
set -u -o pipefail
cd "$(dirname "$0")/../.." || exit 70

jobs=$(nproc)
out=build/check
failed=
mkdir -p "$out"

sources() {
	git ls-files -co --exclude-standard -- "$1" | grep '\.c$' | while read -r f; do [ -f "$f" ] && echo "$f"; done
}

# What the compiler is called with, as the Makefile says it.
flags=$(make -s --no-print-directory MODE=debug print-cflags) || exit 1

# Left out: what gcc 12 reports of correct code.  It loses what is stored behind a realloc (leak), does not see that a string
# was filled (uninitialized); the sanitizers and clang's analyzer watch both.
analyzer='-O1 -fanalyzer -DERR_TELL_ANALYSER -Wno-maybe-uninitialized -Wno-analyzer-malloc-leak
 -Wno-analyzer-use-of-uninitialized-value'

# What a check of FILE depends on: the file, all it includes, and this check's own settings.
fingerprint() { # STAGE FILE
	{
		echo "$1 $flags $analyzer"
		cat .clang-tidy tests/.clang-tidy tests/lib/preload/.clang-tidy tests/lib/check.sh
		# shellcheck disable=SC2086 # flags are words
		gcc $flags -E -P "$2" 2>/dev/null
		cat "$2"
	} | sha256sum | cut -d ' ' -f 1
}

check_file() { # STAGE FILE
	local stage=$1 file=$2 stamp log print
	stamp=$out/$stage/$file.ok
	log=$out/$stage/$file.log
	mkdir -p "$(dirname "$stamp")"
	print=$(fingerprint "$stage" "$file")
	[ "$(cat "$stamp" 2>/dev/null)" != "$print" ] || return 0
	# shellcheck disable=SC2086
	case $stage in
	clang) clang $flags -fsyntax-only "$file" ;;
	tidy) clang-tidy --quiet "$file" -- $flags -w ;;
	analyze) gcc $flags $analyzer -c -o /dev/null "$file" ;;
	esac >"$log" 2>&1
	# shellcheck disable=SC2181
	if [ $? = 0 ]; then
		echo "$print" >"$stamp"
		rm -f "$log"
		return 0
	fi
	grep -v -e '^[0-9]* warnings\? ' -e '^Suppressed ' -e '^Use -header-filter' "$log"
	return 1
}

format_file() { # FILE
	local said
	said=$(clang-format --dry-run -Werror "$1" 2>&1)
	case $? in
	0) return 0 ;;
	1) grep -A 2 'error:' <<<"$said" | head -n 12 ;;
	*) echo "$1: clang-format dies of a table whose rows differ in length: put clang-format off and on around it" ;;
	esac
	return 1
}
export -f check_file fingerprint format_file
export flags analyzer out

each_file() { # STAGE [PATHSPEC]
	# shellcheck disable=SC2016 # expanded by the inner shell
	sources "${2:-.}" | xargs -n 1 -P "$jobs" bash -c 'check_file "$0" "$1"' "$1"
}

stage_layers() { tests/lib/layers.sh; }
stage_format() {
	# shellcheck disable=SC2016 # expanded by the inner shell
	git ls-files -co --exclude-standard '*.c' '*.h' | xargs -n 1 -P "$jobs" bash -c 'format_file "$1"' -
}
stage_clang() { each_file clang; }
stage_tidy() { each_file tidy; }
# Tests stop at a failed allocation by dying of it, which is not worth a branch.
stage_analyze() { each_file analyze ':!tests'; }
stage_scripts() {
	{
		git ls-files -co --exclude-standard '*.sh'
		echo .ci/run
	} | xargs shellcheck -x
}

[ $# != 0 ] || set -- layers format scripts clang tidy analyze
for stage; do
	began=$SECONDS
	if "stage_$stage"; then
		printf '  %-10s clean (%d s)\n' "$stage" $((SECONDS - began))
	else
		printf '  %-10s FAILED (%d s)\n' "$stage" $((SECONDS - began))
		failed="$failed $stage"
	fi
done
if [ -n "$failed" ]; then
	echo "check: not clean:$failed"
	exit 1
fi
echo "check: clean"
