#!/bin/bash
# The manual against the program: it lints, and every command and option is in it.  The demo runs, twice, as told.
#   COLDRELAY   the program (build/debug/coldrelay)
set -u -o pipefail
cd "$(dirname "$0")/../.." || exit 70

program=${COLDRELAY:-build/debug/coldrelay}
failed=0

result() { # NAME PROBLEM: "" is none
	if [ -z "$2" ]; then
		echo "ok $1"
	else
		echo "not ok $1: $2"
		failed=1
	fi
}

if command -v mandoc >/dev/null; then
	for page in man/*; do
		result "$page lints" "$(mandoc -Tlint -W warning "$page" | head -n 3 | paste -sd' ')"
	done
else
	echo "skip man pages lint: no mandoc"
fi
# A table too wide for a terminal, which is no fault of the source.
if command -v groff >/dev/null; then
	for page in man/*; do
		result "$page fits a terminal" "$(groff -ww -mandoc -Tutf8 -rLL=78n "$page" 2>&1 >/dev/null | head -n 3 | paste -sd' ')"
	done
else
	echo "skip man pages fit a terminal: no groff"
fi

# at_least N COUNTED PROBLEM: what found nothing to look at has not looked.
at_least() {
	if [ "$2" -ge "$1" ]; then echo "$3"; else echo "$2 seen, of at least $1$3"; fi
}

manual=$(sed 's/\\-/-/g' man/coldrelay.8)
# An option's long name, alone or behind its letter.
said() { grep -qE -- "Fl (. , )?$1( |$)" <<<"$manual"; }

missing='' seen=0
while read -r command _; do
	seen=$((seen + 1))
	grep -qE "^(\.It )?(Xo )?\.?(It )?Ic $command( |$)" <<<"$manual" || missing="$missing $command"
done < <("$program" help | sed -n '/^commands:/,/^$/p' | grep '^  ')
result "every command is in the manual" "$(at_least 15 "$seen" "$missing")"

missing='' seen=0
for command in '' $("$program" help | sed -n '/^commands:/,/^$/p' | grep '^  ' | awk '{print $1}'); do
	for option in $("$program" help ${command:+"$command"} | grep -oE -- '--[a-z][a-z-]+' | sort -u); do
		seen=$((seen + 1))
		said "${option#-}" || missing="$missing ${command:+$command }$option"
	done
done
result "every option is in the manual" "$(at_least 40 "$seen" "$missing")"

missing=
for code in 0 1 2 64 65 69 70 71 74 75 77 78; do
	sed -n '/^\.Sh EXIT STATUS/,/^\.Sh EX/p' man/coldrelay.8 | grep -q "^\.It $code$" || missing="$missing $code"
done
result "every exit code is in the manual" "$missing"

missing='' seen=0
# shellcheck disable=SC2016 # the backquotes are Markdown's
for path in $(grep -ohE '`((main|front)\.c|(core|dns|templates|budget|library|provision|systemd|tests|man)/[A-Za-z0-9_./-]*)`' ./*.md | tr -d '`' | sort -u); do
	seen=$((seen + 1))
	[ -e "$path" ] || [ -e "$path.c" ] || case $path in *NAME*) ;; *) missing="$missing $path" ;; esac
done
result "every file that a document names is there" "$(at_least 50 "$seen" "$missing")"

# The demo in a directory of its own: quickstart works where its script stands.
scratch=$(mktemp -d) || exit 74
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$scratch/tests/lib" "$scratch/bin"
cp tests/lib/quickstart.sh "$scratch/tests/lib/"
cp "$program" "$scratch/bin/coldrelay"
for run in first second; do
	COLDRELAY=bin/coldrelay "$scratch/tests/lib/quickstart.sh" >"$scratch/log" 2>&1
	rc=$?
	result "the demo's $run run goes as told" "$([ "$rc" = 0 ] || echo "exit $rc: $(tail -n 2 "$scratch/log" | paste -sd' ')")"
done
rm -rf "$scratch/demo"
mkdir "$scratch/demo" && : >"$scratch/demo/mine"
COLDRELAY=bin/coldrelay "$scratch/tests/lib/quickstart.sh" >"$scratch/log" 2>&1
rc=$?
result "the demo leaves a directory alone that it did not make" \
	"$([ "$rc" = 73 ] && [ -e "$scratch/demo/mine" ] || echo "exit $rc")"
exit "$failed"
