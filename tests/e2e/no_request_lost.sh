#!/usr/bin/env bash
# Under constant load, a gateway's binary is replaced twice (and once by one that does not work), and the site that serves
# is drained: not one request fails.
# Usage: no_request_lost.sh BARRIO
set -euo pipefail
barrio=$1
here=$(cd "$(dirname "$0")" && pwd)
home=$(mktemp -d /tmp/barrio-nl-XXXXXX)
pids=()
finish() {
  local status=$?
  local all=("${pids[@]}" $(cat "$home"/*/site.pid 2>/dev/null))
  for pid in "${all[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
  # The last processes of the sites are not this shell's children, and write until they end.
  for _ in $(seq 100); do
    kill -0 "${all[@]}" 2>/dev/null || break
    sleep 0.1
  done
  if [ "$status" != 0 ]; then tail -n 15 "$home"/*.log >&2 || true; fi
  rm -rf "$home"
}
trap finish EXIT
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
address_in() { sed -n 's/.*"address":"\([0-9.:]*\)".*/\1/p' "$home/$1.log" 2>/dev/null | head -1; }
operator() { "$barrio" --home "$home" --as operator "$@"; }

# The binary that is replaced: a copy, so that the real one stays.
mkdir "$home/bin"
cp "$barrio" "$home/bin/barrio"
new_binary() { cp "$barrio" "$home/bin/barrio.new" && mv "$home/bin/barrio.new" "$home/bin/barrio"; }

control_file 127.0.0.1:0 mad1 vlc1
serve control control
pids+=("$started_pid")
control=$address
for site in mad1 vlc1; do
  site_file "$site" "$control" 127.0.0.1:0 "access_log: {folder: $home/$site/log, sample: 1}"
  barrio=$home/bin/barrio serve "$site" site serve
  pids+=("$started_pid")
done
printf 'operator-secret-of-the-test\n' | "$barrio" --home "$home" context set operator --control "http://$control" --client-id operator >/dev/null
printf 'acme-secret-of-the-test\n' | "$barrio" --home "$home" context set acme --control "http://$control" --client-id acme >/dev/null
cat >"$home/app.yaml" <<YAML
name: people
model: {backend: opencv, builtin: people}
objective: {latency: 5s, percentile: 99}
policy: {sites: [mad1, vlc1]}
resources: {power: 40W, memory: 256MiB, cores: 1}
replicas: 1
YAML
"$barrio" --home "$home" --as acme app deploy "$home/app.yaml" >/dev/null
token=$(curl -sf -u acme:acme-secret-of-the-test -d grant_type=client_credentials "http://$control/oauth2/token" |
  sed -n 's/.*"access_token": *"\([^"]*\)".*/\1/p')

serves() { curl -sf -o /dev/null -H "Authorization: Bearer $token" "http://$(address_in "$1")/v2/models/people/ready"; }
replicas_at() { operator site show "$1" --output json | grep -c '"app": *"acme/people"' || true; }
for site in mad1 vlc1; do wait_for 30 "$site to serve" serves "$site"; done
first=vlc1
[ "$(replicas_at mad1)" = 0 ] || first=mad1
echo "the replica is at $first"

mkfifo "$home/stop"
node "$here/load.mjs" people "$token" "$(address_in mad1)" "$(address_in vlc1)" <"$home/stop" >"$home/load.json" &
load=$!
exec 3>"$home/stop"
sleep 2

pid_changed() { [ "$(cat "$home/$1/site.pid")" != "$2" ]; }
upgrade() {
  local site=$1 old
  old=$(cat "$home/$site/site.pid")
  new_binary
  kill -USR2 "$old"
  wait_for 90 "$site's new process" pid_changed "$site" "$old"
  wait_for 60 "$site's old process to end" gone "$old"
  echo "$site: process $old gave way to $(cat "$home/$site/site.pid")"
}
# A binary that does not work changes nothing.
serving=$(cat "$home/$first/site.pid")
printf '#!/bin/sh\nexit 3\n' >"$home/bin/barrio.new"
chmod +x "$home/bin/barrio.new" && mv "$home/bin/barrio.new" "$home/bin/barrio"
kill -USR2 "$serving"
wait_for 20 "the failed upgrade to be told" grep -q 'upgrade failed.*status 3' "$home/$first.log"
kill -0 "$serving"
upgrade "$first"
upgrade "$first"
sleep 1

empty() { [ "$(replicas_at "$first")" = 0 ]; }
operator site drain "$first"
wait_for 90 "$first to be empty" empty
echo "$first is empty"
sleep 2
operator site retire "$first" --yes
exec 3>&-
if ! wait "$load"; then
  echo "FAIL: requests failed" >&2
  cat "$home/load.json" >&2
  exit 1
fi
cat "$home/load.json"
sent=$(sed -n 's/.*"sent": \([0-9]*\).*/\1/p' "$home/load.json")
[ "$sent" -gt 2000 ] || { echo "FAIL: too little load to mean anything: $sent" >&2; exit 1; }
for site in mad1 vlc1; do
  grep -q "\"$site\":" "$home/load.json" || { echo "FAIL: $site served nothing" >&2; exit 1; }
done
lines=$(cat "$home"/*/log/access.log* | wc -l)
[ "$lines" -ge "$sent" ] || { echo "FAIL: $lines lines in the access logs for $sent requests" >&2; exit 1; }
