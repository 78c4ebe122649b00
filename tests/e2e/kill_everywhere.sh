#!/bin/bash
# Every run can be cut off: kill coldrelay right before a step that others can see, run it again, and compare what stands there with
# what an undisturbed run leaves.  The N-th step for N = KILL_OFFSET, KILL_OFFSET + KILL_EVERY, ... until a run lives to its end.
#   KILL_EVERY=1 kill_everywhere.sh    all of them: `make soak`
#   KILL_OFFSET=12                     where to start; by default another one each day
set -u -o pipefail
cd "$(dirname "$0")/../.." || exit 70
# shellcheck disable=SC2155
coldrelay=$(realpath "${COLDRELAY:-build/debug/coldrelay}")
mode=$(basename "$(dirname "$coldrelay")")
every=${KILL_EVERY:-5}
offset=${KILL_OFFSET:-$(($(date +%-j) % every + 1))}
failures=0

if [ "$mode" = asan ]; then
	echo "skip kill_everywhere: AddressSanitizer wants to be the first library that is loaded"
	exit 0
fi
make -s --no-print-directory MODE="$mode" "build/$mode/killshim.so" || exit 70
shim=$PWD/build/$mode/killshim.so
scratch=$(mktemp -d -p "$([ -w /dev/shm ] && echo /dev/shm || echo /tmp)") || exit 74
trap 'rm -rf "$scratch"' EXIT
# Always the same path: OpenDKIM's KeyTable holds it.
work=$scratch/work

not_ok() {
	echo "not ok $1"
	failures=$((failures + 1))
}

# configure TTL ADDRESSES LOCAL-PART...
configure() {
	local ttl=$1 addresses=$2 local_part boxes=
	shift 2
	for local_part in "$@"; do
		boxes="$boxes${boxes:+, }{ local = \"$local_part\"; }"
	done
	cat >"$work/coldrelay.cfg" <<-EOC
		store = "store.db";
		key_file = "key";
		zones = ({ name = "files"; driver = "zonefile"; directory = "$work/zones"; name_servers = ["ns1.relay.example", "ns2.relay.example"]; });
		mail_hosts = ({ name = "own"; driver = "local"; root = "$work/mail"; host = "mail.relay.example"; addresses = [$addresses]; });
		addresses = ({ name = "ptr"; zone = "files"; reverse_zones = ["2.0.192.in-addr.arpa"]; });
		tenants = ({ primary = "northwind.example"; zone = "files"; mail_host = "own"; reverse = "ptr"; ttl = $ttl;
			domains = ({ name = "getnorthwind.example"; mailboxes = ($boxes); }); });
	EOC
}

run() {
	"$coldrelay" -c "$work/coldrelay.cfg" -q "$@" </dev/null >"$scratch/out" 2>&1
}

# What each scene starts from, and the command that is killed.
start_provision() { configure 3600 '"192.0.2.10"' anna ben; }
start_change() {
	configure 3600 '"192.0.2.10"' anna ben
	run provision northwind.example --yes || return
	configure 7200 '"192.0.2.10"' anna ben carl
}
# One write and nothing after it: what is lost then is only the receipt.
start_retime() {
	configure 3600 '"192.0.2.10"' anna ben
	run provision northwind.example --yes || return
	configure 7200 '"192.0.2.10"' anna ben
}
# A PTR is the last thing done, and nothing of the domain itself is left without a receipt.
start_address() {
	configure 3600 '"192.0.2.10"' anna ben
	run provision northwind.example --yes || return
	configure 3600 '"192.0.2.10", "192.0.2.11"' anna ben
}
start_close() {
	configure 3600 '"192.0.2.10"' anna ben
	run provision northwind.example --yes
}
start_rotate() { start_close; }
start_teardown() { start_close; }
start_later() {
	start_close && run teardown getnorthwind.example --yes
}
start_again() {
	start_close && run teardown getnorthwind.example --yes --now --reason test
}
command_of() {
	case $1 in
	provision | change | retime | address | again) echo provision northwind.example --yes ;;
	rotate) echo keys rotate getnorthwind.example --yes ;;
	close) echo teardown getnorthwind.example --yes ;;
	teardown | later) echo teardown getnorthwind.example --yes --now --reason test ;;
	esac
}

