#!/bin/bash
# Clocks that are set, that leap, that stand still: the budget of 24 hours follows the time since boot, suspend counted.
# The wall clock is faked by libfaketime, the boot clock by a time namespace, a reboot by another boot_id in a mount namespace.
# shellcheck disable=SC2317 # promises are reached through pass
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/gate.sh
. "$(dirname "$0")/../lib/gate.sh"
begin faketime jq unshare

case $(realpath "$program") in
*/asan/*)
	skip clocks "AddressSanitizer wants to be the first library that is loaded"
	exit 0
	;;
esac
# shellcheck disable=SC2016 # for the inner shell
faketime=$(faketime -f +0 sh -c 'echo "$LD_PRELOAD"')
office anna ben carl dora
mkdir "$work/start"
cp -a "$work"/store.db* "$work/start/"

fresh() {
	rm -f "$work"/store.db*
	cp -a "$work"/start/* "$work/"
}

# How the next questions are asked: in front of the program.
as=()
wall() { # OFFSET, or @TIME
	as=(env "LD_PRELOAD=$faketime" DONT_FAKE_MONOTONIC=1 FAKETIME_NO_CACHE=1 "FAKETIME=$1")
}
now() {
	as=()
}
# The boot clock alone, as after a suspend, during which the monotonic clock stands still.
asleep() { # SECONDS
	as=(unshare --time --boottime "$1" --)
}
# Another boot: its boot clock need not differ.
reboot() { # [COMMAND...]
	# shellcheck disable=SC2016 # for the inner shell
	as=(unshare --mount -- sh -c 'mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"' "$work/boot_id" "$@")
}
echo 11111111-2222-3333-4444-555555555555 >"$work/boot_id"

# ask MAILBOX VERDICT REASON
ask() {
	local got
	"${as[@]}" "$program" -c "$cfg" --json check "$1@getnorthwind.example" --to li@fabrikam.example >"$out" 2>"$err" </dev/null
	rc=$?
	got=$(jq -r '.verdict + " " + .reason' "$out")
	equal "$got" "$2 $3" || { why="$why: $(said)"; return 1; }
}
spend() { # MAILBOX TIMES
	local i
	for ((i = 0; i < $2; i++)); do
		ask "$1" allow ok || return
	done
}

# step OFFSET: a step frees nothing, and locks nothing, and takes nothing back when it ends.
step() {
	fresh
	now
	spend anna 2 && spend ben 1 || return
	wall "$1"
	ask anna wait budget && ask ben allow ok && ask ben wait budget && spend carl 2 && ask carl wait budget || return
	now
	ask anna wait budget && ask ben wait budget && ask carl wait budget && spend dora 2 && ask dora wait budget
}
pass "one-shot: the wall clock is set 25 h forward" step +25h
pass "one-shot: the wall clock is set 25 h back" step -25h
pass "one-shot: a leap second, the wall clock steps back by 1 s" step -1s
pass "one-shot: the wall clock was never set" step '@2000-01-01 00:00:00'

# When a token returns is told in UTC, whatever the zone's clock does in that night.
told() {
	local at told_s time zone
	fresh
	now
	spend anna 2 || return
	for time in '@2026-03-29 02:59:59' '@2026-11-01 01:59:59' '@2026-04-05 01:59:59'; do
		at=
		for zone in UTC Europe/Berlin America/New_York Australia/Lord_Howe; do
			# libfaketime reads its time in TZ: the same moment for all.
			wall "@$(TZ=$zone date -d "TZ=\"UTC\" ${time#@}" '+%F %T')"
			as+=("TZ=$zone")
			ask anna wait budget || return
			told_s=$(date -d "$(jq -r .retry_at "$out")" +%s)
			# Some time passes between the questions.
			if (((told_s - ${at:=$told_s}) ** 2 > 16)); then
				why="$told_s in $zone, not $at"
				return 1
			fi
		done
	done
}
pass "summer time: no zone moves the hour at which a token returns" told

# The same under a daemon that runs; what is asked goes through it.
stepping=$work/faketime.now
daemon_ask() { # OFFSET MAILBOX VERDICT REASON
	echo "$1" >"$stepping"
	now
	ask "$2" "$3" "$4"
}
under_daemon() {
	fresh
	echo +0 >"$stepping"
	serve_up "unix:$work/gate.sock" "LD_PRELOAD=$faketime" DONT_FAKE_MONOTONIC=1 FAKETIME_NO_CACHE=1 "FAKETIME_TIMESTAMP_FILE=$stepping"
	daemon_ask +0 anna allow ok && daemon_ask +25h anna allow ok && daemon_ask +25h anna wait budget &&
		daemon_ask -25h anna wait budget && daemon_ask -25h ben allow ok && daemon_ask +25h ben allow ok && daemon_ask +25h ben wait budget &&
		daemon_ask -1s carl allow ok && daemon_ask +0 carl allow ok && daemon_ask -1s carl wait budget && daemon_ask +50h carl wait budget &&
		has "$work/serve.log" 'carl@getnorthwind.example' || return
	serve_down TERM
	# And whoever looks at the store with another wall clock agrees.
	wall -25h
	ask anna wait budget && ask carl wait budget && spend dora 2
}
pass "the daemon: stepped +25 h, -25 h and by leap seconds while it runs" under_daemon

if unshare --time --boottime 1 -- true 2>/dev/null; then
	woken() {
		fresh
		now
		spend anna 2 || return
		asleep 86000
		ask anna wait budget || return
		fresh
		now
		spend anna 2 || return
		asleep 86401
		spend anna 2 && ask anna wait budget
	}
	pass "suspend counts: asleep for 86000 s two tokens are out, for 86401 s they are back" woken
	back() {
		fresh
		now
		spend ben 1 || return
		asleep 90000
		spend anna 2 && spend ben 2 || return
		now
		ask anna wait "$1" && ask ben wait "$1"
	}
	pass "a boot clock that goes back is in doubt" back clock
else
	skip "suspend counts" "no time namespaces here"
fi

reboot
if "${as[@]}" true 2>/dev/null; then
	rebooted() {
		fresh
		now
		spend anna 2 && spend ben 1 || return
		reboot
		ask anna wait budget && ask ben allow ok && ask ben wait budget && spend carl 2
	}
	pass "a reboot forgets nothing and frees nothing" rebooted
	behind() {
		local clock
		clock=(env "LD_PRELOAD=$faketime" DONT_FAKE_MONOTONIC=1 "FAKETIME=$1")
		fresh
		now
		spend anna 1 || return
		reboot "${clock[@]}"
		ask anna wait clock && equal "$rc" 69 && ask dora wait clock || return
		# Nothing was spent, and nothing held on to, by those.
		now
		spend anna 1 && spend dora 2
	}
	pass "the wall clock is 25 h behind after a reboot: wait clock, exit 69" behind -25h
	pass "the wall clock is 10 s behind after a reboot: wait clock, exit 69" behind -10s
	pass "the wall clock was never set after a reboot: wait clock, exit 69" behind '@2000-01-01 00:00:00'
	# A machine that was off for a day is not to wait for another one.
	off() {
		fresh
		now
		spend anna 2 || return
		reboot env "LD_PRELOAD=$faketime" DONT_FAKE_MONOTONIC=1 FAKETIME=+23h
		ask anna wait budget || return
		fresh
		now
		spend anna 2 || return
		reboot env "LD_PRELOAD=$faketime" DONT_FAKE_MONOTONIC=1 FAKETIME=+25h
		spend anna 2
	}
	pass "off for 23 h: the tokens are out; for 25 h: they are back" off
else
	skip "reboot" "no mount namespaces here"
fi
finish
