#!/bin/sh
# Install the Debian packages that are missing.  The one list of what coldrelay is built from and tested with.
#   deps.sh [--build|--bench]   --build: only what building and the demo need; --bench: the peers that `make bench` compares with, too
set -eu

# building: compiler, headers.  libcrypt comes with libc6-dev.
BUILD='gcc make pkg-config libcurl4-openssl-dev libcjson-dev libsodium-dev libconfig-dev libsqlite3-dev libidn2-dev libunistring-dev
 libpsl-dev libssl-dev libsmartcols-dev libpq-dev libxml2-dev'
# testing: unit tests, sanitizers and analysers, the real servers and their tools
TESTS='libcmocka-dev g++ clang clang-tidy clang-format libclang-rt-14-dev pdns-server pdns-backend-sqlite3 sqlite3
 bind9 bind9-utils bind9-dnsutils knot knot-dnsutils knot-dnssecutils lexicon opendkim-tools opendkim rspamd postfix dovecot-core dovecot-imapd dovecot-lmtpd openssl faketime postgresql-15 postgresql-client-15 pgbouncer iproute2 spin python3 curl git jq procps mandoc shellcheck'
# measuring: servers that do the gate's work in another way
BENCH='redis-server policyd-rate-limit postfwd'

case ${1:-} in
--build) want=$BUILD ;;
--bench) want="$BUILD $TESTS $BENCH" ;;
*) want="$BUILD $TESTS" ;;
esac
missing=
for p in $want; do
	dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
done
[ -n "$missing" ] || exit 0
sudo=
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null || { echo "deps: missing:$missing (install them as root)" >&2; exit 69; }
	sudo=sudo
fi
echo "deps: installing$missing"
log=$(mktemp)
# Tests start servers of their own: what the packages bring must not come up and take port 53.  Debian asks this file.
policy=/usr/sbin/policy-rc.d
made=
end() {
	rm -f "$log"
	[ -z "$made" ] || $sudo rm -f "$policy"
}
trap end EXIT
trap 'exit 130' INT TERM
if [ ! -e "$policy" ]; then
	made=1
	printf '#!/bin/sh\nexit 101\n' | $sudo tee "$policy" >/dev/null
	$sudo chmod 755 "$policy"
fi
# dpkg looks for its tools where a user's path may not lead.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
# Tests bring their own Postfix.  The package is not to make the machine a mail server, but without its main.cf postmap(1) does not work.
case $missing in
*postfix*) printf 'postfix postfix/%s\n' 'main_mailer_type select Local only' 'mailname string localhost' | $sudo debconf-set-selections ;;
esac
# shellcheck disable=SC2086
if ! { $sudo apt-get update -q && $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing; } >"$log" 2>&1; then
	tail -20 "$log" >&2
	echo "deps: apt-get could not install:$missing" >&2
	exit 69
fi
