#!/usr/bin/env bash
# What ./test has done aside while the end-to-end tests run: clang-tidy over the release build's sources, and the unit tests built under
# ASan+UBSan and TSan. Exits with an error if any of it failed, after all of it.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
. scripts/common.sh
failed=0
say "clang-tidy"
scripts/lint.sh || failed=1
for preset in asan tsan; do build "$preset" unit_tests || failed=1; done
say "Done aside"
tell_stages
exit "$failed"
