#!/bin/bash
# Provisioning 1, 20 and 100 zones on PowerDNS, direct and with 100 ms added to each call, beside the bare calls.
#
# Direct means PowerDNS itself; with a delay the calls go through a proxy, which also counts them.
#
# floor: one whole-zone POST a zone with a record set of the same size, 16 at once, by one curl process.  first: `provision` of new domains, making an RSA key each.
# keyed: the same with the keys in the store already (zones taken away behind its back), so key generation is out of the figure.
# noop: a second run.  calls: requests a zone, counted by the proxy.
COLDRELAY=${COLDRELAY:-${0%/*}/../../build/release/coldrelay}
# shellcheck source=tests/lib/e2e.sh
. "${0%/*}/../lib/e2e.sh"
begin pdns_server sqlite3 curl python3
program=$(readlink -f "$program")
# shellcheck disable=SC2154 # work is e2e.sh's
dir=$work
server pdns 0
key=$(value API_KEY "$work/pdns.env")
api=$(value API_URL "$work/pdns.env")
api_port=${api##*:}
api=$api/api/v1
proxy "$api_port"
# shellcheck disable=SC2154 # set by proxy
port=$proxy_port
export PDNS_KEY=$key

config() { # N PREFIX
	echo "store = \"store.db\";"
	echo "zones = ( { name = \"dns\"; driver = \"powerdns\"; url = \"http://127.0.0.1:$at/api/v1\"; api_key = \"env:PDNS_KEY\"; name_servers = [ \"ns1.dns.example\" ]; } );"
	echo "mail_hosts = ( { name = \"mail\"; driver = \"local\"; root = \"mail\"; host = \"mail.mx.example\"; addresses = [ \"192.0.2.10\" ]; } );"
	echo "tenants = ( { primary = \"northwind.example\"; zone = \"dns\"; mail_host = \"mail\"; mailboxes = ( { local = \"anna\"; } ); domains = ("
	for n in $(seq "$1"); do [ "$n" = 1 ] || echo ,; echo "{ name = \"$2$n.example\"; }"; done
	echo '); } );'
}
seconds() { # COMMAND...: prints wall seconds
	local t0 t1
	t0=$(date +%s.%N)
	"$@" >"$dir/out" 2>&1 || { tail -5 "$dir/out" >&2; return 1; }
	t1=$(date +%s.%N)
	echo "$t0 $t1" | awk '{printf "%.3f", $2 - $1}'
}
drop_zones() { # N PREFIX
	for n in $(seq "$1"); do
		echo "next"; echo "url = \"$api/servers/localhost/zones/$2$n.example.\""; echo 'request = "DELETE"'
		echo "header = \"X-API-Key: $key\""; echo 'output = "/dev/null"'
	done | sed 1d >"$dir/drop.curl"
	curl -sS --no-progress-meter --parallel --parallel-max 16 -K "$dir/drop.curl" 2>/dev/null
}
long=$(printf 'A%.0s' $(seq 200))
rrset() { # NAME TYPE CONTENT (escaped for JSON)
	printf '{"name":"%s","type":"%s","ttl":3600,"records":[{"content":"%s"}]}' "$1" "$2" "$3"
}
floor() { # N PREFIX
	for n in $(seq "$1"); do
		[ "$n" = 1 ] || echo next
		echo "url = \"http://127.0.0.1:$at/api/v1/servers/localhost/zones\""; echo "header = \"X-API-Key: $key\""
		echo 'output = "/dev/null"'
		body="{\"name\":\"$2$n.example.\",\"kind\":\"Native\",\"nameservers\":[\"ns1.dns.example.\"],\"rrsets\":["
		body="$body$(rrset "$2$n.example." MX '10 mail.mx.example.'),$(rrset "$2$n.example." TXT '\"v=spf1 ip4:192.0.2.10 -all\"'),"
		body="$body$(rrset "_dmarc.$2$n.example." TXT '\"v=DMARC1; p=reject; sp=reject; np=reject\"'),"
		body="$body$(rrset "k._domainkey.$2$n.example." TXT "\\\"v=DKIM1; k=rsa; p=$long\\\" \\\"$long\\\"")]}"
		printf '%s' "$body" >"$dir/body.$n"
		echo "data = \"@$dir/body.$n\""
		echo fail
	done >"$dir/floor.curl"
	curl --no-progress-meter --parallel --parallel-immediate --parallel-max 16 -K "$dir/floor.curl" 2>/dev/null
}
for delay in 0 100; do
	tell "delay $delay" >/dev/null
	at=$port
	[ "$delay" != 0 ] || at=$api_port
	for n in 1 20 100; do
		p="z$delay-$n-"
		here=$dir/$p
		mkdir -p "$here/mail"
		config "$n" "$p" >"$here/coldrelay.cfg"
		f=$(seconds floor "$n" "$p")
		drop_zones "$n" "$p"
		first=$(seconds "$program" -q -c "$here/coldrelay.cfg" provision northwind.example --yes)
		drop_zones "$n" "$p"
		tell "plan 0 none" >/dev/null
		keyed=$(seconds "$program" -q -c "$here/coldrelay.cfg" provision northwind.example --yes)
		calls=$(tell count)
		tell "plan 0 none" >/dev/null
		noop=$(seconds "$program" -q -c "$here/coldrelay.cfg" provision northwind.example --yes)
		noop_calls=$(tell count)
		echo "provision_${n}_zones_delay_${delay}ms_floor $f s"
		echo "provision_${n}_zones_delay_${delay}ms_first $first s"
		echo "provision_${n}_zones_delay_${delay}ms_keyed $keyed s"
		echo "provision_${n}_zones_delay_${delay}ms_noop $noop s"
		echo "$keyed $f" | awk -v n="$n" -v d="$delay" '{printf "provision_%s_zones_delay_%sms_keyed_over_floor %.2f ratio\n", n, d, $1 / $2}'
		[ "$delay" != 0 ] || continue
		echo "provision_${n}_zones_delay_${delay}ms_calls $(awk -v c="$calls" -v n="$n" 'BEGIN{printf "%.2f", c / n}') calls/zone"
		echo "provision_${n}_zones_delay_${delay}ms_noop_calls $(awk -v c="$noop_calls" -v n="$n" 'BEGIN{printf "%.2f", c / n}') calls/zone"
	done
done
