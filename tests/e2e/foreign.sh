#!/bin/bash
# Zones that were there before: what others made in them is left alone, or the domain is refused before anything is written.
# shellcheck disable=SC2317 # promises are reached through pass
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
begin jq sqlite3

selector=cr$(date -u +%Y%m)a
mkdir "$work/zones"

# zone DOMAIN LINE...: a zone file as a person keeps it, comment and all.
zone() {
	local name=$1
	shift
	{
		printf "\$ORIGIN %s.\n\$TTL 300 ; by hand\n" "$name"
		printf '@ IN SOA ns1.dnshost.example. hostmaster.dnshost.example. 7 3600 600 86400 60\n@ IN NS ns1.dnshost.example.\n'
		printf '%s\n' "$@"
	} >"$work/zones/$name.zone"
}

# The domains: refused-N have a record in the way, kept-N do not.
refused=() kept=() whys=()
in_the_way() { # WHAT REGEX LINE...
	local name=refused-${#refused[@]}-northwind.example
	refused+=("$name")
	whys+=("$1|$2")
	shift 2
	zone "$name" "$@"
}
beside() { # WHAT LINE...
	local name=kept-${#kept[@]}-northwind.example
	kept+=("$name")
	names+=("$1")
	shift
	zone "$name" "$@"
}
names=()
in_the_way 'a foreign MX' 'record MX' '@ IN MX 10 mx.somebody.example.'
in_the_way 'a foreign MX beside ours' 'record MX' '@ IN MX 10 mail.mx.example.' '@ IN MX 20 mx.somebody.example.'
in_the_way 'a null MX' 'record MX' '@ IN MX 0 .'
in_the_way 'a second SPF record' 'SPF' '@ IN TXT "v=spf1 include:_spf.somebody.example ~all"'
in_the_way 'an SPF record in capitals' 'SPF' '@ IN TXT "V=SPF1 -all"'
in_the_way 'an SPF record in two strings' 'SPF' '@ IN TXT "v=spf" "1 -all"'
in_the_way 'a foreign DMARC record' '_dmarc' '_dmarc IN TXT "v=DMARC1; p=none"'
in_the_way 'a CNAME at _dmarc' 'CNAME' '_dmarc IN CNAME dmarc.somebody.example.'
in_the_way 'a delegation at _dmarc' 'delegated' '_dmarc IN NS ns.somebody.example.'
in_the_way 'a DNAME at the zone' 'DNAME' '@ IN DNAME somebody.example.'
in_the_way 'a delegation of _domainkey' 'delegated' '_domainkey IN NS ns.somebody.example.'
beside 'a selector of somebody else' 's1._domainkey IN TXT "v=DKIM1; k=rsa; p=AAAA"'
beside 'the selector we would take, with another key' "$selector._domainkey IN TXT \"v=DKIM1; k=rsa; p=AAAA\""
beside 'the selector we would take, as a CNAME' "$selector._domainkey IN CNAME key.somebody.example."
beside 'a selector that is a CNAME' 'k2._domainkey IN CNAME dkim.somebody.example.'
beside 'other TXT at the name' '@ IN TXT "site-verification=42"' '@ IN TXT "MS=ms123456"' '@ IN TXT "v=spf10 is another thing"'
beside 'a wildcard' '* IN A 198.51.100.7' '* IN TXT "anything"' '* IN MX 5 catch.somebody.example.'
beside 'a wildcard CNAME' '* IN CNAME www.somebody.example.'
beside 'a delegated child' 'shop IN NS ns1.somebody.example.' 'shop IN NS ns2.somebody.example.'
beside 'a web server and mail of a child' '@ IN A 198.51.100.7' 'www IN CNAME @' 'sales IN MX 10 mx.somebody.example.'
beside 'types that nobody knows' '@ IN TYPE65400 \# 3 abcdef' '@ IN CAA 0 issue "ca.somebody.example"' '_443._tcp IN TLSA 3 1 1 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff'
beside 'the record we want, already there' '@ IN MX 10 mail.mx.example.'

{
	cfg_head
	echo 'zones = ( { name = "dns"; driver = "zonefile"; directory = "zones"; name_servers = [ "ns1.dnshost.example" ]; } );'
	cfg_tenant northwind.example '' "${refused[@]}" "${kept[@]}" fresh-northwind.example
} >"$cfg"
cp -r "$work/zones" "$work/before"

pass "a dry run tells changes and refusals" run 77 --json provision northwind.example --dry-run
pass "and leaves every file as it was" diff -r "$work/before" "$work/zones"
pass "the run is refused for some" run 77 --json provision northwind.example --yes
cp "$out" "$work/report"

untouched() { # DOMAIN REGEX
	cmp -s "$work/before/$1.zone" "$work/zones/$1.zone" || { why="the file was written: $(diff "$work/before/$1.zone" "$work/zones/$1.zone" | head -n 5)"; return 1; }
	jq -r --arg d "$1" 'select(.domain == $d and .status == "refused") | .step + " " + .detail' "$work/report" >"$work/told"
	has "$work/told" "$2" && equal "$(store "SELECT count(*) FROM journal WHERE domain = '$1'")" 0 &&
		equal "$(store "SELECT count(*) FROM dkim_key WHERE domain = '$1'")" 0 && lacks "$work/mail/postfix/virtual_mailbox_maps" "$1" &&
		equal "$(jq -r --arg d "$1" 'select(.domain == $d and .status == "done" and .change != "none") | .step' "$work/report")" '' &&
		run 77 check "anna@$1" --to li@fabrikam.example
}
for i in "${!refused[@]}"; do
	pass "${whys[i]%|*}: refused, the file untouched to the byte" untouched "${refused[i]}" "${whys[i]##*|}"
done

# The file's records in one spelling, without the SOA.
records_of() {
	named-checkzone -q -i none -k ignore -D -o - "$(basename "$1" .zone)" "$1" 2>"$err" | awk '$4 != "SOA"' | tr -s '\t ' ' ' | sort
}
check_zone() { # DOMAIN
	[ -z "$checker" ] || named-checkzone -i none -k ignore "$1" "$work/zones/$1.zone" >"$out" 2>&1 || { why=$(said); return 1; }
	[ -z "$knot_checker" ] || kzonecheck -o "$1" "$work/zones/$1.zone" >"$out" 2>&1 || { why=$(said); return 1; }
}
export PATH=$PATH:/usr/sbin
checker=$(command -v named-checkzone)
knot_checker=$(command -v kzonecheck)
[ -n "$checker" ] || skip "named-checkzone reads the results" "not installed"
[ -n "$knot_checker" ] || skip "kzonecheck reads the results" "not installed"

made() { # DOMAIN
	jq -se --arg d "$1" '[.[] | select(.domain == $d)] | length > 5 and all(.status == "done")' "$work/report" >/dev/null ||
		{ why="not all is done: $(jq -c --arg d "$1" 'select(.domain == $d and .status != "done")' "$work/report" | head -n 3)"; return 1; }
	check_zone "$1" || return 1
	run 0 check "anna@$1" --to "li@$1-customer.example" || return 1
	[ -z "$checker" ] || [ ! -e "$work/before/$1.zone" ] ||
		equal "$(comm -23 <(records_of "$work/before/$1.zone") <(records_of "$work/zones/$1.zone"))" ''
}
for i in "${!kept[@]}"; do
	pass "${names[i]}: kept, and the domain is made" made "${kept[i]}"
done
pass "a new zone is made in the same run" made fresh-northwind.example

again() {
	find "$work/zones" -name '*.zone' -exec sha256sum {} + | sort >"$work/sums"
	run 77 --json provision northwind.example --yes && equal "$(tail -n 1 "$out" | jq -c '[.done, .failed]')" '[0,0]' &&
		find "$work/zones" -name '*.zone' -exec sha256sum {} + | sort | cmp -s - "$work/sums"
}
pass "a second run refuses the same and writes nothing" again

# Teardown gives back what was there, and parks the rest.
given_back() { # DOMAIN
	run 0 teardown "$1" --yes --now --reason test && check_zone "$1" &&
		{ [ -z "$checker" ] || equal "$(comm -23 <(records_of "$work/before/$1.zone") <(records_of "$work/zones/$1.zone"))" ''; } &&
		lacks "$work/zones/$1.zone" 'p=MII'
}
for i in "${!kept[@]}"; do
	pass "${names[i]}: still there after the teardown" given_back "${kept[i]}"
done

solved() {
	zone "${refused[0]}" && run 0 provision northwind.example "${refused[0]}" --yes && check_zone "${refused[0]}"
}
pass "where the owner removes what was in the way, the next run goes on" solved
pass "the log's chain holds" run 0 audit verify
finish
