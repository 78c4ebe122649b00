# Sourced by bind.sh and knot.sh with $kind set: the main path by DNS update (RFC 2136), and reverse DNS (RFC 1035, RFC 2317).
# shellcheck shell=bash
# shellcheck disable=SC2317 # promises are reached through pass
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"

one=getnorthwind.example
two=trynorthwind.example
plain=2.0.192.in-addr.arpa
classless=64/26.2.0.192.in-addr.arpa
server "$kind" 0 "$one" "$two" mx.example "$plain" "$classless"
port=$(value PORT "$work/$kind.env")
key_name=$(value KEY_NAME "$work/$kind.env")
key_algorithm=$(value KEY_ALGORITHM "$work/$kind.env")
TSIG_KEY=$(value KEY_SECRET "$work/$kind.env")
export TSIG_KEY
printf 'key "%s" { algorithm %s; secret "%s"; };\n' "$key_name" "$key_algorithm" "$TSIG_KEY" >"$work/update.key"
chmod 600 "$work/update.key"

# update ZONE LINE...: as somebody else who holds the key.
update() {
	{
		printf 'server 127.0.0.1 %s\nzone %s\n' "$port" "$1"
		shift
		printf 'update %s\n' "$@"
		echo send
	} | nsupdate -k "$work/update.key" >"$work/update.out" 2>&1 || { why="nsupdate: $(cat "$work/update.out")"; return 1; }
}

zone() {
	records "$port" "$1" -k "$work/update.key"
}

# config "SETTINGS OF THE TENANT" ADDRESSES DOMAIN...
config() {
	local more=$1 addresses=$2
	shift 2
	cfg_head | sed "s/\"192\.0\.2\.10\"/$addresses/"
	cat <<-CFG
		zones = ( { name = "dns"; driver = "rfc2136"; server = "127.0.0.1:$port"; key_name = "$key_name";
		  key_algorithm = "$key_algorithm"; key_secret = "env:TSIG_KEY"; check_server = "127.0.0.1:$port"; } );
		addresses = ( { name = "net"; zone = "dns"; reverse_zones = [ "$plain", "$classless" ]; } );
	CFG
	cfg_tenant northwind.example "$more" "$@"
}

config '' '"192.0.2.10"' "$one" "$two" >"$cfg"

# What others keep in the zone stays as it is, through everything.
pass "somebody keeps records in the zones" update "$one" "add www.$one. 300 A 198.51.100.7" "add $one. 300 TXT \"site-check=77\"" \
	"add sales.$one. 300 MX 10 other.example." || finish
foreign=$(zone "$one")

dry_run() {
	run 2 --json provision northwind.example --dry-run && equal "$(zone "$one")" "$foreign" && [ ! -e "$work/store.db" ]
}
pass "a dry run shows a plan, exits 2 and changes nothing" dry_run

wrong_key() {
	local TSIG_KEY
	TSIG_KEY=$(head -c 32 /dev/zero | base64)
	run 77 -q provision northwind.example "$one" --yes && one_line "$err" && has "$err" 'key|BADSIG|TSIG' && lacks "$err" "$TSIG_KEY" &&
		equal "$(zone "$one")" "$foreign"
}
pass "a wrong key is refused in one clear line" wrong_key

unknown_key() {
	sed "s/key_name = \"[^\"]*\"/key_name = \"nobody.example\"/" "$cfg" >"$work/bad.cfg"
	"$program" -q -c "$work/bad.cfg" provision northwind.example "$one" --yes >"$out" 2>"$err" </dev/null
	equal "$?" 77 && one_line "$err" && equal "$(zone "$one")" "$foreign"
}
pass "and so is a key that the server does not know" unknown_key

first() {
	run 0 --json provision northwind.example --yes && equal "$(tail -n 1 "$out" | jq -c '[.failed, .refused]')" '[0,0]'
}
pass "both domains are provisioned" first || finish

