#!/bin/bash
# The life of two outreach domains on Knot DNS, by DNS update.
# shellcheck disable=SC2034 # kind is read by the file that is sourced
kind=knot
# shellcheck source=tests/e2e/lib_rfc2136.sh
. "$(dirname "$0")/lib_rfc2136.sh"
