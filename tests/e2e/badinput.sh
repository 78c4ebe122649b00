#!/bin/bash
# What goes wrong on an operator's machine ends in one clear line and the exit code that says what to do.
# shellcheck disable=SC2317 # promises are reached through pass
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
begin jq sqlite3 python3

mkdir "$work/zones"
files='zones = ( { name = "dns"; driver = "zonefile"; directory = "zones"; name_servers = [ "ns1.dnshost.example" ]; } );'
domain=getnorthwind.example
{
	cfg_head
	echo "$files"
	cfg_tenant northwind.example '' "$domain"
} >"$cfg"

clear_line() { # WANT REGEX ARGUMENT...
	local want=$1 regex=$2
	shift 2
	run "$want" "$@" && one_line "$err" && has "$err" "$regex"
}

# Usage: 64, and nothing is written.
pass "an unknown command is told, with the nearest one" clear_line 64 'provision' provisoin northwind.example
pass "an unknown option is told" clear_line 64 '\-\-dry-rum' provision northwind.example --dry-rum
pass "a missing operand is told" clear_line 64 'usage: coldrelay provision PRIMARY ' provision
pass "an unknown tenant is told, with the nearest one" clear_line 64 'northwind\.example' provision nortwind.example --yes
pass "a domain that is not configured is told" clear_line 64 'elsewhere' provision northwind.example elsewhere.example --yes
pass "a name that is none is told" clear_line 64 'no domain name' provision northwind.example 'a b' --yes
pass "an option without its value is told" clear_line 64 'reason' freeze "$domain" --reason
pass "without a terminal and without --yes nothing is done" clear_line 77 'yes' -q provision northwind.example
nothing() {
	equal "$(find "$work/zones" "$work/mail" -type f 2>/dev/null | wc -l)" 0
}
pass "and nothing was written so far" nothing

# Configuration: 78, every finding with its place.
cat >"$work/bad.cfg" <<'CFG'
store = "store.db";
sotre = "typo.db";
limits = { total = 5; };
mail_hosts = ( { name = "mail"; driver = "local"; root = "mail"; host = "mail.mx.example"; addresses = [ "192.0.2.10" ]; } );
zones = ( { name = "dns"; driver = "zonfile"; } );
tenants = ( { primary = "northwind.example"; zone = "nowhere"; mail_host = "mail"; dmarc = "none";
  domains = ( { name = "getnorthwind.example"; } ); } );
CFG
five() {
	"$program" -c "$work/bad.cfg" provision northwind.example --yes >"$out" 2>"$err"
	equal "$?" 78 && has "$err" 'bad\.cfg:2: .*sotre' && has "$err" 'bad\.cfg:3: .*total' && has "$err" 'bad\.cfg:5: .*zonfile' &&
		has "$err" 'bad\.cfg:6: .*nowhere' && has "$err" 'bad\.cfg:6: .*dmarc'
}
pass "five faults are told in one run, each with file and line" five
with_cfg() { # WANT REGEX SED-SCRIPT ARGUMENT...
	local want=$1 regex=$2 rc
	sed "$3" "$cfg" >"$work/bad.cfg"
	shift 3
	"$program" -c "$work/bad.cfg" "$@" >"$out" 2>"$err" </dev/null
	rc=$?
	equal "$rc" "$want" && has "$err" "$regex"
}
for command in "provision northwind.example --yes" "check anna@$domain --to li@fabrikam.example" status; do
	# shellcheck disable=SC2086 # words on purpose
	pass "limits.total = 5 stops ${command%% *}" with_cfg 78 'bad\.cfg:4: .*total' 's/limits = {/limits = { total = 5;/' $command
done
pass "a syntax error has its line" with_cfg 78 'bad\.cfg:1' '1s/=/= =/' status
pass "a configuration that is not there is told" equal "$("$program" -c "$work/none.cfg" status 2>/dev/null; echo $?)" 78
pass "a secret that is not there names its reference only" with_cfg 78 'CR_TEST_NO_KEY' \
	's|^zones.*|zones = ( { name = "dns"; driver = "powerdns"; url = "http://127.0.0.1:9"; api_key = "env:CR_TEST_NO_KEY"; name_servers = [ "ns1.dnshost.example" ]; } );|' provision northwind.example --yes

