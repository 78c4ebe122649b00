#!/bin/bash
# Outreach domains at Cloudflare, as a fake of its API has them: few calls, nothing of the primary's, and what a token's end looks like.
# shellcheck disable=SC2317 # promises are reached through pass
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
begin jq sqlite3 python3 curl

e2e_pidfiles+=("$work/fake/pid")
bash "$e2e_lib/fake_up.sh" "$work/fake" 0 cloudflare >"$work/fake.env" || { not_ok "the fake starts" "$(cat "$work/fake/log")"; exit 1; }
control=http://127.0.0.1:$(value PORT "$work/fake.env")/_fake
CF_TOKEN=$(value API_KEY "$work/fake.env")
export CF_TOKEN
domains=()
for ((i = 1; i <= ${CLOUD_DOMAINS:-12}; i++)); do domains+=("get$i-northwind.example"); done
{
	cfg_head
	printf 'zones = ( { name = "dns"; driver = "cloudflare"; url = "%s"; api_token = "env:CF_TOKEN"; account = "%s"; } );\n' \
		"$(value API_URL "$work/fake.env")" "$(value ACCOUNT "$work/fake.env")"
	cfg_tenant northwind.example '' "${domains[@]}"
} >"$cfg"
n=${#domains[@]}

fake() { # WHAT [JSON]
	curl -fsS ${2:+-d "$2"} "$control/$1"
}
calls() {
	fake counts | jq .requests
}
account() { # METHOD PATH [BODY]
	curl -fsS -o "$work/answer" -X "$1" -H "Authorization: Bearer $CF_TOKEN" ${3:+-d "$3"} "$(value API_URL "$work/fake.env")$2"
}

# The primary's own zone lives in the same account.
account POST /zones "{\"name\":\"northwind.example\",\"account\":{\"id\":\"$(value ACCOUNT "$work/fake.env")\"},\"type\":\"full\"}"
primary=$(jq -r .result.id "$work/answer")
account POST "/zones/$primary/dns_records" '{"type":"MX","name":"@","content":"mail.northwind.example","priority":5,"ttl":3600}'
before=$(fake state | jq -c '."northwind.example"')
fake reset '{}' >/dev/null

plan() {
	run 2 --json provision northwind.example --dry-run &&
		equal "$(tail -n 1 "$out" | jq -c '.expect')" "[{\"provider\":\"dns\",\"zones\":$n,\"calls\":$((3 * n)),\"seconds\":0}]" &&
		equal "$(calls)" "$n"
}
pass "a plan asks once a zone, and says how many calls its writes take" plan
first() {
	fake reset '{}' >/dev/null
	run 0 --json provision northwind.example --yes && equal "$(tail -n 1 "$out" | jq -c '[.failed, .refused]')" '[0,0]' &&
		equal "$(calls)" "$((3 * n))"
}
pass "a new zone is three calls: a look, the zone, its records" first || finish
published() {
	fake state | jq -r --arg d "${domains[0]}" '.[$d][] | "\(.[0]) \(.[1]) \(.[2])"' >"$out"
	has "$out" "^MX ${domains[0]} mail.mx.example$" && has "$out" '^TXT .* "v=spf1 ip4:192.0.2.10 -all"$' &&
		has "$out" "^TXT _dmarc.${domains[0]} \"v=DMARC1; p=reject" && has "$out" '^TXT cr[0-9a-z]*\._domainkey.* "v=DKIM1; .*" ".*"$'
}
pass "MX, SPF, DMARC and DKIM are there" published
again() {
	fake reset '{}' >/dev/null
	run 0 --json provision northwind.example --yes && equal "$(tail -n 1 "$out" | jq -c '[.done, .failed, .refused]')" '[0,0,0]' &&
		equal "$(calls)" "$n"
}
pass "a second run plans nothing, with one call a zone" again
mended() {
	local zone record
	fake reset '{}' >/dev/null
	account GET "/zones?name=${domains[0]}" && zone=$(jq -r '.result[0].id' "$work/answer") &&
		account GET "/zones/$zone/dns_records" && record=$(jq -r '.result[] | select(.type == "MX") | .id' "$work/answer") &&
		account POST "/zones/$zone/dns_records/batch" "{\"deletes\":[{\"id\":\"$record\"}]}" && fake reset '{}' >/dev/null &&
		run 0 --json provision northwind.example "${domains[0]}" --yes && equal "$(tail -n 1 "$out" | jq .done)" 1 && equal "$(calls)" 2
}
pass "a record that went missing is put back in two calls" mended
proxied() {
	local zone record
	account GET "/zones?name=${domains[0]}" && zone=$(jq -r '.result[0].id' "$work/answer") &&
		account POST "/zones/$zone/dns_records" '{"type":"A","name":"shop","content":"192.0.2.77","ttl":1,"proxied":true}' &&
		run 0 --json provision northwind.example "${domains[0]}" --yes && equal "$(tail -n 1 "$out" | jq .done)" 0 &&
		equal "$(fake state | jq -c --arg d "${domains[0]}" '[.[$d][] | select(.[0] == "A") | .[4]]')" '[true]'
}
pass "a record of somebody else is left as it is" proxied

revoked() {
	fake options '{"revoked": true}' >/dev/null
	run 77 provision northwind.example --yes
	local rc=$?
	fake options '{"revoked": false}' >/dev/null
	[ "$rc" = 0 ] && equal "$(grep -c 'the token is not accepted' "$err")" 1 && has "$err" 'Zone Edit and DNS Edit'
}
pass "a revoked token stops the run with one clear line" revoked
quiet_secret() {
	run 0 -vv provision northwind.example "${domains[0]}" --yes && lacks "$err" "$CF_TOKEN" && lacks "$out" "$CF_TOKEN" &&
		has "$err" 'Authorization: \[redacted\]'
}
pass "the loudest run does not tell the token" quiet_secret

gone() {
	run 0 teardown "${domains[1]}" --now --reason test --yes && fake state | jq -r --arg d "${domains[1]}" '.[$d][] | "\(.[0]) \(.[1]) \(.[2])"' >"$out" &&
		has "$out" "^MX ${domains[1]} \.$" && has "$out" '^TXT .* "v=spf1 -all"$' && lacks "$out" mail.mx.example
}
pass "a domain that is torn down is parked" gone
untouched() {
	equal "$(fake state | jq -c '."northwind.example"')" "$before" && equal "$(fake log | jq --arg p "$primary" '[.[] | select(.path | contains($p))] | length')" 0 &&
		equal "$(fake log | jq '[.[] | select(.path | contains("name=northwind.example"))] | length')" 0
}
pass "the primary's zone in the same account was not even looked at" untouched
pass "the log's chain holds" run 0 audit verify
finish
