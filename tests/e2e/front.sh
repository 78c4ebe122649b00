#!/bin/bash
# The small door, bin/coldrelay: it asks the daemon by itself, and becomes the whole program for everything else.
# shellcheck disable=SC2317 # promises are reached through pass
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
begin objdump

whole=$(realpath "$program")
door=$(dirname "$whole")/bin/coldrelay
[ -x "$door" ] || { skip "${0##*/}" "this build has no small door"; finish; }
# A copy with nothing behind it.
mkdir -p "$work/bin" "$work/zones"
alone=$work/bin/coldrelay
cp "$door" "$alone"

one=getnorthwind.example
anna=anna@$one
{
	cfg_head
	echo 'zones = ( { name = "dns"; driver = "zonefile"; directory = "zones"; name_servers = [ "ns1.dnshost.example" ]; } );'
	cfg_tenant northwind.example '' "$one"
	echo "listen = \"unix:$work/gate\";"
} >"$cfg"

via() { # PROGRAM WANT ARGUMENT...
	local program=$1
	run "${@:2}"
}
as_whole() { # WANT ARGUMENT...: the same words, the same exit code
	via "$whole" "$@" && cp "$out" "$work/out.whole" && cp "$err" "$work/err.whole" && via "$door" "$@" &&
		equal "$(cat "$out")" "$(cat "$work/out.whole")" && equal "$(cat "$err")" "$(cat "$work/err.whole")"
}
spent() { # N: outbound, as the whole program counts
	equal "$("$whole" -c "$cfg" --json status "$one" | sed -n 's/.*"sent":{"outbound":\([0-9]*\),.*/\1/p')" "$1"
}

unlinked() {
	equal "$(objdump -p "$door" | grep -c NEEDED)" 0
}
pass "the small door needs no shared object" unlinked
pass "it provisions, as the whole program does" via "$door" 0 provision northwind.example --yes || finish

while read -r want line; do
	# shellcheck disable=SC2086 # arguments are words
	pass "the same words and exit code as the whole program: $line" as_whole "$want" $line
done <<-COMMANDS
	0 version
	0 --version
	0 help
	0 help check
	64
	64 nonsense
	64 check
	64 check nobody
	64 check $anna --to
	64 check $anna --to nowhere
	0 check $anna --to li@fabrikam.example --dry-run
	0 --json check $anna --to li@bücher.example --dry-run
	0 -v check $anna --to li@fabrikam.example --dry-run
	77 check nobody@$one --to li@fabrikam.example
	77 release 1-0000000000000000
	0 --json why $anna li@fabrikam.example
	0 --json suppress list
	78 -c $work/nowhere.cfg check $anna --to li@fabrikam.example
COMMANDS

# Where no daemon answers and nothing is behind the door, there is no answer, and nobody sends.
dead_end() {
	via "$alone" 69 check "$anna" --to li@fabrikam.example && one_line "$err" && equal "$(cat "$out")" "" &&
		has "$err" '/libexec/coldrelay/coldrelay: No such file or directory' && spent 0
}
pass "without a daemon and without the whole program nothing is allowed" dead_end

own_store() {
	via "$door" 0 --json check "$anna" --to li@fabrikam.example --message-id m1 && has "$out" '"verdict":"allow"' &&
		spent 1
}
pass "without a daemon the store is asked, and one token spent" own_store

faults() {
	cp "$cfg" "$work/plain.cfg"
	echo 'nonsense = 1;' >>"$cfg"
	as_whole 78 check "$anna" --to li@fabrikam.example
	local rc=$?
	cp "$work/plain.cfg" "$cfg"
	return "$rc"
}
pass "faults of the configuration come in the same order" faults

"$door" -c "$cfg" serve 2>"$work/log" &
e2e_pids+=($!)
pass "the daemon starts through the small door, under its own process id" until_true 10 grep -q '^listening on ' "$work/log" || finish

asks() {
	via "$alone" 0 --json check "$anna" --to ro@adatum.example --message-id m2 && has "$out" '"verdict":"allow"' &&
		spent 2 && has "$work/log" 'allow ok at=check'
}
pass "with a daemon it asks by itself" asks

gives_back() {
	ticket=$(sed -n 's/.*"ticket":"\([^"]*\)".*/\1/p' "$out")
	via "$alone" 0 release "$ticket" && spent 1
}
pass "with a daemon it gives a ticket back by itself" gives_back
pass "with a daemon, the same refusal as the whole program" as_whole 77 check "nobody@$one" --to li@fabrikam.example

finish
