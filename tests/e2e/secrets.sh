#!/bin/bash
# What must not leave: the API key, the private keys and the passwords, in whatever the program says and in what it stores.
# shellcheck disable=SC2317 # promises are reached through pass
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
begin pdns_server sqlite3 jq

server pdns
api=$(value API_URL "$work/pdns.env")
PDNS_KEY=$(value API_KEY "$work/pdns.env")
export PDNS_KEY
one=getnorthwind.example

config() { # REFERENCE
	cfg_head
	printf 'zones = ( { name = "dns"; driver = "powerdns"; url = "%s"; api_key = "%s";' "$api" "$1"
	printf ' name_servers = [ "ns1.dnshost.example" ]; } );\n'
	cfg_tenant northwind.example '' "$one"
}
config env:PDNS_KEY >"$cfg"
said=$work/said
: >"$said"

loud() { # WANT ARGUMENT...
	run "$1" -vv "${@:2}"
	local rc=$?
	cat "$out" "$err" >>"$said"
	return "$rc"
}

redacted() {
	loud 0 --json provision northwind.example --yes && has "$err" '^trace: http: > X-API-Key: \[redacted\]$'
}
pass "the loudest run tells of the API key without it" redacted || finish

refused_key() {
	PDNS_KEY=wrong-and-secret-4711 loud 77 provision northwind.example --dry-run && lacks "$said" wrong-and-secret-4711
}
pass "a key that is not accepted is not repeated" refused_key

literal_key() {
	config literal-and-secret-4711 >"$cfg"
	loud 78 provision northwind.example --dry-run && lacks "$said" literal-and-secret-4711
	local rc=$?
	config env:PDNS_KEY >"$cfg"
	return "$rc"
}
pass "a key that stands in the configuration itself is not repeated" literal_key

others() {
	loud 0 --json audit show && loud 0 status && loud 0 keys list "$one" &&
		loud 0 --json keys export "$one" --out "$work/export" --credentials
}
pass "the other commands are as loud" others
store .dump >"$work/dump"

# Every line of a private key, every password, the API key and the installation's own key.
secrets() {
	printf '%s\n' "$PDNS_KEY"
	grep -hv -e ----- "$work"/export/*.private
	cut -f 2 "$work/export/$one.passwords.tsv"
	cat "$work/key"
}
secrets >"$work/secrets"
# A dump writes bytes as hexadecimal digits: the same as those, and the keys without their base64.
digits() {
	od -An -v -tx1 | tr -d ' \n'
	echo
}
in_digits() {
	local f line
	while read -r line; do
		printf %s "$line" | digits
	done <"$work/secrets"
	for f in "$work"/export/*.private; do
		grep -v -e ----- "$f" | base64 -d | digits
	done
	base64 -d "$work/key" | digits
}
in_digits >"$work/digits"

exported() {
	equal "$(wc -l <"$work/export/$one.passwords.tsv")" 2 && equal "$(grep -c -e . "$work/secrets" | sed 's/^[2-9][0-9]$/many/')" many
}
pass "the secrets to look for are at hand" exported

nowhere() { # FILE
	! grep -a -F -q -i -f "$work/secrets" -f "$work/digits" "$1" || { why="a secret stands in $1"; return 1; }
}
# A store as it would be without sealing.
laid_open() {
	local column
	rm -f "$work/open.db"
	column=$(sqlite3 "$work/open.db" <"$work/dump" && sqlite3 "$work/open.db" "UPDATE $1 SET sealed = $2; SELECT count(*) FROM $1" && sqlite3 "$work/open.db" .dump >"$work/open")
	has <(echo "$column") '^[1-9]' && ! nowhere "$work/open"
}
pass "a password in the clear would be seen in it" laid_open credential "CAST('$(sed -n 1p "$work/export/$one.passwords.tsv" | cut -f 2)' AS BLOB)"
pass "and so would a key" laid_open dkim_key "x'$(for f in "$work"/export/*.private; do grep -v -e ----- "$f" | base64 -d | digits; break; done)'"
pass "nothing that was said holds a secret" nowhere "$said"
pass "no row of the store holds a secret in the clear" nowhere "$work/dump"

private() {
	equal "$(find "$work/export" "$work/key" "$work/store.db" "$work/mail/opendkim/keys" -type f -perm /077 | head -n 1)" ''
}
pass "files with secrets are their owner's alone" private

# A caller that closed them: the next files opened must not become standard error.
closed() {
	local before after
	before=$(store 'SELECT count(*) FROM journal; SELECT count(*) FROM audit')
	"$program" -vv -c "$cfg" provision northwind.example --yes 0<&- 1>&- 2>&-
	after=$(store 'SELECT count(*) FROM journal; SELECT count(*) FROM audit; PRAGMA integrity_check')
	equal "$after" "$before"$'\n'ok && ! grep -a -q 'trace:' "$work"/store.db* "$work/key"
}
pass "closed standard files do not let the log into the store" closed

closed_answer() {
	"$program" -c "$cfg" check nobody@nowhere.example --to li@fabrikam.example 0<&- 1>&- 2>&-
	equal "$?" 74 && equal "$(cat "$work"/store.db.lock "$work"/store.db.open)" '' && equal "$(store 'PRAGMA integrity_check')" ok
}
pass "nor an answer, and it is no success" closed_answer

unwritten() {
	"$program" -c "$cfg" status >/dev/full 2>"$err"
	equal $? 74 && one_line "$err"
}
pass "a status that could not be written is no success" unwritten

finish
