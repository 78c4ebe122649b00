#!/bin/bash
# A disk that is full under the gate: nothing is allowed that is not written, and it goes on when there is room again.
# shellcheck disable=SC2317 # promises are reached through pass
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/gate.sh
. "$(dirname "$0")/../lib/gate.sh"
begin jq python3 sqlite3 curl

disk=$work/disk
mkdir "$disk"
if ! mount -t tmpfs -o size=4m none "$disk" 2>/dev/null; then
	skip "a full disk" "a file system cannot be mounted here"
	exit 0
fi
e2e_unmount() {
	local p
	for p in "${e2e_pids[@]}"; do
		kill "$p" 2>/dev/null && wait "$p" 2>/dev/null
	done
	umount "$disk"
	e2e_end
}
trap e2e_unmount EXIT

boxes=()
for i in {1..60}; do
	boxes+=("box$i")
done
office "${boxes[@]}"
mv "$work"/store.db* "$disk/"
sed -i 's|^store = .*|store = "disk/store.db";|; s|^listen = .*|listen = "unix:'"$work"'/gate"; metrics = "unix:'"$work"'/metrics";|' "$cfg"
# Not with the room that its log has kept since it was made.
store 'pragma wal_checkpoint(truncate)' "$disk/store.db" >/dev/null
serve_up "unix:$work/gate"

# ask FROM TO: the mailboxes boxFROM to boxTO, one after the other; an answer a line.
ask() {
	python3 - "$work/gate" "$1" "$2" <<-'PYTHON' >"$out"
		import socket, sys
		s = socket.socket(socket.AF_UNIX)
		s.settimeout(20)
		s.connect(sys.argv[1])
		for i in range(int(sys.argv[2]), int(sys.argv[3]) + 1):
		    s.sendall(("request=smtpd_access_policy\nprotocol_state=END-OF-MESSAGE\ninstance=d.%d\nsender=box%d@getnorthwind.example\n"
		               "recipient=li@fabrikam.example\nrecipient_count=1\n\n" % (i, i)).encode())
		    print(s.recv(4096).decode().strip(), flush=True)
	PYTHON
}

with_room() {
	ask 1 5 && equal "$(grep -c '^action=DUNNO$' "$out")" 5
}
pass "with room on the disk the gate allows" with_room || finish

# Full to the last byte: the log of the store soon finds no room either.
full() {
	dd if=/dev/zero of="$disk/filler" bs=4k >/dev/null 2>&1
	ask 6 50 || return
	has "$out" '^action=DEFER 4\.3\.0 coldrelay: ' && lacks "$out" '^action=REJECT' && kill -0 "$serve_pid" || return
	allowed=$((5 + $(grep -c '^action=DUNNO$' "$out")))
	[ "$allowed" -lt 50 ] && tail -n 1 "$out" | grep -q '4\.3\.0'
}
pass "on a full disk those who would spend are deferred with 4.3.0, and the daemon lives" full

counted() {
	has <(curl -sS --unix-socket "$work/metrics" http://localhost/metrics) '^coldrelay_store_errors_total [1-9]'
}
pass "the failures are counted" counted

one_shot() {
	sed -i 's|^listen = .*|use_daemon = false;|' "$cfg"
	run 74 --json check box51@getnorthwind.example --to li@fabrikam.example && equal "$(jq -r .verdict "$out")" wait
}
pass "check says wait store, exit 74" one_shot

room_again() {
	rm "$disk/filler"
	equal "$(store 'select count(*) from history' "$disk/store.db")" "$allowed" && ask 6 50 &&
		equal "$(grep -c '^action=DUNNO$' "$out")" 45 &&
		equal "$(store 'select count(*) from history' "$disk/store.db")" 50
}
pass "what was allowed is what is written; with room again all others are, each once" room_again
pass "the log of changes holds" run 0 audit verify
finish
