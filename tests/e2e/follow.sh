#!/bin/bash
# A log that grows is followed: through half a line, both kinds of rotation and a restart; what follows from a line is done when it is told.
# shellcheck disable=SC2317 # promises are reached through pass
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/gate.sh
. "$(dirname "$0")/../lib/gate.sh"
begin jq

office anna
log=$work/mail.log
told=$work/told
reply='554 5.7.1 Your domain is blocked by the policy of our organization'

# sent ID SENDER; bounced ID RECIPIENT: lines as Postfix writes them.
sent() {
	printf 'Nov 25 10:00:00 mx postfix/qmgr[7]: %s: from=<%s>, size=1, nrcpt=1 (queue active)\n' "$1" "$2"
}
bounced() {
	printf 'Nov 25 10:00:01 mx postfix/smtp[8]: %s: to=<%s>, relay=mx.receiver.example[192.0.2.7]:25, dsn=5.7.1, status=bounced (host mx.receiver.example[192.0.2.7] said: %s (in reply to RCPT TO command))\n' \
		"$1" "$2" "$reply"
}
follow() {
	"$program" -c "$cfg" -q --json bounce --log "$log" --follow >>"$told" 2>"$work/follow.err" </dev/null &
	follow_pid=$!
	e2e_pids+=("$follow_pid")
}
# tells RECIPIENT: once, with the sender of its queue id.
tells() {
	equal "$(jq -r --arg r "$1" 'select(.recipient == $r).sender' "$told")" anna@getnorthwind.example
}

# How often it has lain down to sleep, which is once a look.
naps() {
	sed -n 's/^voluntary_ctxt_switches:\t//p' "/proc/$follow_pid/status"
}

sent 4bX0001 anna@getnorthwind.example >"$log"
: >"$told"
follow
first() {
	bounced 4bX0001 li@fabrikam.example >>"$log"
	until_true 10 tells li@fabrikam.example && run 77 check anna@getnorthwind.example --to mo@adatum.example --dry-run && has "$out" frozen
}
pass "a line that is written now is acted upon now" first

# It has read what stands there now: looks N times more.
looks() {
	local from
	from=$(naps)
	until_true 10 eval "[ \$(naps) -ge $((from + $1)) ]"
}

half() {
	local line
	line=$(bounced 4bX0001 half@contoso.example)
	printf '%s' "${line:0:90}" >>"$log"
	looks 2 && printf '%s\n' "${line:90}" >>"$log" && until_true 10 tells half@contoso.example
}
pass "a line that comes in halves is one line" half

renamed() {
	mv "$log" "$log.1"
	: >"$log"
	# Whoever writes has not been told yet, and goes on with the old one, after a look at the new one.
	looks 3 || return
	bounced 4bX0001 late@adatum.example >>"$log.1"
	until_true 10 tells late@adatum.example || return
	sent 4bX0002 anna@getnorthwind.example >>"$log"
	bounced 4bX0002 li@adatum.example >>"$log"
	until_true 10 tells li@adatum.example
}
pass "a log that was renamed and begun anew is followed" renamed

emptied() {
	: >"$log"
	bounced 4bX0002 short@adatum.example >>"$log"
	until_true 10 tells short@adatum.example
}
pass "a log that was emptied in place is followed, and its senders are still known" emptied

ended() {
	local rc
	kill -TERM "$follow_pid"
	wait "$follow_pid"
	rc=$?
	equal "$rc" 0 && lacks "$work/follow.err" .
}
pass "SIGTERM ends it with 0" ended

again() {
	follow
	bounced 4bX0002 later@adatum.example >>"$log"
	until_true 10 eval "[ \$(jq -r 'select(.recipient == \"later@adatum.example\").recipient' '$told' | wc -l) = 1 ]" &&
		equal "$(jq -r 'select(.recipient == "short@adatum.example").known' "$told" | tr '\n' ' ')" 'false true '
}
pass "begun again, it reads from the start, and nothing counts twice" again
finish
