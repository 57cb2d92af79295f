#!/usr/bin/env bash
# A site's TLS as other programs see it: curl and openssl s_client against a real site, with certificates that
# `barrio cert` made. Usage: tls.sh BARRIO
set -uo pipefail
barrio=$1
home=$(mktemp -d /tmp/barrio-tls-XXXXXX)
site_pid=
finish() {
  if [ -n "$site_pid" ]; then kill "$site_pid" 2>/dev/null && wait "$site_pid" 2>/dev/null; fi
  rm -rf "$home"
}
trap finish EXIT
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
ca=$home/tls/ca.pem
# Within twenty seconds.
eventually() { wait_for 20 "$*" "$@"; }
logged() { [ "$(grep -c "$1" "$home/bio1.log")" -ge "$2" ]; }
port_of() { sed -n "s/.*\"$1\":\"127.0.0.1:\([0-9]*\)\".*/\1/p" "$home/bio1.log" | head -1; }

expect 0 "" "$barrio" cert ca "$home/tls"
expect 5 "is there already" "$barrio" cert ca "$home/tls"
expect 0 "" "$barrio" cert issue "$home/tls" --site bio1 --name edge.test --ip 127.0.0.1
expect 2 "dns" "$barrio" cert issue "$home/tls" --site bio1 --name "no name"
expect 0 "barrio://site/bio1" "$barrio" cert show "$home/tls/bio1.pem"
expect 0 "OK" openssl verify -CAfile "$ca" "$home/tls/bio1.pem"
expect 0 "600 600" echo "$(stat -c %a "$home/tls/ca.key")" "$(stat -c %a "$home/tls/bio1.key")"

site_file bio1 127.0.0.1:1 127.0.0.1:0 "tls:" "  listen: 127.0.0.1:0" \
  "  certificates: [{chain: $home/tls/bio1.pem, key: $home/tls/bio1.key}]" \
  "peer_tls: {ca: $ca, chain: $home/tls/bio1.pem, key: $home/tls/bio1.key}"
serve bio1 site serve
site_pid=$started_pid
tls=$(port_of tls_address)
both=$(port_of address)
[ -n "$tls" ] && [ -n "$both" ] || { echo "the site did not start:"; cat "$home/bio1.log"; exit 1; }

get() { curl -sS --max-time 20 --resolve "edge.test:$tls:127.0.0.1" --resolve "other.test:$tls:127.0.0.1" "$@"; }
expect 0 '{"live":true} 1.1' get --cacert "$ca" --http1.1 -w ' %{http_version}' "https://edge.test:$tls/healthz"
expect 0 '{"live":true} 2' get --cacert "$ca" --http2 -w ' %{http_version}' "https://edge.test:$tls/healthz"
expect 0 '{"live":true}' get --cacert "$ca" --tls-max 1.2 "https://edge.test:$tls/healthz"
expect 0 '{"live":true}' get --cacert "$ca" "https://127.0.0.1:$tls/healthz"
expect 60 "" get --cacert "$ca" "https://other.test:$tls/healthz"
expect 60 "" get "https://edge.test:$tls/healthz"
expect 35 "" get --cacert "$ca" --tls-max 1.1 --ciphers DEFAULT@SECLEVEL=0 "https://edge.test:$tls/healthz"
expect 0 '{"live":true}' get "http://127.0.0.1:$both/healthz"
expect 0 '{"live":true}' get --cacert "$ca" "https://127.0.0.1:$both/healthz"
expect 0 'not_a_peer' get -H 'Barrio-Peer: x' "http://127.0.0.1:$both/barrio/peer/v1/load"

talk() { openssl s_client -connect "127.0.0.1:$tls" -CAfile "$ca" -verify_return_error "$@"; }
expect 0 "ALPN protocol: h2" talk -tls1_3 -alpn "http/1.1,h2"
expect 0 "Protocol  : TLSv1.2" talk -tls1_2
expect 0 "New, " talk -tls1_2 -sess_out "$home/session"
expect 0 "Reused, " talk -tls1_2 -sess_in "$home/session"

"$barrio" cert issue "$home/tls" --site bio1 --name other.test >/dev/null
kill -HUP "$site_pid"
eventually logged "certificates reloaded" 1
expect 0 '{"live":true}' get --cacert "$ca" "https://other.test:$tls/healthz"
expect 60 "" get --cacert "$ca" "https://edge.test:$tls/healthz"
echo nonsense >"$home/tls/bio1.key"
kill -HUP "$site_pid"
eventually logged "certificates stay as they were" 1
expect 0 "bio1.key: not a PEM private key" grep -m 1 "certificates stay as they were" "$home/bio1.log"
expect 0 '{"live":true}' get --cacert "$ca" "https://other.test:$tls/healthz"

exit $((failures > 0))
