#!/bin/bash
# Three providers in one run: zones at Cloudflare, mailboxes at Microsoft 365 and on a host of one's own, whose address is Azure's.  Cut off again
# and again, it ends as an undisturbed run does, and is torn down in reverse.
# shellcheck disable=SC2317 # promises are reached through pass
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
begin jq sqlite3 python3 curl

mode=$(basename "$(dirname "$program")")
top=$(cd "$(dirname "$0")/../.." && pwd)
fake_up() { # NAME ARGUMENT...
	local name=$1
	shift
	e2e_pidfiles+=("$work/$name/pid")
	bash "$e2e_lib/fake_up.sh" "$work/$name" 0 "$@" >"$work/$name.env" || { not_ok "the fake $name starts" "$(cat "$work/$name/log")"; exit 1; }
}
fake_up cf cloudflare --option lag=1
fake_up az azure --option polls=1 --option label_first=true \
	--option 'resolves={"mail.get-northwind.example":"198.51.100.10","mail.cut-northwind.example":"198.51.100.10"}'
fake_up ms graph --option lag=1
of() { # NAME LINE
	value "$2" "$work/$1.env"
}
fake() { # NAME WHAT [JSON]
	curl -fsS ${3:+-d "$3"} "http://127.0.0.1:$(of "$1" PORT)/_fake/$2"
}
CF_TOKEN=$(of cf API_KEY)
AZ_SECRET=$(of az API_KEY)
M365_SECRET=$(of ms SECRET)
export CF_TOKEN AZ_SECRET M365_SECRET

# configure WORD: two domains, one at Microsoft's, one on the host whose name lies in it.
configure() {
	{
		echo 'parallel = 1; store = "store.db"; key_file = "key"; timeout = "20s";'
		printf 'zones = ( { name = "dns"; driver = "cloudflare"; url = "%s"; api_token = "env:CF_TOKEN"; account = "%s"; } );\n' "$(of cf API_URL)" "$(of cf ACCOUNT)"
		printf 'addresses = ( { name = "ip"; driver = "azure"; public_ip = "mailip"; wait = 0; tenant_id = "%s"; client_id = "%s"; client_secret = "env:AZ_SECRET";\n' \
			"$(of az TENANT)" "$(of az CLIENT)"
		printf '  subscription = "%s"; resource_group = "%s"; url = "%s"; login_url = "%s"; } );\n' "$(of az SUBSCRIPTION)" "$(of az GROUP)" "$(of az API_URL)" "$(of az API_URL)"
		printf 'mail_hosts = ( { name = "own"; driver = "local"; root = "mail-%s"; host = "mail.%s-northwind.example"; addresses = [ "198.51.100.10" ]; },\n' "$1" "$1"
		printf '  { name = "m365"; driver = "microsoft365"; tenant = "%s"; client_id = "%s"; client_secret = "env:M365_SECRET"; wait = "5s";\n' "$(of ms TENANT)" "$(of ms CLIENT)"
		printf '    licence = "EXCHANGESTANDARD"; usage_location = "DE"; initial_domain = "contoso.onmicrosoft.com";\n'
		printf '    graph_url = "%s"; login_url = "%s"; exchange_url = "%s"; } );\n' "$(of ms GRAPH_URL)" "$(of ms LOGIN_URL)" "$(of ms EXCHANGE_URL)"
		printf 'tenants = ( { primary = "northwind.example"; zone = "dns"; warm_up = 0; mailboxes = ( { local = "anna"; } );\n'
		printf '  domains = ( { name = "%s-northwind.example"; mail_host = "own"; reverse = "ip"; }, { name = "ms%s-northwind.example"; mail_host = "m365"; } ); } );\n' "$1" "$1"
	} >"$cfg"
}
# Through the waits of a service: as often as it says so.
through() { # ARGUMENT...
	local i rc
	for ((i = 0; i < 8; i++)); do
		"$program" -c "$cfg" "$@" >"$out" 2>"$err" </dev/null
		rc=$?
		[ "$rc" = 75 ] || break
	done
	[ "$rc" = 0 ] || { why="exit $rc of: $*: $(said)"; return 1; }
}
# What stands at all three, with WORD and what differs from run to run struck out.
state() { # WORD
	fake cf state | jq -r "to_entries[] | select(.key | test(\"$1-northwind\")) | .key as \$z | .value[] | \"\(\$z) \(.[0]) \(.[1]) \(.[2])\""
	fake az state | jq -c '.addresses // .publicIPAddresses // {} | [.. | .reverseFqdn? // empty]'
	fake ms state | jq -c "[.domains | to_entries[] | select(.key | test(\"ms$1-\")) | [.key, .value.verified, .value.dkim.Enabled]], [.users[] | select(.. | strings | test(\"ms$1-\"))] | length"
	store "SELECT name, state FROM domain WHERE name LIKE '%$1-%' ORDER BY 1; SELECT address FROM mailbox WHERE domain LIKE '%$1-%' AND removed_ms = 0 ORDER BY 1;
		SELECT count(*) FROM journal WHERE receipt IS NULL"
}
alike() { # WORD
	state "$1" | sed -E -e "s/$1-northwind/WORD-northwind/g" -e 's/(p=)[^"]*"( "[^"]*")?/\1KEY/' -e 's/MS=ms[0-9]+/MS=PROOF/' | sort
}

