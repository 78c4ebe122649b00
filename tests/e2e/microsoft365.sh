#!/bin/bash
# A domain of Microsoft 365 in a zone of PowerDNS: what the directory names is published, seen by it with dig, and torn down again.
# shellcheck disable=SC2317 # promises are reached through pass
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
begin pdns_server dig jq sqlite3 python3 curl

server pdns
dns=$(value PORT "$work/pdns.env")
PDNS_KEY=$(value API_KEY "$work/pdns.env")
export PDNS_KEY
e2e_pidfiles+=("$work/fake/pid")
bash "$e2e_lib/fake_up.sh" "$work/fake" 0 graph --option dns="\"127.0.0.1:$dns\"" >"$work/fake.env" ||
	{ not_ok "the fake starts" "$(cat "$work/fake/log")"; exit 1; }
control=http://127.0.0.1:$(value PORT "$work/fake.env")/_fake
M365_SECRET=$(value SECRET "$work/fake.env")
export M365_SECRET

host() { # NAME TENANT [MORE]
	printf '{ name = "%s"; driver = "microsoft365"; tenant = "%s"; client_id = "%s"; client_secret = "env:M365_SECRET";' \
		"$1" "$2" "$(value CLIENT "$work/fake.env")"
	printf ' licence = "EXCHANGESTANDARD"; usage_location = "DE"; initial_domain = "contoso.onmicrosoft.com"; wait = "1s";'
	printf ' graph_url = "%s"; login_url = "%s"; exchange_url = "%s"; %s }' \
		"$(value GRAPH_URL "$work/fake.env")" "$(value LOGIN_URL "$work/fake.env")" "$(value EXCHANGE_URL "$work/fake.env")" "${3:-}"
}
# configure "MORE OF THE HOST" DOMAIN...
configure() {
	local more=$1
	shift
	{
		cfg_head | grep -v mail_hosts
		printf 'zones = ( { name = "dns"; driver = "powerdns"; url = "%s"; api_key = "env:PDNS_KEY"; name_servers = [ "ns1.dnshost.example" ]; } );\n' \
			"$(value API_URL "$work/pdns.env")"
		printf 'mail_hosts = ( %s );\n' "$(host mail "$(value TENANT "$work/fake.env")" "$more")"
		cfg_tenant northwind.example '' "$@"
	} >"$cfg"
}
fake() { # WHAT [JSON]
	curl -fsS ${2:+-d "$2"} "$control/$1"
}
one=getnorthwind.example
limit='recipient_limit = 30;'
configure "$limit" "$one"
provision() { # WANT [DOMAIN]
	run "$1" --json provision northwind.example ${2:+"$2"} --yes
}
counted() { # WANT
	equal "$(tail -n 1 "$out" | jq -c '[.done, .failed, .refused]')" "$1"
}

dry_run() {
	run 2 provision northwind.example --dry-run && has "$out" "MX $one follows when mail has named its value" && has "$out" 'selector1._domainkey' &&
		equal "$(fake log | jq '[.[] | select(.method != "GET" and (.path | contains("token") | not))] | length')" 0
}
pass "a dry run names what follows, and writes nothing at the directory" dry_run

