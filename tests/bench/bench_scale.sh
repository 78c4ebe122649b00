#!/bin/bash
# The daemon on a large store: what a decision costs beside 1,000 mailboxes, its memory, the bytes a mailbox takes.
#   bench_scale.sh [-n MAILBOXES,...] [--ten-million] [-d DAYS] [-p SENDS] [-r ROUNDS]
#
# Default: 1,000,000 mailboxes with 30 days of one send a day (-p 4: as much as the gate ever admits, four times the disk);
# --ten-million: 10,000,000 too, without history, in a few minutes and 5 GB.
# Rounds of 1,000 admits on the small store and on the large one take turns, as each admit spends what the small one has.
COLDRELAY=${COLDRELAY:-${0%/*}/../../build/release/coldrelay}
# Neither a sync nor a page costs anything in memory.
TMPDIR=${TMPDIR:-/var/tmp}
export TMPDIR
# shellcheck source=tests/lib/e2e.sh
. "${0%/*}/../lib/e2e.sh"
begin sqlite3
program=$(readlink -f "$program")
tools=$(dirname "$program")/tests/bench

sizes=1000000 days=30 sends=1 rounds=9 small=1000
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

# Pages of the table, freelist and all, by its rows.
bytes_each() { # DIR TABLE... (an index counts as a table of its own)
	local dir=$1 list
	shift
	list=$(printf ",'%s'" "$@")
	sqlite3 -readonly "$work/$dir/store.db" "SELECT SUM(pgsize) FROM dbstat WHERE aggregate = 1 AND name IN (${list#,})"
}

memory() { # DIR
	awk '/^Rss:/ { print $2 }' "/proc/${pid[$1]}/smaps_rollup"
}

measure_size() { # MAILBOXES DAYS
	local n=$1 t0=$SECONDS used=0 k
	store_of large "$n" "$2"
	echo "scale_${n}_fill $((SECONDS - t0)) s"
	echo "scale_${n}_history $(($2 * sends * n)) rows"
	rm -f "$work/lines"
	start large
	# As it is after some time: its caches hold what they can.
	load large warm "$n" -k 64 -s 5 -l $((n / 2))
	used=$((n / 2))
	for round in $(seq "$rounds"); do
		for k in 1 8; do
			rm -rf "$work/small"
			cp -r "$work/full" "$work/small" && sync -f "$work" || exit 1
			start small
			load small "small_k$k" "$small" -k "$k" -s 60 -w 5
			keep
			end small
			load large "large_k$k" "$n" -k "$k" -s 60 -w 5 -l "$small" -o "$used"
			keep
			used=$((used + small))
		done
	done
	awk -v rounds="$rounds" -v prefix="scale_${n}_" -f "${0%/*}/medians.awk" "$work/lines"
	memory large | awk -v n="$n" '{ printf "scale_%s_memory %.1f MB (wanted: at most 64%s)\n", n, $1 / 1024, ($1 > 65536 ? ", MISSED" : "") }'
	end large
	bytes_each large spent | awk -v n="$n" '{
		printf "scale_%s_gate_rows %.1f bytes/mailbox (wanted: at most 80%s)\n", n, $1 / n, ($1 / n > 80 ? ", MISSED" : "") }'
	bytes_each large mailbox sqlite_autoindex_mailbox_1 mailbox_domain | awk -v n="$n" '{ printf "scale_%s_names %.1f bytes/mailbox\n", n, $1 / n }'
	[ "$2" = 0 ] || bytes_each large history | awk -v n="$(($2 * sends * n))" -v m="$n" '{ printf "scale_%s_history_row %.1f bytes/send\n", m, $1 / n }'
	rm -rf "$work/large"
}

store_of full "$small" "$days"
for n in ${sizes//,/ }; do
	[ "$n" -lt 10000000 ] || days=0
	measure_size "$n" "$days"
done
