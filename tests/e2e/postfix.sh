#!/bin/bash
# A real Postfix in front of the gate, with the lines of the manual: what the client is told, what is charged, what is delivered.
# shellcheck disable=SC2317 # promises are reached through pass
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/gate.sh
. "$(dirname "$0")/../lib/gate.sh"
begin postfix smtp-sink jq python3

# Postfix's users walk in here, to the sockets.
chmod 711 "$work"
boxes=(allow aborted again chunk data datatwo end endtwo hang login lost many1 many2 many3 many4 many5 many6 open pair series used warm)
office "${boxes[@]}"
e2e_pidfiles+=("$work/postfix/sink.pid" "$work/postfix/sasl.pid")
server postfix "$e2e_lib/../../man/coldrelay.8"
env=$work/postfix.env
queue=$(value QUEUE "$env") etc=$(value ETC "$env") log=$(value LOG "$env") sink=$(value SINK "$env")
port=$(value PORT "$env") data_port=$(value DATA_PORT "$env") end_port=$(value END_PORT "$env") many_port=$(value MANY_PORT "$env")
socket=$queue/private/coldrelay
serve_up "unix:$socket"

domain=getnorthwind.example

say() { # PORT LOGIN COMMAND...
	timeout 90 python3 "$e2e_lib/smtp_say.py" "$@" >"$out" 2>"$err"
}

# mail ID SENDER RCPT...: one message in a session of its own, at ${at:-the manual's port}, signed in as ${login:-the sender}.
mail() {
	local id=$1 sender=$2 r
	local commands=("MAIL FROM:<$sender>")
	shift 2
	for r; do
		commands+=("RCPT TO:<$r>")
	done
	say "${at:-$port}" "${login:-$sender}" "${commands[@]}" DATA "MESSAGE $id"
}

# The replies' codes.
codes() {
	equal "$(cut -d ' ' -f 1 "$out" | tr '\n' ' ')" "$1 " || { why="$why: $(said)"; return 1; }
}

