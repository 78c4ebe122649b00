#!/bin/bash
# A domain as it was provisioned verifies clean; each single fault put into its zone by hand is found, and named by its id, and nothing else is.
# shellcheck disable=SC2317,SC2016 # promises are reached through pass; what eval is given expands there
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
begin pdns_server dig jq sqlite3 curl

server pdns
dns=$(value PORT "$work/pdns.env")
api=$(value API_URL "$work/pdns.env")
PDNS_KEY=$(value API_KEY "$work/pdns.env")
export PDNS_KEY

domain=getnorthwind.example
host=mail.mx.example
reverse=2.0.192.in-addr.arpa
ptr=10.$reverse
{
	cfg_head
	cat <<-CFG
		resolver = "127.0.0.1:$dns";
		zones = ( { name = "dns"; driver = "powerdns"; url = "$api"; api_key = "env:PDNS_KEY";
		  name_servers = [ "ns1.dnshost.example", "ns2.dnshost.example" ]; check_server = "127.0.0.1:$dns"; } );
		addresses = ( { name = "net"; zone = "dns"; reverse_zones = [ "$reverse" ]; } );
	CFG
	cfg_tenant northwind.example "reverse = \"net\"; tls_rua = \"tls@$domain\";" "$domain"
} >"$cfg"

zones() { # SQL on the server's own database
	sqlite3 -cmd '.timeout 5000' "$work/pdns/zones.sqlite3" "$1"
}

