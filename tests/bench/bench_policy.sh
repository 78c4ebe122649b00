#!/bin/bash
# The policy daemon beside its floors and its peers: admits by 1, 8 and 64 connections, denials, and 512 idle connections beside.
#   bench_policy.sh [--only NAME,...] [--quick] [-s SECONDS] [-r ROUNDS] [-m MAILBOXES] [-k K,...]
#
# NAME: coldrelay, echo, floor (a log record and one fdatasync a round), redis, policyd-rate-limit, postfwd, denials, idle.
# --quick: coldrelay, floor and echo three rounds of half a second each, 20 seconds in all.
#
# Who is compared is measured turn by turn, round after round, and a ratio is the median of the rounds' ratios: a shared machine changes
# its pace from minute to minute.  coldrelay gets a fresh copy of the store each time: 4 sends a day are soon used up.
# shellcheck disable=SC2317 # start_NAME is called by its name
COLDRELAY=${COLDRELAY:-${0%/*}/../../build/release/coldrelay}
# What is measured is the disk's sync: a temporary directory in memory would have none.
TMPDIR=${TMPDIR:-/var/tmp}
export TMPDIR
# shellcheck source=tests/lib/e2e.sh
. "${0%/*}/../lib/e2e.sh"
begin
program=$(readlink -f "$program")
tools=$(dirname "$program")/tests/bench

only=coldrelay,echo,floor,redis,policyd-rate-limit,postfwd,denials,idle
seconds=1.5 rounds=3 mailboxes=150000 ks=1,8,64
while [ $# != 0 ]; do
	case $1 in
	--only) only=$2; shift ;;
	--quick) only=coldrelay,floor,echo seconds=0.5 rounds=3 ;;
	-s) seconds=$2; shift ;;
	-r) rounds=$2; shift ;;
	-m) mailboxes=$2; shift ;;
	-k) ks=$2; shift ;;
	*) sed -n '2,/^# --quick/p' "$0" >&2; exit 64 ;;
	esac
	shift
done
only=,$only,
ks=${ks//,/ }
exhausted=64 failed=0
declare -A pid
fresh=0 # names of mailboxes that no peer has heard of

wants() { case $only in *,"$1",*) ;; *) false ;; esac; }

background() { # NAME COMMAND...
	local name=$1
	shift
	"$@" >"$work/$name.out" 2>&1 </dev/null &
	pid[$name]=$!
	e2e_pids+=($!)
}

end() { # NAME
	kill "${pid[$1]}" 2>/dev/null
	wait "${pid[$1]}" 2>/dev/null
	unset "pid[$1]"
}

there() { # PROGRAM: a line when it is not
	PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null || { echo "$1 is not installed: not compared (tests/lib/deps.sh --bench)"; false; }
}

# ---- servers: each listens on unix:$work/NAME.sock
start_echo() { background echo "$tools/floor" -a "unix:$work/echo.sock"; }
start_floor() { background floor "$tools/floor" -a "unix:$work/floor.sock" -l "$work/floor.log"; }

fill() {
	mkdir "$work/full"
	printf 'store = "store.db";\nkey_file = "key";\n' >"$work/full/coldrelay.cfg"
	"$tools/fill" -c "$work/full/coldrelay.cfg" -n "$mailboxes" -x "$exhausted" || exit 1
}

start_coldrelay() {
	mkdir -p "$work/store"
	rm -f "$work/store/"*
	cp "$work/full/"* "$work/store/" && sync -f "$work/store" || exit 1
	background coldrelay "$program" -q -c "$work/store/coldrelay.cfg" serve --listen "unix:$work/coldrelay.sock"
}

start_redis() {
	mkdir -p "$work/redis"
	background redis redis-server --port 0 --unixsocket "$work/redis.sock" --dir "$work/redis" --save '' \
		--appendonly yes --appendfsync always --auto-aof-rewrite-percentage 0
}

# Its own defaults but for the place, the key and the limit; as whoever runs this.
start_policyd-rate-limit() {
	mkdir -p "$work/prl"
	cat >"$work/prl/policyd.yaml" <<-CFG
		debug: False
		user: "$(id -un)"
		group: "$(id -gn)"
		pidfile: "$work/prl/pid"
		sqlite_config:
		    database: "$work/prl/db.sqlite3"
		backend: 0
		SOCKET: "$work/policyd-rate-limit.sock"
		socket_permission: 0600
		limits:
		    - [4, 86400]
		limits_by_id: {}
		limit_by_sasl: True
		limit_by_sender: False
		limit_by_ip: False
		limited_networks: []
		success_action: "dunno"
		fail_action: "defer_if_permit Rate limit reach, retry later"
		db_error_action: "defer_if_permit no database"
		report: False
		report_to: null
		report_limits: [86400]
		report_only_if_needed: True
		delay_to_close: 300
		count_mode: 0
	CFG
	background policyd-rate-limit policyd-rate-limit --file "$work/prl/policyd.yaml"
}

# Its rates work in the form with processes of its own for them only; it leaves the foreground.
start_postfwd() {
	mkdir -p "$work/postfwd"
	e2e_pidfiles+=("$work/postfwd/pid")
	/usr/sbin/postfwd2 --daemon --nodns -u "$(id -un)" -g "$(id -gn)" --pidfile "$work/postfwd/pid" \
		--server_socket "unix::$work/postfwd.sock" --cache_socket "unix::$work/postfwd/cache.sock" \
		-r 'id=DAY; action=rate(sasl_username/4/86400/DEFER too many)' >"$work/postfwd.out" 2>&1 </dev/null
}

# ---- one measurement: lines "NAME_kK_WHAT value unit", kept in $work/lines behind the round's number
# What a peer says, and what it has to be told.  policyd-rate-limit counts at RCPT only.
declare -A yes=([redis]=:1 [policyd-rate-limit]=action=dunno)
declare -A no=([redis]=:0 [policyd-rate-limit]=action=defer_if_permit)
declare -A options=([redis]='-p redis' [policyd-rate-limit]='-S RCPT -R' [postfwd]=-R)

load() { # SERVER [LOAD OPTION...]
	local server=$1
	shift
	# shellcheck disable=SC2086 # words
	"$tools/load" -a "unix:$work/$server.sock" ${options[$server]:-} ${pid[$server]:+-c "${pid[$server]}"} "$@"
}

measure() { # LABEL SERVER K [LOAD OPTION...]
	local label=$1 server=$2 k=$3
	shift 3
	if load "$server" -k "$k" -s "$seconds" -r "$round" -N "${label}_k$k" -e "${yes[$server]:-action=DUNNO}" "$@" \
		>"$work/said" 2>&1; then
		sed "s/^/$round /" "$work/said" >>"$work/lines"
	else
		echo "${label}_k$k failed: $(tail -n 1 "$work/said"); $server: $(tail -n 1 "$work/$server.out")"
		# A peer that does not stand a load is a finding, not a fault.
		case $server in coldrelay | echo | floor) failed=1 ;; esac
	fi
}

# A peer that lets everything by would be fast.
limits() { # PEER
	load "$1" -s 0.1 -w 300 -d -f 18999999 -n 1 -e "${no[$1]:-action=DEFER}" >"$work/said" 2>&1 ||
		{ echo "$1 does not limit here: not compared: $(tail -n 1 "$work/said")"; false; }
}

measure_coldrelay() { # LABEL K [LOAD OPTION...]
	start_coldrelay
	measure "$1" coldrelay "$2" -f "$exhausted" -n $((mailboxes - exhausted)) "${@:3}"
	end coldrelay
}

measure_peer() { # NAME K
	measure "$1" "$1" "$2" -f "$fresh" -n 400000
	fresh=$((fresh + 400000))
}

one_round() {
	local k p
	for k in $ks; do
		for p in echo floor; do
			! wants "$p" || measure "$p" "$p" "$k"
		done
		! wants coldrelay || measure_coldrelay coldrelay "$k"
		for p in "${peers[@]}"; do measure_peer "$p" "$k"; done
	done
	if wants denials; then
		start_coldrelay
		measure coldrelay_deny coldrelay 8 -d -n "$exhausted" -e action=DEFER
		end coldrelay
		[ -z "${pid[redis]:-}" ] || measure redis_deny redis 8 -d -f 19000000 -n "$exhausted" -e :0
	fi
	if wants idle; then
		measure_coldrelay coldrelay_busy 8
		measure_coldrelay coldrelay_beside_512_idle 8 -i 512
	fi
}

fill
for p in echo floor; do ! wants "$p" || "start_$p"; done
peers=()
for p in redis policyd-rate-limit postfwd; do
	command=$p
	[ "$p" != redis ] || command=redis-server
	wants "$p" && there "$command" && "start_$p" && limits "$p" && peers+=("$p")
done
touch "$work/lines"
for round in $(seq "$rounds"); do one_round; done

echo "policy_disk $(stat -f -c %T "$work") filesystem"
echo "policy_mailboxes $mailboxes rows"
awk -v rounds="$rounds" -v prefix=policy_ -f "${0%/*}/medians.awk" "$work/lines"
exit "$failed"