delivered() { # ID: how often
	local n
	n=$(grep -l "^Message-ID: <$1@test>" "$sink"/* 2>/dev/null | wc -l)
	[ "$n" = "${2:-1}" ] || { why="'$1' was delivered $n times"; return 1; }
}

arrives() {
	until_true 20 delivered "$@"
}

refused_ids=()
# later|never ID SENDER RCPT...: a 4xx 4.7.1, a 5xx 5.7.1, at RCPT or at the end.
answered() { # CODE ID SENDER RCPT...
	local want=$1
	shift
	refused_ids+=("$1")
	mail "$@"
	has "$out" "^$want .*coldrelay: "
}
later() {
	answered '4[0-9][0-9] 4\.7\.1' "$@"
}
never() {
	answered '5[0-9][0-9] 5\.7\.1' "$@"
}

allowed() {
	mail allow1 "allow@$domain" li@fabrikam.example && codes '250 250 354 250' && arrives allow1
}
pass "allow: 250 at each step, and it is delivered" allowed
pass "allow: one message, one charge" equal "$(left "allow@$domain")" 1

# Both classes have budgets of their own.
warm_up() {
	mail warm1 "warm@$domain" "allow@$domain" && codes '250 250 354 250' && equal "$(left "warm@$domain" warmup)" 1 && equal "$(left "warm@$domain")" 2
}
pass "warm-up: a mailbox of the installation is charged as such" warm_up

use_up() {
	mail used1 "used@$domain" li@fabrikam.example && codes '250 250 354 250' && mail used2 "used@$domain" mo@adatum.example &&
		codes '250 250 354 250' && later used3 "used@$domain" no@contoso.example && equal "$(sed -n 2p "$out" | cut -c 1-3)" 450
}
pass "a budget used up: 450 4.7.1 at RCPT" use_up
pass "a budget used up: the reply names the reason" has "$out" 'budget'

run 0 suppress add fabrikam-closed.example --reason test
pass "suppressed: 5.7.1" never suppressed "allow@$domain" li@fabrikam-closed.example
pass "an unknown mailbox: 5.7.1" never unknown "nobody@$domain" li@fabrikam.example
pass "a primary domain: 5.7.1" never primary info@northwind.example li@fabrikam.example
run 0 freeze trynorthwind.example --reason test
pass "a frozen domain: 5.7.1" never frozen allow@trynorthwind.example li@fabrikam.example
pass "what was refused charges nothing" equal "$(left "allow@$domain")" 1

foreign() {
	login=used@$domain never foreign "someone@fabrikam.example" li@adatum.example
}
pass "a login under another domain's name: 5.7.1" foreign
shared() {
	login=login@$domain mail login1 "again@$domain" li@fabrikam.example && codes '250 250 354 250' &&
		equal "$(left "login@$domain")" 1 && equal "$(left "again@$domain")" 2
}
pass "the budget is that of the login" shared

pair() {
	mail pair1 "pair@$domain" li@fabrikam.example && codes '250 250 354 250' && later pair2 "pair@$domain" mo@adatum.example no@contoso.example &&
		codes '250 250 250 354 450' && equal "$(left "pair@$domain")" 1 && mail pair3 "pair@$domain" mo@adatum.example && codes '250 250 354 250'
}
pass "two recipients and one token: both are taken at RCPT, neither is sent, nothing is charged" pair
both() {
	mail both "aborted@trynorthwind.example" li@fabrikam.example mo@adatum.example
	codes '250 250 250 354 250' && equal "$(left aborted@trynorthwind.example)" 0
}
run 0 thaw trynorthwind.example --reason test
pass "two recipients and two tokens: two are charged" both

abort() {
	say "$port" "aborted@$domain" "MAIL FROM:<aborted@$domain>" "RCPT TO:<li@fabrikam.example>" RSET "MAIL FROM:<aborted@$domain>" \
		"RCPT TO:<mo@fabrikam.example>" && codes '250 250 250 250 250' && equal "$(left "aborted@$domain")" 2
}
pass "RCPT and then RSET or QUIT charges nothing" abort

series() {
	refused_ids+=(series3)
	say "$port" "series@$domain" "MAIL FROM:<series@$domain>" "RCPT TO:<li@fabrikam.example>" DATA "MESSAGE series1" \
		"MAIL FROM:<series@$domain>" "RCPT TO:<li@fabrikam.example>" DATA "MESSAGE series2" \
		"MAIL FROM:<series@$domain>" "RCPT TO:<li@fabrikam.example>" DATA
	codes '250 250 354 250 250 250 354 250 250 450 554' && equal "$(left "series@$domain")" 0 && arrives series2
}
pass "messages of one connection are charged one by one, and the third waits" series

# BDAT in place of DATA, which Postfix announces too.
chunk() {
	say "$port" "chunk@$domain" "MAIL FROM:<chunk@$domain>" "RCPT TO:<li@fabrikam.example>" "CHUNK chunk1" && codes '250 250 250' &&
		say "$data_port" "chunk@$domain" "MAIL FROM:<chunk@$domain>" "RCPT TO:<li@fabrikam.example>" "CHUNK chunk2" && codes '250 250 250' &&
		equal "$(left "chunk@$domain")" 0 && arrives chunk1 && arrives chunk2 || return
	refused_ids+=(chunk3)
	say "$data_port" "chunk@$domain" "MAIL FROM:<chunk@$domain>" "RCPT TO:<li@fabrikam.example>" "CHUNK chunk3"
	codes '250 250 450'
}
pass "BDAT is charged as DATA is, and the third waits" chunk
spelt() {
	login=CHUNK@${domain^^} later spelt "Chunk@${domain^}" li@fabrikam.example && has "$out" budget
}
pass "a login in capitals has the same budget" spelt
nobody() {
	login=again@$domain later nobody '' li@fabrikam.example && equal "$(left "again@$domain")" 2
}
pass "no sender: 4.7.1, nothing charged" nobody

# A client signs in once and is asked about with each message: the state at its end counts.
open_session() {
	local session
	refused_ids+=(open1)
	say "$port" open@trynorthwind.example "MAIL FROM:<open@trynorthwind.example>" "RCPT TO:<li@fabrikam.example>" DATA \
		"MADE $work/asked" "AWAIT $work/frozen" "MESSAGE open1" &
	session=$!
	until_true 20 test -e "$work/asked" && "$program" -c "$cfg" -q freeze trynorthwind.example --reason test >/dev/null &&
		touch "$work/frozen"
	wait "$session" && has "$out" '^5[0-9][0-9] 5\.7\.1 .*frozen' && equal "$(left open@trynorthwind.example)" 2
}
pass "a freeze binds a session that is open: 5.7.1 at the end of its message, nothing charged" open_session

# One place only.
data_only() {
	at=$data_port mail data1 "data@$domain" li@fabrikam.example && codes '250 250 354 250' && equal "$(left "data@$domain")" 1 && arrives data1 &&
		at=$data_port mail data2 "data@$domain" mo@adatum.example && at=$data_port later data3 "data@$domain" no@contoso.example && codes '250 250 450'
}
end_only() {
	at=$end_port mail end1 "end@$domain" li@fabrikam.example && codes '250 250 354 250' && equal "$(left "end@$domain")" 1 && arrives end1 &&
		at=$end_port mail end2 "end@$domain" mo@adatum.example && at=$end_port later end3 "end@$domain" no@contoso.example && codes '250 250 354 450'
}
pass "asked at DATA only: charged once, the third waits" data_only
pass "asked at END-OF-MESSAGE only: charged once, the third waits" end_only
unseen() { # PORT MAILBOX
	at=$1 later "unseen-$1" "$2@$domain" li@fabrikam.example mo@adatum.example && has "$out" recipients_unknown && equal "$(left "$2@$domain")" 2
}
pass "asked at DATA only, two recipients: deferred, nothing charged" unseen "$data_port" datatwo
pass "asked at END-OF-MESSAGE only, two recipients: deferred, nothing charged" unseen "$end_port" endtwo

# Three policy contexts, each with a connection of its own from each smtpd, which stays open.
many() {
	local sessions=() s n
	for n in 1 2 3 4 5 6; do
			timeout 90 python3 "$e2e_lib/smtp_say.py" "$many_port" "many$n@$domain" \
			"MAIL FROM:<many$n@$domain>" "RCPT TO:<li@fabrikam.example>" DATA "MESSAGE many$n-1" \
			"MAIL FROM:<many$n@$domain>" "RCPT TO:<mo@adatum.example>" DATA "MESSAGE many$n-2" \
			"MADE $work/many$n" "AWAIT $work/counted" >"$work/many$n.out" 2>&1 &
		sessions+=($!)
	done
	for n in 1 2 3 4 5 6; do
		until_true 30 test -e "$work/many$n" || return
	done
	# 18, and those of the sessions before, which Postfix keeps for some minutes; the listener is one of them.
	n=$(find "/proc/$serve_pid/fd" -lname 'socket:*' | wc -l)
	touch "$work/counted"
	for s in "${sessions[@]}"; do
		wait "$s" || return
	done
	[ "$n" -ge 19 ] || { why="$n sockets in the daemon"; return 1; }
	for n in 1 2 3 4 5 6; do
		equal "$(cut -d ' ' -f 1 "$work/many$n.out" | tr '\n' ' ')" '250 250 354 250 250 250 354 250 ' && equal "$(left "many$n@$domain")" 0 || return
	done
}
pass "six sessions, three services each, asked four times a message: each message is charged once" many

# What a restart forgets is deferred: which recipients a message under way has.
forgotten() {
	local session
	refused_ids+=(forgotten1)
	say "$port" "again@$domain" "MAIL FROM:<again@$domain>" "RCPT TO:<li@fabrikam.example>" "RCPT TO:<mo@adatum.example>" DATA \
		"MADE $work/known" "AWAIT $work/restarted" "MESSAGE forgotten1" &
	session=$!
	until_true 20 test -e "$work/known" || return
	serve_down TERM
	serve_up "unix:$socket"
	touch "$work/restarted"
	wait "$session"
	codes '250 250 250 354 450' && has "$out" '^450 4\.7\.1 .*recipients_unknown' && equal "$(left "again@$domain")" 2
}
pass "restarted between RCPT and the end of a message to two: 450 4.7.1, nothing charged" forgotten

# Alive, but silent.
hang() {
	refused_ids+=(hang1)
	kill -STOP "$serve_pid"
	at=$end_port mail hang1 "hang@$domain" li@fabrikam.example
	kill -CONT "$serve_pid"
	codes '250 250 354 451' && has "$out" '^451 4\.3\.5 '
}
pass "the daemon hangs: 451 4.3.5 after Postfix's time is over" hang

# The service is away: Postfix fails closed, and the same message sent again later is one send.
again() {
	refused_ids+=(again1)
	mail again1 "again@$domain" li@fabrikam.example
	codes '250 451 554' && has "$out" '^451 4\.3\.5 '
}
serve_down TERM
pass "the daemon is stopped: 451 4.3.5" again
serve_up "unix:$socket"
pass "after the stop nothing was charged" equal "$(left "again@$domain")" 2
resend() {
	mail again2 "again@$domain" li@fabrikam.example && codes '250 250 354 250' && equal "$(left "again@$domain")" 1 && arrives again2
}
pass "the daemon is back: the client's second attempt goes through, charged once" resend

# The answer is lost after the commit, and the daemon is killed: Postfix asks the next one with the same instance.
serve_down TERM
serve_up "unix:$work/inner"
python3 "$e2e_lib/losereply.py" "$socket" "$work/inner" "$work/lose" "$work/lost" "$work/go" 2>"$work/losereply.log" &
e2e_pids+=($!)
lose() {
	local session
	until_true 10 test -S "$socket" && touch "$work/lose" || return
	mail lost1 "lost@$domain" li@fabrikam.example &
	session=$!
	until_true 20 test -e "$work/lost" || return
	serve_down KILL
	serve_up "unix:$work/inner"
	equal "$(left "lost@$domain")" 1 || return
	touch "$work/go"
	wait "$session" && codes '250 250 354 250' && arrives lost1 && equal "$(left "lost@$domain")" 1
}
pass "killed between commit and answer: asked again, said again, charged once" lose

# sendmail(1), which no policy service hears of.  As root: others may not even name another configuration directory.
submit() {
	printf 'Subject: test\n\nHello.\n' | sendmail -C "$etc" -f "used@$domain" li@fabrikam.example >"$out" 2>"$err"
	equal "${PIPESTATUS[1]}" 75 && has "$err" 'User root\(0\) is not allowed to submit mail'
}
pass "sendmail(1) is closed, to root too" submit

# All that was to come has come; what was refused never did.
queue_is_empty() {
	[ -z "$(find "$queue"/{maildrop,incoming,active,deferred,hold} -type f)" ]
}
nothing_refused() {
	local id
	until_true 20 queue_is_empty || return
	for id in "${refused_ids[@]}"; do
		delivered "$id" 0 || return
	done
}
pass "nothing that was refused or deferred was delivered" nothing_refused
pass "Postfix has nothing to complain of in its configuration" lacks "$log" 'warning: (bounce|.*unused|.*overrid)|(smtpd|master|qmgr).*fatal:|panic:'
finish