# add NAME TYPE CONTENT [TTL]: one record more, in the zone that holds NAME.
add() {
	local name=$1 type=$2 content=${3//\'/\'\'} ttl=${4:-3600} prio=0
	[ "$type" != MX ] || { prio=${content%% *} content=${content#* }; }
	zones "INSERT INTO records (domain_id, name, type, content, ttl, prio, disabled, auth)
		SELECT id, '$name', '$type', '$content', $ttl, $prio, 0, 1 FROM domains
		WHERE '$name' = name OR '$name' LIKE '%.' || name OR name = '.' OR name = '' ORDER BY length(name) DESC LIMIT 1"
}
gone() { # NAME TYPE
	zones "DELETE FROM records WHERE name = '$1' AND type = '$2'"
}
set_to() { # NAME TYPE CONTENT...: the whole set
	local name=$1 type=$2
	shift 2
	gone "$name" "$type"
	for content; do
		add "$name" "$type" "$content"
	done
}
zone() { # NAME: a new one
	zones "INSERT INTO domains (name, type) VALUES ('$1', 'NATIVE')"
	add "$1" SOA "ns1.dnshost.example hostmaster.dnshost.example 1 10800 3600 604800 300"
	add "$1" NS ns1.dnshost.example
	add "$1" NS ns2.dnshost.example
}

# A small world around the domain: the server answers for the root, as a resolver would.
for z in . example mx.example dnshost.example contoso.example "$reverse"; do
	zone "$z"
done
add "$host" A 192.0.2.10
add "$host" TXT '"v=spf1 a -all"'
add reports.contoso.example MX "10 $host"
for n in 1 2 3 4 5 6 7 8 9 10 11; do
	add "spf$n.contoso.example" TXT '"v=spf1 ip4:198.51.100.0/24 -all"'
done

pass "the domain is provisioned" run 0 provision northwind.example --yes || finish

# What was found: status and id of every line that is not well.
found() {
	jq -rs '[.[] | select(.event == "check" and (.status | IN("ok", "note") | not)) | .status + " " + .check] | sort | join(", ")' "$out"
}
clean() {
	run 0 --json verify "$domain" && equal "$(found)" '' &&
		equal "$(jq -c 'select(.event == "summary") | [.ok > 8, .warn, .fail, .unknown, .pending]' "$out")" '[true,0,0,0,0]'
}
pass "as provisioned it verifies clean" clean

zones 'CREATE TABLE pristine AS SELECT * FROM records'
restore() {
	zones 'BEGIN; DELETE FROM records; INSERT INTO records SELECT * FROM pristine; COMMIT'
}

# fault NAME EXIT WANT COMMAND...: COMMAND puts it there.
fault() {
	local name=$1 exit=$2 want=$3
	shift 3
	named() {
		run "$exit" --json verify "$domain" && equal "$(found)" "$want"
	}
	restore
	"$@" || not_ok "$name" "could not be put there"
	pass "$name: $want" named || jq -c 'select(.event == "check" and (.status | IN("ok", "note") | not)) | [.status, .check, .name, .text, .also]' "$out" | sed 's/^/  /'
}
spf() { # CONTENT...
	local all=() c
	for c; do all+=("\"$c\""); done
	set_to "$domain" TXT "${all[@]}"
}

fault "the MX is gone" 75 'fail mx-missing' gone "$domain" MX
fault "the MX names an alias" 1 'fail mx-cname' eval 'set_to "$domain" MX "10 alias.mx.example"; add alias.mx.example CNAME "$host"'
fault "the MX names nothing" 1 'fail mx-unresolvable' set_to "$domain" MX '10 nowhere.mx.example'
fault "the MX names an address" 1 'fail mx-address' set_to "$domain" MX '10 192.0.2.10'
fault "a null MX stands beside the MX" 1 'fail mx-null-with-others' add "$domain" MX '0 .'
fault "another's MX stands beside ours" 0 'warn record-extra' eval 'add "$domain" MX "20 mx2.mx.example"; add mx2.mx.example A 192.0.2.11'

fault "SPF is gone" 75 'fail spf-missing' gone "$domain" TXT
fault "there are two SPF records" 1 'fail spf-two-records' spf 'v=spf1 ip4:192.0.2.10 -all' 'v=spf1 include:spf1.contoso.example -all'
fault "SPF lets everybody pass" 1 'fail spf-weak-all' spf 'v=spf1 ip4:192.0.2.10 +all'
fault "SPF ends neutral" 1 'fail spf-weak-all' spf 'v=spf1 ip4:192.0.2.10 ?all'
fault "SPF has no end" 1 'fail spf-no-all' spf 'v=spf1 ip4:192.0.2.10'
fault "SPF asks for the PTR" 0 'warn spf-ptr' spf 'v=spf1 ip4:192.0.2.10 ptr -all'
fault "SPF needs more than ten look-ups" 1 'fail spf-lookups' spf "v=spf1 ip4:192.0.2.10 $(printf 'include:spf%d.contoso.example ' 1 2 3 4 5 6 7 8 9 10 11)-all"
fault "SPF has a term that is none" 1 'fail spf-syntax' spf 'v=spf1 ip4:192.0.2.10 ipv4:192.0.2.11 -all'
fault "SPF includes a name without SPF" 75 'fail spf-include-none' spf 'v=spf1 ip4:192.0.2.10 include:nothing.contoso.example -all'
fault "SPF does not cover the address" 1 'fail spf-not-pass' spf 'v=spf1 ip4:192.0.2.11 -all'
fault "SPF lets an address pass softly" 1 'fail record-differs' spf 'v=spf1 ip4:192.0.2.10 ~all'
fault "SPF asks too often for what is not there" 1 'fail spf-voids' spf 'v=spf1 ip4:192.0.2.10 a:x1.contoso.example a:x2.contoso.example a:x3.contoso.example -all'

selector=$(store "SELECT selector FROM dkim_key WHERE domain = '$domain' AND state = 'active'")
key=$selector._domainkey.$domain
first=$(zones "SELECT content FROM pristine WHERE name = '$key'" | sed 's/^"\([^"]*\)" ".*/\1/')
second=$(zones "SELECT content FROM pristine WHERE name = '$key'" | sed 's/.*" "\([^"]*\)"$/\1/')
other=$(openssl genrsa 2048 2>/dev/null | openssl rsa -pubout -outform DER 2>/dev/null | base64 -w 0)
short=$(openssl genrsa 512 2>/dev/null | openssl rsa -pubout -outform DER 2>/dev/null | base64 -w 0)
spki=$(openssl genpkey -algorithm ed25519 2>/dev/null | openssl pkey -pubout -outform DER 2>/dev/null | base64 -w 0)
dkim() { # STRING...: one record
	local strings='' s
	for s; do strings="$strings${strings:+ }\"$s\""; done
	set_to "$key" TXT "$strings"
}
p=${first#*p=}
fault "the DKIM key is gone" 75 'fail dkim-missing' gone "$key" TXT
fault "another DKIM key stands there" 1 'fail dkim-mismatch' dkim "v=DKIM1; k=rsa; p=${other:0:200}" "${other:200}"
fault "quotes stand inside of the key record" 1 'fail dkim-quotes' dkim "\\\"$first" "$second\\\""
fault "backslashes stand inside of it" 1 'fail dkim-backslash' dkim "${first//;/\\\\;}" "$second"
fault "its second string is lost" 1 'fail dkim-string-lost' dkim "$first"
fault "its strings are swapped" 1 'fail dkim-strings-order' dkim "$second" "$first"
fault "it stands there twice" 1 'fail dkim-two-records' add "$key" TXT "\"v=DKIM1; k=rsa; p=${other:0:200}\" \"${other:200}\""
fault "the key is for testing" 1 'fail dkim-testing' dkim "v=DKIM1; k=rsa; t=y; p=$p" "$second"
fault "the key takes SHA-1 alone" 1 'fail dkim-sha1' dkim "v=DKIM1; k=rsa; h=sha1; p=$p" "$second"
fault "the key is revoked" 1 'fail dkim-revoked' dkim 'v=DKIM1; k=rsa; p='
fault "the key is short" 1 'fail dkim-weak' dkim "v=DKIM1; k=rsa; p=$short"
fault "an Ed25519 key is published with its wrapping" 1 'fail dkim-spki-ed25519' dkim "v=DKIM1; k=ed25519; p=$spki"
fault "its version is another" 1 'fail dkim-version' dkim "v=DKIM2; k=rsa; p=$p" "$second"

dmarc() {
	local all=() c
	for c; do all+=("\"$c\""); done
	set_to "_dmarc.$domain" TXT "${all[@]}"
}
rest="adkim=s; rua=mailto:postmaster@$domain"
fault "DMARC is gone" 75 'fail dmarc-missing' gone "_dmarc.$domain" TXT
fault "there are two DMARC records" 1 'fail dmarc-two-records' add "_dmarc.$domain" TXT '"v=DMARC1; p=none"'
fault "DMARC asks for nothing" 1 'fail dmarc-none' dmarc "v=DMARC1; p=none; $rest"
fault "DMARC holds for half of the mail" 1 'fail dmarc-pct' dmarc "v=DMARC1; p=reject; sp=reject; np=reject; pct=50; $rest"
fault "DMARC is for testing" 1 'fail dmarc-t' dmarc "v=DMARC1; p=reject; sp=reject; np=reject; t=y; $rest"
fault "DMARC lets subdomains off" 1 'fail dmarc-sp' dmarc "v=DMARC1; p=reject; sp=none; np=reject; $rest"
fault "DMARC lets names off that are not there" 1 'fail dmarc-np' dmarc "v=DMARC1; p=reject; sp=reject; np=none; $rest"
fault "reports go to somebody who does not take them" 1 'fail dmarc-report-missing' \
	dmarc "v=DMARC1; p=reject; sp=reject; np=reject; adkim=s; rua=mailto:x@reports.contoso.example"
fault "reports go where no mail goes" 1 'fail dmarc-report-mx' dmarc "v=DMARC1; p=reject; sp=reject; np=reject; adkim=s; rua=mailto:x@nowhere.$domain"
fault "strict alignment is lost" 1 'fail record-differs' dmarc "v=DMARC1; p=reject; sp=reject; np=reject; rua=mailto:postmaster@$domain"

fault "the mail host has no address" 75 'fail mx-unresolvable' gone "$host" A
fault "the mail host has another address" 1 'fail ptr-not-confirmed' set_to "$host" A 192.0.2.99
fault "the PTR is gone" 75 'fail ptr-missing' gone "$ptr" PTR
fault "the PTR is another name, which leads back" 1 'fail ptr-differs' eval 'set_to "$ptr" PTR other.mx.example; add other.mx.example A 192.0.2.10'
fault "the PTR is a name without an address" 75 'fail ptr-not-confirmed' set_to "$ptr" PTR gone.mx.example
fault "there are two PTRs" 0 'warn ptr-several' eval 'add "$ptr" PTR other.mx.example; add other.mx.example A 192.0.2.10'
fault "TLS reports have nowhere to go" 1 'fail tls-rpt-record' set_to "_smtp._tls.$domain" TXT '"v=TLSRPTv1; rua="'
alias_apex() {
	for type in MX TXT NS; do gone "$domain" "$type"; done
	add www.contoso.example A 192.0.2.80 && add "$domain" CNAME www.contoso.example
}
fault "the domain is an alias" 1 'fail record-apex-cname' alias_apex
fault "every name has a TXT" 0 'warn zone-wildcard' add "*.$domain" TXT '"anything"'
fault "a record lives no time" 0 'warn record-ttl-zero' zones "UPDATE records SET ttl = 0 WHERE name = '_dmarc.$domain'"

restore
pass "with all put back it verifies clean again" clean
finish
