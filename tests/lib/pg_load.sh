# Sourced by end-to-end scripts about a store on PostgreSQL, after gate.sh: load on its daemons, and what must hold after it.
# shellcheck shell=bash disable=SC2154,SC2034 # what e2e.sh, and the script itself, have set: $bin, $port, $db_host, ${addresses[@]}

sql() {
	"$bin/psql" -qAtX -h "${db_host:-$work/pg}" -p "${db_port:-$port}" -U postgres -c "$1" coldrelay
}

# configure ADDRESS: the store of $cfg.
configure() {
	sed -i "s|^store = .*|store = \"$1\";|" "$cfg"
}

# more_boxes N: so many beside those of the office, so that spends are under way for as long as a load lasts; in ${addresses[@]}.
more_boxes() {
	local i
	sql "INSERT INTO mailbox (address, domain) SELECT 'q' || i || '@getnorthwind.example', 'getnorthwind.example' FROM generate_series(1, $1) i;
		INSERT INTO spent (mailbox) SELECT id FROM mailbox WHERE address LIKE 'q%'" >/dev/null
	for i in $(seq "$1"); do
		addresses+=("q$i@getnorthwind.example")
	done
}

# Everybody's day is over: the next load finds full budgets.
fresh() {
	rm -f "$work/answers"
	sql "UPDATE spent SET slots = NULL; DELETE FROM history" >/dev/null
}

load_up() { # SECONDS SOCKET...
	local seconds=$1
	shift
	python3 "$e2e_lib/gate_load.py" load "$work/answers" "$seconds" "$@" -- "${addresses[@]}" &
	load_pid=$!
	e2e_pids+=("$load_pid")
}

# recount MIN: at least so many were admitted, nobody more than twice, and the store knows all of them.
recount() {
	local many admitted missing
	wait "$load_pid" || { why="the load failed"; return 1; }
	admitted=$(grep -c ^admit "$work/answers")
	[ "$admitted" -ge "$1" ] || { why="only $admitted admitted: $(sort "$work/answers" | cut -d ' ' -f 1,3- | uniq -c | sort -rn | head -4 | tr '\n' ';')"; return 1; }
	grep ^admit "$work/answers" | sort | uniq -c | sort -rn >"$work/admits"
	many=$(awk '$1 > 2' "$work/admits")
	[ -z "$many" ] || { why="more than 2: $many"; return 1; }
	sql "SELECT count(*), 'admit', m.address FROM history h JOIN mailbox m ON m.id = h.mailbox GROUP BY m.address" |
		tr '|' ' ' >"$work/known"
	many=$(awk '$1 > 2' "$work/known")
	[ -z "$many" ] || { why="the store has more than 2: $many"; return 1; }
	missing=$(awk 'NR == FNR { known[$3] = $1; next } $1 > known[$3] + 0' "$work/known" "$work/admits")
	[ -z "$missing" ] || { why="forgotten: $missing"; return 1; }
}

slowest_below() { # SECONDS
	awk -v max="$1" '/^slowest/ && $2 > max { bad = 1 } END { exit bad }' "$work/answers" || { why="$(grep ^slowest "$work/answers" | sort -k 2 -n | tail -n 1) s"; return 1; }
}
