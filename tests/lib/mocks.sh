#!/bin/bash
# The requests of the cloud drivers against the providers' own API descriptions: a test runs over the fake, the fake copies each request to a
# mock of the description, and what that finds wrong is a failure.
# Then what we say of signed messages, against another verifier.
#   mocks.sh [MODE]     prints a line a provider: "ok NAME", "not ok NAME: why", "skip NAME: why"
# The descriptions lie beside the project (../shared/provider-specs); the mock is installed by npm into build/mocks where that is possible.
set -u -o pipefail
cd "$(dirname "$0")/../.." || exit 70

mode=${1:-debug}
specs=../shared/provider-specs
prism=@stoplight/prism-cli@5.16.0
mailauth=mailauth@7.1.0
# DESCRIPTION TEST ONLY: the test's binary under build/MODE/tests, or a script under tests; and its one backend (COLDRELAY_ONLY).
table='
cloudflare contract/test_zones cloudflare
route53 contract/test_zones route53
azure-dns contract/test_zones azure
azure-publicip provision/test_reverse azure
microsoft-graph e2e/microsoft365 graph
'
scratch=$(mktemp -d) || exit 74
mock=
# shellcheck disable=SC2317 # by the trap
end() {
	[ -z "$mock" ] || tests/lib/down.sh "$mock"
	rm -rf "$scratch"
}
trap end EXIT

failed=0
say() { # WORD NAME [WHY]
	echo "$1 mocks: $2${3:+: $3}"
	[ "$1" != 'not ok' ] || failed=1
}

if [ ! -d "$specs" ]; then
	say skip all "no API descriptions in $specs"
	exit 0
fi
# install PACKAGE FILE: into build/mocks, where FILE of it is not there yet.
install() {
	[ -e "build/mocks/node_modules/$2" ] && return
	command -v npm >/dev/null && mkdir -p build/mocks &&
		(cd build/mocks && npm install --ignore-scripts --no-audit --no-fund --silent --prefix . "$1") >"$scratch/npm" 2>&1
}
if [ -z "${PRISM:-}" ] && ! command -v prism >/dev/null && ! install "$prism" .bin/prism; then
	say skip all "no prism, and npm could not install $prism"
	exit 0
fi

# check DESCRIPTION TEST ONLY
check() {
	local name="$2 ($3)" binary=build/$mode/tests/$2 url checked wrong
	if [ -x "tests/$2.sh" ]; then binary=tests/$2.sh; fi
	make -s --no-print-directory MODE="$mode" "${binary/tests\/e2e\/*/all}" >"$scratch/build" 2>&1 || {
		say 'not ok' "$name" 'not built'
		return
	}
	tests/lib/mock_up.sh "$scratch/$1" 0 "$specs/$1.json" >"$scratch/out" 2>"$scratch/why" || {
		say 'not ok' "$name" "no mock: $(tail -n 1 "$scratch/why")"
		return
	}
	mock=$(sed -n 's/^PIDFILE=//p' "$scratch/out")
	url=$(sed -n 's/^URL=//p' "$scratch/out")
	: >"$scratch/report"
	MOCK=$url MOCK_REPORT=$scratch/report COLDRELAY_ONLY=$3 timeout 300 "$binary" >"$scratch/log" 2>&1 ||
		say 'not ok' "$name" "the test itself: $(grep -m 1 'ERROR\|FAILED\|^not ok' "$scratch/log")"
	tests/lib/down.sh "$mock"
	mock=
	checked=$(wc -l <"$scratch/report")
	wrong=$(grep -c '^wrong' "$scratch/report")
	if [ "$checked" = 0 ]; then
		say 'not ok' "$name" 'no request was checked'
	elif [ "$wrong" != 0 ]; then
		say 'not ok' "$name" "$wrong of $checked requests are not as $1.json says"
		grep '^wrong' "$scratch/report" | cut -c 1-400 | sort -u | head -n 5 | sed 's/^/    | /'
	else
		say ok "$name: $checked requests"
	fi
}

while read -r description test only; do
	[ -z "$description" ] || check "$description" "$test" "$only" </dev/null
done <<<"$table"

# Another verifier's word on messages that are signed with our keys.
if install "$mailauth" mailauth; then
	NODE_PATH=$PWD/build/mocks/node_modules COLDRELAY=$PWD/build/$mode/coldrelay timeout 300 bash tests/e2e/signed.sh >"$scratch/log" 2>&1 ||
		say 'not ok' 'e2e/signed (mailauth)' "$(grep -m 1 '^not ok' "$scratch/log")"
	[ "$failed" != 0 ] || say ok "e2e/signed (mailauth): $(grep -c '^ok .*mailauth' "$scratch/log") messages"
else
	say skip 'e2e/signed (mailauth)' "npm could not install $mailauth"
fi
exit "$failed"
