#!/bin/bash
# DKIM keys rotate in two steps without a gap: the next key is up before it signs, the old one stays up after it.
# shellcheck disable=SC2317 # promises are reached through pass
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
begin jq sqlite3

domain=getnorthwind.example
zone=$work/zones/$domain.zone
month=cr$(date -u +%Y%m)
mkdir "$work/zones"
{
	cfg_head
	echo 'zones = ( { name = "dns"; driver = "zonefile"; directory = "zones"; name_servers = [ "ns1.dnshost.example" ]; } );'
	cfg_tenant northwind.example '' "$domain"
} >"$cfg"

states() {
	"$program" -c "$cfg" --json keys list "$domain" 2>"$err" | jq -r '.selector + " " + .state' | sed "s/^$month//" | paste -sd ,
}
up() { # SELECTOR...: exactly these are published
	equal "$(grep -o "^cr[0-9a-z]*\._domainkey" "$zone" | sed "s/^$month//; s/\._domainkey//" | sort | paste -sd ,)" "$1"
}
signs_with() {
	grep "^\*@$domain " "$work/mail/opendkim/SigningTable" >"$out"
	has "$out" "[ ,]$month$1\._domainkey"
}

never() {
	run 77 keys rotate "$domain" --yes && one_line "$err" && has "$err" 'provision northwind'
}
pass "a domain that was never provisioned has no keys to rotate" never
pass "the domain is provisioned" run 0 provision northwind.example --yes || finish
first() {
	equal "$(states)" 'a active' && up a && signs_with a
}
pass "with one active key" first
pass "without a terminal and without --yes nothing rotates" run 77 keys rotate "$domain"

# Somebody uses the selector that would come next.
echo "${month}b._domainkey.$domain. 300 IN TXT \"v=DKIM1; k=rsa; p=AAAA\"" >>"$zone"
next() {
	run 0 keys rotate "$domain" --yes && equal "$(states)" 'a active,c next' && up a,b,c && signs_with a && has "$zone" '"v=DKIM1; k=rsa; p=AAAA"'
}
pass "the first step publishes the next key beside the active one, and takes no selector of others" next
early() {
	run 75 keys rotate "$domain" --yes && one_line "$err" && has "$err" 'again after 20' && equal "$(states)" 'a active,c next' && signs_with a
}
pass "the second waits for the TTL" early
switch() {
	run 0 keys rotate "$domain" --yes --now && equal "$(states)" 'a retired,c active' && up a,b,c && signs_with c
}
pass "then it signs with the new key and keeps the old one up" switch
pass "a run has nothing to do" run 0 provision northwind.example --dry-run

export_keys() {
	run 0 keys export "$domain" --out "$work/keys" && equal "$(find "$work/keys" -type f -perm 600 | wc -l)" 2 &&
		lacks "$out" 'PRIVATE' && openssl pkey -in "$work/keys/$domain.${month}c.private" -pubout -outform DER 2>"$err" | base64 -w 0 >"$work/public" &&
		grep -F "${month}c._domainkey" "$zone" | sed 's/" "//g' >"$out" && grep -qF "p=$(cat "$work/public")" "$out"
}
if command -v openssl >/dev/null; then
	pass "an exported key is the one that is published" export_keys
else
	skip "an exported key is the one that is published" "openssl is not installed"
fi

in_the_way() {
	sed "s/^\($domain\. [0-9]* IN MX\).*/\1 10 mx.somebody.example./" "$zone" >"$work/changed" && cp "$zone" "$work/good" && cp "$work/changed" "$zone" &&
		run 77 keys rotate "$domain" --yes && equal "$(states)" 'a retired,c active' && cmp "$work/changed" "$zone" && cp "$work/good" "$zone"
}
pass "where something stands in the way, no key is made that nobody could see" in_the_way

closing() {
	run 0 teardown "$domain" --yes && run 77 keys rotate "$domain" --yes && has "$err" 'closing' && equal "$(states)" 'a retired,c active'
}
pass "a closing domain keeps its keys" closing
parked() {
	run 0 teardown "$domain" --yes --now --reason test && cp "$zone" "$work/parked" && run 77 keys rotate "$domain" --yes && has "$err" 'parked' &&
		cmp "$work/parked" "$zone" && run 77 check "anna@$domain" --to li@fabrikam.example
}
pass "rotating a parked domain's keys does not bring it back" parked
again() {
	run 0 provision northwind.example --yes && states >"$out" && has "$out" 'd active' && signs_with d
}
pass "a domain that comes back takes a selector that was never used" again
pass "the log's chain holds" run 0 audit verify
finish
