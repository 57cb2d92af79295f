#!/usr/bin/env bash
# The operator API's OpenAPI document, as others read it: an independent validator must take it, and every answer that control's own
# tests get must be as it says, each operation's success among them. Usage: operator_api.sh TEST_CONTROL. Exits 77 (skipped) only
# where Node or its package registry is not there.
set -uo pipefail
program=$(realpath "$1")
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/clients/packages.sh
. "$here/packages.sh"
answers=$(mktemp)
trap 'rm -f "$answers"' EXIT
BARRIO_RECORD_ANSWERS=$answers "$program" >/dev/null 2>&1 || { echo "FAIL: $program"; exit 1; }
ANSWERS=$answers node --test operator_api_test.mjs