published() { # DOMAIN
	selector=$(store "SELECT selector FROM dkim_key WHERE domain = '$1' AND state = 'active'") &&
		equal "$(query "$port" "$1" MX)" '10 mail.mx.example.' &&
		query "$port" "$1" TXT >"$out" && has "$out" '^"v=spf1 ip4:192.0.2.10 -all"$' &&
		query "$port" "_dmarc.$1" TXT >"$out" && has "$out" '^"v=DMARC1; p=reject; sp=reject; np=reject;' &&
		query "$port" "$selector._domainkey.$1" TXT >"$out" && has "$out" '^"v=DKIM1; .*p=MII[A-Za-z0-9+/=]{380,}"$'
}
pass "dig sees the records of the first" published "$one"
pass "and of the second" published "$two"
pass "verify passes for the first" run 0 verify "$one"
pass "and for the second" run 0 verify "$two"

serial() {
	query "$port" "$1" SOA | cut -d ' ' -f 3
}
again() {
	before=$(serial "$one") && run 0 --json provision northwind.example --yes &&
		equal "$(tail -n 1 "$out" | jq -c '[.done, .failed, .refused]')" '[0,0,0]' && equal "$(serial "$one")" "$before"
}
pass "a second run plans nothing and leaves the serial" again

keeps_foreign() {
	equal "$(comm -23 <(echo "$foreign") <(zone "$one"))" ''
}
pass "the records of others are there" keeps_foreign

repaired() {
	update "$one" "delete _dmarc.$one. TXT" && run 75 verify "$one" && run 0 provision northwind.example --yes && run 0 verify "$one"
}
pass "a record that went missing is told and put back" repaired

# fault NAME EXIT WANT OWNER TYPE RDATA...: with that record set in the place of ours, WANT is what is found, and nothing else.
fault() {
	local name=$1 exit=$2 want=$3 owner=$4 type=$5 before
	shift 5
	told() {
		run "$exit" --json verify "$one" && equal "$(jq -rs '[.[] | select(.event == "check" and (.status | IN("ok", "note") | not)) |
			.status + " " + .check] | sort | join(", ")' "$out")" "$want"
	}
	before=$(zone "$one" | awk -v n="$owner." -v t="$type" '$1 == n && $4 == t')
	{
		echo "delete $owner. $type"
		for rdata; do echo "add $owner. 3600 $type $rdata"; done
	} >"$work/fault"
	mapfile -t lines <"$work/fault"
	update "$one" "${lines[@]}" && pass "$name: $want" told
	mapfile -t lines <<<"delete $owner. $type
add ${before//$'\n'/$'\n'add }"
	update "$one" "${lines[@]}" || not_ok "$name" "could not be put back"
}
key=$(store "SELECT selector FROM dkim_key WHERE domain = '$one' AND state = 'active'")._domainkey.$one
fault "without an MX" 75 'fail mx-missing' "$one" MX
fault "with a null MX beside ours" 1 'fail mx-null-with-others' "$one" MX '10 mail.mx.example.' '0 .'
fault "with two SPF records" 1 'fail spf-two-records' "$one" TXT '"v=spf1 ip4:192.0.2.10 -all"' '"v=spf1 -all"' '"site-check=77"'
fault "with SPF that lets all pass" 1 'fail spf-weak-all' "$one" TXT '"v=spf1 ip4:192.0.2.10 +all"' '"site-check=77"'
fault "without the address in SPF" 1 'fail spf-not-pass' "$one" TXT '"v=spf1 ip4:192.0.2.9 -all"' '"site-check=77"'
fault "without the DKIM key" 75 'fail dkim-missing' "$key" TXT
fault "with a DKIM key that is revoked" 1 'fail dkim-revoked' "$key" TXT '"v=DKIM1; k=rsa; p="'
fault "without DMARC" 75 'fail dmarc-missing' "_dmarc.$one" TXT
fault "with a DMARC policy of none" 1 'fail dmarc-none' "_dmarc.$one" TXT '"v=DMARC1; p=none; rua=mailto:postmaster@getnorthwind.example"'
fault "with DMARC on trial" 1 'fail dmarc-t' "_dmarc.$one" TXT '"v=DMARC1; p=reject; sp=reject; np=reject; adkim=s; t=y; rua=mailto:postmaster@getnorthwind.example"'
pass "with all put back it verifies clean" run 0 verify "$one"

