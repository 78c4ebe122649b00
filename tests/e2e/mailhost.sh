#!/bin/bash
# A mail host of one's own, whole: Postfix, Dovecot and OpenDKIM, then Rspamd, with the lines of the manual over the files that `provision`
# wrote.  A message is submitted, asked for at the gate, signed, sent from its domain's address and arrives; the answer to it is read.
# shellcheck disable=SC2317 # promises are reached through pass
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/gate.sh
. "$(dirname "$0")/../lib/gate.sh"
begin postfix smtp-sink dovecot opendkim openssl jq python3

[ "$(id -u)" = 0 ] || { skip "${0##*/}" "Postfix's master runs as root only"; exit 0; }
[ -x /usr/lib/dovecot/lmtp ] || { skip "${0##*/}" "Dovecot's LMTP is not installed (dovecot-lmtpd)"; exit 0; }
export PATH=$PATH:/usr/sbin:/sbin
manual=$e2e_lib/../../man/coldrelay.8
mode=$(basename "$(dirname "$program")")
make -s --no-print-directory -C "${e2e_lib%/tests/lib}" MODE="$mode" "build/$mode/tests/proof/signed" >&2 || exit 70
verifier=${e2e_lib%/tests/lib}/build/$mode/tests/proof/signed
get=getnorthwind.example try=trynorthwind.example
root=$work/mail

# Other users walk in here: Postfix, Dovecot, the signers.
chmod 711 "$work"
mkdir "$work/zones"
mkdir -m 755 "$work/vhosts" "$work/lines"
chown nobody:nogroup "$work/vhosts"
# shellcheck disable=SC2016 # $TTL is the zone's
printf '$TTL 300\n@ IN SOA ns1.relay.example. hostmaster.relay.example. ( 1 3600 600 86400 60 )\n@ IN NS ns1.relay.example.\n' \
	>"$work/zones/127.in-addr.arpa.zone"

# configure SIGNER OWNER: a domain for each address of the machine.
configure() {
	cat >"$cfg" <<-CFG
		store = "store.db";
		key_file = "key";
		limits = { org_per_hour = 0; org_per_day = 0; mailbox_gap = 0; };
		listen = "unix:$work/postfix/queue/private/coldrelay";
		mail_hosts = (
		  { name = "one"; driver = "local"; root = "mail"; outgoing = "out1"; signer = "$1"; dkim_owner = "$2"; mail_home = "$work/vhosts";
		    host = "mail.relay.example"; addresses = [ "127.0.0.2" ]; },
		  { name = "two"; driver = "local"; root = "mail"; outgoing = "out2"; signer = "$1"; dkim_owner = "$2"; mail_home = "$work/vhosts";
		    host = "mail2.relay.example"; addresses = [ "127.0.0.3" ]; } );
		zones = ( { name = "dns"; driver = "zonefile"; directory = "$work/zones"; name_servers = [ "ns1.relay.example" ]; } );
		addresses = ( { name = "rack"; zone = "dns"; reverse_zones = [ "127.in-addr.arpa" ]; } );
		tenants = ( { primary = "northwind.example"; zone = "dns"; reverse = "rack"; warm_up = 0;
		  mailboxes = ( { local = "anna"; }, { local = "ben"; }, { local = "cleo"; } );
		  domains = ( { name = "$get"; mail_host = "one"; }, { name = "$try"; mail_host = "two"; } ); } );
	CFG
}
configure opendkim opendkim
made() {
	run 0 -q provision northwind.example --yes && run 0 keys export "$get" --out "$work/keys" --credentials &&
		run 0 keys export "$try" --out "$work/keys" --credentials
}
pass "a tenant with two domains at two addresses is provisioned" made || finish

# ---- the servers, with the manual's lines ----

