#!/usr/bin/env bash
# The operator API's OpenAPI document, as others read it: an independent validator must take it, and every answer that control's own
# tests get must be as it says, each operation's success among them. Usage: operator_api.sh ANSWERS, the file that test_control wrote
# with BARRIO_RECORD_ANSWERS. Exits 77 (skipped) only where Node or its package registry is not there.
set -uo pipefail
answers=$(realpath "$1")
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/clients/packages.sh
. "$here/packages.sh"
ANSWERS=$answers node --test operator_api_test.mjs
