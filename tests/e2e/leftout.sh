#!/bin/bash
# What stands and is no longer configured: kept, told, and taken up again; and a store that keeps its key.
# shellcheck disable=SC2317 # promises are reached through pass
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
begin jq

one=getnorthwind.example
two=trynorthwind.example
mkdir "$work/zones"
configure() { # DOMAIN...
	{
		cfg_head
		echo 'zones = ( { name = "dns"; driver = "zonefile"; directory = "zones"; name_servers = [ "ns1.dnshost.example" ]; } );'
		cfg_tenant northwind.example '' "$@"
	} >"$cfg"
}

configure "$one" "$two"
pass "both domains are provisioned" run 0 provision northwind.example --yes || finish

left_out() {
	configure "$one"
	sed -i 's/, { local = "ben"; }//' "$cfg"
	run 0 --json provision northwind.example --yes && has "$err" "$two stands, and is not configured any more" &&
		equal "$(tail -n 1 "$out" | jq -c '[.done, .failed, .refused]')" '[0,0,0]' &&
		equal "$(jq -r 'select(.step == "note") | .detail' "$out" | grep -c "^ben@$one is not configured any more")" 1 &&
		[ -e "$work/zones/$two.zone" ]
}
pass "a domain and a mailbox taken out of the configuration stay, and are told" left_out
pass "a domain that is not configured is not torn down" run 77 teardown "$two" --yes --now --reason test

named_again() {
	configure "$one" "$two"
	run 0 --json provision northwind.example --yes && lacks "$err" 'not configured' && lacks "$out" '"note"' &&
		equal "$(tail -n 1 "$out" | jq -c '[.done, .failed, .refused]')" '[0,0,0]' &&
		run 0 teardown "$two" --yes --now --reason test
}
pass "named again, nothing has to be made, and it is torn down" named_again

other_key() { # WHY COMMAND...: no command that needs the store gets past a key that is not its own
	local want=$1
	shift
	for command in "provision northwind.example --yes" "provision northwind.example --dry-run" "status" \
		"freeze $one --reason test" "suppress list" "check anna@$one --to a@fabrikam.example"; do
		# shellcheck disable=SC2086 # words
		run 74 $command && has "$err" "$want" || return 1
	done
	[ ! -e "$work/key" ] || [ "$1" = kept ]
}
mv "$work/key" "$work/key.away"
pass "a store whose key is gone gets no new one" other_key 'is gone: put its copy back' gone
(umask 077; head -c 32 /dev/zero | base64 >"$work/key")
pass "nor does it open under another key" other_key 'not the key that the store' kept
mv "$work/key.away" "$work/key"
pass "with its key it opens again" run 0 provision northwind.example "$one" --yes
finish
