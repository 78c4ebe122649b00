#!/bin/bash
# The model of a commit and of what may interrupt it, searched by Spin to its last state; and with each step of the protocol taken out
# in turn, for a search that finds nothing in those proves nothing.  See tests/model/gate.pml.
#   MODEL_FULL=1 model.sh    the greater ones too: `make soak` (minutes, 2 GB)
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

safe='-O1 -DSAFETY -DNOCLAIM' live='-O1 -DNFAIR=3'
holds 'killed and cut off anywhere: no answer is forgotten, and none is over the limit' \
	'-DFAILS=0 -DSTOPS=0 -DNO_RELEASE -DNO_FREEZE' "$safe" ''
holds 'cut off anywhere: no freeze is forgotten, and no answer comes after it' '-DKILLS=0 -DFAILS=0 -DSTOPS=0 -DNO_RELEASE' "$safe" ''
holds 'the same with a ticket given back' '-DCUTS=0 -DFAILS=0 -DSTOPS=0' "$safe" ''
holds 'where syncs fail and power is cut nothing rests on what was seen and never written' \
	'-DKILLS=0 -DSTOPS=0 -DNO_RELEASE -DNO_FREEZE' "$safe" ''
holds 'nor does the answer to the same question elsewhere' '-DKILLS=0 -DSTOPS=0 -DNO_RELEASE -DNO_FREEZE -DTWICE' "$safe" ''
holds 'while the store is well every question is answered' '-DNO_RELEASE -DCUTS=0 -DFAILS=0 -DSTOPS=0 -DNO_FREEZE' "$live" '-a -f'
if [ -n "${MODEL_FULL:-}" ]; then
	holds 'kills and cuts beside a freeze' '-DFAILS=0 -DSTOPS=0 -DNO_RELEASE' "$safe" ''
	holds 'kills, cuts and failed syncs at once' '-DSTOPS=0 -DNO_RELEASE -DNO_FREEZE' "$safe" ''
	holds 'kills, cuts, failed syncs and a question asked elsewhere' '-DSTOPS=0 -DNO_RELEASE -DNO_FREEZE -DTWICE' "$safe" ''
	holds 'cuts, failed syncs and a ticket given back' '-DKILLS=0 -DSTOPS=0 -DNO_FREEZE' "$safe" ''
	holds 'kills, failed syncs and a daemon that stops in order' '-DCUTS=0 -DNO_RELEASE' "$safe" ''
	holds 'while the store is well, syncs fail and the daemon stops in order, every question is answered' \
		'-DNO_RELEASE -DCUTS=0 -DNO_FREEZE' "$live" '-a -f'
fi
breaks LOCK 'the lock'
breaks REPEAT 'the id in the slot'
breaks REFRESH 'reading again what others have committed'
breaks ORDER 'the sync before the answer'
breaks BEGUN 'a sync that begins after the commit'
breaks HEADER 'the sync of the header of a log that is begun anew'
breaks UNKNOWN 'silence after a failed sync'
breaks WRITE 'the write of a repeated allow' '-DFAILS=0 -DNO_FREEZE -DTWICE'
breaks MARK 'the mark of a failed sync, which outlives whoever leaves in order'
breaks SETTLE 'the log written again by whoever opens it after a kill'
breaks BESIDE 'the log written again also beside others who have it open' '-DNO_FREEZE'
breaks WAIT 'waiting, before the store is opened, for what is seen and not synced' '-DNO_FREEZE'
exit "$failed"
