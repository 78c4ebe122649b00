#!/bin/bash
# Provisioning 1, 20 and 100 zones on PowerDNS, direct and with 100 ms added to each call, beside the bare calls.
#
# floor: one whole-zone POST a zone, 16 at once, by one curl process.  first: `provision` of new domains, making an RSA key each.
# keyed: the same with the keys in the store already (zones taken away behind its back), so key generation is out of the figure.
# noop: a second run.  calls: requests a zone, counted by the proxy.
set -eu
cd "${0%/*}/../.."
for tool in pdns_server sqlite3 curl python3; do
	PATH=$PATH:/usr/sbin command -v "$tool" >/dev/null || { echo "# bench_provision: skipped, no $tool"; exit 0; }
done
program=$PWD/build/release/coldrelay
dir=$(mktemp -d)
proxy_pid=
cleanup() {
	[ -z "$proxy_pid" ] || kill "$proxy_pid" 2>/dev/null || true
	[ ! -s "$dir/pdns.env" ] || tests/lib/down.sh "$(sed -n 's/^PIDFILE=//p' "$dir/pdns.env")" || true
	rm -rf "$dir"
}
trap cleanup EXIT
tests/lib/pdns_up.sh "$dir/pdns" 0 >"$dir/pdns.env"
value() { sed -n "s/^$1=//p" "$dir/pdns.env"; }
api=$(value API_URL)/api/v1
key=$(value API_KEY)
api_port=${api#http://127.0.0.1:}
api_port=${api_port%%/*}
port=$((19400 + $$ % 300))
control=$((port + 1))
tests/lib/faultproxy.py "$port" "$control" "$api_port" >"$dir/proxy.log" 2>&1 &
proxy_pid=$!
tell() { exec 9<>"/dev/tcp/127.0.0.1/$control" && printf '%s\n' "$1" >&9 && read -r line <&9 && exec 9>&- && echo "$line"; }
i=0
until tell count >/dev/null 2>&1; do
	i=$((i + 1))
	[ $i -lt 200 ] || { echo "bench_provision: the proxy did not start" >&2; exit 1; }
	read -r -t 0.05 _ <> <(:) || true
done
export PDNS_KEY=$key

config() { # N PREFIX
	echo "store = \"store.db\";"
	echo "zones = ( { name = \"dns\"; driver = \"powerdns\"; url = \"http://127.0.0.1:$port/api/v1\"; api_key = \"env:PDNS_KEY\"; name_servers = [ \"ns1.dns.example\" ]; } );"
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
floor() { # N PREFIX
	for n in $(seq "$1"); do
		[ "$n" = 1 ] || echo next
		echo "url = \"http://127.0.0.1:$port/api/v1/servers/localhost/zones\""; echo "header = \"X-API-Key: $key\""
		echo 'output = "/dev/null"'
		echo "data = \"{\\\"name\\\":\\\"$2$n.example.\\\",\\\"kind\\\":\\\"Native\\\",\\\"nameservers\\\":[\\\"ns1.dns.example.\\\"],\\\"rrsets\\\":[{\\\"name\\\":\\\"$2$n.example.\\\",\\\"type\\\":\\\"MX\\\",\\\"ttl\\\":3600,\\\"records\\\":[{\\\"content\\\":\\\"10 mail.mx.example.\\\"}]}]}\""
	done >"$dir/floor.curl"
	curl --no-progress-meter --parallel --parallel-immediate --parallel-max 16 -K "$dir/floor.curl" 2>/dev/null
}
for delay in 0 100; do
	tell "delay $delay" >/dev/null
	for n in 1 20 100; do
		p="z$delay-$n-"
		work=$dir/$p
		mkdir -p "$work/mail"
		config "$n" "$p" >"$work/coldrelay.cfg"
		f=$(seconds floor "$n" "$p")
		drop_zones "$n" "$p"
		cd "$work"
		first=$(seconds "$program" -q provision northwind.example --yes)
		cd - >/dev/null
		drop_zones "$n" "$p"
		cd "$work"
		tell "plan 0 none" >/dev/null
		keyed=$(seconds "$program" -q provision northwind.example --yes)
		calls=$(tell count)
		tell "plan 0 none" >/dev/null
		noop=$(seconds "$program" -q provision northwind.example --yes)
		noop_calls=$(tell count)
		cd - >/dev/null
		echo "provision_${n}_zones_delay_${delay}ms_floor $f s"
		echo "provision_${n}_zones_delay_${delay}ms_first $first s"
		echo "provision_${n}_zones_delay_${delay}ms_keyed $keyed s"
		echo "provision_${n}_zones_delay_${delay}ms_noop $noop s"
		echo "$keyed $f" | awk -v n="$n" -v d="$delay" '{printf "provision_%s_zones_delay_%sms_keyed_over_floor %.2f ratio\n", n, d, $1 / $2}'
		echo "provision_${n}_zones_delay_${delay}ms_calls $(awk -v c="$calls" -v n="$n" 'BEGIN{printf "%.2f", c / n}') calls/zone"
		echo "provision_${n}_zones_delay_${delay}ms_noop_calls $(awk -v c="$noop_calls" -v n="$n" 'BEGIN{printf "%.2f", c / n}') calls/zone"
	done
done
