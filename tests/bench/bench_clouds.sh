#!/bin/bash
# What a run costs at each cloud, counted by its fake: calls a zone and seconds, with a mail host's record set of seven.
#   bench_clouds.sh [ZONES]     10
#
# first: new zones.  noop: a second run, which changes nothing.  changed: one more record in each zone.  throttled: calls that the fake refused as
# too fast; its limits are the provider's.  Calls for tokens are left out.  The floor of first is one call a zone where the API takes a zone whole,
# two where it makes the zone first (Cloudflare, Route 53), and one more a record set where it has no batch (Azure).
# shellcheck disable=SC2317 # provider_NAME is called by its name
COLDRELAY=${COLDRELAY:-${0%/*}/../../build/release/coldrelay}
# shellcheck source=tests/lib/e2e.sh
. "${0%/*}/../lib/e2e.sh"
begin jq python3 curl
program=$(readlink -f "$program")
zones=${1:-10}
domains=()
for ((i = 1; i <= zones; i++)); do domains+=("get$i-northwind.example"); done

of() { # LINE
	value "$1" "$work/$cloud.env"
}
provider_cloudflare() {
	SECRET=$(of API_KEY)
	printf 'driver = "cloudflare"; url = "%s"; api_token = "env:SECRET"; account = "%s";' "$(of API_URL)" "$(of ACCOUNT)"
}
provider_route53() {
	printf 'driver = "route53"; url = "%s"; access_key_id = "env:ID"; secret_access_key = "env:SECRET"; wait = 0;' "$(of API_URL)"
}
provider_azure() {
	printf 'driver = "azure"; tenant_id = "%s"; client_id = "%s"; client_secret = "env:SECRET"; subscription = "%s"; resource_group = "%s"; url = "%s"; login_url = "%s";' \
		"$(of TENANT)" "$(of CLIENT)" "$(of SUBSCRIPTION)" "$(of GROUP)" "$(of API_URL)" "$(of API_URL)"
}
configure() { # MORE
	{
		cfg_head
		printf 'zones = ( { name = "dns"; %s } );\n' "$("provider_$cloud")"
		cfg_tenant northwind.example "$1" "${domains[@]}"
	} >"$cfg"
}
fake() { # WHAT [JSON]
	curl -fsS ${2:+-d "$2"} "http://127.0.0.1:$(of PORT)/_fake/$1"
}
measure() { # NAME
	local t0 t1 calls
	fake reset '{}' >/dev/null
	t0=$(date +%s.%N)
	run 0 provision northwind.example --yes || { echo "clouds_${cloud}_$1: $why" >&2; exit 1; }
	t1=$(date +%s.%N)
	calls=$(fake log | jq '[.[] | select(.path | contains("oauth2") | not)] | length')
	awk -v n="clouds_${cloud}_$1" -v c="$calls" -v z="$zones" -v t0="$t0" -v t1="$t1" -v x="$(fake counts | jq .throttled)" \
		'BEGIN { printf "%s_calls %.2f calls/zone\n%s_time %.2f s\n%s_throttled %d calls\n", n, c / z, n, t1 - t0, n, x }'
}

for cloud in cloudflare route53 azure; do
	e2e_pidfiles+=("$work/$cloud/pid")
	bash "$e2e_lib/fake_up.sh" "$work/$cloud" 0 "$cloud" >"$work/$cloud.env"
	ID=$(of ACCESS_KEY) SECRET=$(of SECRET_KEY)
	[ -n "$SECRET" ] || SECRET=$(of API_KEY)
	export ID SECRET
	rm -rf "$work"/store.db* "$work/key" "$work/mail"
	configure ''
	measure first
	measure noop
	configure 'tls_rua = "tls@northwind.example";'
	measure changed
done
