#!/bin/bash
# The whole way of a refusal: Postfix, asked for leave at the gate, sends to a Postfix that answers 554 5.7.1; its notice comes back through
# the manual's pipe transport, and the next decision of the running daemon already obeys.
# shellcheck disable=SC2317 # promises are reached through pass
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/gate.sh
. "$(dirname "$0")/../lib/gate.sh"
begin postfix smtp-sink jq python3 setpriv

manual=$e2e_lib/../../man/coldrelay.8
get=getnorthwind.example try=trynorthwind.example

# pipe(8) refuses root: store, daemon and commands belong to another user.  A copy of the program, where that user can reach it.
[ "$(id -u)" = 0 ] || { skip "${0##*/}" "Postfix's master runs as root only"; exit 0; }
chmod 711 "$work"
cp "$program" "$work/coldrelay"
program=$work/as_user
printf '#!/bin/sh\nexec setpriv --reuid=nobody --regid=nogroup --clear-groups %s "$@"\n' "$work/coldrelay" >"$program"
chmod 755 "$program"
mkdir "$work/zones" "$work/mail" "$work/state"
chown nobody:nogroup "$work" "$work/zones" "$work/mail" "$work/state"
office anna ben

e2e_pidfiles+=("$work/postfix/sink.pid" "$work/postfix/sasl.pid")
server refuser 'fabrikam.example=554 5.7.1 Your domain is blocked by the policy of our organization' \
	'contoso.example=554 5.7.1 Your domain is blocked by the policy of our organization' \
	'gone@adatum.example=550 5.1.1 User unknown'
server postfix "$manual"
env=$work/postfix.env
etc=$(value ETC "$env") log=$(value LOG "$env") sink=$(value SINK "$env") port=$(value PORT "$env")
export PATH=$PATH:/usr/sbin:/sbin

# section FILE: the literal block behind the mention of Postfix's FILE in the manual's section on bounces.
section() {
	awk -v file="$1" '
		/^\.Ss Bounces/ { there = 1 }
		there && index($0, "/etc/postfix/" file) { here = 1 }
		here && /^\.Bd/ { inside = 1; next }
		inside && /^\.Ed/ { exit }
		inside' "$manual" | sed 's/\\e/\\/g'
}

# The manual's lines, with our places.  Mail to the mailboxes themselves goes to the sink, all else to the one who refuses.
sink_port=$(postconf -c "$etc" -h relayhost)
gate_port=$(free_port)
{
	section main.cf | sed "s|/etc/postfix/|$etc/|; s|coldrelay: }|coldrelay: $get=smtp:$sink_port $try=smtp:$sink_port }|"
	echo "minimal_backoff_time = 1s"
	echo "maximal_backoff_time = 2s"
	echo "queue_run_delay = 1s"
} >>"$etc/main.cf"
postconf -c "$etc" -e "relayhost = [127.0.0.1]:$(value PORT "$work/refuser.env")"
sed -i "s|unix:private/coldrelay|inet:127.0.0.1:$gate_port|" "$etc/main.cf" "$etc/master.cf"
section coldrelay_copies >"$etc/coldrelay_copies"
section master.cf | sed "s|user=coldrelay|user=nobody|; s|/usr/local/bin/coldrelay|$work/coldrelay|; s|/etc/coldrelay/coldrelay.cfg|$cfg|" >>"$etc/master.cf"
postfix -c "$etc" reload >"$out" 2>&1 || { not_ok "Postfix takes the manual's lines" "$(said)"; exit 1; }
serve_up "inet:127.0.0.1:$gate_port"

# mail ID SENDER RECIPIENT: one message in a session of its own.
mail() {
	timeout 90 python3 "$e2e_lib/smtp_say.py" "$port" "$2" "MAIL FROM:<$2>" "RCPT TO:<$3>" DATA "MESSAGE $1" >"$out" 2>"$err"
}
taken() {
	mail "$@" && equal "$(cut -d ' ' -f 1 "$out" | tr '\n' ' ')" '250 250 354 250 '
}
refused() { # WORD ID SENDER RECIPIENT
	local word=$1
	shift
	mail "$@"
	has "$out" "^5[0-9][0-9] 5\.7\.1 .*$word"
}
state() { # DOMAIN
	"$program" -c "$cfg" --json status "$1" 2>/dev/null | jq -r 'select(.domain).state'
}
is_state() {
	equal "$(state "$1")" "$2" || { why="$why: $(tail -n 5 "$log" | tr '\n' ' ')"; return 1; }
}

pass "a message to an organisation is allowed, taken and handed on" taken refused1 "anna@$get" li@fabrikam.example
pass "refused with 554 5.7.1: its notice comes through the pipe, and the domain is frozen" until_true 30 is_state "$get" frozen
# Postfix logs the delivery after the program's end.
pass "the pipe took it: nothing is left in the queue, nothing went back" until_true 10 has "$log" 'relay=coldrelay, .*status=sent'
pass "the organisation is suppressed for the tenant" run 77 suppress check fabrikam.example --tenant northwind.example
pass "the running daemon refuses the domain at once" refused frozen later1 "ben@$get" mo@adatum.example
pass "the other domain may not write to that organisation either" refused suppressed other1 "ben@$try" someone@fabrikam.example
pass "it may write to others" taken other2 "ben@$try" mo@adatum.example
pass "the mailbox has its notice too" until_true 10 grep -lq 'Undelivered Mail' -r "$sink"

# The same refusal by another way.
notice() {
	local file
	file=$(grep -l 'Undelivered Mail' -r "$sink" | head -n 1)
	run 0 --json bounce "$file" && equal "$(jq -r '"\(.recipient) \(.sender) \(.known) \(.actions | length)"' "$out")" \
		"li@fabrikam.example anna@$get true 0"
}
pass "the same notice read again counts once" notice
by_log() {
	run 0 --json bounce --log "$log" &&
		equal "$(jq -r 'select(.recipient == "li@fabrikam.example") | "\(.sender) \(.reply) \(.known)"' "$out")" "anna@$get 554 true"
}
chmod 644 "$log"
pass "the log tells the same refusal, and it counts once" by_log

# An address that is dead is no block.
dead() {
	taken dead1 "anna@$try" gone@adatum.example && until_true 30 run 77 suppress check gone@adatum.example --tenant northwind.example &&
		run 0 suppress check mo@adatum.example --tenant northwind.example && is_state "$try" active
}
pass "a dead address is suppressed, and freezes nothing" dead

# Nothing is lost while the program cannot do its work.
kept() {
	mv "$cfg" "$cfg.away"
	taken kept1 "ben@$try" li@contoso.example && until_true 30 has "$log" 'relay=coldrelay, .*status=deferred'
	local rc=$?
	mv "$cfg.away" "$cfg"
	[ "$rc" = 0 ] && is_state "$try" active && until_true 30 eval "postqueue -c '$etc' -f; is_state '$try' frozen"
}
pass "in trouble the notice stays in the queue, and is acted upon later" kept

gone() {
	run 0 -q teardown "$get" --yes --now --reason test && is_state "$get" parked &&
		run 77 suppress check fabrikam.example --tenant northwind.example && run 0 audit verify
}
pass "teardown keeps the suppression, and the log of changes holds" gone
pass "Postfix has nothing to complain of in its configuration" lacks "$log" 'warning: (bounce|.*unused|.*overrid)|(smtpd|master|qmgr|pipe).*fatal:|panic:'
finish
