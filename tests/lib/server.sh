# Sourced by the *_up.sh beside it: what every start of a private server needs.
# shellcheck shell=bash
set -euo pipefail

die() {
	echo "${0##*/}: $*" >&2
	exit 1
}

# need PROGRAM PACKAGE: prints where it is; exit 77 says that the server is not installed.
need() {
	PATH=$PATH:/usr/sbin:/sbin command -v "$1" || {
		echo "${0##*/}: $1 is not installed (package $2)" >&2
		exit 77
	}
}

# Nobody listens on PORT of the loopback.
is_free() {
	! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# A port below those that the kernel hands to clients.
free_port() {
	local port
	while port=$((20000 + RANDOM % 12000)); ! is_free "$port" || ! is_free $((port + 1)); do :; done
	echo "$port"
}

# own_dir DIR: made, private, as an absolute path.
own_dir() {
	mkdir -p "$1"
	chmod 700 "$1"
	(cd "$1" && pwd)
}

# launch PIDFILE LOG COMMAND...: in the background, its pid noted.  Refuses a second one.
launch() {
	local pidfile=$1 log=$2
	shift 2
	if [ -s "$pidfile" ] && kill -0 "$(cat "$pidfile")" 2>/dev/null; then
		die "runs already, pid $(cat "$pidfile")"
	fi
	"$@" >"$log" 2>&1 </dev/null &
	PID=$!
	echo "$PID" >"$pidfile"
}

# wait_until LOG COMMAND...: polls until COMMAND succeeds; shows the log when the server dies or stays silent.
wait_until() {
	local log=$1 tries
	shift
	for ((tries = 0; tries < 400; tries++)); do
		if "$@" >/dev/null 2>&1; then
			return
		fi
		if ! kill -0 "$PID" 2>/dev/null; then
			tail -n 20 "$log" >&2
			die "the server died"
		fi
		sleep 0.05
	done
	kill "$PID"
	tail -n 20 "$log" >&2
	die "no answer after 20 s"
}

new_secret() {
	head -c 32 /dev/urandom | base64 | tr -d '\n'
}

# A zone file that every server loads; its name server lies elsewhere, so that no record in it has to stay.
empty_zone() {
	cat <<-'ZONE'
		$TTL 300
		@ IN SOA ns1.example.invalid. hostmaster.example.invalid. ( 1 3600 600 86400 60 )
		@ IN NS ns1.example.invalid.
	ZONE
}

# A file name for a zone: RFC 2317 names hold a '/'.
zone_file() {
	echo "${1//\//=2f}.zone"
}

# The zone's SOA is answered.
answers() { # PORT ZONE
	dig +short +time=1 +tries=1 @127.0.0.1 -p "$1" "$2" SOA | grep -q hostmaster
}
