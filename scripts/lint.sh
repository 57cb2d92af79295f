#!/usr/bin/env bash
# clang-tidy over every source of ours, two at a time, from the release build's compile commands. libstdc++ 12 uses what it calls
# deprecated itself, which clang 19 takes for ours.
set -euo pipefail
cd "$(dirname "$0")/.."
git ls-files 'src/*.cpp' | grep -v '_test\.cpp$' | xargs -P "${BARRIO_JOBS:-2}" -n 4 clang-tidy-19 -p build/release --quiet --warnings-as-errors='*' --extra-arg=-Wno-deprecated-declarations 2>&1 |
  { grep -v 'warnings generated\|Suppressed\|Use -header-filter\|Processing file\|^$' || true; } | tee build/lint.txt >&2
[ ! -s build/lint.txt ]
