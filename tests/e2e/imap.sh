#!/bin/bash
# Mailboxes read over IMAP from a real Dovecot, which runs with the lines of the manual over the files that provisioning wrote.
# shellcheck disable=SC2317 # promises are reached through pass
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
begin jq python3 sqlite3 openssl

get=getnorthwind.example try=trynorthwind.example
anna=anna@$get
mkdir "$work/zones" "$work/vhosts"
chmod 711 "$work"
{
	cfg_head | sed "s|root = \"mail\";|root = \"mail\"; mail_home = \"$work/vhosts\";|; s|timeout = .*|timeout = \"2s\";|"
	echo "zones = ( { name = \"dns\"; driver = \"zonefile\"; directory = \"zones\"; name_servers = [ \"ns1.relay.example\" ]; } );"
	cfg_tenant northwind.example '' "$get" "$try"
} >"$work/base.cfg"
cp "$work/base.cfg" "$cfg"
run 0 -q provision northwind.example --yes || { not_ok "an installation with mailboxes" "$why"; exit 1; }
server dovecot "$e2e_lib/../../man/coldrelay.8" "$work/mail"
env=$work/dovecot.env
port=$(value PORT "$env") tls_port=$(value TLS_PORT "$env")

# at HOST PORT TLS [MORE]: the only IMAP server from now on.
at() {
	{
		cat "$work/base.cfg"
		printf 'imap = ( { host = "%s"; port = %s; tls = "%s"; %s } );\n' "$1" "$2" "$3" "${4:-}"
	} >"$cfg"
}

# box ADDRESS: its maildir, made as Dovecot would.
box() {
	echo "$work/vhosts/${1#*@}/${1%@*}/Maildir"
}

# put ADDRESS FILE: delivered.
put() {
	local dir
	dir=$(box "$1")
	mkdir -p "$dir/new" "$dir/cur" "$dir/tmp"
	cp "$2" "$dir/tmp/" && mv "$dir/tmp/${2##*/}" "$dir/new/"
	chown -R nobody:nogroup "$work/vhosts"
}