configure get
pass "two domains are provisioned at three providers in one run" through --json provision northwind.example --yes || finish
alike get >"$work/want"
complete() {
	has "$work/want" '^get-northwind\.example|WORD-northwind.example MX WORD-northwind.example mail.WORD-northwind.example$' &&
		has "$work/want" '^msWORD-northwind.example MX .*mail\.protection\.outlook\.com|^msWORD-northwind.example MX .*mx\.microsoft' &&
		has "$work/want" 'msWORD-northwind.example CNAME selector1._domainkey' && has "$work/want" 'mail\.WORD-northwind\.example\."\]$' &&
		has "$work/want" '^WORD-northwind.example\|active|warming' && equal "$(tail -n 1 <(state get))" 0
}
pass "zone, proof, mailboxes, DKIM and the name of the address are there" complete
again() {
	fake cf reset '{}' >/dev/null && fake az reset '{}' >/dev/null && fake ms reset '{}' >/dev/null
	run 0 --json provision northwind.example --yes && equal "$(tail -n 1 "$out" | jq -c '[.done, .failed, .refused]')" '[0,0,0]' &&
		equal "$(fake cf counts | jq .requests)" 2 && equal "$(fake az log | jq '[.[] | select(.path | contains("oauth2") | not)] | length')" 1
}
pass "a second run plans nothing: a call a zone, and one for the address" again

gone() {
	through --json teardown msget-northwind.example --now --reason test --yes && through --json teardown get-northwind.example --now --reason test --yes &&
		equal "$(fake az state | jq -c '[.. | .reverseFqdn? // empty | select(. != "")]')" '[]' && equal "$(fake ms state | jq -c '[.domains | keys[] | select(test("msget"))]')" '[]' &&
		equal "$(fake ms state | jq -c '[.users[] | select(.deleted | not)] | length')" 0 &&
		equal "$(fake cf state | jq -r '."msget-northwind.example"[] | select(.[0] == "MX") | .[2]')" .
}
pass "torn down: mailboxes and their domain are gone, the address has no name, the zones are parked" gone

if [ "$mode" = asan ]; then
	skip "cut off at each provider" "the sanitizer wants to be the first library that is loaded"
	finish
fi
make -s --no-print-directory -C "$top" MODE="$mode" "build/$mode/killshim.so" || finish
cut_off() {
	local at rc
	configure cut
	# A little further each time: the run before it is always cut off in the middle of something.
	for ((at = 12; at < 600; at += ${CUT_EVERY:-13})); do
		(LD_PRELOAD=$top/build/$mode/killshim.so KILL_AT=$at "$program" -c "$cfg" -q provision northwind.example --yes >"$out" 2>"$err" </dev/null; exit $?) 2>/dev/null
		rc=$?
		[ "$rc" != 0 ] || break
		[ "$rc" = 137 ] || [ "$rc" = 75 ] || { why="cut off at $at: exit $rc: $(said)"; return 1; }
	done
	through --json provision northwind.example --yes && alike cut >"$work/got" || return
	cmp -s "$work/want" "$work/got" || { why=$(diff "$work/want" "$work/got" | head -n 6 | tr '\n' ' '); return 1; }
}
pass "cut off again and again, it ends as the run that nobody disturbed" cut_off
pass "the log's chain holds" run 0 audit verify
finish
