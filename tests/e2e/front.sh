#!/bin/bash
# The small door, bin/coldrelay: it asks the daemon and an SQLite store by itself, and becomes the whole program for everything else.
# shellcheck disable=SC2317 # promises are reached through pass
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
begin objdump python3

whole=$(realpath "$program")
door=$(dirname "$whole")/bin/coldrelay
[ -x "$door" ] || { skip "${0##*/}" "this build has no small door"; finish; }
# A copy with nothing behind it.
mkdir -p "$work/bin" "$work/zones"
alone=$work/bin/coldrelay
cp "$door" "$alone"

cd "$(dirname "$0")/../.." || finish

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

# A call that is missing would only be slow: the process would become the whole program in the middle of opening a store.
complete() {
	local missing
	missing=$({
		grep -rhoE 'X\((sqlite3|psl|idn2|config)_[a-z0-9_]+\)' core dns
		grep -hoE 'X\((sodium|crypto|randombytes)_[a-z0-9_]+\)' core/secret.c
	} | sed 's/X(\(.*\))/\1/' | sort -u | while read -r name; do
		grep -q "INSIDE($name)" front.c || echo "$name"
	done | paste -sd' ')
	equal "$missing" ""
}
pass "each call that a check makes of a library is inside" complete

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

# With nothing behind the door, what it cannot do is no answer, and nobody sends.
dead_end() { # WANT ARGUMENT...
	via "$alone" "$@" && one_line "$err" && equal "$(cat "$out")" "" &&
		has "$err" '/libexec/coldrelay/coldrelay: No such file or directory'
}
on_server() {
	cp "$cfg" "$work/plain.cfg"
	sed 's,^store =.*,store = "postgresql://nobody@127.0.0.1:9/none";,' "$work/plain.cfg" >"$cfg"
	dead_end "$@"
	local rc=$?
	cp "$work/plain.cfg" "$cfg"
	return "$rc"
}
pass "a store on a server is the whole program's: without it nothing is allowed" on_server 69 check "$anna" --to li@fabrikam.example
pass "another command is the whole program's" dead_end 78 status
pass "names in other letters need nothing behind it" via "$alone" 0 --json check "$anna" --to li@bücher.example --dry-run

own_store() {
	via "$alone" 0 --json check "$anna" --to li@fabrikam.example --message-id m1 && has "$out" '"verdict":"allow"' &&
		spent 1
}
pass "without a daemon it asks the store by itself, and one token is spent" own_store

# The whole program, since nothing can be preloaded into the other: of both what costs most.
one_sync() {
	local mode
	mode=$(basename "${whole%/*}")
	make -s --no-print-directory "MODE=$mode" "build/$mode/traceshim.so" || return
	LD_PRELOAD=${whole%/*}/traceshim.so TRACE_DIR=$work TRACE_FILE=$work/trace \
		run 0 check "$anna" --to li@fabrikam.example --message-id m1 || return
	equal "$(PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=tests/proof python3 -c 'import powercut, sys
print(*[name for kind, _, _, _, name, _ in powercut.read_trace(sys.argv[1]) if kind == "s"])' "$work/trace")" store.db-wal
}
pass "a check on its own store syncs once, and the log" one_sync

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
