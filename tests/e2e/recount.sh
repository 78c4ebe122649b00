#!/bin/bash
# Real processes at once: a hundred for the last token, and a random load beside a daemon that is killed.  See tests/proof/load.py.
#   LOAD_SECONDS=60 LOAD_SEED=7 recount.sh
# shellcheck source=tests/e2e/lib_proof.sh
. "$(dirname "$0")/lib_proof.sh"

rc=0
prove load.py race || rc=1
prove load.py random "${LOAD_SECONDS:-4}" "${LOAD_SEED:-$(date +%-j)}" || rc=1
exit "$rc"
