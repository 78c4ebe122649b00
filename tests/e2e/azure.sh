#!/bin/bash
# Outreach domains and their sending address at Azure, as a fake of its API has them: few calls, the forward name before the PTR, nothing of the
# primary's, and nothing left behind.
# shellcheck disable=SC2317 # promises are reached through pass
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
begin jq sqlite3 python3 curl

e2e_pidfiles+=("$work/fake/pid")
bash "$e2e_lib/fake_up.sh" "$work/fake" 0 azure --option label_first=true --option polls=1 >"$work/fake.env" || { not_ok "the fake starts" "$(cat "$work/fake/log")"; exit 1; }
url=$(value API_URL "$work/fake.env")
control=$url/_fake
AZ_SECRET=$(value API_KEY "$work/fake.env")
export AZ_SECRET
login="tenant_id = \"$(value TENANT "$work/fake.env")\"; client_id = \"$(value CLIENT "$work/fake.env")\"; client_secret = \"env:AZ_SECRET\";
  subscription = \"$(value SUBSCRIPTION "$work/fake.env")\"; resource_group = \"$(value GROUP "$work/fake.env")\"; url = \"$url\"; login_url = \"$url\";"
domains=(get-northwind.example try-northwind.example use-northwind.example)
{
	# The mail host's name lies in the first of them: its A comes with that zone.  One after the other, so that nobody has to wait for it.
	echo 'parallel = 1;'
	cfg_head | sed "s/mail\.mx\.example/mail.${domains[0]}/; s/192\.0\.2\.10/198.51.100.10/"
	printf 'zones = ( { name = "dns"; driver = "azure"; %s } );\n' "$login"
	printf 'addresses = ( { name = "cloud"; driver = "azure"; public_ip = "mailip"; wait = 0; %s } );\n' "$login"
	cfg_tenant northwind.example 'reverse = "cloud";' "${domains[@]}"
} >"$cfg"
n=${#domains[@]}

fake() { # WHAT [JSON]
	curl -fsS ${2:+-d "$2"} "$control/$1"
}
calls() { # [METHOD]: those for tokens left out
	fake log | jq --arg m "${1:-.}" '[.[] | select((.method | test($m)) and (.path | contains("oauth2") | not))] | length'
}
account() { # METHOD ZONE-PATH BODY
	local token
	token=$(curl -fsS -d "grant_type=client_credentials&client_id=$(value CLIENT "$work/fake.env")&client_secret=$AZ_SECRET&scope=$url/.default" \
		"$url/$(value TENANT "$work/fake.env")/oauth2/v2.0/token" | jq -r .access_token)
	curl -fsS -o "$work/answer" -X "$1" -H "Authorization: Bearer $token" -H 'Content-Type: application/json' -d "$3" \
		"$url/subscriptions/$(value SUBSCRIPTION "$work/fake.env")/resourceGroups/rg1/providers/Microsoft.Network/dnsZones/$2?api-version=2018-05-01"
}

# The primary's own zone lives in the same group.
account PUT northwind.example '{"location":"global"}'
account PUT northwind.example/MX/@ '{"properties":{"TTL":3600,"MXRecords":[{"preference":5,"exchange":"mail.northwind.example."}]}}'
before=$(fake state | jq -c '.zones."northwind.example"')
fake reset '{}' >/dev/null

first() {
	local sets
	run 0 --json provision northwind.example --yes && equal "$(tail -n 1 "$out" | jq -c '[.failed, .refused]')" '[0,0]' || return
	# Besides the zones' own NS and SOA each set is one call, and so are the zones, the label and the PTR.
	sets=$(fake state | jq '[.zones | to_entries[] | select(.key != "northwind.example") | .value | length - 2] | add')
	equal "$(calls PUT)" "$((n + sets + 2))"
}
pass "zones, a call for each set, and the address in two" first || finish
forward_first() {
	fake log | jq -r '.[] | select(.method == "PUT") | .path' >"$out"
	equal "$(grep -n -m 1 'publicIPAddresses' "$out" | cut -d : -f 1 | xargs -I{} sed -n '1,{}p' "$out" | grep -c "/dnsZones/${domains[0]}/A/mail")" 1
}
pass "the forward name stands before the PTR is asked for" forward_first
published() {
	equal "$(fake state | jq -r '.addresses.mailip.reverseFqdn')" "mail.${domains[0]}." &&
		equal "$(fake state | jq -c --arg d "${domains[0]}" '.zones[$d]."A mail".ARecords')" '[{"ipv4Address":"198.51.100.10"}]' &&
		equal "$(fake state | jq -r --arg d "${domains[1]}" '.zones[$d]."TXT @".TXTRecords[0].value[0]')" 'v=spf1 ip4:198.51.100.10 -all'
}
pass "SPF, the address and its name are there" published
again() {
	fake reset '{}' >/dev/null
	run 0 --json provision northwind.example --yes && equal "$(tail -n 1 "$out" | jq -c '[.done, .failed, .refused]')" '[0,0,0]' &&
		equal "$(calls)" "$((2 * n))" && equal "$(calls PUT)" 0
}
pass "a second run plans nothing, with one call a zone and one for its address" again
expired() {
	fake options '{"token_uses": 3}' >/dev/null
	run 0 provision northwind.example --yes
	local rc=$?
	fake options '{"token_uses": 0}' >/dev/null
	return "$rc"
}
pass "a token that ends in mid-run is renewed" expired
revoked() {
	fake options '{"revoked": true}' >/dev/null
	run 77 provision northwind.example --yes
	local rc=$?
	fake options '{"revoked": false}' >/dev/null
	[ "$rc" = 0 ] && has "$err" 'a fresh token is not accepted'
}
pass "a revoked one stops the run with a clear line" revoked
quiet_secret() {
	run 0 -vv provision northwind.example "${domains[0]}" --yes && lacks "$err" "$AZ_SECRET" && lacks "$out" "$AZ_SECRET" &&
		has "$err" 'Authorization: \[redacted\]' && lacks <(sqlite3 "$work/store.db" .dump) "$AZ_SECRET"
}
pass "neither the loudest run nor the store tells the secret" quiet_secret
gone() {
	run 0 teardown "${domains[1]}" --now --reason test --yes && equal "$(fake state | jq -r '.addresses.mailip.reverseFqdn')" "mail.${domains[0]}." &&
		run 0 teardown "${domains[2]}" --now --reason test --yes && run 0 teardown "${domains[0]}" --now --reason test --yes &&
		equal "$(fake state | jq -c '.addresses.mailip')" '{}' &&
		equal "$(fake state | jq -c --arg d "${domains[1]}" '.zones[$d]."TXT @".TXTRecords')" '[{"value":["v=spf1 -all"]}]'
}
pass "the PTR and its label go with the last domain" gone
untouched() {
	equal "$(fake state | jq -c '.zones."northwind.example"')" "$before" &&
		equal "$(fake log | jq '[.[] | select(.path | contains("/dnsZones/northwind.example"))] | length')" 0
}
pass "the primary's zone in the same group was not even looked at" untouched
pass "the log's chain holds" run 0 audit verify
finish