# What the last run left, without what differs from run to run: serials, keys, hashes, times, row numbers.
state() {
	local f
	# Compiled tables follow from their text; a lock file says who was the last; an empty table is as good as none.
	(cd "$work" && find . -type f -size +0 ! -name '*.db' ! -name '*lock*' ! -name '*.run.*' ! -name 'store.db*' -printf '%m %p\n' | LC_ALL=C sort)
	for f in "$work"/zones/*.zone "$work"/mail/*/*; do
		if [ ! -f "$f" ] || [ ! -s "$f" ]; then continue; fi
		case $f in *.db | *lock*) continue ;; esac
		echo "== ${f#"$work"}"
		grep -v '[[:space:]]SOA[[:space:]]' "$f" | sed -E -e '/_domainkey/s/"v=DKIM1.{50,}/a key/' -e '/passwd/!s/(:[{$])[^:]*/\1hash/' | LC_ALL=C sort
	done
	sqlite3 "file:$work/store.db?mode=ro" "
		SELECT 'tenant', primary_domain FROM tenant;
		SELECT 'domain', name, tenant, state, coalesce(cause, '') FROM domain;
		SELECT 'mailbox', address, domain, removed_ms > 0 FROM mailbox ORDER BY 2;
		SELECT 'key', domain, algorithm, state, count(*) FROM dkim_key GROUP BY 2, 3, 4;
		SELECT 'credential', address FROM credential ORDER BY 2;
		SELECT 'pending', domain, step FROM journal WHERE receipt IS NULL;"
}

# trial SCENE N: 0 killed and mended, 1 failed, 2 lived to its end.
trial() {
	local scene=$1 n=$2 rc
	rm -rf "$work"
	cp -a "$scratch/$scene.start" "$work"
	# shellcheck disable=SC2046
	(LD_PRELOAD=$shim KILL_AT=$n "$coldrelay" -c "$work/coldrelay.cfg" -q $(command_of "$scene") </dev/null >"$scratch/killed" 2>&1; exit $?) 2>/dev/null
	rc=$?
	[ $rc = 0 ] && return 2
	if [ $rc != 137 ]; then
		not_ok "$scene, step $n: exit $rc instead of being killed: $(tail -n 1 "$scratch/killed")"
		return 1
	fi
	# shellcheck disable=SC2046
	run $(command_of "$scene")
	rc=$?
	# A rotation that was already begun asks for patience, and that is right.
	if [ $rc != 0 ] && { [ "$scene" != rotate ] || [ $rc != 75 ]; }; then
		not_ok "$scene, killed at step $n: the next run fails: $(tail -n 1 "$scratch/out")"
		return 1
	fi
	if ! run audit verify; then
		not_ok "$scene, killed at step $n: the audit log does not verify: $(tail -n 1 "$scratch/out")"
		return 1
	fi
	if ! state >"$scratch/state" 2>&1 || ! cmp -s "$scratch/state" "$scratch/$scene.want"; then
		not_ok "$scene, killed at step $n: another state than undisturbed"
		diff "$scratch/$scene.want" "$scratch/state"
		return 1
	fi
}

for scene in ${KILL_SCENES:-provision change retime address rotate close teardown later again}; do
	rm -rf "$work"
	mkdir -p "$work/zones"
	printf '@ 3600 IN SOA ns1.relay.example. hostmaster 1 7200 1800 1209600 300\n@ 3600 IN NS ns1.relay.example.\n' >"$work/zones/2.0.192.in-addr.arpa.zone"
	# shellcheck disable=SC2046
	if ! "start_$scene" || ! cp -a "$work" "$scratch/$scene.start" || ! run $(command_of "$scene"); then
		not_ok "$scene: fails undisturbed: $(tail -n 1 "$scratch/out")"
		continue
	fi
	state >"$scratch/$scene.want"
	before=$failures trials=0
	for ((n = offset; n < 2000; n += every)); do
		trial "$scene" "$n"
		[ $? = 2 ] && break
		trials=$((trials + 1))
	done
	if [ "$trials" = 0 ] && [ "$every" = 1 ]; then
		not_ok "$scene: nothing was killed"
	elif [ "$failures" = "$before" ]; then
		echo "ok $scene: killed at $trials steps (one in $every from $offset), each time mended by the next run"
	fi
done
[ "$failures" = 0 ]
