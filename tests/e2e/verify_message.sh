#!/bin/bash
# A test message that arrived in a mailbox: found over IMAP in a real Dovecot, the newest from the domain, and nothing there is touched.
# shellcheck disable=SC2317 # promises are reached through pass
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
begin jq python3 openssl

get=getnorthwind.example anna=anna@getnorthwind.example ben=ben@getnorthwind.example
mkdir "$work/zones" "$work/vhosts"
chmod 711 "$work"
chown nobody:nogroup "$work/vhosts"
{
	cfg_head | sed "s|root = \"mail\";|root = \"mail\"; mail_home = \"$work/vhosts\";|; s|timeout = .*|timeout = \"2s\";|"
	echo "zones = ( { name = \"dns\"; driver = \"zonefile\"; directory = \"zones\"; name_servers = [ \"ns1.relay.example\" ]; } );"
	cfg_tenant northwind.example '' "$get"
} >"$work/base.cfg"
cp "$work/base.cfg" "$cfg"
run 0 -q provision northwind.example --yes || { not_ok "an installation with mailboxes" "$why"; exit 1; }
server dovecot "$e2e_lib/../../man/coldrelay.8" "$work/mail"
port=$(value PORT "$work/dovecot.env")
{
	cat "$work/base.cfg"
	printf 'imap = ( { host = "127.0.0.1"; port = %s; tls = "none"; } );\n' "$port"
} >"$cfg"

# put ADDRESS ID SPF FROM RECEIVED: a message, delivered as Dovecot would.
put() {
	local dir
	dir=$work/vhosts/${1#*@}/${1%@*}/Maildir
	mkdir -p "$dir/new" "$dir/cur" "$dir/tmp"
	cat >"$dir/tmp/$2" <<-MAIL
		Authentication-Results: mail.mx.example; spf=$3 smtp.mailfrom=$4; dkim=none; dmarc=fail header.from=$4
		Received: from out.example (out.example [192.0.2.10]) by mail.mx.example with ESMTPS id $2; Wed, 25 Nov 2026 $5 +0000
		From: Anna <anna@$4>
		Date: Wed, 25 Nov 2026 10:00:00 +0000
		Message-ID: <$2@$4>
		Subject: test

		test
	MAIL
	mv "$dir/tmp/$2" "$dir/new/"
	chown -R nobody:nogroup "$work/vhosts"
}

# verdict WORD ARGUMENT...: the message that verify finds is the one with spf=WORD.  Nobody answers questions of DNS.
verdict() {
	local want=$1
	shift
	"$program" -c "$cfg" --json verify "$get" --imap --resolver 127.0.0.1:1 "$@" >"$out" 2>"$err"
	jq -r 'select(.check == "message-verdicts") | tostring' "$out" | grep -q "spf=$want " || { why=$(said); return 1; }
}

folder_looks() {
	find "$work/vhosts" -path '*/new/*' -o -path '*/cur/*' | sort
}

none() {
	run 75 --json verify "$get" --imap --resolver 127.0.0.1:1 && one_line "$err" && has "$err" "no message from $get"
}
pass "without a message it says so, and may be asked again" none

put "$anna" 1old fail "$get" 10:00:01
put "$anna" 2new softfail "$get" 10:00:02
put "$anna" 3other neutral other.example 10:00:03
before=$(folder_looks)
pass "the newest message from the domain is found, not one of somebody else" verdict softfail
again() {
	verdict softfail && equal "$(folder_looks)" "$before"
}
pass "it is found again: nothing is deleted, moved or marked as seen" again
read_before() {
	run 0 --json bounce --imap && has "$err" '3 new mails' && verdict softfail
}
pass "it is found although bounces were read there, which it had not kept from reading" read_before
put "$ben" 4earlier pass "$get" 10:00:01
pass "between mailboxes an earlier one does not count" verdict softfail
put "$ben" 5later policy "$get" 10:00:04
pass "between mailboxes the later one counts" verdict policy
pass "one mailbox alone is looked into when it is named" verdict softfail --mailbox "$anna"
unknown_mailbox() {
	run 77 verify "$get" --imap --mailbox "nobody@$get" --resolver 127.0.0.1:1 && one_line "$err" && has "$err" "nobody@$get"
}
pass "a mailbox that is not there is named" unknown_mailbox

# It comes while it is waited for: put there once verify has said that it is not.
waits() {
	local pid
	rm -rf "$work/vhosts/$get"
	"$program" -c "$cfg" --json verify "$get" --imap --wait 20s --resolver 127.0.0.1:1 >"$out" 2>"$err" &
	pid=$!
	until_true 20 has "$err" "no message from $get yet"
	put "$anna" 6awaited permerror "$get" 10:00:05
	until_true 20 has "$err" 'reading the newest message'
	kill "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	has "$err" "reading the newest message from $get in $anna"
}
pass "with --wait it is waited for" waits
finish
