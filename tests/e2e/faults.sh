#!/bin/bash
# A provider that answers wrongly at the n-th request, for each n: run again, the end is that of a run without faults, and nothing is there twice.
# shellcheck disable=SC2317 # promises are reached through pass
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
begin pdns_server dig sqlite3 python3

server pdns
dns=$(value PORT "$work/pdns.env")
api=$(value API_URL "$work/pdns.env")
PDNS_KEY=$(value API_KEY "$work/pdns.env")
export PDNS_KEY

faults='429 500 503x3 refuse reset lost cut html locked'

# One request after the other, so that the n-th is the same in every run.
config() { # PROXY_PORT DOMAIN...
	local port=$1
	shift
	echo 'parallel = 1;'
	cfg_head | sed 's/8s/2s/'
	printf 'zones = ( { name = "dns"; driver = "powerdns"; url = "http://127.0.0.1:%s"; api_key = "env:PDNS_KEY"; name_servers = [ "ns1.dnshost.example" ]; } );\n' "$port"
	cfg_tenant northwind.example '' "$@"
}

# All that a run leaves behind, keys, passwords and what postmap makes of the maps left out, with CASE for what makes the names different.
state() { # DIR CASE
	local d
	for d in "get$2.example" "try$2.example"; do
		records "$dns" "$d" | sed -E 's/p=[A-Za-z0-9+\/=" ]+"/p=KEY"/'
	done | sed "s/$2/CASE/g"
	(cd "$1/mail" && find . -type f ! -name .lock | sort && { find postfix -type f ! -name '*.db' ! -name '*.lmdb' ! -name '*.cdb' ! -name .lock -exec cat {} + && cat opendkim/*Table && sed 's/{[A-Z0-9-]*}[^:]*/HASH/' dovecot/passwd; } | sort) | sed "s/$2/CASE/g; s#$1#DIR#g"
	store "SELECT name, state FROM domain ORDER BY 1; SELECT address FROM mailbox WHERE removed_ms = 0 ORDER BY 1; SELECT domain, selector, state FROM dkim_key ORDER BY 1, 2; SELECT address FROM credential ORDER BY 1" \
		"$1/store.db" | sed "s/$2/CASE/g"
}

once() { # DIR CASE
	local d
	for d in "get$2.example" "try$2.example"; do
		equal "$(sqlite3 -cmd '.timeout 5000' "$work/pdns/zones.sqlite3" "SELECT count(*) FROM domains WHERE name = '$d'")" 1 || return 1
		equal "$(sqlite3 -cmd '.timeout 5000' "$work/pdns/zones.sqlite3" "SELECT count(*) - count(DISTINCT r.name || ' ' || r.type || ' ' || r.content)
			FROM records r JOIN domains d ON d.id = r.domain_id WHERE d.name = '$d' AND r.type IS NOT NULL")" 0 || return 1
	done
	equal "$(store 'SELECT count(*) FROM journal WHERE received_ms IS NULL' "$1/store.db")" 0 || return 1
}

provision() { # DIR ARGUMENT...
	local dir=$1
	shift
	"$program" -c "$dir/coldrelay.cfg" "$@" >"$dir/out" 2>"$dir/err" </dev/null
}

begin_case() { # DIR CASE
	mkdir "$1"
	config "$proxy_port" "get$2.example" "try$2.example" >"$1/coldrelay.cfg"
}

# The run without faults: what the end looks like, and how many requests there are.
undisturbed() {
	begin_case "$work/undisturbed" undisturbed && tell plan 0 none >/dev/null && provision "$work/undisturbed" provision northwind.example --yes &&
		requests=$(tell count) && [ "$requests" -ge 4 ] && once "$work/undisturbed" undisturbed && state "$work/undisturbed" undisturbed >"$work/want"
}
proxy "${api##*:}"
pass "the run without faults" undisturbed || finish

# The same for a teardown of the first domain.
torn_down() {
	tell plan 0 none >/dev/null
	provision "$work/undisturbed" teardown getundisturbed.example --yes --now --reason test && requests_down=$(tell count) && [ "$requests_down" -ge 2 ] &&
		once "$work/undisturbed" undisturbed && state "$work/undisturbed" undisturbed >"$work/want.down"
}
pass "the teardown without faults" torn_down || finish

# disturbed FAULT N WANT ARGUMENT...: the run, then again until it exits 0; nothing is there twice, and the end is that in the file WANT.
disturbed() {
	local fault=$1 case=$1-$2 dir=$work/$1-$2 n=$2 want=$3 tries rc first
	shift 3
	tell plan "$n" "$fault" >/dev/null
	provision "$dir" "$@" --yes
	first=$?
	cp "$dir/err" "$dir/err.1"
	case $first in
	0 | 75) ;;
	*) why="the first run exits $first, not 0 or 75: $(head -c 300 "$dir/err")"; return 1 ;;
	esac
	rc=$first
	tell plan 0 none >/dev/null
	for ((tries = 1; rc != 0 && tries <= 3; tries++)); do
		provision "$dir" "$@" --yes
		rc=$?
	done
	[ "$rc" = 0 ] || { why="still exit $rc after $tries runs, at first $first: $(head -c 300 "$dir/err")"; return 1; }
	once "$dir" "$case" || return 1
	state "$dir" "$case" >"$dir/got"
	cmp -s "$want" "$dir/got" || { why="another end: $(diff "$want" "$dir/got" | head -n 6 | tr '\n' ' ')"; return 1; }
	provision "$dir" "$@" --dry-run || { why="a further run plans: $(head -c 300 "$dir/out")"; return 1; }
	provision "$dir" audit verify || { why="the log's chain: $(head -c 300 "$dir/err" "$dir/out")"; return 1; }
	lacks "$dir/err.1" "$PDNS_KEY"
}

up() { # FAULT N
	begin_case "$work/$1-$2" "$1-$2"
	disturbed "$1" "$2" "$work/want" provision northwind.example
}
down() { # FAULT N
	disturbed "$1" "$2" "$work/want.down" teardown "get$1-$2.example" --now --reason test
}

# The waits of one fault pass while another is tried.
jobs=()
for fault in $faults; do
	proxy "${api##*:}"
	(
		for ((n = 1; n <= requests; n++)); do
			pass "$fault at request $n of $requests" up "$fault" "$n"
		done
		for ((n = 1; n <= requests_down; n++)); do
			pass "teardown: $fault at request $n of $requests_down" down "$fault" "$n"
		done
	) >"$work/lines.$fault" 2>&1 &
	jobs+=($!)
done
wait "${jobs[@]}"
for fault in $faults; do
	cat "$work/lines.$fault"
	! grep -q '^not ok' "$work/lines.$fault" || e2e_failed=1
	[ "$(grep -c '^ok\|^not ok' "$work/lines.$fault")" = $((requests + requests_down)) ] || not_ok "$fault" "not all was tried"
done
finish
