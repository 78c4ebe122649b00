#!/bin/bash
# A cloud API on the loopback that keeps state and fails like the original (fakes/fake.py says how).
#   fake_up.sh DIR PORT PROVIDER [OPTION...]     PORT 0: any free one; OPTION: as fake.py takes them; MOCK=URL in the environment: each request is checked there too
# Prints PIDFILE PID PORT and the provider's own NAME=VALUE lines once it answers.  Exit 77: no python3.  Ends with down.sh PIDFILE.
# shellcheck source=tests/lib/server.sh
. "${0%/*}/server.sh"

python=$(need python3 python3)
dir=$(own_dir "${1:?usage: fake_up.sh DIR PORT PROVIDER [OPTION...]}")
port=${2:?usage: fake_up.sh DIR PORT PROVIDER [OPTION...]}
provider=${3:?usage: fake_up.sh DIR PORT PROVIDER [OPTION...]}
shift 3
[ "$port" != 0 ] || port=$(free_port)
mock=()
[ -z "${MOCK:-}" ] || mock=(--mock "$MOCK")
answers_http() {
	[ -s "$dir/log" ] && (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null
}
launch "$dir/pid" "$dir/log" env PYTHONDONTWRITEBYTECODE=1 "$python" "${0%/*}/fakes/fake.py" "$provider" --port "$port" "${mock[@]}" "$@"
wait_until "$dir/log" answers_http
printf '%s=%s\n' PIDFILE "$dir/pid" PID "$PID" PORT "$port"
grep '^[A-Z_]*=' "$dir/log"
