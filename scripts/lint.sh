#!/usr/bin/env bash
# clang-tidy over every source of ours but the tests, as it is compiled in the release build: prints what it finds, and exits with an error
# if that is anything. A large room is read by itself. Most of a small one's time goes into headers: several are read as one file, and
# each by itself if anything is found there, since names of two rooms may meet. libstdc++ 12 uses what it calls deprecated itself, which
# clang 19 takes for ours, and has warnings that clang does not know. Standard error holds only counts of what was suppressed.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p build/lint
# build/lint/compile_commands.json, and in each line what one process reads: a file, and the files that it stands for.
python3 - >build/lint/files <<'P'
import json, pathlib, re, shlex

folder = pathlib.Path("build/lint").resolve()
commands, small = [], {}


def flags(command):
    """What of it says how the source is read. Headers are not precompiled here."""
    words = iter(shlex.split(command))
    for word in words:
        if word == "-isystem":
            yield word + next(words)
        elif re.match(r"-[DI]|-std=|-W(?!invalid-pch)", word):
            yield word


def add(file, words):
    commands.append({"file": file, "directory": str(folder), "arguments": ["clang++", *words, file]})


for entry in json.load(open("build/release/compile_commands.json")):
    file = entry["file"]
    room = re.search(r" -o (?:\S*/)?CMakeFiles/(\w+)\.dir/", entry["command"]).group(1)
    generated = "/Unity/" in file and not room.startswith(("test_", "inference_proto", "headers", "doctest_main"))
    ours = "/src/" in file and not file.endswith("_test.cpp")
    if "/tests/" in file or "/bench/" in file or not (generated or ours):
        continue
    words = list(flags(entry["command"]))
    add(file, words)
    if room.startswith("adapter_"):
        small[file] = words
    else:
        print(file)
for number in range(4):
    rooms = list(small)[number::4]
    name = folder / f"rooms_{number}.cpp"
    name.write_text("".join(f'#include "{file}"\n' for file in rooms))
    add(str(name), list(dict.fromkeys(word for file in rooms for word in small[file])))
    print(name, *rooms)
(folder / "compile_commands.json").write_text(json.dumps(commands))
P

check() {
  clang-tidy-19 -p build/lint --quiet --warnings-as-errors='*' --checks=-bugprone-suspicious-include \
    --extra-arg=-Wno-deprecated-declarations --extra-arg=-Wno-unknown-warning-option "$1" 2>/dev/null
}
# read_one FILE [ROOM...]
read_one() {
  local failed=0
  [ $# -gt 1 ] || { check "$1"; return; }
  check "$1" >/dev/null && return
  for room in "${@:2}"; do check "$room" || failed=1; done
  return $failed
}
export -f check read_one
xargs -P "${BARRIO_JOBS:-2}" -L 1 bash -c 'read_one "$@"' lint <build/lint/files
