#!/bin/bash
# The daemon beside the one-shot commands: the same answers, the same exit codes, the same tokens, whoever is asked.
# shellcheck disable=SC2317 # promises are reached through pass
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
begin jq sqlite3

one=getnorthwind.example
anna=anna@$one
mkdir "$work/zones"
configure() { # MORE SETTINGS
	{
		cfg_head
		echo 'zones = ( { name = "dns"; driver = "zonefile"; directory = "zones"; name_servers = [ "ns1.dnshost.example" ]; } );'
		cfg_tenant northwind.example '' "$one"
		echo "listen = \"unix:$work/gate\"; $*"
	} >"$cfg"
}
configure
pass "a domain is provisioned" run 0 provision northwind.example --yes || finish

daemon= # the pid of the one that runs
up() { # its log is $work/log
	"$program" -c "$cfg" serve 2>>"$work/log" &
	daemon=$!
	e2e_pids+=("$daemon")
	until_true 10 grep -q '^listening on ' "$work/log"
}
down() { # SIGNAL
	kill "-$1" "$daemon" && { wait "$daemon"; } 2>/dev/null
	daemon_exit=$?
	: >"$work/log"
}
check() { # WANT ID [ARGUMENT...]
	run "$1" --json check "$anna" --to li@fabrikam.example --message-id "$2" "${@:3}"
}

: >"$work/log"
pass "the daemon listens" up || finish

through() {
	check 0 m1 && cp "$out" "$work/one" && has "$work/log" 'allow ok at=check mailbox=anna' &&
		has "$work/log" 'organisation=fabrikam.example' && lacks "$work/log" 'li@'
}
pass "check is answered by the daemon, and logged without the recipient" through

alike() {
	configure 'use_daemon = false;'
	local seen
	seen=$(wc -l <"$work/log")
	check 0 m1 && equal "$(cat "$out")" "$(cat "$work/one")" && equal "$(wc -l <"$work/log")" "$seen"
	local rc=$?
	configure
	return "$rc"
}
pass "the store says the same to the same id, byte by byte, and use_daemon=false asks it" alike

# Each outcome through the daemon and through the store: output and exit code.
outcomes() {
	local -a questions=(
		"75 check $anna --to li@fabrikam.example --message-id m3"
		"0 check $anna --to li@fabrikam.example --message-id m2"
		"77 check nobody@$one --to li@fabrikam.example"
		"77 check ceo@northwind.example --to li@fabrikam.example"
		"64 check anna --to li@fabrikam.example"
		"64 check $anna --to li"
		"77 release 1-1"
	)
	check 0 m2
	local q json
	for q in "${questions[@]}"; do
		for json in '' --json; do
			configure
			# shellcheck disable=SC2086 # words
			run ${q%% *} $json ${q#* } || return
			cat "$out" "$err" >"$work/by_daemon"
			configure 'use_daemon = false;'
			# shellcheck disable=SC2086 # words
			run ${q%% *} $json ${q#* } || return
			cat "$out" "$err" >"$work/by_store"
			cmp -s "$work/by_daemon" "$work/by_store" ||
				{ why="$q $json: $(cat "$work/by_daemon") / $(cat "$work/by_store")"; return 1; }
		done
	done
	configure
}
pass "output and exit codes are those of the store" outcomes

released() {
	local ticket
	check 0 m1 || return
	ticket=$(jq -r .ticket "$out")
	run 0 --json release "$ticket" && equal "$(jq -r .ticket "$out")" "$ticket" && has "$work/log" 'released ticket=' &&
		run 77 release "$ticket" && check 0 m4 && check 75 m5
}
pass "a ticket is given back through the daemon" released

killed() {
	down KILL
	check 0 m4 && check 75 m6 && [ ! -s "$err" ]
}
pass "with the daemon gone, the store answers at once and nothing is said" killed

again() {
	up && check 0 m4 && has "$work/log" 'allow ok at=check' && down TERM && equal "$daemon_exit" 0 && [ ! -e "$work/gate" ]
}
pass "a socket left by the crash is taken over; SIGTERM ends with exit 0" again

# Ten at once for the last two tokens, half of them through the daemon.
crowd() {
	local ben=ben@$one pids=() i p won=0
	up || return
	configure 'use_daemon = false;'
	cp "$cfg" "$work/own.cfg"
	configure
	for i in {1..10}; do
		local c=$cfg
		[ $((i % 2)) = 0 ] || c=$work/own.cfg
		"$program" -c "$c" check "$ben" --to "li@fabrikam.example" >"$work/crowd.$i" 2>&1 &
		pids+=($!)
	done
	for p in "${pids[@]}"; do
		wait "$p" && won=$((won + 1))
	done
	equal "$won" 2 || { why="$won: $(cat "$work"/crowd.*)"; return 1; }
	equal "$(store "select count(*) from history h join mailbox m on m.id = h.mailbox where m.address = '$ben'")" 2
}
pass "daemon and store share the last tokens: exactly two of ten win" crowd

wrong_listen() {
	sed -i 's|^listen = .*|listen = "gate";|' "$cfg"
	run 78 check "$anna" --to li@fabrikam.example && has "$err" 'listen: expected unix:PATH'
	local rc=$?
	configure
	return "$rc"
}
pass "a place that cannot be read is a configuration error" wrong_listen
finish
