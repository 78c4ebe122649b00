#!/bin/bash
# The daemon on a large store: what a decision costs beside 1,000 mailboxes, its memory, the bytes a mailbox takes.
#   bench_scale.sh [-n MAILBOXES,...] [--ten-million] [-d DAYS] [-p SENDS] [-r ROUNDS]
#
# Default: 1,000,000 mailboxes with 30 days of one send a day (-p 4: as much as the gate ever admits, four times the disk);
# --ten-million: 10,000,000 too, without history, in ten minutes and 3 GB; it has to run.
# Rounds of 1,000 admits on the small store and on the large one take turns, each with a daemon that has just admitted 1,000 others
# and with a log that began empty: appending to a file costs more than writing over it.
COLDRELAY=${COLDRELAY:-${0%/*}/../../build/release/coldrelay}
# Neither a sync nor a page costs anything in memory.
TMPDIR=${TMPDIR:-/var/tmp}
export TMPDIR
# shellcheck source=tests/lib/e2e.sh
. "${0%/*}/../lib/e2e.sh"
begin sqlite3
program=$(readlink -f "$program")
tools=$(dirname "$program")/tests/bench

sizes=1000000 days=30 sends=1 rounds=9 admits=1000
while [ $# != 0 ]; do
	case $1 in
	-n) sizes=$2; shift ;;
	--ten-million) sizes=$sizes,10000000 ;;
	-d) days=$2; shift ;;
	-p) sends=$2; shift ;;
	-r) rounds=$2; shift ;;
	*) sed -n '2,/^# --ten/p' "$0" >&2; exit 64 ;;
	esac
	shift
done
declare -A pid

# store DIR MAILBOXES DAYS
store_of() {
	mkdir "$work/$1"
	printf 'store = "store.db";\nkey_file = "key";\n' >"$work/$1/coldrelay.cfg"
	"$tools/fill" -c "$work/$1/coldrelay.cfg" -n "$2" -d "$3" -p "$sends" || exit 1
}

start() { # DIR: on unix:$work/DIR.sock
	"$program" -q -c "$work/$1/coldrelay.cfg" serve --listen "unix:$work/$1.sock" 2>"$work/$1.err" &
	pid[$1]=$!
	e2e_pids+=($!)
}

end() { # DIR
	kill "${pid[$1]}" && wait "${pid[$1]}"
}

# load DIR NAME MAILBOXES [OPTION...]
load() {
	local dir=$1 name=$2 n=$3
	shift 3
	"$tools/load" -a "unix:$work/$dir.sock" -c "${pid[$dir]}" -N "$name" -n "$n" "$@" >"$work/said" ||
		{ tail -n 3 "$work/$dir.err"; exit 1; }
}

keep() { sed "s/^/$round /" "$work/said" >>"$work/lines"; }

# Its pages; an aggregated row has their number where others have the page's, and a size that overflows at 2 GB.
bytes_each() { # DIR TABLE... (an index counts as a table of its own)
	local dir=$1 list
	shift
	list=$(printf ",'%s'" "$@")
	sqlite3 -readonly "$work/$dir/store.db" "SELECT SUM(pageno) * (SELECT page_size FROM pragma_page_size) FROM dbstat WHERE aggregate = 1 AND name IN (${list#,})"
}

memory() { # DIR
	awk '/^Rss:/ { print $2 }' "/proc/${pid[$1]}/smaps_rollup"
}

empty_log() { # DIR
	sqlite3 "$work/$1/store.db" 'PRAGMA wal_checkpoint(TRUNCATE)' >"$out"
	has "$out" '^0[|]' || { echo "$1: no checkpoint: $(cat "$out")"; exit 1; }
}

one_round() { # DIR K MAILBOXES USED
	start "$1"
	load "$1" warm "$3" -k 8 -s 60 -w 0 -l "$admits" -o "$4"
	load "$1" "$1_k$2" "$3" -k "$2" -s 60 -w 0 -l "$admits" -o $(($4 + admits))
	keep
	end "$1"
}

measure_size() { # MAILBOXES DAYS
	local n=$1 t0=$SECONDS used=0 k
	store_of large "$n" "$2"
	echo "scale_${n}_fill $((SECONDS - t0)) s"
	echo "scale_${n}_history $(($2 * sends * n)) rows"
	rm -f "$work/lines"
	start large
	# As it is after some time: its caches hold what they can.
	load large warm "$n" -k 64 -s 5 -w 0 -l $((n / 4))
	memory large >"$work/memory"
	end large
	used=$((n / 4))
	for round in $(seq "$rounds"); do
		for k in 1 8; do
			rm -rf "$work/small"
			mkdir "$work/small" && cp "$work/full/"{coldrelay.cfg,key,store.db} "$work/small" && sync -f "$work" || exit 1
			one_round small "$k" $((2 * admits)) 0
			empty_log large
			one_round large "$k" "$n" "$used"
			used=$((used + 2 * admits))
		done
	done
	awk -v rounds="$rounds" -v prefix="scale_${n}_" -v large="$([ "$n" -gt 1000000 ] || echo 1.3)" -f "${0%/*}/medians.awk" "$work/lines"
	awk -v n="$n" '{ printf "scale_%s_memory %.1f MB (wanted: at most 64%s)\n", n, $1 / 1024, ($1 > 65536 ? ", MISSED" : "") }' "$work/memory"
	bytes_each large spent | awk -v n="$n" '{
		printf "scale_%s_gate_rows %.1f bytes/mailbox (wanted: at most 80%s)\n", n, $1 / n, ($1 / n > 80 ? ", MISSED" : "") }'
	bytes_each large mailbox sqlite_autoindex_mailbox_1 mailbox_domain | awk -v n="$n" '{ printf "scale_%s_names %.1f bytes/mailbox\n", n, $1 / n }'
	[ "$2" = 0 ] || bytes_each large history | awk -v n="$(($2 * sends * n))" -v m="$n" '{ printf "scale_%s_history_row %.1f bytes/send\n", m, $1 / n }'
	rm -rf "$work/large"
}

store_of full $((2 * admits)) "$days"
for n in ${sizes//,/ }; do
	[ "$n" -lt 10000000 ] || days=0
	measure_size "$n" "$days"
done
