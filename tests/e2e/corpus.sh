#!/bin/bash
# Labelled mails and replies that lie beside the project, where somebody put them: how much of it is read as people read it.
#   CORPUS   a directory with emails/, labels.tsv, replies-dev.tsv and score.py (../shared/bounce-corpus)
# shellcheck disable=SC2317 # promises are reached through pass
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
begin python3

corpus=${CORPUS:-$e2e_lib/../../../shared/bounce-corpus}
[ -e "$corpus/score.py" ] || { skip "${0##*/}" "no labelled mails at ${CORPUS:-../shared/bounce-corpus}"; exit 0; }

# The configuration has no part in it.
"$program" --json explain "$corpus/emails" >"$work/mails" 2>"$err" || { not_ok "the mails are read" "$(said)"; exit 1; }
"$program" explain --replies <(awk -F'\t' 'NR > 1 { print $1 "\t" $6 }' "$corpus/replies-dev.tsv") >"$work/replies" 2>"$err" ||
	{ not_ok "the replies are read" "$(said)"; exit 1; }
python3 "$corpus/score.py" "$work/mails" --errors 5 >"$work/mails.score"
python3 "$corpus/score.py" --replies "$work/replies" --errors 5 >"$work/replies.score"

# at_least FILE WORD PERCENT: of the score's first line.
at_least() {
	local got
	got=$(head -n 1 "$1" | sed -n "s/.* $2 \([0-9.]*\)%.*/\1/p")
	awk -v got="$got" -v want="$3" 'BEGIN { exit !(got + 0 >= want + 0) }' || { why="$got %: $(grep '^miss' "$1" | tr '\n' ' ')"; return 1; }
}

for what in mails replies; do
	head -n 1 "$work/$what.score" | sed "s/^/$what: /"
	sed -n 2p "$work/$what.score" | sed 's/^/  /'
done
pass "mails: at least 98 % are right, or nearly" at_least "$work/mails.score" accuracy 98
pass "mails: at least 90 % have the very label" at_least "$work/mails.score" strict 90
# Seven of 327 rows name what stands in no byte of their mails: placeholders of another project, and addresses cut or anonymised otherwise.
pass "mails: at least 97.8 % of the recipients are found" at_least "$work/mails.score" recipient 97.8
pass "mails: at least 95 % of the layers are named" at_least "$work/mails.score" layer 95
pass "replies: at least 88 % are right, or nearly" at_least "$work/replies.score" accuracy 88
pass "replies: at least 78 % have the very label" at_least "$work/replies.score" strict 78
pass "replies: at least 95 % of the layers are named" at_least "$work/replies.score" layer 95
finish