# section FILE [NTH]: the literal block behind the NTH mention of FILE in the manual's section.
section() {
	awk -v file="$1" -v nth="${2:-1}" '
		/^\.Ss A mail host of one/ { there = 1; next }
		/^\.Ss/ { there = 0 }
		there && index($0, file) && ++seen == nth { here = 1 }
		here && /^\.Bd/ { inside = 1; next }
		inside && /^\.Ed/ { exit }
		inside' "$manual" | sed "s|/var/lib/coldrelay/mail|$root|"
}

# Rspamd takes seconds to start: meanwhile OpenDKIM signs.  It looks for changed files each second here, and not each half a minute.
rspamd_port=$(free_port)
mkdir -m 755 "$work/rspamd"
chown _rspamd "$work/rspamd"
echo example >"$work/rspamd/tld"
cat >"$work/lines/rspamd.conf" <<-CONF
	options { tempdir = "$work/rspamd"; dynamic_conf = "$work/rspamd/dynamic"; history_file = "$work/rspamd/history"; pidfile = "$work/rspamd/pid";
	  control_socket = "$work/rspamd/control mode=0600"; hs_cache_dir = "$work/rspamd"; filters = "dkim"; local_addrs = [ "127.0.0.1" ];
	  url_tld = "$work/rspamd/tld"; dns { nameserver = [ "127.0.0.1:9" ]; timeout = 0.2; retransmits = 1; }
	  map_watch_interval = 1s; map_file_watch_multiplier = 1; }
	logging { type = "console"; level = "info"; }
	modules { path = "/usr/share/rspamd/plugins/dkim_signing.lua"; }
	worker "rspamd_proxy" { count = 1; $(section /etc/rspamd/local.d/worker-proxy.inc | sed "s|127.0.0.1:8891|127.0.0.1:$rspamd_port|") }
	dkim_signing { $(section /etc/rspamd/local.d/dkim_signing.conf) }
	CONF
if command -v rspamd >/dev/null; then
	mkdir -m 755 "$root/rspamd"
	: >"$root/rspamd/selectors"
	rspamd -f -u _rspamd -g _rspamd -c "$work/lines/rspamd.conf" >"$work/rspamd.log" 2>&1 </dev/null &
	e2e_pids+=($!)
fi
e2e_pidfiles+=("$work/postfix/sink.pid" "$work/postfix/sasl.pid")
server postfix "$manual"
env=$work/postfix.env
etc=$(value ETC "$env") queue=$(value QUEUE "$env") log=$(value LOG "$env") sink=$(value SINK "$env") port=$(value PORT "$env")
# Dovecot knows the logins here.
bash "$e2e_lib/down.sh" "$work/postfix/sasl.pid"
rm -f "$queue/private/auth"
section /etc/dovecot/local.conf | sed "s|/var/spool/postfix|$queue|" >"$work/lines/dovecot"
server dovecot "$manual" "$root" 0 "$work/lines/dovecot"
imap_port=$(value PORT "$work/dovecot.env")

milter_port=$(free_port) mx_port=$(free_port)
sed -i '/^smtpd_sasl_type\|^smtpd_sasl_path/d' "$etc/main.cf"
{
	section /etc/postfix/main.cf
	section /etc/postfix/main.cf 2
} | sed "s|127.0.0.1:8891|127.0.0.1:$milter_port|" >>"$etc/main.cf"
{
	echo "127.0.0.1:$mx_port inet n - n - - smtpd"
	echo 'lmtp unix - - n - - lmtp'
	cat "$root/postfix/outgoing_services"
} >>"$etc/master.cf"
postfix -c "$etc" reload >"$out" 2>&1 || { not_ok "Postfix takes the manual's lines" "$(said)"; exit 1; }

{
	section /etc/opendkim.conf | sed "s|8891@|$milter_port@|"
	# Its own user, as Debian has it; and this directory lies under /tmp, where everybody may write.
	printf 'UserID opendkim\nRequireSafeKeys no\n'
} >"$work/lines/opendkim.conf"
opendkim -f -x "$work/lines/opendkim.conf" >"$work/opendkim.log" 2>&1 </dev/null &
signer_pid=$!
e2e_pids+=("$signer_pid")
until_true 30 eval "(exec 3<>/dev/tcp/127.0.0.1/$milter_port)" || { not_ok "OpenDKIM starts" "$(tail -n 5 "$work/opendkim.log")"; exit 1; }
serve_up "unix:$queue/private/coldrelay"

