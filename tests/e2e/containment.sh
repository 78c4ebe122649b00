#!/bin/bash
# Refusals as mails, and what they stop: streams of them through `bounce`, over domains that `provision` made.
# shellcheck disable=SC2317 # promises are reached through pass
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
begin jq

domains=(getnorthwind.example trynorthwind.example northwindoffers.example)
mkdir "$work/zones" "$work/mails"
{
	cfg_head
	echo 'zones = ( { name = "dns"; driver = "zonefile"; directory = "zones"; name_servers = [ "ns1.dnshost.example" ]; } );'
	echo 'organisations = ( { name = "woodgrove.example"; aliases = [ "woodgrove-bank.example" ]; } );'
	cfg_tenant northwind.example '' "${domains[@]}"
} >"$cfg"

fresh() {
	rm -rf "$work"/store.db* "$work"/zones/* "$work/mail"
	run 0 provision northwind.example --yes
}

# notice SENDER RECIPIENT MESSAGE-ID STATUS REPLY [HOST] [ADDRESSEE]: a delivery report, on standard output.
notice() {
	local sender=$1 to=$2 id=$3 status=$4 reply=$5 host=${6:-mx.${2#*@}} addressee=${7:-$1}
	cat <<-END
		Return-Path: <>
		Date: $(date -R)
		From: MAILER-DAEMON@mail.example.net (Mail Delivery System)
		To: $addressee
		Subject: Undelivered Mail Returned to Sender
		Message-Id: <notice.$RANDOM$RANDOM@mail.example.net>
		Auto-Submitted: auto-replied
		MIME-Version: 1.0
		Content-Type: multipart/report; report-type=delivery-status; boundary="part"

		--part
		Content-Type: text/plain

		I'm sorry to have to inform you that your message could not be delivered.

		<$to>: host ${host}[198.51.100.7] said: $reply (in reply to RCPT TO command)

		--part
		Content-Type: message/delivery-status

		Reporting-MTA: dns; mail.example.net

		Final-Recipient: rfc822; $to
		Action: failed
		Status: $status
		Remote-MTA: dns; $host
		Diagnostic-Code: smtp; $reply

		--part
		Content-Type: message/rfc822

		From: Anna <$sender>
		To: $to
		Subject: hello
		Message-ID: <$id>

		Hello.
		--part--
	END
}

read_mail() { # FILE [ARGUMENT...]
	local file=$1
	shift
	run 0 --json bounce "$file" "$@"
}
did() {
	equal "$(jq -r '.actions | join("; ")' "$out")" "$1"
}
state() { # DOMAIN WANT
	"$program" -c "$cfg" --json status "$1" >"$out" 2>"$err" </dev/null
	equal "$(jq -r 'select(.domain != null) | .state' "$out")" "$2"
}
asked() { # MAILBOX RECIPIENT REASON
	"$program" -c "$cfg" --json check "$1" --to "$2" --dry-run >"$out" 2>"$err" </dev/null
	equal "$(jq -r 'if .verdict == "allow" then "allow" else .reason end' "$out")" "$3"
}

pass "three domains are provisioned and send" fresh || finish
pass "they may write" asked "anna@${domains[0]}" dora@fabrikam.example allow || finish

three_domains() {
	local d
	for d in "${domains[@]}"; do
		notice "anna@$d" dora@fabrikam.example "1@$d" 5.7.1 '550 5.7.1 TRANSPORT.RULES.RejectMessage; the message was rejected by organization policy' \
			fabrikam-example.mail.protection.outlook.com >"$work/mails/m" &&
			read_mail "$work/mails/m" && did "suppress organisation fabrikam.example; freeze $d" && state "$d" frozen || return 1
	done
	equal "$("$program" -c "$cfg" --json suppress list | wc -l)" 1 && asked "anna@${domains[0]}" eva@adatum.example frozen
}
pass "one organisation that blocks three domains freezes each and burns none" three_domains

reviewed() {
	run 64 thaw "${domains[1]}" --reason ' ' || return 1
	run 0 thaw "${domains[1]}" --reason 'one organisation, its policy' && state "${domains[1]}" active &&
		asked "anna@${domains[1]}" eva@mail.fabrikam.example suppressed && asked "anna@${domains[1]}" eva@adatum.example allow
}
pass "after the review a domain sends again, to that organisation never" reviewed

named() {
	run 77 why "anna@${domains[0]}" eva@fabrikam.example && has "$out" 'freeze, evidence 1: tenant_policy by rule ' &&
		has "$out" 'suppress, evidence 3: tenant_policy' && lacks "$out" 'dora@' && run 1 status && has "$out" 'tenant_policy, evidence 1'
}
pass "why and status name the evidence, and nobody's address" named

torn_down() {
	run 0 teardown "${domains[0]}" --now --reason over --yes && sed -i "s/{ name = \"${domains[0]}\"; }/{ name = \"northwindletters.example\"; }/" "$cfg" &&
		run 0 provision northwind.example --yes && asked anna@northwindletters.example dora@fabrikam.example suppressed &&
		asked anna@northwindletters.example dora@adatum.example allow
	local rc=$?
	sed -i "s/{ name = \"northwindletters.example\"; }/{ name = \"${domains[0]}\"; }/" "$cfg"
	return "$rc"
}
pass "teardown and a new domain change nothing about it" torn_down

burned() {
	local n
	fresh || return 1
	for n in 1 2 3; do
		notice "anna@${domains[0]}" "dora@org$n.example" "$n@x.example" 5.7.1 "550 5.7.1 This sender is blocked by our administrator ($n)" \
			"org$n-example.mail.protection.outlook.com" >"$work/mails/m" && read_mail "$work/mails/m" || return 1
	done
	has "$out" "burn ${domains[0]}" && state "${domains[0]}" burned && state "${domains[1]}" active && run 77 thaw "${domains[0]}" --reason please
}
pass "three organisations that block one domain burn it" burned

no_lookalike() {
	sed -i 's/getnorthwind\.example/getnorthwinds.example/' "$cfg"
	run 77 provision northwind.example --yes
	local rc=$?
	sed -i 's/getnorthwinds\.example/getnorthwind.example/' "$cfg"
	return "$rc"
}
pass "a name like the burned one is refused" no_lookalike

directory() {
	local n
	fresh || return 1
	for n in $(seq 24); do
		notice "anna@${domains[0]}" "nobody$n@org$((n % 5)).example" "$n@x.example" 5.4.1 \
			'550 5.4.1 Recipient address rejected: Access denied. For more information see https://aka.ms/EXOSmtpErrors [X.prod.outlook.com]' \
			"org$((n % 5))-example.mail.protection.outlook.com" >"$work/mails/d$n"
	done
	run 0 --json bounce "$work/mails"/d* && equal "$(jq -r '.actions[]' "$out" | cut -d ' ' -f 1,2 | sort | uniq -c | xargs)" '24 suppress address' &&
		state "${domains[0]}" active && asked "anna@${domains[0]}" eva@org1.example allow
}
pass "directory refusals by the dozen freeze nothing" directory

vendor() {
	local n
	for n in 1 2 3 4; do
		notice "anna@${domains[1]}" "dora@client$n.example" "v$n@x.example" 5.0.0 \
			'550 csi.mimecast.org Poor Reputation Sender. - https://community.mimecast.com/docs/DOC-1369#550' us-smtp-inbound-1.mimecast.com \
			>"$work/mails/m" && read_mail "$work/mails/m" || return 1
	done
	state "${domains[1]}" frozen && "$program" -c "$cfg" status "${domains[1]}" >"$out" 2>&1
	has "$out" 'systemic' && asked "anna@${domains[2]}" eva@client1.example allow
}
pass "one vendor's verdict at four customers is systemic, and none of the customers' own" vendor

wrapped() {
	notice "anna@${domains[2]}" dora@adatum.example w1@x.example 5.7.350 \
		"550 5.7.350 Remote server returned message detected as spam -> 554 5.7.1 TRANSPORT.RULES.RejectMessage; the message was rejected by organization policy" \
		adatum-example.mail.protection.outlook.com >"$work/mails/m" && read_mail "$work/mails/m" && did "suppress organisation adatum.example; freeze ${domains[2]}"
}
pass "a wrapped reply is its inner reply" wrapped

once() {
	fresh || return 1
	local reply='550 5.7.1 Message rejected due to content restrictions'
	notice "anna@${domains[0]}" dora@fabrikam.example same@x.example 5.7.1 "$reply" mx.fabrikam.example >"$work/mails/m"
	read_mail "$work/mails/m" && did '' || return 1
	# Again; by another notice of the same message; in another mailbox; forwarded as an attachment.
	read_mail "$work/mails/m" && did '' || return 1
	notice "anna@${domains[0]}" dora@fabrikam.example same@x.example 5.7.1 "$reply" mx.fabrikam.example "ben@${domains[1]}" >"$work/mails/m"
	read_mail "$work/mails/m" && did '' || return 1
	{
		printf 'From: ben@%s\nTo: ops@northwind.example\nSubject: Fwd: Undelivered\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="fwd"\n\n' "${domains[1]}"
		printf -- '--fwd\nContent-Type: text/plain\n\nSee below.\n--fwd\nContent-Type: message/rfc822\n\n'
		cat "$work/mails/m"
		printf -- '--fwd--\n'
	} >"$work/mails/f"
	read_mail "$work/mails/f" && did '' && equal "$("$program" -c "$cfg" --json status "${domains[0]}" | jq .refusals)" 1 &&
		asked "anna@${domains[0]}" eva@fabrikam.example allow
}
pass "the same refusal twice, in two mailboxes and forwarded is one" once

forged() {
	notice "sales@elsewhere.example" dora@fabrikam.example f1@elsewhere.example 5.7.1 '554 5.7.1 blocked by our administrator' \
		fabrikam-example.mail.protection.outlook.com >"$work/mails/m" && read_mail "$work/mails/m" && did '' &&
		asked "anna@${domains[0]}" dora@fabrikam.example allow && "$program" -c "$cfg" audit show --subject 'none of ours' >"$out" 2>&1 && has "$out" refusal.read
}
pass "a notice for what was not sent here is recorded, and does nothing" forged

listed() {
	fresh || return 1
	notice "anna@${domains[0]}" dora@fabrikam.example i1@x.example 5.7.606 \
		'550 5.7.606 Access denied, banned sending IP [192.0.2.10]. To request removal from this list please visit https://sender.office.com/ (AS16012609)' \
		fabrikam-example.mail.protection.outlook.com >"$work/mails/m"
	read_mail "$work/mails/m" && state "${domains[1]}" frozen && state "${domains[2]}" frozen &&
		equal "$("$program" -c "$cfg" --json suppress list | wc -l)" 0
}
pass "a listed address freezes every domain on it, and closes nobody" listed

aliases() {
	fresh || return 1
	notice "anna@${domains[0]}" dora@woodgrove-bank.example a1@x.example 5.7.1 '550 5.7.1 TRANSPORT.RULES.RejectMessage; the message was rejected by organization policy' \
		woodgrovebank-example.mail.protection.outlook.com >"$work/mails/m"
	read_mail "$work/mails/m" && asked "anna@${domains[1]}" eva@woodgrove.example suppressed &&
		run 77 suppress check eva@woodgrove.example
}
pass "a declared alias closes the whole organisation" aliases

restored() {
	run 0 --json suppress list && equal "$(wc -l <"$out")" 2 && "$program" -c "$cfg" suppress export >"$work/list.csv" &&
		fresh && asked "anna@${domains[0]}" eva@woodgrove.example allow &&
		run 0 suppress import "$work/list.csv" && asked "anna@${domains[0]}" eva@woodgrove.example suppressed
}
pass "an exported list closes the same in a new store" restored
pass "the log's chain holds" run 0 audit verify
finish