unseen() {
	fake options '{"unseen": 1000, "lag": 1}' >/dev/null
	provision 75 && has "$err" 'does not see the TXT record yet' && equal "$(grep -c 'error:' "$err")" 1 &&
		query "$dns" "$one" TXT >"$out" && has "$out" '^"MS=ms[0-9]{8}"$'
}
pass "a proof that is not seen yet is published, and waited for" unseen
waits_for_dkim() {
	fake options '{"unseen": 0}' >/dev/null
	# The CNAMEs are seen only by the next run.
	fake faults '[{"on": "InvokeCommand", "nth": 2, "kind": "status", "status": 429, "headers": {"Retry-After": "0"}, "body": "{}"}]' >/dev/null
	fake options '{"ready": 1000}' >/dev/null
	provision 75 && has "$err" 'has not made the mailbox yet \(PendingProvisioning\)' &&
		equal "$(store 'SELECT count(*) FROM journal WHERE receipt IS NULL')" 0
}
pass "a mailbox that is not made yet is waited for, and a throttled call repeated" waits_for_dkim
done_now() {
	fake options '{"ready": 0}' >/dev/null
	provision 0 && equal "$(tail -n 1 "$out" | jq -c '[.failed, .refused]')" '[0,0]'
}
pass "the third run ends it" done_now || finish
published() {
	equal "$(query "$dns" "$one" MX)" '0 getnorthwind-example.mail.protection.outlook.com.' &&
		equal "$(query "$dns" "selector1._domainkey.$one" CNAME)" selector1-getnorthwind-example._domainkey.contoso.onmicrosoft.com. &&
		equal "$(query "$dns" "selector2._domainkey.$one" CNAME)" selector2-getnorthwind-example._domainkey.contoso.onmicrosoft.com. &&
		equal "$(query "$dns" "autodiscover.$one" CNAME)" autodiscover.outlook.com. &&
		query "$dns" "$one" TXT >"$out" && has "$out" '^"v=spf1 include:spf.protection.outlook.com -all"$' &&
		has "$out" '^"MS=ms[0-9]{8}"$'
}
pass "dig sees MX, DKIM, SPF and autodiscover as the service names them" published
directory() {
	fake state >"$out"
	equal "$(jq -c '.users | map([.enabled, .location, (.licences | length), .name])' "$out")" '[[true,"DE",1,"Anna Berg"],[true,"DE",1,"ben"]]' &&
		equal "$(jq -c ".domains.\"$one\".dkim | [.Enabled, .Status, .Selector1KeySize]" "$out")" '[true,"Valid",2048]' &&
		equal "$(jq -c '[.policies, .rules] | map(length)' "$out")" '[1,1]' &&
		equal "$(jq -c '.policies[].RecipientLimitPerDay' "$out")" 30
}
pass "users have a licence, DKIM signs with 2048 bits, the outbound policy is set" directory
again() {
	fake reset '{}' >/dev/null
	provision 0 && counted '[0,0,0]' && equal "$(fake log | jq '[.[] | select(.method != "GET") | .path | select(contains("Invoke") or contains("token") | not)] | length')" 0
}
pass "another run plans nothing and writes nothing" again
moved() {
	fake options '{"new_names": true}' >/dev/null
	provision 0 && equal "$(query "$dns" "$one" MX)" '0 getnorthwind-example.k-v1.mx.microsoft.' && provision 0 && counted '[0,0,0]'
}
pass "an MX that the service renames is followed to mx.microsoft" moved
verified() {
	# Reverse DNS and block lists of Microsoft's hosts are not this bench's.
	"$program" -c "$cfg" --json verify "$one" --resolver "127.0.0.1:$dns" >"$out" 2>"$err" </dev/null
	has "$out" 'k-v1.mx.microsoft' && has "$out" "\"MX $one\",\"status\":\"ok" && has "$out" "CNAME selector2._domainkey.$one\",\"status\":\"ok" && lacks "$out" '"status":"fail[^}]*(MX|CNAME)'
}
pass "verify knows the records that the service named" verified

rotated() {
	run 77 keys rotate "$one" --yes && has "$err" 'makes keys of its own'
}
pass "keys that Exchange made are not rotated here" rotated

