#!/bin/bash
# Stop the server that an *_up.sh started, and wait until it is gone.   down.sh PIDFILE
set -euo pipefail

pidfile=${1:?usage: down.sh PIDFILE}
[ -s "$pidfile" ] || exit 0
pid=$(cat "$pidfile")
kill "$pid" 2>/dev/null || { rm -f "$pidfile"; exit 0; }
for ((tries = 0; tries < 200; tries++)); do
	kill -0 "$pid" 2>/dev/null || break
	# A server that cannot end in 5 s has nothing to lose in a test.
	[ "$tries" != 100 ] || kill -9 "$pid" 2>/dev/null || true
	sleep 0.05
done
rm -f "$pidfile"
