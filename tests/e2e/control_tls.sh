#!/usr/bin/env bash
# Control over TLS: a site that calls it with its certificate, an operator with the authority's file, and who has a site's
# token but not its certificate. Usage: control_tls.sh BARRIO
set -uo pipefail
barrio=$1
here=$(cd "$(dirname "$0")/../.." && pwd)
home=$(mktemp -d /tmp/barrio-control-tls-XXXXXX)
pids=()
finish() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; done
  rm -rf "$home"
}
trap finish EXIT
failures=0
ca=$home/tls/ca.pem

# expect CODE TEXT COMMAND...: the exit code, and a text that must be in the output
expect() {
  local code=$1 text=$2 output status=0
  shift 2
  output=$("$@" 2>&1 </dev/null) || status=$?
  if [ "$status" != "$code" ] || [[ "$output" != *"$text"* ]]; then
    printf 'FAIL: %s\n  wanted exit %s and "%s", got exit %s:\n%s\n' "$*" "$code" "$text" "$status" "$output"
    failures=$((failures + 1))
  else
    printf 'ok: %s\n' "$*"
  fi
}

# until_true COMMAND...: within twenty seconds
until_true() {
  for _ in $(seq 200); do
    "$@" && return 0
    sleep 0.1
  done
  echo "FAIL: in vain: $*"
  failures=$((failures + 1))
}
logged() { grep -q "$1" "$home/$2.log"; }
port_of() { sed -n "s/.*\"message\":\"$1\".*\"address\":\"127.0.0.1:\([0-9]*\)\".*/\1/p" "$home/control.log" | head -1; }

expect 0 "" "$barrio" cert ca "$home/tls"
for site in bio1 mad1; do expect 0 "" "$barrio" cert issue "$home/tls" --site "$site" --ip 127.0.0.1; done
expect 2 "--ip" "$barrio" cert issue "$home/tls" --control
expect 2 "--site" "$barrio" cert issue "$home/tls"
expect 0 "control.pem" "$barrio" cert issue "$home/tls" --control --ip 127.0.0.1

cat >"$home/control.yaml" <<YAML
listen: 127.0.0.1:0
network: $here/data/networks/spain.yaml
state: $home/state.db
blobs: $home/blobs
open_console: false
accounts:
  - {client_id: operator, client_secret: secret-of-ops, role: operator, subject: operator}
  - {client_id: site-bio1, client_secret: secret-of-bio1, role: site, subject: bio1}
tls:
  listen: 127.0.0.1:0
  certificates: [{chain: $home/tls/control.pem, key: $home/tls/control.key}]
  site_ca: $ca
YAML
"$barrio" control --config "$home/control.yaml" 2>"$home/control.log" &
pids+=($!)
until_true logged "serving with TLS" control
plain=$(port_of "serving")
tls=$(port_of "serving with TLS")
[ -n "$plain" ] && [ -n "$tls" ] || { echo "control did not start:"; cat "$home/control.log"; exit 1; }

cat >"$home/core.yaml" <<YAML
devices: []
YAML
cat >"$home/site.yaml" <<YAML
site: bio1
listen: 127.0.0.1:0
control: https://127.0.0.1:$tls
client_id: site-bio1
client_secret: secret-of-bio1
folder: $home/site
core: $home/core.yaml
peer_secret: ""
proxy_peers: []
peers: {}
peer_tls: {ca: $ca, chain: $home/tls/bio1.pem, key: $home/tls/bio1.key}
YAML
"$barrio" site serve --config "$home/site.yaml" 2>"$home/site.log" &
pids+=($!)

export BARRIO_HOME=$home/operator
echo secret-of-ops | "$barrio" context set operator --control "https://127.0.0.1:$tls" --client-id operator --ca "$ca" ||
  failures=$((failures + 1))
connected() { "$barrio" --output json site show bio1 | grep -q '"connected": *true'; }
until_true connected
echo secret-of-ops | "$barrio" context set stranger --control "https://127.0.0.1:$tls" --client-id operator
expect 4 "certificate" "$barrio" --as stranger site list

# A site's token alone is not enough, on either listener, nor with the certificate of another site.
token() {
  curl -sS "http://127.0.0.1:$plain/oauth2/token" -d "grant_type=client_credentials&client_id=site-bio1&client_secret=secret-of-bio1" |
    sed -n 's/.*"access_token":"\([^"]*\)".*/\1/p'
}
bearer="Authorization: Bearer $(token)"
report='{"site":"bio1","snapshot_version":0,"gateway":"","replicas":[],"flows":[]}'
sync() { curl -sS --max-time 20 --cacert "$ca" -H "$bearer" -d "$report" -w ' %{http_code}' "$@"; }
expect 0 "no certificate of that site" sync "http://127.0.0.1:$plain/barrio/v1/sites/bio1/sync"
expect 0 " 403" sync "https://127.0.0.1:$tls/barrio/v1/sites/bio1/sync"
expect 0 " 403" sync --cert "$home/tls/mad1.pem" --key "$home/tls/mad1.key" "https://127.0.0.1:$tls/barrio/v1/sites/bio1/sync"
expect 0 " 403" sync -H "Barrio-Certificate: barrio://site/bio1" -H "Barrio-Member: $bearer" "http://127.0.0.1:$plain/barrio/v1/sites/bio1/sync"
expect 0 " 200" sync --cert "$home/tls/bio1.pem" --key "$home/tls/bio1.key" "https://127.0.0.1:$tls/barrio/v1/sites/bio1/sync"

# What happens is told while it happens.
"$barrio" events --for 5s >"$home/events.txt" 2>&1 &
watcher=$!
sleep 1
expect 0 "" "$barrio" site drain bio1
wait "$watcher"
expect 0 "draining" grep "site.status" "$home/events.txt"
expect 0 "site status  bio1" "$barrio" audit

# New certificates are taken up while it serves.
"$barrio" cert issue "$home/tls" --control --ip 127.0.0.1 >/dev/null
until_true logged "certificates reloaded" control
expect 0 "" "$barrio" site list

exit $((failures > 0))