full() {
	fake options '{"bought": 3}' >/dev/null
	configure "$limit" "$one" trynorthwind.example
	provision 77 && has "$out" 'no free licence: 2 of EXCHANGESTANDARD needed, 3 bought, 2 in use' && equal "$(query "$dns" trynorthwind.example SOA)" ''
}
pass "without a free licence nothing is made, and the counts are told" full
killed() {
	local i=0 rc
	fake options '{"bought": 25, "lag": 0}' >/dev/null
	# Cut off at each answer in turn: done there and not known here.
	while :; do
		i=$((i + 1))
		fake reset '{}' >/dev/null
		fake faults "[{\"on\": \"^(POST|PATCH) .*(v1.0/(domains|users)|InvokeCommand)\", \"nth\": $i, \"kind\": \"lose\"}]" >/dev/null
		"$program" -c "$cfg" --json provision northwind.example trynorthwind.example --yes >"$out" 2>"$err" </dev/null
		rc=$?
		[ "$rc" = 0 ] || [ "$rc" = 75 ] || { why="exit $rc: $(said)"; return 1; }
		[ "$rc" != 0 ] || [ "$(tail -n 1 "$out" | jq .done)" != 0 ] || break
		[ "$i" -lt 30 ] || { why="no end: $(said)"; return 1; }
	done
	fake reset '{}' >/dev/null
	equal "$(fake state | jq -c '[(.domains | length), (.users | length), .used]')" '[2,4,4]'
}
pass "answers that are lost leave nothing twice and nothing undone" killed
# The program ends while the answer to one of its writes is on its way; again, until a run comes through.
cut_off() {
	local i program_pid
	fake options '{"lag": 1}' >/dev/null
	configure "$limit" "$one" trynorthwind.example cutnorthwind.example
	for ((i = 0; i < 25; i++)); do
		fake reset '{}' >/dev/null
		fake faults '[{"on": "^(POST|PATCH) .*(v1.0/(domains|users)|InvokeCommand)", "nth": '"$((i % 2 + 1))"', "kind": "slow", "seconds": 2}]' >/dev/null
		"$program" -c "$cfg" provision northwind.example cutnorthwind.example --yes >"$out" 2>"$err" </dev/null &
		program_pid=$!
		until fake log | jq -e 'any(.fault == "slow" and (.path | contains("Get-") | not))' >/dev/null || ! kill -0 "$program_pid" 2>/dev/null; do sleep 0.05; done
		kill -9 "$program_pid" 2>/dev/null
		if wait "$program_pid" 2>/dev/null; then break; fi
	done
	fake reset '{}' >/dev/null
	fake options '{"lag": 0}' >/dev/null
	provision 0 cutnorthwind.example && provision 0 cutnorthwind.example && counted '[0,0,0]' &&
		equal "$(fake state | jq -c '[(.domains | length), (.users | length), .used, (.policies | length), (.rules | length)]')" '[3,6,6,3,3]'
}
pass "a run that is killed at any of its writes goes on where it was" cut_off
taken() {
	fake options '{"elsewhere": ["usenorthwind.example"]}' >/dev/null
	configure "$limit" "$one" usenorthwind.example
	provision 77 usenorthwind.example && has "$err" 'another one holds it'
}
pass "a domain of another directory is refused" taken
by_hand() {
	fake options '{"exchange": false}' >/dev/null
	configure "$limit" "$one" runnorthwind.example
	provision 75 runnorthwind.example && has "$err" 'New-DkimSigningConfig -DomainName runnorthwind.example -KeySize 2048' && has "$err" 'Get-DkimSigningConfig' || return 1
	local tail=contoso.n-v1.dkim.mail.microsoft
	configure "$limit dkim_targets = [ \"runnorthwind.example selector1-run._domainkey.$tail selector2-run._domainkey.$tail\" ];" "$one" runnorthwind.example
	provision 0 runnorthwind.example && has "$out" 'Set-DkimSigningConfig -Identity runnorthwind.example -Enabled .true' &&
		equal "$(query "$dns" selector2._domainkey.runnorthwind.example CNAME)" "selector2-run._domainkey.$tail."
}
pass "without the proxy the commands are told, and the run goes on with what they showed" by_hand
stays() {
	configure "$limit" "$one" runnorthwind.example
	provision 0 "$one" && equal "$(query "$dns" "selector1._domainkey.$one" CNAME)" selector1-getnorthwind-example._domainkey.contoso.onmicrosoft.com.
	local rc=$?
	fake options '{"exchange": true}' >/dev/null
	return "$rc"
}
pass "a proxy that is taken away takes no record with it" stays