# ndr ID SENDER RECIPIENT STATUS TEXT: a report as Postfix writes it, in $work/mails/ID.
mkdir "$work/mails"
ndr() {
	cat >"$work/mails/$1" <<-MAIL
		Return-Path: <>
		Date: Wed, 25 Nov 2026 10:00:00 +0000
		From: MAILER-DAEMON@mail.mx.example (Mail Delivery System)
		Subject: Undelivered Mail Returned to Sender
		To: $2
		Auto-Submitted: auto-replied
		MIME-Version: 1.0
		Content-Type: multipart/report; report-type=delivery-status; boundary="b-$1"
		Message-Id: <report-$1@mail.mx.example>

		--b-$1
		Content-Type: text/plain; charset=us-ascii

		This is the mail system at host mail.mx.example.

		<$3>: host mx.${3#*@}[192.0.2.44] said: 554 $4 $5 (in reply to RCPT TO command)

		--b-$1
		Content-Type: message/delivery-status

		Reporting-MTA: dns; mail.mx.example
		X-Postfix-Queue-ID: 4F00$1
		X-Postfix-Sender: rfc822; $2
		Arrival-Date: Wed, 25 Nov 2026 09:59:58 +0000

		Final-Recipient: rfc822; $3
		Original-Recipient: rfc822;$3
		Action: failed
		Status: $4
		Remote-MTA: dns; mx.${3#*@}
		Diagnostic-Code: smtp; 554 $4 $5

		--b-$1
		Content-Type: text/rfc822-headers

		Date: Wed, 25 Nov 2026 09:59:57 +0000
		From: Anna Berg <$2>
		To: $3
		Subject: Your pallets
		Message-ID: <out-$1@$get>

		--b-$1--
	MAIL
}

# reads WANT ARGUMENT...: bounce --imap, one JSON object a line in $out.
reads() {
	local want=$1
	shift
	run "$want" --json bounce --imap "$@"
}

# The mails that the last run told, by their recipients.
told() {
	equal "$(jq -r .recipient "$out" 2>/dev/null | sort | tr '\n' ' ')" "$1" || { why="$why; $(said)"; return 1; }
}

evidence() {
	store 'SELECT COUNT(*) FROM evidence'
}

# Which mails are there, and what is noted of them: a mail that was seen is renamed by Dovecot.
folder_looks() {
	find "$work/vhosts" -path '*/new/*' -o -path '*/cur/*' | sort
}

plain() {
	at 127.0.0.1 "$port" none
}
plain

# ---- what comes in ----

ndr dead "anna@$get" gone@litware.example 5.1.1 'User unknown in virtual mailbox table'
ndr block "anna@$get" li@fabrikam.example 5.7.1 'Message rejected due to your organization policy: sender is not allowed by administrator'
put "$anna" "$work/mails/dead"
put "$anna" "$work/mails/block"
before=$(folder_looks)

dry() {
	reads 0 --dry-run && told 'gone@litware.example li@fabrikam.example ' && equal "$(evidence)" 0 && run 0 --json check "$anna" --to a@other.example --dry-run
}
pass "a dry run tells what is there, and does nothing" dry

freezes() {
	reads 0 && told 'gone@litware.example li@fabrikam.example ' && has "$out" "freeze $get" &&
		run 77 --json check "$anna" --to a@other.example && has "$out" '"frozen"'
}
pass "a block that came into a mailbox freezes its domain" freezes
closes() {
	run 77 --json check "anna@$try" --to info@fabrikam.example && has "$out" '"suppressed"' &&
		run 0 --json check "anna@$try" --to info@litware.example
}
pass "and closes who blocked to the other domain, but not where an address is dead" closes
again() {
	reads 0 && equal "$(cat "$out")" '' && has "$err" '0 new mails in 4 mailboxes'
}
pass "a second run reads nothing" again
pass "nothing is deleted, moved or marked as seen" equal "$(folder_looks)" "$before"

newer() {
	ndr newer "anna@$get" old@litware.example 5.1.1 'User unknown'
	put "$anna" "$work/mails/newer"
	reads 0 && told 'old@litware.example '
}
pass "a mail that came since is read alone" newer

named() {
	ndr ben "ben@$get" b@litware.example 5.1.1 'User unknown'
	ndr ann "anna@$get" a@litware.example 5.1.1 'User unknown'
	put "ben@$get" "$work/mails/ben"
	put "$anna" "$work/mails/ann"
	reads 0 "BEN@$get" && told 'b@litware.example ' && reads 0 "$try" && told '' && reads 0 "$get" && told 'a@litware.example '
}
pass "only the mailboxes that are named are read, by address or domain" named
stranger() {
	reads 77 "nobody@$get" && has "$err" 'nobody@getnorthwind.example: no mailbox of that name' && one_line "$err"
}
pass "a mailbox that is none is named" stranger

# ---- once, whatever happens ----

# The list of UIDs is gone, as after a restore: Dovecot numbers anew.  Its count of validities stays: without it the second is what counts.
over() {
	local n
	n=$(evidence)
	rm -f "$(box "$anna")"/dovecot-uidlist "$(box "$anna")"/dovecot.index*
	reads 0 "$anna" && equal "$(jq -r .recipient "$out" | wc -l)" 4 && equal "$(evidence)" "$n" && reads 0 "$anna" && told ''
}
pass "another UIDVALIDITY starts over, and counts nothing twice" over

# A thousand, from as many organisations.
many=1000
ndr mNNN "$anna" x@oNNN.example 5.1.1 'User unknown'
awk -v n="$many" -v to="$(box "$anna")/new/m" '
	{ text = text $0 "\n" }
	END {
		for (i = 0; i < n; i++) {
			mail = text
			gsub(/NNN/, i, mail)
			printf "%s", mail >(to i)
			close(to i)
		}
	}' "$work/mails/mNNN"
chown -R nobody:nogroup "$work/vhosts"
recount=$(($(evidence) + many))

between() { # N LEAST MOST
	[ "$1" -ge "$2" ] || { why="$1 is below $2"; return 1; }
	[ "$1" -le "$3" ] || { why="$1 is above $3"; return 1; }
}

# between_us MODE BYTES: a proxy that lets so many bytes of the server's through; its port in $proxy_port.
between_us() {
	proxy_port=$(free_port)
	python3 "$e2e_lib/cutproxy.py" "$proxy_port" "$port" "$2" "$1" &
	e2e_pids+=($!)
	until_true 10 eval "(exec 3<>/dev/tcp/127.0.0.1/$proxy_port)"
}
read_so_far=0
part() { # MODE BYTES
	local n
	between_us "$1" "$2" || return 1
	at 127.0.0.1 "$proxy_port" none
	reads 75 "$anna" && one_line "$err" || return 1
	n=$(grep -c . "$out")
	between "$n" 1 $((many - 1)) || return 1
	read_so_far=$((read_so_far + n))
}
pass "a connection that is cut in the middle of a mail ends in 75" part cut 300100
pass "so does one that falls silent" part stall 200200

not_again() {
	equal "$(($(evidence) - recount + many))" "$read_so_far"
}
pass "what came before a cut is not read again" not_again

killed() {
	local pid n
	plain
	"$program" -c "$cfg" --json bounce --imap "$anna" >"$out" 2>"$err" </dev/null &
	pid=$!
	until_true 20 eval "[ \$(grep -c . '$out') -ge 200 ]"
	kill -9 "$pid"
	wait "$pid" 2>/dev/null
	n=$(grep -c . "$out")
	between "$n" 200 $((many - read_so_far - 1)) || return 1
	read_so_far=$((read_so_far + n))
}
pass "it is killed in the middle" killed
rest() {
	plain
	reads 0 "$anna" && read_so_far=$((read_so_far + $(grep -c . "$out"))) && equal "$(evidence)" "$recount" &&
		reads 0 "$anna" && told ''
}
pass "the next run goes on: a thousand mails are all read, and each counts once" rest
few_twice() {
	between "$read_so_far" "$many" $((many + 64))
}
pass "what was read twice is only what the kill left unnoted" few_twice

large() {
	{
		cat "$work/mails/dead"
		head -c 20000 /dev/zero | tr '\0' x
	} >"$work/mails/large"
	ndr small "anna@$get" small@litware.example 5.1.1 'User unknown'
	put "$anna" "$work/mails/large"
	put "$anna" "$work/mails/small"
	at 127.0.0.1 "$port" none 'max_mail = 16384;'
	reads 0 "$anna" && told 'small@litware.example ' && has "$err" "$anna: mail [0-9]+ of INBOX is larger than max_mail, and was skipped" &&
		reads 0 "$anna" && lacks "$err" skipped
}
pass "a mail above the ceiling is skipped with a line, once" large

odd() {
	printf 'Subject: lunch\r\n\r\nC3 OK done\r\n)\r\n* 2 FETCH (UID 9 BODY[]<0> {3}\r\n' >"$work/mails/odd"
	ndr behind "anna@$get" behind@litware.example 5.1.1 'User unknown'
	put "$anna" "$work/mails/odd"
	put "$anna" "$work/mails/behind"
	plain
	reads 0 "$anna" && has "$out" behind@litware.example && reads 0 "$anna" && told ''
}
pass "a mail with IMAP in it is a mail" odd

folders() {
	at 127.0.0.1 "$port" none 'folders = [ "INBOX", "Junk" ];'
	reads 0 "$anna" && has "$err" "$anna: no folder 'Junk'" || return 1
	ndr junk "anna@$get" junk@litware.example 5.1.1 'User unknown'
	mkdir -p "$(box "$anna")/.Junk/new" "$(box "$anna")/.Junk/cur" "$(box "$anna")/.Junk/tmp"
	cp "$work/mails/junk" "$(box "$anna")/.Junk/new/"
	chown -R nobody:nogroup "$work/vhosts"
	reads 0 "$anna" && told 'junk@litware.example ' && reads 0 "$anna" && told ''
}
pass "another folder is read too, once it is there" folders

# ---- who is there, and who may ----

ca=$(value CA "$env") other=$(value OTHER_CA "$env")
fresh() { # ID: something new to read
	ndr "$1" "anna@$get" "$1@litware.example" 5.1.1 'User unknown'
	put "$anna" "$work/mails/$1"
}
secure() { # PORT TLS ID
	fresh "$3"
	at localhost "$1" "$2" "ca_file = \"$ca\";"
	reads 0 "$anna" && told "$3@litware.example "
}
pass "IMAPS, under an authority of one's own" secure "$tls_port" implicit imaps
pass "STARTTLS, under an authority of one's own" secure "$port" starttls starttls
distrust() { # PORT TLS MORE
	at localhost "$1" "$2" "$3"
	reads 77 "$anna" && has "$err" 'certificate does not verify' && one_line "$err"
}
pass "another authority's certificate is refused: IMAPS" distrust "$tls_port" implicit "ca_file = \"$other\";"
pass "another authority's certificate is refused: STARTTLS" distrust "$port" starttls "ca_file = \"$other\";"
pass "an authority that the system does not know is refused" distrust "$tls_port" implicit ''
another_name() {
	at 127.0.0.2 "$tls_port" implicit "ca_file = \"$ca\";"
	reads 77 "$anna" && has "$err" 'certificate does not verify' && one_line "$err"
}
pass "a certificate for another name is refused" another_name
plain_server() {
	at localhost "$tls_port" starttls "ca_file = \"$ca\";"
	reads 75 "$anna" && one_line "$err"
}
pass "a server that speaks otherwise than configured is given up by the deadline" plain_server
stripped() {
	between_us strip 1 || return 1
	at localhost "$proxy_port" starttls "ca_file = \"$ca\";"
	reads 77 "$anna" && has "$err" 'does not offer STARTTLS' && one_line "$err"
}
pass "nothing is said to a server whose offer of STARTTLS was taken away" stripped
bare() {
	at mail.mx.example "$port" none
	reads 78 "$anna" && has "$err" "tls: none is for 127.0.0.1, ::1 and localhost"
}
pass "plain text to another host is a fault of the configuration" bare

wrong() {
	(umask 077 && echo 'not it' >"$work/password")
	at 127.0.0.1 "$port" none "mailboxes = [ \"$anna\" ]; user = \"$anna\"; password = \"file:$work/password\";"
	reads 77 "$anna" && one_line "$err" && has "$err" "$anna.*the login of $anna was refused: \[AUTHENTICATIONFAILED\]" && lacks "$err" 'not it'
}
pass "a wrong password is 77, in one clear line that does not tell it" wrong
some() {
	fresh some
	{
		cat "$work/base.cfg"
		printf 'imap = ( { host = "127.0.0.1"; port = %s; tls = "none"; }, { host = "127.0.0.1"; port = %s; tls = "none"; ' "$port" "$port"
		printf 'mailboxes = [ "ben@%s" ]; user = "ben"; password = "file:%s"; } );\n' "$get" "$work/password"
	} >"$cfg"
	reads 77 && told 'some@litware.example ' && has "$err" "ben@$get.*refused"
}
pass "a mailbox that cannot be read does not keep the others" some
absent() {
	at 127.0.0.1 1 none
	reads 75 "$anna" && one_line "$err"
}
pass "a server that is not there is 75" absent
unset_list() {
	cp "$work/base.cfg" "$cfg"
	reads 78 && has "$err" 'no imap server is configured'
}
pass "without a server in the configuration it says what to write" unset_list
# Both documents give them; only the manual's are tried above.
same_lines() {
	local line
	while IFS= read -r line; do
		case $line in
		protocols*) ;;
		*) grep -qxF -- "    $line" "$e2e_lib/../../README.md" || { why="README.md has no '$line'"; return 1; } ;;
		esac
	done < <(sed -n '/etc\/dovecot\/local.conf/,/^\.Ed/p' "$e2e_lib/../../man/coldrelay.8" | grep -v '^\.\|^}')
}
pass "README.md gives the same lines for Dovecot" same_lines
quiet_log() {
	lacks "$(value LOG "$env")" 'Error|Panic|Fatal' && ! grep -rqi "$(cat "$work/password")" "$out" "$err"
}
pass "Dovecot has nothing to complain of" quiet_log
finish