# A freeze for lack of authentication: published records end it, and nothing else does.
unauthenticated() {
	printf '%s\n' 'Return-Path: <>' "To: anna@$one" 'From: mailer-daemon@fabrikam.example' 'Subject: Undeliverable' 'MIME-Version: 1.0' \
		'Content-Type: multipart/report; report-type=delivery-status; boundary="b"' '' '--b' 'Content-Type: message/delivery-status' '' \
		'Reporting-MTA: dns; mx.fabrikam.example' '' 'Final-Recipient: rfc822; dora@fabrikam.example' 'Action: failed' 'Status: 5.7.26' \
		'Diagnostic-Code: smtp; 550 5.7.26 This mail has been blocked because the sender is unauthenticated.' '' '--b' \
		'Content-Type: message/rfc822' '' "From: anna@$one" "Message-ID: <1@$one>" '' 'Hello.' '--b--' >"$work/unauthenticated"
	run 0 --json bounce "$work/unauthenticated" && has "$out" "\"freeze $one\"" && run 77 thaw "$one" --reason reviewed &&
		has "$err" 'has to pass before a thaw' && half_a_pass && run 0 verify "$one" && run 0 thaw "$one" --reason reviewed
}
# What is missing or unknown is no pass.
half_a_pass() {
	local policy
	policy=$(zone "$one" | grep "^_dmarc\.$one\. ") && update "$one" "delete _dmarc.$one. TXT" && run 75 verify "$one" &&
		run 77 thaw "$one" --reason reviewed && update "$one" "add $policy" && run 75 verify "$one" --resolver 127.0.0.1:1 &&
		run 77 thaw "$one" --reason reviewed
}
pass "a domain that was refused for its authentication is thawed after verify passed" unauthenticated

not_served() {
	sed "s/$two/nowhere-northwind.example/" "$cfg" >"$work/bad.cfg"
	"$program" -c "$work/bad.cfg" --json provision northwind.example nowhere-northwind.example --yes >"$out" 2>"$err" </dev/null
	equal "$?" 77 && has "$out" '"refused"' && has "$out" nowhere &&
		equal "$(store "SELECT count(*) FROM journal WHERE domain = 'nowhere-northwind.example'")" 0 &&
		equal "$(store "SELECT count(*) FROM dkim_key WHERE domain = 'nowhere-northwind.example'")" 0 &&
		lacks "$work/mail/postfix/virtual_mailbox_maps" nowhere
}
pass "a zone that the server does not serve is refused, and nothing is written" not_served

# Reverse DNS.  192.0.2.10 stands in the plain zone, 192.0.2.70 in the classless one.
config 'reverse = "net";' '"192.0.2.10", "192.0.2.70"' "$one" "$two" >"$cfg"
update "$plain" "add 20.$plain. 300 PTR somebody.example." "add 70.$plain. 300 CNAME 70.$classless."
update mx.example "add mail.mx.example. 300 A 192.0.2.10" "add mail.mx.example. 300 A 192.0.2.70"
update "$classless" "add 71.$classless. 300 PTR somebody.example."
plain_before=$(zone "$plain")
classless_before=$(zone "$classless")