# ---- a message and its answer ----

# password ADDRESS: that provisioning made.
password() {
	awk -F '\t' -v who="$1" '$1 == who { print $2 }' "$work/keys/${1#*@}.passwords.tsv"
}
# mail ID SENDER RECIPIENT: submitted by the sender, who is logged in.
mail() {
	SMTP_PASSWORD=${password:-$(password "$2")} timeout 60 python3 "$e2e_lib/smtp_say.py" "$port" "${login:-$2}" "MAIL FROM:<$2>" "RCPT TO:<$3>" DATA \
		"MESSAGE $1" >"$out" 2>"$err"
}
codes() {
	equal "$(cut -d ' ' -f 1 "$out" | tr '\n' ' ')" "$1 " || { why="$why: $(said)$(tail -n 3 "$log")"; return 1; }
}
taken() {
	mail "$@" && codes '250 250 354 250'
}
# arrived ID: the file of it in the sink, in $arrived.
arrived() {
	until_true 15 grep -rqs "^Message-ID: <$1@test>" "$sink" || { why="$why: $(tail -n 5 "$log" | tr '\n' ' ')"; return 1; }
	arrived=$(grep -rls "^Message-ID: <$1@test>" "$sink")
}
# The selector that is published, and what it says.
selector() { # DOMAIN
	sed -n 's/^\([^ ]*\)\._domainkey.*/\1/p' "$work/zones/$1.zone" | head -n 1
}
# One line a signature: a second one is a fault.
verifies() { # DOMAIN
	local s record
	s=$(selector "$1")
	record=$(sed -n "s/^$s\._domainkey[^\"]*\"\(.*\)\"\$/\1/p" "$work/zones/$1.zone" | sed 's/" "//g')
	"$verifier" "$arrived" "$s._domainkey.$1=$record" >"$work/verified" 2>"$err"
	equal "$(cat "$work/verified")" "pass - rsa-sha256 $s" || { why="$why: $(cat "$err" "$arrived" | head -c 2000)"; return 1; }
}
# What the DNS calls ADDRESS.
ptr() {
	awk -v owner="$(awk -F . '{ print $4 "." $3 "." $2 "." $1 }' <<<"$1").in-addr.arpa." '$1 == owner { sub(/\.$/, "", $NF); print $NF }' "$work/zones/127.in-addr.arpa.zone"
}
# By ADDRESS, with its name in HELO.
came_from() {
	has "$arrived" "^X-Client-Addr: $1$" && has "$arrived" "^X-Helo-Args: $(ptr "$1")$" && [ -n "$(ptr "$1")" ]
}
whole_way() { # ID SENDER ADDRESS
	taken "$1" "$2" li@fabrikam.example && arrived "$1" && verifies "${2#*@}" && came_from "$3"
}
pass "a message of one domain: allowed, signed by OpenDKIM, and arrives from its address and name" whole_way one "anna@$get" 127.0.0.2
pass "of the other domain: from the other address, with that one's name" whole_way two "anna@$try" 127.0.0.3
charged() {
	equal "$(left "anna@$get")" 1 && equal "$(left "anna@$try")" 1
}
pass "each is charged once" charged

stranger() {
	login=- mail none1 "anna@$get" li@fabrikam.example
	has "$out" '^554 5\.7\.1' && equal "$(left "anna@$get")" 1
}
pass "nobody submits without a login" stranger
intruder() {
	password=wrong mail none2 "anna@$get" li@fabrikam.example
	has "$err" 'AUTH: 535'
}
pass "nor with a wrong password" intruder

