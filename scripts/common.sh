# Shared by ./run and ./test: says what it does, installs what is missing, builds what the binary needs.
# Source it from the project's root after `set -euo pipefail`.

begun=$SECONDS
stages=()
say() {
  printf '\033[1m==> [%d:%02d] %s\033[0m\n' $(((SECONDS - begun) / 60)) $(((SECONDS - begun) % 60)) "$*" >&2
  end_stage
  stage=$*
}

# What took how long, and how much of the processor: of the cores there are, so many seconds at most in one. What runs aside counts
# where it is waited for.
end_stage() {
  local times minutes1 seconds1 minutes2 seconds2 LC_ALL=C
  # A subshell would have no children yet.
  mkdir -p build && times >"build/.times.$$"
  read -r minutes1 seconds1 minutes2 seconds2 < <(tail -n 1 "build/.times.$$" | tr -s 'ms ' ' ')
  rm -f "build/.times.$$"
  times=$((10#$minutes1 * 60 + 10#${seconds1%.*} + 10#$minutes2 * 60 + 10#${seconds2%.*}))
  [ -n "${stage:-}" ] && stages+=("$(printf '%5d %9d  %s' $((SECONDS - stage_begun)) $((times - stage_times)) "$stage")")
  stage= stage_begun=$SECONDS stage_times=$times
}
tell_stages() {
  end_stage
  printf '%5s %9s  %s\n' seconds processor stage
  printf '%s\n' "${stages[@]}"
}

# missing_packages SECTION...: the packages of these sections of scripts/packages.debian that are not installed. A node (>= 18)
# and npm from elsewhere count as installed.
missing_packages() {
  local have_node=no
  if command -v npm >/dev/null && node -e 'process.exit(parseInt(process.versions.node) >= 18 ? 0 : 1)' 2>/dev/null; then have_node=yes; fi
  awk -v wanted=" $* " '/^# [a-z]+:/ { use = index(wanted, " " substr($2, 1, length($2) - 1) " ") } !/^#/ && NF && use' \
    scripts/packages.debian | while read -r package; do
    case "$package" in
      nodejs | npm) [ "$have_node" = yes ] && continue ;;
    esac
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || echo "$package"
  done
}

# install_packages SECTION...
install_packages() {
  local missing sudo=
  missing=$(missing_packages "$@")
  [ -z "$missing" ] && return 0
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "These Debian packages are missing, and this is neither root nor is there sudo: $(echo $missing)" >&2; exit 1; }
    sudo=sudo
  fi
  say "Installing $(echo "$missing" | wc -l) Debian packages: $(echo $missing)"
  $sudo apt-get update -qq
  # RUNLEVEL=1: packages with a service (nginx, haproxy) are wanted as programs; nothing is started.
  # shellcheck disable=SC2086
  $sudo env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y --no-install-recommends $missing >&2
}

# What the binary wants beside its sources: the ONNX Runtime library, the console's files, the example model.
prepare_assets() {
  say "ONNX Runtime (npm package onnxruntime-node)"
  scripts/fetch-onnxruntime.sh
  say "Console (npm packages of console/package-lock.json)"
  scripts/build-console.sh
}

# build PRESET [TARGET ...]
build() {
  local preset=$1
  shift
  say "Building: preset $preset${*:+, }$*"
  cmake --preset "$preset" >/dev/null
  cmake --build --preset "$preset" -j "${BARRIO_JOBS:-2}" ${*:+--target "$@"}
}
