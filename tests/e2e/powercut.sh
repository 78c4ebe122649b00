#!/bin/bash
# The power is cut at any point of a recorded run: what was answered is on the disk.  See tests/proof/powercut.py.
#   POWERCUT_STATES=3000 powercut.sh    every cut point: `make soak`
#   POWERCUT_SEED=7                     which disks are tried; by default others each day
# shellcheck source=tests/e2e/lib_proof.sh
. "$(dirname "$0")/lib_proof.sh"

prove powercut.py --states "${POWERCUT_STATES:-250}" --seed "${POWERCUT_SEED:-$(date +%-j)}"
