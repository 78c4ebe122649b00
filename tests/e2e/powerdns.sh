#!/bin/bash
# The life of two outreach domains on PowerDNS: planned, made, made again, verified, closed, parked, and made once more.
# shellcheck disable=SC2317 # promises are reached through pass
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
begin pdns_server dig jq sqlite3 python3

server pdns
dns=$(value PORT "$work/pdns.env")
api=$(value API_URL "$work/pdns.env")
PDNS_KEY=$(value API_KEY "$work/pdns.env")
export PDNS_KEY
proxy "${api##*:}"

one=getnorthwind.example
two=trynorthwind.example
{
	cfg_head
	printf 'zones = ( { name = "dns"; driver = "powerdns"; url = "http://127.0.0.1:%s"; api_key = "env:PDNS_KEY";' "$proxy_port"
	printf ' name_servers = [ "ns1.dnshost.example" ]; check_server = "127.0.0.1:%s"; } );\n' "$dns"
	cfg_tenant northwind.example '' "$one" "$two"
} >"$cfg"

# Design, section 8: one object a line, steps, and a summary at the end that counts them.
json_lines() {
	jq -se '
		(.[:-1] | all(
			.event == "step" and (.domain | type) == "string" and (.step | type) == "string" and (.detail | type) == "string"
			and (.change | IN("create", "update", "delete", "none"))
			and (.status | IN("planned", "done", "failed", "refused"))))
		and (.[-1] | .event == "summary" and ([.done, .failed, .refused, .unchanged] | all(type == "number")))
		and .[-1].failed == ([.[:-1][] | select(.status == "failed")] | length)
		and .[-1].unchanged == ([.[:-1][] | select(.status == "done" and .change == "none")] | length)
		and .[-1].done == ([.[:-1][] | select(.status == "done" and .change != "none")] | length)
	' "$out" >/dev/null || { why="not as designed: $(said)"; return 1; }
}

dry_run() {
	run 2 --json provision northwind.example --dry-run && json_lines &&
		equal "$(jq -s '[.[] | select(.status == "planned")] | length > 10' "$out")" true &&
		equal "$(tell log | grep -c -e POST -e PATCH -e PUT -e DELETE)" 0 &&
		equal "$(query "$dns" "$one" SOA)" '' && [ ! -e "$work/store.db" ] && [ ! -e "$work/mail" ]
}
pass "a dry run shows a plan, exits 2 and leaves nothing behind" dry_run

first() {
	run 0 --json provision northwind.example --yes && json_lines &&
		equal "$(tail -n 1 "$out" | jq -c '[.failed, .refused]')" '[0,0]'
}
pass "both domains are provisioned" first || finish

published() { # DOMAIN
	equal "$(query "$dns" "$1" MX)" '10 mail.mx.example.' &&
		equal "$(query "$dns" "$1" TXT)" '"v=spf1 ip4:192.0.2.10 -all"' &&
		equal "$(query "$dns" "$1" NS)" ns1.dnshost.example. &&
		query "$dns" "_dmarc.$1" TXT >"$out" && has "$out" '^"v=DMARC1; p=reject; sp=reject; np=reject;' &&
		selector=$(store "SELECT selector FROM dkim_key WHERE domain = '$1' AND state = 'active'") &&
		query "$dns" "$selector._domainkey.$1" TXT >"$out" && has "$out" '^"v=DKIM1; .*p=MII[A-Za-z0-9+/=]{380,}"$'
}
pass "dig sees MX, SPF, DMARC and the DKIM key of the first" published "$one"
pass "and of the second" published "$two"

again() {
	tell plan 0 none >/dev/null
	run 0 --json provision northwind.example --yes && json_lines &&
		equal "$(tail -n 1 "$out" | jq -c '[.done, .failed, .refused]')" '[0,0,0]' &&
		equal "$(tell log | tr ';' '\n' | cut -d ' ' -f 2 | sort | uniq -c | xargs)" '2 GET'
}
pass "a second run plans nothing and makes one API call a zone" again
pass "a dry run then exits 0" run 0 provision northwind.example --dry-run

pass "verify passes" run 0 verify "$one"
wrong() {
	local url="$api/api/v1/servers/localhost/zones/$two."
	curl -fsS -o /dev/null -X PATCH -H "X-API-Key: $PDNS_KEY" --data \
		"{\"rrsets\":[{\"name\":\"_dmarc.$two.\",\"type\":\"TXT\",\"changetype\":\"DELETE\"}]}" "$url" &&
		run 75 --json verify "$two" &&
		equal "$(jq -rs '[.[] | select(.event == "check" and (.status | IN("ok", "note") | not)) | .check + " " + .name] | join(",")' "$out")" \
			"dmarc-missing TXT _dmarc.$two" && equal "$(jq -c 'select(.event == "summary") | [.warn, .fail, .unknown, .pending]' "$out")" '[0,1,0,1]'
}
pass "verify tells a record that went missing" wrong
pass "and the next run puts it back" run 0 provision northwind.example --yes
pass "which verify sees" run 0 verify "$two"

pass "the gate lets a mailbox send" run 0 check "anna@$one" --to li@fabrikam.example
pass "an organisation is suppressed" run 0 suppress add litware.example --reason 'asked by mail'

closes() {
	run 2 teardown "$one" --dry-run && run 0 --json teardown "$one" --yes && json_lines &&
		run 77 check "anna@$one" --to kim@adatum.example &&
		has "$work/mail/postfix/virtual_mailbox_maps" "^anna@$one" && has "$work/mail/dovecot/passwd" "^ben@$one:" &&
		equal "$(query "$dns" "$one" MX)" '10 mail.mx.example.'
}
pass "a teardown shuts the gate and keeps replies alive" closes
pass "closing again changes nothing" run 0 teardown "$one" --yes
pass "--now wants a reason" run 64 teardown "$one" --yes --now

parks() {
	run 0 --json teardown "$one" --yes --now --reason 'campaign over' && json_lines &&
		equal "$(query "$dns" "$one" MX)" '0 .' && equal "$(query "$dns" "$one" TXT)" '"v=spf1 -all"' &&
		query "$dns" "_dmarc.$one" TXT >"$out" && has "$out" '^"v=DMARC1; p=reject;' &&
		equal "$(query "$dns" "any._domainkey.$one" TXT)" '"v=DKIM1; p="' &&
		lacks "$work/mail/postfix/virtual_mailbox_maps" "$one" && lacks "$work/mail/dovecot/passwd" "$one" &&
		has "$work/mail/dovecot/passwd" "$two"
}
pass "--now parks the name and leaves the other domain alone" parks
pass "the gate refuses a parked domain" run 77 check "anna@$one" --to kim@adatum.example
pass "the suppression survives" run 77 check "anna@$two" --to info@litware.example

returns() {
	run 0 --json provision northwind.example "$one" --yes && json_lines && published "$one" &&
		equal "$(query "$dns" "any._domainkey.$one" TXT)" '' && run 0 verify "$one" &&
		equal "$(store "SELECT count(*), count(DISTINCT selector), sum(state = 'active') FROM dkim_key WHERE domain = '$one'")" '2|2|1'
}
pass "a parked domain can be provisioned again, with a new key" returns
pass "the suppression survives that too" run 77 check "anna@$one" --to info@litware.example
pass "the log's chain holds" run 0 audit verify
pass "no row of the journal waits" equal "$(store 'SELECT count(*) FROM journal WHERE received_ms IS NULL')" 0
finish
