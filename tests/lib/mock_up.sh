#!/bin/bash
# A server that checks each request against a provider's API description, and answers with its examples (Prism).
#   mock_up.sh DIR PORT DESCRIPTION     PORT 0: any free one; DESCRIPTION: an OpenAPI document
# The program is PRISM, the one that `make test-mocks` has installed, or the path's.
# Prints PIDFILE PID PORT URL once it answers.  Exit 77: no prism.  Ends with down.sh PIDFILE.
# shellcheck source=tests/lib/server.sh
. "${0%/*}/server.sh"

dir=$(own_dir "${1:?usage: mock_up.sh DIR PORT DESCRIPTION}")
port=${2:?usage: mock_up.sh DIR PORT DESCRIPTION}
description=${3:?usage: mock_up.sh DIR PORT DESCRIPTION}
installed=${0%/*}/../../build/mocks/node_modules/.bin/prism
if [ -z "${PRISM:-}" ]; then
	if [ -x "$installed" ]; then PRISM=$installed; else PRISM=$(need prism '@stoplight/prism-cli, by npm'); fi
fi
[ "$port" != 0 ] || port=$(free_port)
listens() {
	grep -q 'is listening' "$dir/log"
}
launch "$dir/pid" "$dir/log" env NO_COLOR=1 "$PRISM" mock -h 127.0.0.1 -p "$port" "$description"
wait_until "$dir/log" listens
printf '%s=%s\n' PIDFILE "$dir/pid" PID "$PID" PORT "$port" URL "http://127.0.0.1:$port"