reverse() {
	run 0 --json provision northwind.example --yes && equal "$(query "$port" "10.$plain" PTR)" mail.mx.example. &&
		equal "$(query "$port" "70.$classless" PTR)" mail.mx.example. && equal "$(query "$port" "20.$plain" PTR)" somebody.example.
}
pass "PTR records go into the plain and the classless zone" reverse
pass "a second run plans nothing there" run 0 provision northwind.example --dry-run
# The server plays a resolver here, but follows no CNAME into another of its zones: only the plain one is asked.
back() {
	config 'reverse = "net";' '"192.0.2.10"' "$one" "$two" >"$work/one.cfg"
	"$program" -c "$work/one.cfg" verify "$one" --resolver "127.0.0.1:$port" >"$out" 2>"$err"
	has "$out" '^ *ok *PTR of 192\.0\.2\.10$' && has "$out" '^ *ok *forward-confirmed 192\.0\.2\.10$'
}
pass "verify goes from the address to the name and back" back

conflict() {
	config 'reverse = "net";' '"192.0.2.20"' "$two" >"$work/bad.cfg"
	before=$(zone "$two") && before_reverse=$(zone "$plain")
	"$program" -c "$work/bad.cfg" --json provision northwind.example "$two" --yes >"$out" 2>"$err" </dev/null
	equal "$?" 77 && equal "$(jq -rs '[.[] | select(.status == "refused") | .step] | join(",")' "$out")" 'reverse 192.0.2.20' &&
		equal "$(zone "$plain")" "$before_reverse" && equal "$(zone "$two")" "$before"
}
pass "a PTR of somebody else is a conflict, and nothing of the domain is written" conflict

outside() {
	config 'reverse = "net";' '"198.51.100.1"' "$two" >"$work/bad.cfg"
	"$program" -c "$work/bad.cfg" --json provision northwind.example "$two" --yes >"$out" 2>"$err" </dev/null
	equal "$?" 77 && has "$out" '"reverse 198.51.100.1","change":"create","status":"refused"'
}
pass "an address in none of the reverse zones is refused" outside

first_parked() {
	run 0 teardown "$one" --yes --now --reason test && equal "$(query "$port" "$one" MX)" '0 .' &&
		equal "$(query "$port" "10.$plain" PTR)" mail.mx.example. && keeps_foreign
}
pass "parking one domain leaves the address that the other sends from" first_parked

# Another name for the same address, set by hand meanwhile.
second_parked() {
	update "$plain" "add 10.$plain. 3600 PTR also.somebody.example." && run 0 teardown "$two" --yes --now --reason test &&
		equal "$(query "$port" "10.$plain" PTR)" also.somebody.example. && update "$plain" "delete 10.$plain. PTR" &&
		equal "$(zone "$plain")" "$plain_before" && equal "$(zone "$classless")" "$classless_before"
}
pass "parking the last removes our PTR records and no others" second_parked

parked() {
	query "$port" "$two" TXT >"$out" && has "$out" '^"v=spf1 -all"$' && equal "$(query "$port" "any._domainkey.$two" TXT)" '"v=DKIM1; p="' &&
		lacks "$work/mail/postfix/virtual_mailbox_maps" northwind
}
pass "a parked name takes and sends no mail" parked
pass "a parked domain can be provisioned again" run 0 provision northwind.example --yes
pass "with its PTR records" equal "$(query "$port" "10.$plain" PTR) $(query "$port" "70.$classless" PTR)" 'mail.mx.example. mail.mx.example.'

# A PTR that was right before we came is not ours.
not_ours() {
	run 0 teardown "$one" --yes --now --reason test && run 0 teardown "$two" --yes --now --reason test &&
		update "$plain" "add 10.$plain. 300 PTR mail.mx.example." && run 0 provision northwind.example "$two" --yes &&
		run 0 teardown "$two" --yes --now --reason test && equal "$(query "$port" "10.$plain" PTR)" mail.mx.example. &&
		equal "$(query "$port" "70.$classless" PTR)" ''
}
pass "a PTR that stood there already stays" not_ours
pass "the records of others are there at the end" keeps_foreign
pass "the log's chain holds" run 0 audit verify
pass "no row of the journal waits" equal "$(store 'SELECT count(*) FROM journal WHERE received_ms IS NULL')" 0
finish