# inbox ADDRESS: what IMAP shows to who has its password.
inbox() {
	PASSWORD=$(password "$1") python3 - "$imap_port" "$1" <<-'PY'
		import imaplib, os, sys
		box = imaplib.IMAP4("127.0.0.1", int(sys.argv[1]))
		box.login(sys.argv[2], os.environ["PASSWORD"])
		box.select("INBOX", readonly=True)
		for number in box.search(None, "ALL")[1][0].split():
		    print(box.fetch(number, "(BODY.PEEK[])")[1][0][1].decode())
	PY
}
# answer ID RECIPIENT: from outside, to the port of MX.
answer() {
	timeout 60 python3 "$e2e_lib/smtp_say.py" "$mx_port" - "MAIL FROM:<li@fabrikam.example>" "RCPT TO:<$2>" DATA "MESSAGE $1" >"$out" 2>"$err"
}
is_in() { # ID MAILBOX
	inbox "$2" | grep -q "^Message-ID: <$1@test>"
}
read_there() {
	answer "$1" "$2" && codes '250 250 354 250' && until_true 15 is_in "$1" "$2"
}
pass "the answer to it is delivered, and read over IMAP with the mailbox's password" read_there answer1 "anna@$get"
nobody_else() {
	! is_in answer1 "ben@$get" && answer answer2 "dora@$get" && codes '250 550 554' &&
		answer answer3 li@adatum.example && codes '250 554 554'
}
pass "there alone; no other mailbox is known, and nothing is relayed" nobody_else

spent() {
	taken one2 "anna@$get" mo@adatum.example && { mail one3 "anna@$get" no@contoso.example; codes '250 450 554'; } &&
		has "$out" '4\.7\.1' && taken one4 "ben@$get" no@contoso.example
}
pass "the budget of a mailbox is used up: the next is deferred; that of another is not" spent

# ---- a frozen domain: the gate, and the line behind it ----

access() {
	cat "$root/postfix/sender_access"
}
by_postfix='^554 5\.7\.1 .*Sender address rejected: coldrelay: frozen or closing'
refused_by() { # REGEX ID SENDER
	mail "$2" "$3" li@litware.example
	has "$out" "$1" && codes '250 554 554'
}
frozen() {
	run 0 freeze "$get" --reason test && refused_by "$by_postfix" frozen1 "cleo@$get"
}
pass "after freeze Postfix itself refuses the domain" frozen
gate_too() {
	: >"$root/postfix/sender_access"
	postmap -c "$etc" "$root/postfix/sender_access" && touch -d '+5 seconds' "$root/postfix/sender_access.db" &&
		refused_by '^554 5\.7\.1 .*is frozen' frozen2 "cleo@$get" && run 0 quiesce && refused_by "$by_postfix" frozen3 "cleo@$get"
}
pass "with its list lost the gate refuses; quiesce writes the list again" gate_too
alone() {
	serve_down TERM
	refused_by "$by_postfix" frozen4 "cleo@$get" && { mail frozen5 "cleo@$try" li@litware.example; codes '250 451 554'; }
	local rc=$?
	serve_up "unix:$queue/private/coldrelay"
	return "$rc"
}
pass "without the gate's daemon a frozen domain is refused, and the others wait" alone
pass "it goes on receiving" read_there answer4 "anna@$get"
thawed() {
	run 0 thaw "$get" --reason reviewed && equal "$(access)" '' && taken thawed1 "cleo@$get" li@litware.example && arrived thawed1
}
pass "after thaw it sends again" thawed