shared() {
	cp "$cfg" "$work/keep.cfg"
	sed -i 's/^tenants = (/tenants = ( { primary = "fabrikam.example"; zone = "dns"; mail_host = "mail"; domains = ( { name = "getfabrikam.example"; } ); },/' "$cfg"
	run 78 provision fabrikam.example --dry-run && has "$err" 'two legal senders, and both would use the directory'
	local rc=$?
	# The same directory through another mail host, in other letters.
	sed -i "s/^mail_hosts = (.*/mail_hosts = ( $(host mail "$(value TENANT "$work/fake.env")" | sed 's/[&/]/\\&/g'), $(host two "$(value TENANT "$work/fake.env" | tr '[:lower:]' '[:upper:]')" | sed 's/[&/]/\\&/g') );/; s/fabrikam.example\"; zone = \"dns\"; mail_host = \"mail\"/fabrikam.example\"; zone = \"dns\"; mail_host = \"two\"/" "$cfg"
	[ "$rc" != 0 ] || { has "$cfg" '"two"; driver' && run 78 provision fabrikam.example --dry-run && has "$err" 'two legal senders'; } || rc=1
	cp "$work/keep.cfg" "$cfg"
	return "$rc"
}
pass "two legal senders with one directory are a fault of the configuration" shared
denied() {
	fake options '{"denied": ["User.ReadWrite.All"]}' >/dev/null
	provision 77 "$one" && has "$err" 'needs User.ReadWrite.All' && equal "$(grep -c 'error:' "$err")" 1
	local rc=$?
	fake options '{"denied": []}' >/dev/null
	return "$rc"
}
pass "a permission that is missing is named" denied
revoked() {
	fake options '{"revoked": true}' >/dev/null
	provision 77 "$one" && has "$err" 'AADSTS7000215' && lacks "$err" "$M365_SECRET"
	local rc=$?
	fake options '{"revoked": false}' >/dev/null
	return "$rc"
}
pass "a secret that is not accepted stops the run with one line that does not tell it" revoked
expiring() {
	fake options '{"token_s": 0.2}' >/dev/null
	fake reset '{}' >/dev/null
	provision 0 "$one" && counted '[0,0,0]'
	local rc=$?
	fake options '{"token_s": 3599}' >/dev/null
	return "$rc"
}
pass "a token that expires in mid-run is renewed" expiring
quiet_secret() {
	run 0 -vv provision northwind.example "$one" --yes && lacks "$err" "$M365_SECRET" && lacks "$out" "$M365_SECRET" && has "$err" '\[redacted\]'
}
pass "the loudest run tells no secret" quiet_secret

blocked() { # the first domain's users: enabled or not
	equal "$(fake state | jq -c --arg d "$one" '[.users | to_entries[] | select(.key | endswith($d)) | .value.enabled] | unique')" "[$1]"
}
frozen() {
	run 0 freeze "$one" --reason test && blocked false && run 0 thaw "$one" --reason test && blocked true
}
pass "a freeze blocks sign-in, a thaw lets in again" frozen
closing() {
	run 0 teardown "$one" --yes && equal "$(fake state | jq -c --arg d "$one" '[.users | to_entries[] | select(.key | endswith($d)) | [.value.enabled, .value.revoked]]')" '[[false,2],[false,2]]'
}
pass "closing blocks sign-in and ends sessions" closing
forced() {
	fake options '{"hold": true, "force": 1000}' >/dev/null
	run 75 teardown "$one" --now --reason test --yes && has "$err" 'deletion is still running' || return 1
	run 75 teardown "$one" --now --reason test --yes || return 1
	# It goes on by itself; the fake's has a thousand looks to go, and this is its end.
	fake log | jq -e '[.[] | select(.path | endswith("forceDelete"))] | length == 1' >/dev/null || { why="forced more than once"; return 1; }
	fake faults "[{\"on\": \"GET /v1.0/domains/$one\", \"nth\": 0, \"kind\": \"status\", \"status\": 404, \"body\": \"{\\\"error\\\":{\\\"code\\\":\\\"Request_ResourceNotFound\\\"}}\"}]" >/dev/null
	run 0 teardown "$one" --now --reason test --yes && equal "$(query "$dns" "$one" MX)" '0 .' &&
		query "$dns" "$one" TXT >"$out" && equal "$(cat "$out")" '"v=spf1 -all"' && equal "$(query "$dns" "selector1._domainkey.$one" CNAME)" '' &&
		equal "$(fake state | jq -c --arg d "$one" '[.policies, .rules] | map(keys | map(select(endswith(" " + $d))) | length)')" '[0,0]'
}
pass "a forced deletion that still runs is waited for by the next run; then the name is parked" forced
removed() {
	configure "$limit" trynorthwind.example
	fake reset '{}' >/dev/null
	fake options '{"hold": false}' >/dev/null
	run 0 teardown trynorthwind.example --now --reason test --yes && equal "$(fake state | jq -c '.domains | has("trynorthwind.example")')" false &&
		equal "$(fake log | jq '[.[] | select(.path | endswith("forceDelete"))] | length')" 0
}
pass "a domain that nobody uses is deleted plainly" removed
pass "the log's chain holds" run 0 audit verify
finish
