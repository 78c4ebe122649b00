#!/bin/bash
# The daemon as operators run it: its configuration checked and read again, under a service manager, and watched.
# shellcheck disable=SC2317 # promises are reached through pass
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
begin jq sqlite3 python3 curl

one=getnorthwind.example
anna=anna@$one
ben=ben@$one
mkdir "$work/zones"
configure() { # MORE SETTINGS
	{
		cfg_head
		echo 'zones = ( { name = "dns"; driver = "zonefile"; directory = "zones"; name_servers = [ "ns1.dnshost.example" ]; } );'
		cfg_tenant northwind.example '' "$one"
		echo "use_daemon = false; listen = \"unix:$work/gate\"; $*"
	} >"$cfg"
}
configure
pass "a domain is provisioned" run 0 provision northwind.example --yes || finish

# ask MAILBOX INSTANCE [END-OF-MESSAGE]: the action, over the policy socket.
ask() {
	python3 - "$work/gate" "$@" <<-'PYTHON'
		import socket, sys
		where, sender, instance = sys.argv[1:4]
		state = (sys.argv + ["END-OF-MESSAGE"])[4]
		s = socket.socket(socket.AF_UNIX)
		s.settimeout(20)
		s.connect(where)
		s.sendall(("request=smtpd_access_policy\nprotocol_state=%s\ninstance=%s\nsender=%s\nrecipient=li@fabrikam.example\n"
		           "client_address=192.0.2.1\nrecipient_count=1\n\n" % (state, instance, sender)).encode())
		print(s.recv(4096).decode().strip())
	PYTHON
}
asked() { # REGEX MAILBOX INSTANCE [STATE]
	ask "${@:2}" >"$out" && has "$out" "$1"
}

daemon=
up() {
	: >"$work/log"
	"$program" -c "$cfg" serve 2>>"$work/log" &
	daemon=$!
	e2e_pids+=("$daemon")
	until_true 10 grep -q '^listening on ' "$work/log"
}
down() {
	kill -TERM "$daemon" && { wait "$daemon"; } 2>/dev/null
}

# ---- --check-config ----
right() {
	run 0 serve --check-config && has "$err" 'serve would start, and listen on unix:' && [ ! -e "$work/gate" ]
}
pass "a right configuration is checked without listening" right

each_fault() { # WANTED LINE, SETTINGS
	configure "$2"
	run 78 serve --check-config && has "$err" "$1" && run 78 serve && has "$err" "$1"
}
above() {
	configure
	sed -i "s/^limits = .*/limits = { $1 };/" "$cfg"
	run 78 serve --check-config && has "$err" "${1%% *}.*0 to [24]" && run 78 serve &&
		run 78 check "$anna" --to li@fabrikam.example
}
pass "total = 5 is refused by all" above 'total = 5;'
pass "outbound = 3 is refused by all" above 'outbound = 3;'
pass "warmup = 3 is refused by all" above 'warmup = 3;'
pass "metrics for everybody are refused" each_fault 'metrics: .*this machine only' 'metrics = "inet:0.0.0.0:9101";'
pass "a place for metrics that cannot be read is refused" each_fault 'metrics: expected' 'metrics = "9101";'
two_faults() {
	configure 'metrics = "9101";'
	mv "$work/key" "$work/key.away"
	run 78 serve --check-config && has "$err" 'metrics: expected' && has "$err" 'key.*is gone' && has "$err" '2 faults'
	local rc=$?
	mv "$work/key.away" "$work/key"
	configure
	return "$rc"
}
pass "one fault does not hide the next" two_faults
# An older release's store, under a daemon of that release.
looks_only() {
	local version
	version=$(store 'pragma user_version')
	store "pragma user_version = $((version - 1))"
	run 78 serve --check-config && has "$err" 'brings the store forward' &&
		equal "$(store 'pragma user_version')" "$((version - 1))"
	local rc=$?
	store "pragma user_version = $version"
	return "$rc"
}
pass "an older store is looked at and not brought forward" looks_only

# ---- SIGHUP ----
configure
pass "the daemon listens" up || finish
reloads() { # REGEX
	kill -HUP "$daemon" && until_true 10 grep -Eq "$1" "$work/log"
}
lowered() {
	asked DUNNO "$ben" r1 || return
	configure
	sed -i 's/^limits = {/limits = { total = 1;/' "$cfg"
	reloads 'read again and holds' && asked 'DEFER 4.7.1 .*\(budget\)' "$ben" r2 && asked DUNNO "$anna" r3
}
pass "a lowered limit holds after SIGHUP" lowered

wrong() {
	: >"$work/log"
	sed -i 's/^limits = .*/limits = { total = 9; };/' "$cfg"
	reloads 'not taken over, the old one holds' && has "$work/log" 'total' && asked '\(budget\)' "$ben" r4
}
pass "a wrong configuration is not taken over, and the old one holds" wrong

peers() {
	: >"$work/log"
	configure 'warmup_peers = [ "fabrikam.example" ];'
	reloads 'read again and holds' && asked DUNNO "$ben" r5 &&
		equal "$(store "select class from history h join mailbox m on m.id = h.mailbox where m.address = '$ben' order by seq desc limit 1")" 1
}
pass "a new warm-up peer counts after SIGHUP" peers

