#!/bin/bash
# `verify --all` of 1,000 healthy domains against a local server, beside a bare loop over one socket that sends the same questions.
#   bench_verify.sh [DOMAINS [ROUNDS]]
#
# floor: every question that the run asked, recorded on its way and put to the server by one socket, 100 under way, made beforehand.
# loop: the same through our resolver, which reads and keeps the answers, and nothing else is done with them.  Once a domain has
# been provisioned its records, and its row and key in the store, are copied for the others: only names differ.
COLDRELAY=${COLDRELAY:-${0%/*}/../../build/release/coldrelay}
# shellcheck source=tests/lib/e2e.sh
. "${0%/*}/../lib/e2e.sh"
begin knotd sqlite3 jq python3
program=$(readlink -f "$program")
questions=${program%/*}/tests/bench/questions
[ -x "$questions" ] || { echo "no $questions: make benches" >&2; exit 1; }
n=${1:-1000}
rounds=${2:-5}
port=$(free_port)
recorder=$((port + 1))
mkdir -p "$work/zones" "$work/knot" "$work/mail"

config() { # PORT N
	cfg_head
	echo "resolver = \"127.0.0.1:$1\";"
	echo "zones = ( { name = \"dns\"; driver = \"zonefile\"; directory = \"zones\"; name_servers = [ \"ns1.dnshost.example\", \"ns2.dnshost.example\" ]; check_server = \"127.0.0.1:$1\"; } );"
	# shellcheck disable=SC2046 # a word a domain
	cfg_tenant northwind.example '' $(seq -f 'd%06g.example' 0 $(($2 - 1)))
}
config "$port" 1 >"$cfg"
run 0 -q provision northwind.example --yes || { echo "$why" >&2; exit 1; }

# shellcheck disable=SC2016 # a zone file's own dollar
head='$TTL 3600\n@ SOA ns1.dnshost.example. hostmaster.dnshost.example. 1 10800 3600 604800 300\n@ NS ns1.dnshost.example.\n@ NS ns2.dnshost.example.\n'
# shellcheck disable=SC2059 # the format is ours
{
	printf "$head" >"$work/zones/root.zone"
	printf "$head" >"$work/zones/example.zone"
	printf "$head"'mail A 192.0.2.10\nmail TXT "v=spf1 a -all"\n' >"$work/zones/mx.example.zone"
	printf "$head"'10 PTR mail.mx.example.\n' >"$work/zones/2.0.192.in-addr.arpa.zone"
}
for i in $(seq -f %06g 1 $((n - 1))); do
	sed "s/d000000\.example/d$i.example/g" "$work/zones/d000000.example.zone" >"$work/zones/d$i.example.zone"
done
{
	printf 'server:\n    rundir: "%s"\n    listen: 127.0.0.1@%s\n    udp-workers: 1\n' "$work/knot" "$port"
	printf 'log:\n  - target: stderr\n    any: error\ndatabase:\n    storage: "%s"\n    journal-db-max-size: 64M\n' "$work/knot/db"
	printf 'template:\n  - id: default\n    storage: "%s"\n    zonefile-sync: -1\n    zonefile-load: whole\n    journal-content: none\nzone:\n' "$work/zones"
	printf '  - domain: "."\n    file: root.zone\n'
	for z in example mx.example 2.0.192.in-addr.arpa $(seq -f 'd%06g.example' 0 $((n - 1))); do
		printf '  - domain: "%s"\n    file: "%s.zone"\n' "$z" "$z"
	done
} >"$work/knot/knot.conf"
PATH=$PATH:/usr/sbin:/sbin knotd -c "$work/knot/knot.conf" >"$work/knot/log" 2>&1 &
e2e_pids+=($!)
last=$(printf 'd%06d.example' $((n - 1)))
served() { [ -n "$(query "$port" "$last" MX)" ]; }
until_true 60 served || { tail -n 5 "$work/knot/log" >&2; exit 1; }

store "WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < $((n - 1)))
	INSERT INTO domain (name, tenant, state, since_ms, created_ms, first_send_ms)
	SELECT printf('d%06d.example', i.n), d.tenant, d.state, d.since_ms, d.created_ms, d.first_send_ms FROM i, domain d WHERE d.name = 'd000000.example' AND $n > 1;
	WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < $((n - 1)))
	INSERT INTO dkim_key (domain, selector, algorithm, state, public_key, sealed, created_ms)
	SELECT printf('d%06d.example', i.n), k.selector, k.algorithm, k.state, k.public_key, k.sealed, k.created_ms FROM i, dkim_key k WHERE k.domain = 'd000000.example' AND $n > 1"

# What one run asks, seen on the way.
python3 - "$recorder" "$port" >"$work/asked" 2>"$work/recorder.err" <<'PY' &
import socket, sys
types = {1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 12: "PTR", 15: "MX", 16: "TXT", 28: "AAAA", 43: "DS", 48: "DNSKEY", 52: "TLSA", 99: "SPF"}
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
s.bind(("127.0.0.1", int(sys.argv[1])))
to = ("127.0.0.1", int(sys.argv[2]))
asker = {}
print("ready", file=sys.stderr, flush=True)
while True:
    m, a = s.recvfrom(65535)
    if m[2] & 0x80:
        where = asker.pop(m[:2] + m[12:m.index(0, 12) + 5].lower(), None)
        if where:
            s.sendto(m, where)
        continue
    asker[m[:2] + m[12:m.index(0, 12) + 5].lower()] = a
    labels, i = [], 12
    while m[i]:
        labels.append(m[i + 1:i + 1 + m[i]].decode()); i += 1 + m[i]
    t = int.from_bytes(m[i + 1:i + 3], "big")
    print(types.get(t, "TYPE%d" % t), ".".join(labels) or ".", flush=True)
    s.sendto(m, to)
PY
e2e_pids+=($!)
until_true 20 has "$work/recorder.err" ready || { echo "$why" >&2; exit 1; }
config "$recorder" "$n" >"$work/recorded.cfg"
config "$port" "$n" >"$cfg"
"$program" -c "$work/recorded.cfg" -q --json verify --all >"$out" 2>"$err" </dev/null || { echo "recorded: exit $?: $(said)" >&2; exit 1; }
sort -u "$work/asked" | shuf --random-source=/dev/zero >"$work/questions"
asked=$(wc -l <"$work/questions")

TIMEFORMAT='%R %U %S'
for _ in $(seq "$rounds"); do
	"$questions" "127.0.0.1:$port" "$work/questions" | cut -d ' ' -f 2 >>"$work/floors"
	"$questions" "127.0.0.1:$port" "$work/questions" lookup | cut -d ' ' -f 2 >>"$work/loops"
	{ time run 0 -q --json verify --all >/dev/null; } 2>>"$work/runs" || { echo "$why" >&2; exit 1; }
	[ "$(jq -s '[.[] | select(.event == "summary") | select(.fail + .unknown + .warn == 0)] | length' "$out")" = "$n" ] || { echo "not all are well" >&2; exit 1; }
done
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
floor=$(median <"$work/floors")
took=$(cut -d ' ' -f 1 "$work/runs" | median)
cpu=$(awk '{ print $2 + $3 }' "$work/runs" | median)
loop=$(median <"$work/loops")
echo "verify_all_loop $loop s (the same through the resolver, nothing made of the answers)"
echo "verify_all_floor $floor s ($asked questions of $n domains, one socket, $rounds rounds)"
echo "verify_all $took s ($(cut -d ' ' -f 1 "$work/runs" | sort -n | sed -n '1p;$p' | paste -sd'-'); $cpu s of its own)"
awk -v t="$took" -v f="$floor" -v l="$loop" -v n="$n" \
	'BEGIN { printf "verify_all_over_loop %.2f\nverify_all_over_floor %.2f\nverify_per_domain %.3f ms\n", t / l, t / f, t * 1000 / n }'
