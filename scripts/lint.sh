#!/usr/bin/env bash
# clang-tidy over every source of ours but the tests, a room at a time as it is compiled, from the release build's compile commands:
# prints what it finds, and exits with an error if that is anything. libstdc++ 12 uses what it calls deprecated itself, which clang 19
# takes for ours, and has warnings that clang does not know. Standard error holds only counts of what was suppressed.
set -euo pipefail
cd "$(dirname "$0")/.."
# What a compile command compiles, if it is of a room: the generated file that holds the room, or a source that stands alone.
files=$(python3 - <<'P'
import json, re
for entry in json.load(open("build/release/compile_commands.json")):
    room = re.search(r"CMakeFiles/(\w+)\.dir/", entry["output"] if "output" in entry else entry["command"]).group(1)
    generated = "/Unity/" in entry["file"] and not room.startswith(("test_", "inference_proto"))
    ours = "/src/" in entry["file"] and not entry["file"].endswith("_test.cpp")
    if "/tests/" not in entry["file"] and "/bench/" not in entry["file"] and (generated or ours):
        print(entry["file"])
P
)
xargs -P "${BARRIO_JOBS:-2}" -n 1 clang-tidy-19 -p build/release --quiet --warnings-as-errors='*' \
  --checks=-bugprone-suspicious-include --extra-arg=-Wno-deprecated-declarations --extra-arg=-Wno-unknown-warning-option <<<"$files" 2>/dev/null
