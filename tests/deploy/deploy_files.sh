#!/usr/bin/env bash
# What deploy/ has is right as far as that can be told without a running systemd or Prometheus: the units are valid and as closed as
# docs/operations/install.md says, and the alert rules speak of figures that exist and are explained.
set -uo pipefail
cd "$(dirname "$0")/../.."
failed=
fail() { echo "FAIL: $*"; failed=yes; }

if command -v systemd-analyze >/dev/null; then
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  for unit in deploy/systemd/*.service; do
    copy=$folder/$(basename "$unit")
    sed 's#/usr/local/bin/barrio#/bin/true#' "$unit" >"$copy"
    said=$(timeout 60 systemd-analyze verify --man=no "$copy" 2>&1) && [ -z "$said" ] || fail "$unit: $said"
    timeout 60 systemd-analyze security --offline=yes --threshold=35 --no-pager "$copy" >"$folder/security" || {
      tail -1 "$folder/security"
      fail "$unit is more open than 3.5"
    }
  done
else
  echo "SKIPPED: the units are not looked at without systemd-analyze"
fi

rules=deploy/prometheus/alerts.yml
for name in $(grep -oE 'barrio_[a-z_]+' "$rules" | sed -E 's/_(bucket|sum|count)$//' | sort -u); do
  grep -rqF "\"$name\"" src --include='*.cpp' --include='*.h' || fail "$rules: nothing counts $name"
done
for alarm in $(sed -n 's/.*- alert: //p' "$rules"); do
  grep -q "^| $alarm |" docs/operations/alarms.md || fail "$alarm is not in docs/operations/alarms.md"
done
[ -z "$failed" ] && echo "units and alert rules are as they should be"
[ -z "$failed" ]
