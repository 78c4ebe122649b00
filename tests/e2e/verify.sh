#!/bin/bash
# verify from the outside: any domain, with and without a configuration; all of them; waiting; servers that are down, or say nothing.
# shellcheck disable=SC2317 # promises are reached through pass
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
begin pdns_server dig jq sqlite3

server pdns
dns=$(value PORT "$work/pdns.env")
api=$(value API_URL "$work/pdns.env")
PDNS_KEY=$(value API_KEY "$work/pdns.env")
LIST_KEY=sesame4711
export PDNS_KEY LIST_KEY

one=getnorthwind.example
two=trynorthwind.example
three=getcontoso.example
plain=fabrikam.example
host=mail.mx.example
nowhere=127.0.0.1:$(free_port)

config() { # CHECK_SERVER MORE
	cfg_head
	cat <<-CFG
		resolver = "127.0.0.1:$dns";
		$2
		zones = ( { name = "dns"; driver = "powerdns"; url = "$api"; api_key = "env:PDNS_KEY";
		  name_servers = [ "ns1.dnshost.example", "ns2.dnshost.example" ]; check_server = "$1"; } );
		tenants = (
		  { primary = "northwind.example"; zone = "dns"; mail_host = "mail"; warm_up = 0; mailboxes = ( { local = "anna"; } );
		    domains = ( { name = "$one"; }, { name = "$two"; } ); },
		  { primary = "contoso.example"; zone = "dns"; mail_host = "mail"; warm_up = 0; mailboxes = ( { local = "eva"; } );
		    domains = ( { name = "$three"; } ); } );
	CFG
}
config "127.0.0.1:$dns" '' >"$cfg"

