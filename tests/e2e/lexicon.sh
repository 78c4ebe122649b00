#!/bin/bash
# An outreach domain through lexicon, on a real PowerDNS behind it: slow, and complete.
# shellcheck disable=SC2317 # promises are reached through pass
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
begin pdns_server lexicon dig jq curl

server pdns
dns=$(value PORT "$work/pdns.env")
api=$(value API_URL "$work/pdns.env")
PDNS_KEY=$(value API_KEY "$work/pdns.env")
export PDNS_KEY
# lexicon cuts a name by the public suffix list, which has no reserved ones: nothing but this machine is asked for it.
one=getnorthwind.com
{
	cfg_head | sed 's/"8s"/"60s"/'
	printf 'zones = ( { name = "dns"; driver = "lexicon"; provider = "powerdns"; mx_in_content = true;\n'
	printf '  options = [ "auth_token=env:PDNS_KEY", "pdns_server=%s" ]; check_server = "127.0.0.1:%s"; } );\n' "$api" "$dns"
	cfg_tenant northwind.example '' "$one"
} >"$cfg"
export TLDEXTRACT_CACHE_PATH=$work/suffixes

absent() {
	run 77 provision northwind.example --dry-run && has "$out" 'cannot create zones: add the zone'
}
pass "a zone that is not there cannot be made, and the plan says so" absent
curl -fsS -o /dev/null -H "X-API-Key: $PDNS_KEY" --data "{\"name\":\"$one.\",\"kind\":\"Native\",\"nameservers\":[\"ns1.dnshost.example.\"],
	\"rrsets\":[{\"name\":\"$one.\",\"type\":\"TXT\",\"ttl\":300,\"records\":[{\"content\":\"\\\"site-verification=1\\\"\",\"disabled\":false}]}]}" \
	"$api/api/v1/servers/localhost/zones"

limits() {
	run 2 provision northwind.example --dry-run && has "$out" 'through lexicon: one program start a record, not atomic'
}
pass "the plan tells its limits" limits
first() {
	run 0 -vv provision northwind.example --yes && lacks "$err" "$PDNS_KEY" && lacks "$out" "$PDNS_KEY"
}
pass "the domain is provisioned, and the key is not told" first || finish
published() {
	equal "$(query "$dns" "$one" MX)" '10 mail.mx.example.' &&
		equal "$(query "$dns" "$one" TXT | xargs -d '\n')" '"site-verification=1" "v=spf1 ip4:192.0.2.10 -all"' &&
		equal "$(query "$dns" "_dmarc.$one" TXT | cut -c 1-20)" '"v=DMARC1; p=reject;' &&
		selector=$(store "SELECT selector FROM dkim_key WHERE state = 'active'") &&
		query "$dns" "$selector._domainkey.$one" TXT >"$out" && has "$out" '^"v=DKIM1; .*p=MII[A-Za-z0-9+/=]{380,}"$'
}
pass "MX, SPF beside its neighbour, DMARC and DKIM are published" published
again() {
	run 0 --json provision northwind.example --yes && equal "$(tail -n 1 "$out" | jq -c '[.done, .failed, .refused]')" '[0,0,0]'
}
pass "a second run plans nothing" again
refused() {
	PDNS_KEY=wrong-and-secret run 77 provision northwind.example --yes && has "$err" 'not let in' && lacks "$err" wrong-and-secret
}
pass "a key that is not accepted stops it in one line" refused
finish
