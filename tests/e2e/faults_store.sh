#!/bin/bash
# The calls on the store's files go wrong, one after the other: no allow without its spend.  See tests/proof/faults.py.
#   FAULTS_EVERY=1 faults_store.sh    every call: `make soak`
#   FAULTS_OFFSET=3                   where to start; by default another one each day
# shellcheck source=tests/e2e/lib_proof.sh
. "$(dirname "$0")/lib_proof.sh"

every=${FAULTS_EVERY:-4}
prove faults.py --every "$every" --offset "${FAULTS_OFFSET:-$(($(date +%-j) % every + 1))}"