# A freeze by who cannot write there.
bounced() {
	cat >"$work/notice" <<-MAIL
		From: MAILER-DAEMON@mail.relay.example
		To: cleo@$get
		Subject: Undelivered Mail Returned to Sender
		Message-Id: <n1@mail.relay.example>
		MIME-Version: 1.0
		Content-Type: multipart/report; report-type=delivery-status; boundary="b"

		--b
		Content-Type: message/delivery-status

		Reporting-MTA: dns; mail.relay.example

		Final-Recipient: rfc822; li@litware.example
		Action: failed
		Status: 5.7.1
		Diagnostic-Code: smtp; 554 5.7.1 Message rejected due to your organization policy: sender is not allowed by administrator

		--b--
	MAIL
	run 0 --json bounce "$work/notice" && has "$out" "freeze $get" && equal "$(access)" '' &&
		run 0 quiesce && has "$err" '1 domain is refused, 1 may send' && refused_by "$by_postfix" bounced1 "cleo@$get"
}
pass "a freeze by a bounce reaches Postfix with the next quiesce" bounced
provisioned() {
	: >"$root/postfix/sender_access"
	run 0 -q provision northwind.example --yes && has "$root/postfix/sender_access" "^$get REJECT "
}
pass "and with the next provision, which has nothing else to do" provisioned
closing() {
	run 0 -q teardown "$try" --yes && refused_by "$by_postfix" closing1 "cleo@$try" && run 0 quiesce && equal "$(access | wc -l)" 1 && refused_by "$by_postfix" closing2 "ben@$try"
}
cannot() {
	local dir=$root/postfix rc
	mv "$dir/sender_access" "$work/away" && mkdir "$dir/sender_access"
	# shellcheck disable=SC2016 # backquotes of a message
	run 75 -q quiesce && has "$err" "^coldrelay: .*$get: its mail host could not be told that it may not send" &&
		run 0 thaw "$get" --reason again && has "$err" 'the gate obeys; at the mail host, `coldrelay quiesce` has to follow'
	rc=$?
	rmdir "$dir/sender_access" && mv "$work/away" "$dir/sender_access"
	[ "$rc" = 0 ] && run 0 quiesce && equal "$(access)" ''
}
pass "a mail host that cannot be told is a warning to thaw, and 75 to quiesce; the next one does it" cannot

# ---- Rspamd in place of OpenDKIM ----

if ! command -v rspamd >/dev/null; then
	skip "Rspamd signs" "rspamd is not installed"
else
	changed() {
		configure rspamd _rspamd
		run 0 -q provision northwind.example --yes && equal "$(cat "$root/opendkim/SigningTable")" '' && run 0 provision northwind.example --yes --dry-run
	}
	until_true 30 eval "(exec 3<>/dev/tcp/127.0.0.1/$rspamd_port)"
	pass "another signer is one more run of provision" changed
	# What it has read of its table stands in its log alone.
	seen() {
		until_true 20 grep -q 'read hash of 2 elements from .*/rspamd/selectors' "$work/rspamd.log" || { why="$why: $(tail -n 5 "$work/rspamd.log")"; return 1; }
	}
	pass "which Rspamd sees by itself" seen
	postconf -c "$etc" -e "smtpd_milters = inet:127.0.0.1:$rspamd_port" && postfix -c "$etc" reload >"$out" 2>&1
	pass "a message signed by Rspamd with the key that provisioning made arrives and verifies" whole_way three "ben@$get" 127.0.0.2
	pass "of the other domain too" whole_way four "ben@$try" 127.0.0.3
fi
pass "a domain that is closing is refused by Postfix, and stays so" closing

# ---- the documents ----

same_lines() {
	local line
	while IFS= read -r line; do
		case $line in
		'' | protocols* | '}') ;;
		*) grep -qxF -- "    $line" "$e2e_lib/../../README.md" || { why="README.md has no '$line'"; return 1; } ;;
		esac
	done < <({ section /etc/postfix/main.cf; section /etc/dovecot/local.conf; section /etc/opendkim.conf; } | sed "s|$root|/var/lib/coldrelay/mail|")
}
pass "README.md gives the same lines" same_lines
pass "Postfix has nothing to complain of in its configuration" lacks "$log" 'warning: (bounce|.*unused|.*overrid|.*unknown (parameter|mail transport))|(smtpd|master|qmgr|smtp|lmtp).*fatal:|panic:'

# All at once: each takes its seconds to end.
kill "$signer_pid"
ending=()
for p in "${e2e_pidfiles[@]}"; do
	bash "$e2e_lib/down.sh" "$p" &
	ending+=($!)
done
wait "${ending[@]}"
finish