restart_needed() {
	: >"$work/log"
	configure
	sed -i "s|^\(use_daemon.*listen = \"unix:\)[^\"]*|\1$work/other|; s/^store = .*/store = \"other.db\";/" "$cfg"
	reloads 'read again and holds' && has "$work/log" 'store was changed: that needs a restart' &&
		has "$work/log" 'listen was changed: that needs a restart' && [ ! -e "$work/other" ] &&
		: >"$work/log" && reloads 'read again and holds' && has "$work/log" 'store was changed' && asked DUNNO "$ben" r5
	local rc=$?
	configure
	return "$rc"
}
pass "another store or place is said to need a restart, each time" restart_needed
pass "SIGTERM ends with exit 0" down

# ---- the log ----
recipients() {
	configure 'log_recipients = true;'
	up && asked . "$anna" l1 RCPT && until_true 5 grep -q 'recipients=1 to=li@fabrikam.example' "$work/log" && down &&
		configure && up && asked . "$anna" l2 RCPT && until_true 5 grep -q 'at=RCPT mailbox=anna' "$work/log" &&
		lacks "$work/log" 'li@' && down
}
pass "recipients are logged only where that is set" recipients

# ---- connections ----
# With 192 files it takes 128 connections.  One that ends makes room at once, not when the daemon next looks around (10 s).
full_house() {
	configure
	: >"$work/log"
	prlimit --nofile=192 "$program" -c "$cfg" serve 2>>"$work/log" &
	daemon=$!
	e2e_pids+=("$daemon")
	until_true 10 grep -q '^listening on ' "$work/log" || return
	python3 - "$work/gate" "$work/log" "$anna" <<-'PYTHON'
		import socket, sys, time
		def dial():
		    s = socket.socket(socket.AF_UNIX)
		    s.settimeout(5)
		    s.connect(sys.argv[1])
		    return s
		silent = [dial() for _ in range(128)]
		until = time.monotonic() + 5
		while "128 connections: no further one" not in open(sys.argv[2]).read():
		    assert time.monotonic() < until, "not full"
		    time.sleep(0.01)
		s = dial()
		s.sendall(b"request=smtpd_access_policy\nprotocol_state=RCPT\ninstance=f1\nsender=%s\nrecipient=li@fabrikam.example\n"
		          b"client_address=192.0.2.1\n\n" % sys.argv[3].encode())
		s.settimeout(0.1)
		try:
		    s.recv(1)
		    sys.exit("one too many was taken")
		except socket.timeout:
		    pass
		silent.pop().close()
		s.settimeout(5)
		assert s.recv(4096).startswith(b"action="), "no answer"
	PYTHON
	local rc=$?
	down && return "$rc"
}
pass "one connection too many waits, and is taken when another ends" full_house

# ---- metrics ----
port=$(free_port)
scrape() {
	curl -sS --max-time 10 "http://127.0.0.1:$port/metrics" >"$out" 2>"$err" || { why="curl: $(cat "$err")"; return 1; }
}
metrics() {
	configure "metrics = \"inet:127.0.0.1:$port\";"
	up && asked . "$anna" m1 RCPT && asked 'REJECT' "x@$one" m2 && scrape && has "$out" '^coldrelay_clock_state 1$' &&
		has "$out" '^coldrelay_decisions_total\{verdict="refuse",reason="unknown_mailbox"\} 1$' &&
		has "$out" '^coldrelay_decision_seconds_count 2$' && has "$out" '^coldrelay_frozen_domains 0$' &&
		run 0 freeze "$one" --reason test && scrape && has "$out" '^coldrelay_frozen_domains 1$' &&
		asked 'REJECT .*\(frozen\)' "$anna" m3 && run 0 thaw "$one" --reason test && scrape &&
		has "$out" '^coldrelay_decisions_total\{verdict="refuse",reason="frozen"\} 1$'
}
pass "metrics tell decisions and what is frozen" metrics

reload_metrics() {
	: >"$work/log"
	reloads 'read again and holds' && sed -i 's/^limits = .*/limits = { total = 9; };/' "$cfg" &&
		reloads 'not taken over, the old one holds' && scrape && has "$out" '^coldrelay_reloads_total 1$' &&
		has "$out" '^coldrelay_reload_failures_total 1$'
	local rc=$?
	configure "metrics = \"inet:127.0.0.1:$port\";"
	return "$rc"
}
pass "metrics tell what was read again, and what was not taken over" reload_metrics

# More of them than there are places, silent, or asking and never reading.
slow_scrapers() {
	python3 - "$port" "$work/gate" <<-'PYTHON' || return
		import socket, sys
		silent = [socket.create_connection(("127.0.0.1", int(sys.argv[1]))) for _ in range(40)]
		for s in silent[::2]:
		    s.sendall(b"GET /metrics HTTP/1.0\r\n")
		deaf = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
		deaf.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
		s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
		s.settimeout(10)
		s.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
		text = b""
		while True:
		    more = s.recv(65536)
		    if not more:
		        break
		    text += more
		assert text.startswith(b"HTTP/1.0 200 OK\r\n") and text.endswith(b"\n") and b"coldrelay_store_up 1" in text, text[:200]
		s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
		s.settimeout(10)
		s.sendall(b"x" * 8192)
		got = s.recv(100)
		assert got.startswith(b"HTTP/1.0 400 "), got
	PYTHON
	asked . "$anna" m4 RCPT
}
pass "scrapers that are silent or slow hold up nobody" slow_scrapers

