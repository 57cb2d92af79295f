#!/usr/bin/env bash
# The story of First light holds, leaves no process behind, and the exit code says so. Usage: first_light.sh BARRIO
set -euo pipefail
barrio=$1
home=$(mktemp -d /tmp/barrio-fl-XXXXXX)
trap 'rm -rf "$home"' EXIT
status=0
"$barrio" up --once --home "$home" || status=$?
if [ "$status" != 0 ]; then
  tail -n 20 "$home"/log/*.log || true
  exit "$status"
fi
left=
for process in /proc/[0-9]*; do
  if [[ "$(tr '\0' ' ' 2>/dev/null <"$process/cmdline")" == *"$home/"* ]]; then left="$left ${process#/proc/}"; fi
done 2>/dev/null
if [ -n "$left" ]; then
  echo "processes left behind: $left" >&2
  exit 1
fi