# Providers that do not answer, or not to us.
down=$(free_port)
powerdns() { # PORT
	echo "s|^zones.*|zones = ( { name = \"dns\"; driver = \"powerdns\"; url = \"http://127.0.0.1:$1\"; api_key = \"env:PDNS_KEY\"; name_servers = [ \"ns1.dnshost.example\" ]; } );|; s|8s|1s|"
}
export PDNS_KEY=Th1s-1s-the-wrong-key
pass "a server that is down: try again later" with_cfg 75 "127\.0\.0\.1:$down|127\.0\.0\.1 port $down" "$(powerdns "$down")" provision northwind.example --yes
pass "and the gate does not know the domain" run 77 check "anna@$domain" --to li@fabrikam.example
if PATH=$PATH:/usr/sbin command -v pdns_server >/dev/null; then
	server pdns
	api=$(value API_URL "$work/pdns.env")
	pass "a wrong API key is refused" with_cfg 77 'key|401' "$(powerdns "${api##*:}")" provision northwind.example --yes
	pass "and is not shown" lacks "$err" "$PDNS_KEY"
else
	skip "a wrong API key is refused" "pdns_server is not installed"
fi
unset PDNS_KEY

# Files.  Root may write anywhere: a file stands where a directory should, and further down another user tries.
: >"$work/file"
pass "a zone directory that is a file is told" with_cfg 78 'file' 's|directory = "zones"|directory = "file"|' provision northwind.example --yes
pass "a mail root that is a file is told" with_cfg 75 'file' 's|root = "mail"|root = "file"|' provision northwind.example --yes
pass "a store in a directory that is not there is told" with_cfg 78 'nowhere' 's|"store.db"|"nowhere/store.db"|' provision northwind.example --yes
pass "the run without faults goes on where those ended" run 0 provision northwind.example --yes
pass "and a second one has nothing to do" run 0 provision northwind.example --dry-run

newer() {
	mkdir -p "$work/newer" && cp "$cfg" "$work/key" "$work/newer/" && sqlite3 "$work/store.db" ".backup '$work/newer/store.db'" &&
		store 'PRAGMA user_version = 9999' "$work/newer/store.db" || return 1
	before=$(sha256sum <"$work/newer/store.db")
	"$program" -c "$work/newer/coldrelay.cfg" check "anna@$domain" --to li@fabrikam.example >"$out" 2>"$err"
	case $? in
	69 | 74 | 78) ;;
	*) why=$(said); return 1 ;;
	esac
	has "$err" 'newer|9999' && equal "$(sha256sum <"$work/newer/store.db")" "$before"
}
pass "a store of a newer release is not opened" newer

# As a user who may not write, where there is one.
user_run() { # WANT DIR ARGUMENT...
	local want=$1 dir=$2 rc
	shift 2
	setpriv --reuid=65534 --regid=65534 --clear-groups "$program" -c "$dir/coldrelay.cfg" "$@" >"$out" 2>"$err" </dev/null
	rc=$?
	equal "$rc" "$want" || { why="$why: $(said)"; return 1; }
}
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null && setpriv --reuid=65534 --regid=65534 --clear-groups test -x "$program"; then
	chmod 755 "$work"
	mkdir "$work/other"
	sed "s|\"store.db\"|\"$work/other/store.db\"|" "$cfg" >"$work/other/coldrelay.cfg"
	mkdir "$work/other/zones"
	chmod 755 "$work/other" "$work/other/zones"
	pass "a directory that may not be written is told" user_run 74 "$work/other" provision northwind.example --yes
	pass "by name" has "$err" "$work/other"
	mkdir "$work/read"
	cp "$cfg" "$work/key" "$work/read/"
	sqlite3 "$work/store.db" ".backup '$work/read/store.db'"
	chmod 755 "$work/read"
	chmod 644 "$work/read"/*
	read_only() {
		setpriv --reuid=65534 --regid=65534 --clear-groups "$program" -c "$work/read/coldrelay.cfg" check "anna@$domain" --to li@fabrikam.example >"$out" 2>"$err"
		case $? in
		69 | 74) ;;
		*) why="exit is neither 69 nor 74: $(said)"; return 1 ;;
		esac
		lacks "$out" '^allow'
	}
	pass "a store that may not be written never allows" read_only
else
	skip "a store that may not be written never allows" "only root can take another user's place"
fi

# Output that nobody takes.
closed() {
	"$program" -c "$cfg" status >&- 2>"$err"
	equal "$?" 74
}
pass "a closed standard output is no success" closed
full() {
	"$program" -c "$cfg" --json provision northwind.example --dry-run >/dev/full 2>"$err"
	equal "$?" 74
}
pass "a full standard output is told" full
silent() {
	"$program" -c "$cfg" check "anna@$domain" --to li@fabrikam.example >/dev/full 2>"$err"
	equal "$?" 74
}
pass "an answer that could not be printed is no allow" silent

# Two runs on one tenant.
proxy "$(free_port)"
slow_cfg() {
	export PDNS_KEY=unused
	sed "$(powerdns "$proxy_port"); s|1s|60s|; s|^store.*|store = \"two.db\"; lock_wait = \"0\";|" "$cfg" >"$work/two.cfg"
}
asked() {
	# The first run holds the lock when it calls the provider.
	[ -s "$work/two.db.run.northwind.example" ] && [ "$(tell count)" != 0 ]
}
both() {
	slow_cfg
	tell plan 0 none >/dev/null
	tell delay 30000 >/dev/null
	"$program" -c "$work/two.cfg" provision northwind.example --yes >"$work/first" 2>&1 &
	local first=$!
	e2e_pids+=("$first")
	until_true 5 asked || return 1
	"$program" -c "$work/two.cfg" provision northwind.example --yes >"$out" 2>"$err"
	local rc=$?
	kill "$first" 2>/dev/null
	wait "$first"
	equal "$rc" 75 && has "$err" "$first"
}
pass "a second run on the same tenant says who is at work" both

# A full disk, where a small one can be made.
mkdir "$work/small"
if mount -t tmpfs -o size=128k,mode=700 none "$work/small" 2>/dev/null; then
	trap 'umount "$work/small"; e2e_end' EXIT
	sed "s|\"store.db\"|\"small/store.db\"|; s|\"key\"|\"small/key\"|" "$cfg" >"$work/small.cfg"
	disk_full() {
		local rc
		head -c 200000 /dev/zero >"$work/small/fill" 2>/dev/null
		"$program" -c "$work/small.cfg" provision northwind.example --yes >"$out" 2>"$err"
		rc=$?
		rm "$work/small/fill"
		equal "$rc" 74 || { why="$why: $(said)"; return 1; }
	}
	pass "a full disk is told" disk_full
else
	skip "a full disk is told" "no file system may be mounted here"
fi
finish
