#!/bin/bash
# The model of a commit and of what may interrupt it, searched by Spin to its last state; and with each step of the protocol taken out
# in turn, for a search that finds nothing in those proves nothing.  See tests/model/gate.pml.
#   MODEL_FULL=1 model.sh    kills, power cuts, failed syncs and tickets given back all at once: `make soak` (minutes, 2 GB)
set -u -o pipefail
cd "$(dirname "$0")/../.." || exit 70
model=$PWD/tests/model/gate.pml
failed=0

for p in spin gcc; do
	command -v "$p" >/dev/null || { echo "skip model: $p is not installed"; exit 0; }
done
work=$(mktemp -d) || exit 74
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 74

# search "MODEL'S DEFINITIONS" "PAN'S" "PAN'S OPTIONS": the verdict is in $work/said
search() {
	# shellcheck disable=SC2086 # options are words
	spin $1 -a "$model" >said 2>&1 && gcc -w -DCOLLAPSE $2 -o pan pan.c >>said 2>&1 && timeout 600 ./pan -m400000 $3 >said 2>&1
	grep -q '^State-vector' said || { tail -n 3 said; return 1; }
}

not_ok() {
	echo "not ok $1: $(grep -m 1 -e '^pan:1' -e 'Error' -e 'not completed' said || tail -n 1 said)"
	failed=1
}

holds() { # NAME DEFINITIONS PAN OPTIONS
	if search "$2" "$3" "$4" && grep -q 'errors: 0$' said && ! grep -q -e 'Search not completed' -e 'max search depth too small' said; then
		echo "ok $1 ($(awk '/states, stored/ { print $1; exit }' said) states)"
	else
		not_ok "$1"
	fi
}

breaks() { # BREAK WHAT [DEFINITIONS]: without what is not needed to see it
	if search "-DBREAK_$1 -DNO_RELEASE ${3:-}" "-O1 -DSAFETY -DNOCLAIM" "" && grep -q -e '^pan:1: assertion violated' -e '^pan:1: invalid end state' said; then
		echo "ok without $2 the model finds: $(sed -n 's/^pan:1: \(.*\) (at depth.*/\1/p' said)"
	else
		not_ok "without $2 the model finds nothing"
	fi
}

safe='-O2 -DSAFETY -DNOCLAIM' live='-O2 -DNFAIR=3'
holds 'killed and cut off anywhere: no answer is forgotten, none is over the limit, none comes after a freeze' \
	'-DFAILS=0 -DSTOPS=0 -DNO_RELEASE' "$safe" ''
holds 'the same with a ticket given back' '-DCUTS=0 -DSTOPS=0' "$safe" ''
holds 'the same where syncs fail and power is cut' '-DKILLS=0 -DNO_RELEASE' "$safe" ''
holds 'while the store is well every question is answered' '-DNO_RELEASE -DCUTS=0 -DSTOPS=0' "$live" '-a -f'
if [ -n "${MODEL_FULL:-}" ]; then
	holds 'kills, cuts, failed syncs and a ticket given back at once' '-DSTOPS=0' "$safe" ''
	holds 'kills, cuts, failed syncs and a daemon that stops in order at once' '-DNO_RELEASE' "$safe" ''
	holds 'while the store is well, and the daemon stops in order, every question is answered' '-DNO_RELEASE -DCUTS=0' "$live" '-a -f'
fi
breaks LOCK 'the lock'
breaks REPEAT 'the id in the slot'
breaks REFRESH 'reading again what others have committed'
breaks ORDER 'the sync before the answer'
breaks UNKNOWN 'silence after a failed sync'
breaks WRITE 'the write of a repeated allow' -DFAILS=0
breaks MARK 'the mark of a failed sync, which outlives whoever leaves in order'
breaks SETTLE 'the log written again by whoever opens it after a kill'
exit "$failed"