zones() { # SQL on the server's own database
	sqlite3 -cmd '.timeout 5000' "$work/pdns/zones.sqlite3" "$1"
}
add() { # NAME TYPE CONTENT: in the zone that holds NAME
	local prio=0 content=${3//\'/\'\'}
	[ "$2" != MX ] || { prio=${content%% *} content=${content#* }; }
	zones "INSERT INTO records (domain_id, name, type, content, ttl, prio, disabled, auth)
		SELECT id, '$1', '$2', '$content', 3600, $prio, 0, 1 FROM domains
		WHERE '$1' = name OR '$1' LIKE '%.' || name OR name = '.' OR name = '' ORDER BY length(name) DESC LIMIT 1"
}
gone() { # NAME TYPE
	zones "DELETE FROM records WHERE name = '$1' AND type = '$2'"
}
zone() { # NAME: a new one
	zones "INSERT INTO domains (name, type) VALUES ('$1', 'NATIVE')"
	add "$1" SOA "ns1.dnshost.example hostmaster.dnshost.example 1 10800 3600 604800 300"
	add "$1" NS ns1.dnshost.example
	add "$1" NS ns2.dnshost.example
}
for z in . example mx.example dnshost.example 2.0.192.in-addr.arpa "$plain" bl.example; do
	zone "$z"
done
add "$host" A 192.0.2.10
add "$host" TXT '"v=spf1 a -all"'
add 10.2.0.192.in-addr.arpa PTR "$host"
add "$plain" MX "10 $host"
add "$plain" TXT '"v=spf1 ip4:192.0.2.10 -all"'
add "_dmarc.$plain" TXT "\"v=DMARC1; p=reject; sp=reject; np=reject; adkim=s; rua=mailto:postmaster@$plain\""
key=$(openssl genrsa 2048 2>/dev/null | openssl rsa -pubout -outform DER 2>/dev/null | base64 -w 0)
# The name in between exists too (RFC 8020); the server's API sees to that by itself.
zones "INSERT INTO records (domain_id, name, ttl, disabled, auth) SELECT id, '_domainkey.$plain', 3600, 0, 1 FROM domains WHERE name = '$plain'"
add "s1._domainkey.$plain" TXT "\"v=DKIM1; k=rsa; p=${key:0:200}\" \"${key:200}\""

found() { # status and id of every line that is not well
	jq -rs '[.[] | select(.event == "check" and (.status | IN("ok", "note") | not)) | .status + " " + .check] | sort | join(", ")' "$out"
}
seconds() { # COMMAND...: how long it took, whatever came of it, in $took ms
	local begun
	begun=$(date +%s%3N)
	"$@"
	local rc=$?
	took=$(($(date +%s%3N) - begun))
	return "$rc"
}

# ---- a domain that nobody configured ----
bare() { # WANT ARGUMENT...: without any configuration
	local want=$1 rc
	shift
	(cd "$work" && mkdir -p empty && cd empty && exec "$program" "$@") >"$out" 2>"$err" </dev/null
	rc=$?
	equal "$rc" "$want" || { why="exit $rc, not $want, of: $*: $(said)"; return 1; }
}
no_configuration() {
	bare 0 --json verify "$plain" --resolver "127.0.0.1:$dns" --selector s1 --address 192.0.2.10 --helo "$host" && equal "$(found)" '' &&
		equal "$(jq -rs '[.[] | select(.status == "ok") | .group] | unique | join(",")' "$out")" 'dkim,dmarc,mx,reverse,spf,zone' &&
		equal "$(jq -rs '[.[] | select(.group == "records")] | length' "$out")" 0
}
pass "any domain can be looked at without a configuration" no_configuration
unknown_selector() {
	bare 75 --json verify "$plain" --resolver "127.0.0.1:$dns" --selector s1 --selector s2 && equal "$(found)" 'fail dkim-missing'
}
pass "a selector that is not there is told" unknown_selector
other_address() {
	bare 1 --json verify "$plain" --resolver "127.0.0.1:$dns" --address 192.0.2.11 && has "$out" 'spf-not-pass' && has "$out" 'ptr-missing'
}
pass "so is an address that may not send" other_address
primary() {
	add northwind.example MX "10 $host" && run 75 --json verify northwind.example && has "$out" '"spf-missing"'
}
pass "a primary can be looked at, since reading is no touching" primary
usage() {
	run 64 verify && run 64 verify "$one" --all && run 64 verify 'no name' && run 64 verify "$plain" --address nowhere && one_line "$err" &&
		run 64 verify "$plain" --resolver nowhere && one_line "$err"
}
pass "wrong use is told in a line" usage

# ---- the configured ones ----
never() {
	run 77 verify "$one" && has "$err" 'provision northwind.example' && run 0 verify --all && has "$err" 'not provisioned yet'
}
pass "what is not provisioned yet is no fault of the DNS" never
provisioned() {
	run 0 provision northwind.example --yes && has "$err" "$one: published, as its server says" && has "$err" "$two: published" &&
		run 0 -q --json provision contoso.example --yes && equal "$(jq -rs '[.[] | .event] | unique | join(",")' "$out")" 'step,summary'
}
pass "a run of provision ends with a look at what is published" provisioned || finish
all() {
	run 0 --json verify --all && equal "$(jq -r 'select(.event == "summary") | .domain' "$out" | sort | paste -sd' ')" "$three $one $two" &&
		equal "$(found)" ''
}
pass "all of them are looked at side by side" all
text() {
	run 0 verify "$one" && has "$out" '^ *ok *MX getnorthwind.example$' && has "$out" '^  [0-9]+ ok, 0 warn, 0 fail, 0 unknown$' && lacks "$out" ' note ' &&
		run 0 verify -v "$one" && has "$out" '^ *note .*no block list' && has "$out" 'v=spf1 ip4:192\.0\.2\.10 -all' &&
		run 0 verify "$one" && lacks "$out" 'v=spf1' && run 0 verify --tree "$one" && has "$out" 'v=spf1 ip4:192\.0\.2\.10 -all' && lacks "$out" '^ *note .*no block list'
}
pass "people see a line a check, and notes when they ask for them" text

zones 'CREATE TABLE pristine AS SELECT * FROM records'
restore() {
	zones 'BEGIN; DELETE FROM records; INSERT INTO records SELECT * FROM pristine; COMMIT'
}
worst() {
	gone "$two" MX && run 75 verify --all && has "$out" ' \(not published yet\)  \[mx-missing\]$' && lacks "$out" " ok  *MX $one" &&
		add "$three" MX '10 192.0.2.10' && run 1 --json verify --all && equal "$(found)" 'fail mx-address, fail mx-missing'
}
pass "the worst of all decides the exit" worst
restore

# ---- waiting ----
arrives() {
	gone "_dmarc.$one" TXT
	{ sleep 1.2; restore; } &
	run 0 verify "$one" --wait 30s && has "$err" 'some not published yet or unknown; asking again in 1 s' && wait $!
}
pass "it waits until what was missing is there" arrives
gives_up() {
	gone "_dmarc.$one" TXT
	seconds run 75 verify "$one" --wait 2s && [ "$took" -ge 1900 ] && [ "$took" -lt 4000 ]
}
pass "and no longer than it was told" gives_up
restore
no_use() {
	add "$one" MX '0 .'
	seconds run 1 verify "$one" --wait 60s && [ "$took" -lt 3000 ] && lacks "$err" 'asking again'
}
pass "what waiting does not mend is not waited for" no_use
restore

# ---- servers that do not say ----
down() {
	seconds run 75 --json verify "$one" --resolver "$nowhere" && [ "$took" -lt 2500 ] && lacks "$out" '"status":"(ok|fail)"' &&
		has "$out" "$nowhere|${nowhere#*:}"
}
pass "a resolver that is down leaves everything unknown, within 2 s" down
mute() {
	# Takes questions, and gives no answer.
	python3 -c 'import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("127.0.0.1", int(sys.argv[1]))); print("up", flush=True); time.sleep(60)' \
		"${nowhere#*:}" >"$work/mute" &
	e2e_pids+=($!)
	until_true 5 has "$work/mute" up && seconds run 75 --json verify "$one" --resolver "$nowhere" && [ "$took" -lt 3500 ] &&
		lacks "$out" '"status":"(ok|fail)"' && has "$out" 'no answer|silent|time'
}
pass "so does one that keeps silent" mute
refuses() {
	# Not a server of this name: REFUSED.
	zones "DELETE FROM domains WHERE name = '.'" && gone . SOA && gone . NS && run 75 --json verify nobody.test && lacks "$out" '"status":"(ok|fail)"' && has "$out" 'REFUSED'
}
pass "so does one that refuses" refuses
zone .
dead_check_server() {
	config "$nowhere" '' | sed "s/$three/get2contoso.example/" >"$work/dead.cfg"
	seconds "$program" -c "$work/dead.cfg" provision contoso.example --yes >"$out" 2>"$err" </dev/null
	equal "$?" 0 && [ "$took" -lt 5000 ] && has "$err" 'get2contoso.example: done, and not seen yet at its server' &&
		has "$err" 'coldrelay verify get2contoso.example --wait 1h'
}
pass "a check_server that keeps silent does not fail a run of provision" dead_check_server
nobody_else() {
	config "127.0.0.1:$dns" '' | sed "s/$three/get3contoso.example/; s/^resolver = .*/resolver = \"$nowhere\";/" >"$work/alone.cfg"
	"$program" -c "$work/alone.cfg" provision contoso.example --yes >"$out" 2>"$err" </dev/null
	equal "$?" 0 && has "$err" 'get3contoso.example: published, as its server says'
}
pass "a run of provision asks nobody but the check_server" nobody_else

# ---- block lists ----
lists() { # LIST...
	local all='' l
	for l; do all="$all${all:+, }$l"; done
	config "127.0.0.1:$dns" "block_lists = ( $all );" >"$cfg"
}
list='{ zone = "bl.example"; kind = "address"; key = "env:LIST_KEY"; }'
add "2.0.0.127.$LIST_KEY.bl.example" A 127.0.0.2
not_listed() {
	lists "$list" && run 0 --json verify "$one" && equal "$(found)" '' && has "$out" '"group":"lists".*"status":"ok"' && lacks "$out" "$LIST_KEY"
}
pass "an address that is on no list is well" not_listed
is_listed() {
	add "10.2.0.192.$LIST_KEY.bl.example" A 127.0.0.2 && run 1 --json verify "$one" && equal "$(found)" 'fail blocklist-listed' &&
		lacks "$out" "$LIST_KEY" && run 1 -vv verify "$one" && lacks "$out" "$LIST_KEY" && lacks "$err" "$LIST_KEY"
}
pass "one that is is told, and the key is in no line" is_listed
errs() {
	gone "10.2.0.192.$LIST_KEY.bl.example" A && add "10.2.0.192.$LIST_KEY.bl.example" A 127.255.255.254 && run 75 --json verify "$one" &&
		equal "$(found)" 'unknown blocklist-unknown'
}
pass "an error code is no listing" errs
wildcard() {
	add "*.$LIST_KEY.bl.example" A 127.0.0.2 && gone "10.2.0.192.$LIST_KEY.bl.example" A && run 75 --json verify "$one" &&
		lacks "$out" 'blocklist-listed' && has "$out" 'blocklist-wildcard'
}
pass "a list that lists everything is not believed" wildcard
domain_list() {
	add test.bl.example A 127.0.0.2 && lists '{ zone = "bl.example"; kind = "domain"; }' && run 0 verify "$one" &&
		add "$one.bl.example" A 127.0.0.2 && run 1 --json verify "$one" && equal "$(found)" 'fail blocklist-listed' &&
		equal "$(jq -r 'select(.status == "fail") | .name' "$out")" "$one on bl.example"
}
pass "a list of domains is asked for the domain" domain_list
bad_list() {
	lists '{ zone = "bl.example"; kind = "colour"; }' && run 78 verify "$one" && has "$err" 'kind: must be address or domain' &&
		lists '{ zone = "bl.example"; key = "env:NOT_SET_AT_ALL"; }' && run 78 verify "$one" && has "$err" 'block list bl.example' && one_line "$err"
}
pass "a list that cannot be asked is a fault of the configuration" bad_list

# ---- a test message ----
restore
config "127.0.0.1:$dns" '' >"$cfg"
message() { # FIELD...: in front of what a message has anyhow
	printf '%s\r\n' "$@" "From: Anna <anna@$one>" 'To: test@receiver.example' 'Subject: test' "Message-ID: <1@$one>" \
		"Date: $(date -uR)" '' 'Hello.'
}
unsigned() {
	message "Authentication-Results: mx.receiver.example; spf=pass smtp.mailfrom=anna@$one; dkim=none; dmarc=pass header.from=$one" \
		"Received: from $host by mx.receiver.example; $(date -uR)" >"$work/unsigned.eml" &&
		run 1 --json verify --message "$work/unsigned.eml" && equal "$(jq -r 'select(.event == "summary") | .domain' "$out")" "$one" &&
		has "$out" '"check":"message-dkim' && has "$out" '"check":"message-verdicts".*spf=pass.*dkim=none.*dmarc=pass'
}
pass "a test message without a signature does not pass, and its From says whose it is" unsigned
piped() {
	"$program" -c "$cfg" --json verify "$one" --message - <"$work/unsigned.eml" >"$out" 2>"$err"
	equal "$?" 1 && has "$out" '"check":"message-verdicts"' && has "$out" '"group":"records"'
}
pass "it is read from standard input too, beside what DNS says" piped
other_sender() {
	run 1 --json verify "$two" --message "$work/unsigned.eml" && has "$out" '"check":"message-from-domain"'
}
pass "one from another domain is told" other_sender
no_message() {
	: >"$work/empty.eml" && run 65 verify --message "$work/empty.eml" && one_line "$err" && run 64 verify --all --message "$work/empty.eml" &&
		run 64 verify --imap && run 77 verify --message "$work/none.eml" && one_line "$err"
}
pass "what is no message is told in a line" no_message
finish
