#!/usr/bin/env bash
# Control over TLS: a site that calls it with its certificate, an operator with the authority's file, and who has a site's
# token but not its certificate. Usage: control_tls.sh BARRIO
set -uo pipefail
barrio=$1
home=$(mktemp -d /tmp/barrio-control-tls-XXXXXX)
pids=()
finish() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; done
  rm -rf "$home"
}
trap finish EXIT
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
ca=$home/tls/ca.pem
# Within twenty seconds.
eventually() { wait_for 20 "$*" "$@"; }
logged() { grep -q "$1" "$home/$2.log"; }
port_of() { sed -n "s/.*\"message\":\"$1\".*\"address\":\"127.0.0.1:\([0-9]*\)\".*/\1/p" "$home/control.log" | head -1; }

expect 0 "" "$barrio" cert ca "$home/tls"
for site in bio1 mad1; do expect 0 "" "$barrio" cert issue "$home/tls" --site "$site" --ip 127.0.0.1; done
expect 2 "--ip" "$barrio" cert issue "$home/tls" --control
expect 2 "--site" "$barrio" cert issue "$home/tls"
expect 0 "control.pem" "$barrio" cert issue "$home/tls" --control --ip 127.0.0.1

control_file 127.0.0.1:0 bio1
cat >>"$home/control.yaml" <<YAML
tls:
  listen: 127.0.0.1:0
  certificates: [{chain: $home/tls/control.pem, key: $home/tls/control.key}]
  site_ca: $ca
YAML
serve control control
pids+=("$started_pid")
eventually logged "serving with TLS" control
plain=$(port_of "serving")
tls=$(port_of "serving with TLS")
[ -n "$plain" ] && [ -n "$tls" ] || give_up "control tells no addresses"

site_file bio1 "https://127.0.0.1:$tls" 127.0.0.1:0 "peer_tls: {ca: $ca, chain: $home/tls/bio1.pem, key: $home/tls/bio1.key}"
serve bio1 site serve
pids+=("$started_pid")

export BARRIO_HOME=$home/operator
echo operator-secret-of-the-test | "$barrio" context set operator --control "https://127.0.0.1:$tls" --client-id operator --ca "$ca" ||
  failures=$((failures + 1))
connected() { "$barrio" --output json site show bio1 | grep -q '"connected": *true'; }
eventually connected
echo operator-secret-of-the-test | "$barrio" context set stranger --control "https://127.0.0.1:$tls" --client-id operator
expect 4 "certificate" "$barrio" --as stranger site list

# A site's token alone is not enough, on either listener, nor with the certificate of another site.
token() {
  curl -sS "http://127.0.0.1:$plain/oauth2/token" -d "grant_type=client_credentials&client_id=site-bio1&client_secret=site-secret-of-the-test" |
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
"$barrio" events --for 20s >"$home/events.txt" 2>"$home/watching.txt" &
pids+=($!)
eventually grep -q watching "$home/watching.txt"
expect 0 "" "$barrio" site drain bio1
eventually grep -q "site.status.*draining" "$home/events.txt"
expect 0 "site status  bio1" "$barrio" audit

# New certificates are taken up while it serves.
"$barrio" cert issue "$home/tls" --control --ip 127.0.0.1 >/dev/null
eventually logged "certificates reloaded" control
expect 0 "" "$barrio" site list

exit $((failures > 0))
