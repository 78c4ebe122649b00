# Sourced by tests/e2e/*.sh: a directory of its own, servers that end with the script, and one line a promise.
# shellcheck shell=bash
#   begin [PROGRAM...]        skips the whole script when a program is missing
#   run WANT ARGUMENT...      coldrelay -c $cfg ARGUMENT...; its output is in $work/out and $work/err; fails unless it exits WANT
#   pass NAME COMMAND...      "ok NAME" when COMMAND succeeds; NAME must be told only once
#   finish                    the script's exit
set -u -o pipefail

e2e_lib=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
program=${COLDRELAY:-${e2e_lib%/tests/lib}/build/debug/coldrelay}
work=$(mktemp -d "${TMPDIR:-/tmp}/coldrelay-e2e.XXXXXX") || exit 74
cfg=$work/coldrelay.cfg
out=$work/out
err=$work/err
e2e_failed=0
e2e_pids=()
e2e_pidfiles=()
unset COLDRELAY_CONFIG
export LC_ALL=C.UTF-8

e2e_end() {
	local p
	for p in "${e2e_pids[@]}"; do
		kill "$p" 2>/dev/null && wait "$p" 2>/dev/null
	done
	for p in "${e2e_pidfiles[@]}"; do
		bash "$e2e_lib/down.sh" "$p"
	done
	chmod -R u+rwx "$work"
	rm -rf "$work"
}
trap e2e_end EXIT
trap 'exit 130' INT TERM

ok() {
	echo "ok $1"
}

not_ok() { # NAME WHY
	echo "not ok $1: $2"
	e2e_failed=1
}

skip() { # NAME WHY
	echo "skip $1: $2"
}

finish() {
	exit "$e2e_failed"
}

begin() {
	local p
	[ -x "$program" ] || { echo "not ok $0: no program at $program"; exit 1; }
	for p; do
		PATH=$PATH:/usr/sbin:/sbin command -v "$p" >/dev/null || { skip "${0##*/}" "$p is not installed"; exit 0; }
	done
}

# What the last command said, for a failure's reason.
said() {
	head -c 600 "$err" "$out" 2>/dev/null | tr '\n' ' '
}

# The exit code alone, as a condition inside a larger promise.
run() { # WANT ARGUMENT...
	local want=$1 rc
	shift
	"$program" -c "$cfg" "$@" >"$out" 2>"$err" </dev/null
	rc=$?
	[ "$rc" = "$want" ] || { why="exit $rc, not $want, of: $*: $(said)"; return 1; }
}

pass() { # NAME COMMAND...
	local name=$1
	shift
	why=
	if "$@"; then
		ok "$name"
	else
		not_ok "$name" "${why:-false: $*}"
		return 1
	fi
}

# has FILE REGEX; lacks FILE REGEX: with a reason.
has() {
	grep -Eq -- "$2" "$1" || { why="no '$2' in: $(head -c 600 "$1" | tr '\n' ' ')"; return 1; }
}

lacks() {
	! grep -Eq -- "$2" "$1" || { why="'$2' in: $(grep -E -m 3 -- "$2" "$1" | head -c 600 | tr '\n' ' ')"; return 1; }
}

equal() { # GOT WANT
	[ "$1" = "$2" ] || { why="'$1' is not '$2'"; return 1; }
}

# one_line FILE: exactly one, since a person reads it.
one_line() {
	equal "$(wc -l <"$1")" 1 || { why="$(wc -l <"$1") lines: $(head -c 600 "$1" | tr '\n' ' ')"; return 1; }
}

# until_true SECONDS COMMAND...
until_true() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || { why="not in time: $*"; return 1; }
		sleep 0.05
	done
}

# value NAME FILE: of a NAME=VALUE line.
value() {
	sed -n "s/^$1=//p" "$2"
}

# server pdns|bind|knot [ARGUMENT...]: started in $work/NAME, its lines in $work/NAME.env.  Skips the script when it is not installed.
server() {
	local kind=$1 rc
	shift
	e2e_pidfiles+=("$work/$kind/pid")
	bash "$e2e_lib/${kind}_up.sh" "$work/$kind" "$@" >"$work/$kind.env" 2>"$work/$kind.err"
	rc=$?
	case $rc in
	0) ;;
	77) skip "${0##*/}" "$(tail -n 1 "$work/$kind.err")"; exit 0 ;;
	*) not_ok "$kind starts" "$(tail -n 3 "$work/$kind.err" | tr '\n' ' ')"; exit 1 ;;
	esac
}

# A port, and the one after it, that nobody uses, below those that the kernel hands to clients.
free_port() {
	local port
	while port=$((20000 + RANDOM % 12000)); (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null ||
		(exec 3<>"/dev/tcp/127.0.0.1/$((port + 1))") 2>/dev/null; do :; done
	echo "$port"
}

# proxy UPSTREAM_PORT: a fault proxy; its port in $proxy_port, its control in $proxy_control.
proxy() {
	proxy_port=$(free_port)
	proxy_control=$((proxy_port + 1))
	python3 "$e2e_lib/faultproxy.py" "$proxy_port" "$proxy_control" "$1" >"$work/proxy.$proxy_port.log" 2>&1 &
	e2e_pids+=($!)
	until_true 10 tell count || { not_ok "the proxy starts" "$(cat "$work/proxy.$proxy_port.log")"; exit 1; }
}

# tell COMMAND...: to the proxy's control port; prints its answer.
tell() {
	local answer
	{ exec 3<>"/dev/tcp/127.0.0.1/$proxy_control"; } 2>/dev/null || return 1
	echo "$*" >&3
	IFS= read -r answer <&3
	exec 3>&-
	echo "$answer"
}

# records PORT ZONE [DIG OPTION...]: a whole zone by AXFR, without the SOA, sorted.
records() {
	local port=$1 zone=$2
	shift 2
	dig +noall +answer +onesoa +time=5 +tries=1 @127.0.0.1 -p "$port" "$@" "$zone" AXFR |
		awk '$4 != "SOA"' | tr -s '\t ' ' ' | sort -u
}

# query PORT NAME TYPE: the answer, short, strings of a TXT joined.
query() {
	dig +short +time=5 +tries=1 @127.0.0.1 -p "$1" "$2" "$3" | sed 's/" "//g' | sort
}

store() { # SQL
	sqlite3 -cmd '.timeout 5000' "${2:-$work/store.db}" "$1"
}

# The configuration's parts; a script writes $cfg out of them.
cfg_head() {
	cat <<-'CFG'
		store = "store.db";
		key_file = "key";
		timeout = "8s";
		limits = { org_per_hour = 0; org_per_day = 0; mailbox_gap = 0; };
		mail_hosts = ( { name = "mail"; driver = "local"; root = "mail"; host = "mail.mx.example"; addresses = [ "192.0.2.10" ]; } );
	CFG
}

# cfg_tenant PRIMARY "MORE SETTINGS" DOMAIN...: in zones of the provider "dns".
cfg_tenant() {
	local primary=$1 more=$2 d comma=
	shift 2
	printf 'tenants = ( { primary = "%s"; zone = "dns"; mail_host = "mail"; warm_up = 0; %s\n' "$primary" "$more"
	printf '  mailboxes = ( { local = "anna"; name = "Anna Berg"; }, { local = "ben"; } );\n  domains = ('
	for d; do
		printf '%s\n    { name = "%s"; }' "$comma" "$d"
		comma=,
	done
	printf '\n  ); } );\n'
}
