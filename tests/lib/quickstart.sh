#!/bin/bash
# Show coldrelay's main job on this machine, in ./demo, without network, root or any real provider.
# Run by `make quickstart`, which builds the program first.  Exit: 0 when every step went as told.
#   COLDRELAY   the program (build/release/coldrelay)
set -u -o pipefail
cd "$(dirname "$0")/../.." || exit 70

program=$(realpath -m "${COLDRELAY:-build/release/coldrelay}")
mark=demo/.made-by-quickstart

if [ -e demo ] && [ ! -e "$mark" ]; then
	echo "quickstart: ./demo is there and was not made by quickstart: move it away first" >&2
	exit 73
fi
[ -x "$program" ] || { echo "quickstart: no program at $program: run make quickstart" >&2; exit 69; }

if [ -e "$mark" ]; then
	echo "The demo of an earlier run in ./demo is thrown away; this one starts from nothing."
	rm -rf demo
fi
mkdir demo demo/zones && : >"$mark" || exit 73

cat >demo/coldrelay.cfg <<'CFG'
# The demo's configuration.  Change it and run the commands again; coldrelay.cfg(5) describes every setting.
# From the top of the source tree:  build/release/coldrelay -c demo/coldrelay.cfg status

store = "coldrelay.db";
key_file = "coldrelay.key";

# The budget of a mailbox stays what it is: 4 sends in 24 hours, 2 outbound and 2 warm-up.
# Only the paces between sends are off, so that the budget shows at once.
limits = { org_per_hour = 0; org_per_day = 0; mailbox_gap = 0; };

# Zones as master files in demo/zones.  PowerDNS, BIND and Knot are other drivers.
zones = (
	{ name = "files"; driver = "zonefile"; directory = "zones";
	  name_servers = [ "ns1.example.net", "ns2.example.net" ]; }
);

# A mail server of one's own: Postfix, Dovecot and OpenDKIM would read the files in demo/mail.
mail_hosts = (
	{ name = "own"; driver = "local"; root = "mail";
	  host = "mail.example.net"; addresses = [ "192.0.2.10" ]; }
);

tenants = (
	{
		primary = "northwind.example";   # never touched, never sends
		zone = "files";
		mail_host = "own";
		warm_up = 0;                     # demo only: a real domain waits 42 days before its first outbound send
		mailboxes = ( { local = "anna"; name = "Anna Berg"; }, { local = "ben"; name = "Ben Okoro"; } );
		domains = ( { name = "getnorthwind.example"; }, { name = "trynorthwind.example"; } );
	}
);
CFG

step=0
say() {
	step=$((step + 1))
	printf '\n== %d. %s\n' "$step" "$1"
}

# run WANT ARGUMENT...: show the command, run it, and hold its exit code to WANT.
run() {
	local want=$1 rc
	shift
	printf '$ coldrelay -c demo/coldrelay.cfg'
	printf ' %s' "${@@Q}" | sed "s/'\([A-Za-z0-9@.:=_-]*\)'/\1/g"
	printf '\n'
	"$program" -c demo/coldrelay.cfg "$@" 2>&1
	rc=$?
	[ "$rc" = 0 ] || echo "(exit $rc)"
	if [ "$rc" != "$want" ]; then
		echo "quickstart: exit $rc, expected $want: this is a bug, the demo stops here" >&2
		exit 70
	fi
}

echo "coldrelay quickstart: one tenant, northwind.example, two outreach domains.  All files are in ./demo."

say "What would be done?  Nothing is changed; exit 2 says that there is something to do."
run 2 provision northwind.example getnorthwind.example --dry-run

say "Do it, for both domains: zones, keys, records, mailboxes; then the gate knows them."
run 0 provision northwind.example --yes

say "The same again: nothing is left to do, nothing is made twice."
run 0 provision northwind.example --yes

say "A zone it wrote.  SPF ends in -all, DMARC is reject, the DKIM key is RSA-2048."
echo '$ cut -c1-110 demo/zones/getnorthwind.example.zone'
cut -c1-110 demo/zones/getnorthwind.example.zone || exit 70

say "Every send asks first.  Two outbound in 24 hours ..."
anna=anna@getnorthwind.example
run 0 check "$anna" --to li@fabrikam.example --message-id first@demo
run 0 check "$anna" --to sam@contoso.example --message-id second@demo

say "... and two warm-up, to mailboxes of this installation."
run 0 check "$anna" --to ben@trynorthwind.example
run 0 check "$anna" --to anna@trynorthwind.example

say "The third outbound waits, and is told until when.  Exit 75: try again later."
run 75 --json check "$anna" --to kim@adatum.example

say "A message that is asked for again with its id is the same send: same ticket, not charged."
run 0 check "$anna" --to li@fabrikam.example --message-id first@demo

say "The primary domain never sends.  Exit 77: refused."
run 77 check ceo@northwind.example --to li@fabrikam.example

say "An organisation that asked to be left alone is closed to every domain.  Every test, and its answer:"
run 0 suppress add litware.example --reason 'asked by mail'
run 77 why ben@trynorthwind.example info@litware.example

say "A bounce comes back: an administrator at fabrikam has blocked the sender.  It is read, and obeyed."
cat >demo/bounce.eml <<'MAIL'
From: MAILER-DAEMON@mail.example.net (Mail Delivery System)
To: ben@trynorthwind.example
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="part"

--part
Content-Type: text/plain

I'm sorry to have to inform you that your message could not be delivered.

<li@fabrikam.example>: host us-smtp-inbound-1.mimecast.com[192.0.2.25] said: 550 Administrative prohibition
    envelope blocked (in reply to RCPT TO command)

--part
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.example.net

Final-Recipient: rfc822; li@fabrikam.example
Action: failed
Status: 5.0.0
Remote-MTA: dns; us-smtp-inbound-1.mimecast.com
Diagnostic-Code: smtp; 550 Administrative prohibition envelope blocked

--part
Content-Type: text/rfc822-headers

From: ben@trynorthwind.example
To: li@fabrikam.example
Message-ID: <third@demo>

--part--
MAIL
run 0 bounce demo/bounce.eml

say "The domain is frozen until somebody has looked, and fabrikam is closed to the other domain as well."
run 77 check ben@trynorthwind.example --to kim@adatum.example
run 77 check ben@getnorthwind.example --to sam@fabrikam.example

say "Where things stand: alarms first.  Exit 1 says that there are some."
run 1 status

say "Every change is a row of a hash-chained log."
run 0 audit verify

cat <<'END'

== Done.  Left in ./demo: coldrelay.cfg, the store coldrelay.db, its key, zones/, mail/.  Try next:

  c='build/release/coldrelay -c demo/coldrelay.cfg'
  $c thaw trynorthwind.example --reason 'reviewed: their rule, not ours'
  $c keys list getnorthwind.example
  $c teardown getnorthwind.example --dry-run
  $c audit show
  $c help check

README.md goes on from here with real providers; `man man/coldrelay.8` is the manual; `make test` runs every test.
END