two_at_once() {
	kill -0 "$daemon" && run 78 serve && has "$err" 'another daemon listens there already' && asked . "$anna" m5 RCPT
}
pass "a second daemon on the same socket ends with 78, and the first goes on" two_at_once
pass "the daemon stops" down

unix_metrics() {
	configure "metrics = \"unix:$work/metrics\";"
	up && curl -sS --max-time 10 --unix-socket "$work/metrics" http://localhost/metrics >"$out" &&
		has "$out" '^coldrelay_build_info' && down && [ ! -e "$work/metrics" ]
}
pass "metrics are told over a unix socket" unix_metrics
configure

# ---- under a service manager ----
manager() { # NOTIFY_SOCKET, [PROGRAM...]: prints what it is told, until the daemon ends
	python3 - "$@" <<-'PYTHON' >"$work/told" 2>&1 &
		import os, signal, socket, subprocess, sys
		name = sys.argv[1]
		s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		s.bind("\0" + name[1:] if name.startswith("@") else name)
		s.settimeout(0.2)
		gate = socket.socket(socket.AF_UNIX)
		gate.bind(sys.argv[2])
		gate.listen(8)
		def child():
		    os.dup2(gate.fileno(), 3)
		    os.set_inheritable(3, True)
		    os.environ.update(NOTIFY_SOCKET=name, WATCHDOG_USEC="600000", LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
		    os.execv(sys.argv[3], sys.argv[3:])
		pid = os.fork()
		if pid == 0:
		    child()
		signal.signal(signal.SIGTERM, lambda *_: os.kill(pid, signal.SIGTERM))
		signal.signal(signal.SIGHUP, lambda *_: os.kill(pid, signal.SIGHUP))
		end = None
		while end is None:
		    try:
		        print(s.recv(4096).decode().replace("\n", " "), flush=True)
		    except TimeoutError:
		        done, status = os.waitpid(pid, os.WNOHANG)
		        if done:
		            end = status
		print("exit", os.waitstatus_to_exitcode(end), flush=True)
	PYTHON
	daemon=$!
	e2e_pids+=("$daemon")
}
ready_again() {
	[ "$(grep -c '^READY=1' "$work/told")" = 2 ]
}
managed() { # NOTIFY_SOCKET
	rm -f "$work/gate" "$work/notify"
	: >"$work/told"
	manager "$1" "$work/gate" "$program" -c "$cfg" -q serve
	until_true 10 grep -q '^READY=1 STATUS=answering at unix:' "$work/told" && asked . "$anna" s1 RCPT &&
		until_true 10 grep -q '^WATCHDOG=1' "$work/told" && kill -HUP "$daemon" &&
		until_true 10 grep -q '^RELOADING=1 MONOTONIC_USEC=[0-9]' "$work/told" &&
		until_true 10 ready_again && kill -TERM "$daemon" &&
		until_true 10 grep -q '^exit 0' "$work/told" && has "$work/told" '^STOPPING=1'
}
pass "a socket is handed over, and the manager is told ready, alive, reloading, stopping" managed "$work/notify"
stays() {
	[ -S "$work/gate" ]
}
pass "the manager's socket stays when the daemon ends" stays
pass "an abstract notify socket is told too" managed "@coldrelay-e2e-$$"

handed_wrong() {
	local rc
	exec 3</dev/null
	# shellcheck disable=SC2016 # expanded by the inner shell
	bash -c 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"' - "$program" -c "$cfg" serve 2>"$err"
	rc=$?
	exec 3<&-
	equal "$rc" 78 && has "$err" 'no stream socket'
}
pass "something else at descriptor 3 ends with 78" handed_wrong

# ---- the units ----
units=${e2e_lib%/tests/lib}/systemd
checked() {
	local u
	mkdir -p "$work/units"
	for u in coldrelay.service coldrelay.socket; do
		sed "s|/usr/local/bin/coldrelay|$program|" "$units/$u" >"$work/units/$u"
	done
	systemd-analyze verify --man=no "$work/units/coldrelay.service" "$work/units/coldrelay.socket" >"$out" 2>&1
	grep "coldrelay\.\|$work" "$out" >"$work/lines"
	equal "$(cat "$work/lines")" ''
}
exposed() {
	systemd-analyze security --offline=true --threshold=19 --no-pager "$work/units/coldrelay.service" >"$out" 2>&1 ||
		{ why=$(tail -n 1 "$out"); return 1; }
}
if command -v systemd-analyze >/dev/null; then
	pass "systemd finds no fault with the units" checked
	pass "the service's exposure is below 2.0" exposed
else
	skip "systemd finds no fault with the units" "systemd-analyze is not installed"
fi
finish
