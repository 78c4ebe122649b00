# Sourced by end-to-end scripts about the gate, after e2e.sh: an installation whose domains may send, and questions about its budgets.
# shellcheck shell=bash disable=SC2154 # what e2e.sh has set

# office LOCAL-PART...: in $cfg; getnorthwind.example and trynorthwind.example, active, no pace.
office() {
	local p boxes=
	for p; do
		boxes="$boxes${boxes:+, }{ local = \"$p\"; }"
	done
	mkdir -p "$work/zones"
	{
		cfg_head
		cat <<-CFG
			listen = "unix:$work/gate.sock";
			zones = ( { name = "dns"; driver = "zonefile"; directory = "$work/zones"; name_servers = [ "ns1.relay.example" ]; } );
			tenants = ( { primary = "northwind.example"; zone = "dns"; mail_host = "mail"; warm_up = 0; mailboxes = ( $boxes );
			  domains = ( { name = "getnorthwind.example"; }, { name = "trynorthwind.example"; } ); } );
		CFG
	} >"$cfg"
	run 0 -q provision northwind.example --yes || { not_ok "an installation to ask" "$why"; exit 1; }
}

# left MAILBOX [outbound|warmup]: what the program says is free.
left() {
	"$program" -c "$cfg" --json why "$1" somebody@else.example 2>>"$err" | jq -r ".left.${2:-outbound}"
}

# serve_up PLACE [ENV=VALUE...]: the daemon, its pid in $serve_pid, its log in $work/serve.log; returns when it listens.
serve_up() {
	local place=$1
	shift
	: >"$work/serve.log"
	env "$@" "$program" -c "$cfg" serve --listen "$place" >>"$work/serve.log" 2>&1 </dev/null &
	serve_pid=$!
	e2e_pids+=("$serve_pid")
	until_true 20 grep -q 'listening on' "$work/serve.log" || { not_ok "the daemon listens" "$(tail -n 3 "$work/serve.log")"; exit 1; }
}

# serve_down SIGNAL: and gone.
serve_down() {
	kill "-$1" "$serve_pid" 2>/dev/null
	wait "$serve_pid" 2>/dev/null
}
