#!/usr/bin/env bash
# Control over TLS: sites that an operator lets in, with certificates made by hand and with such that control signs, one of them added
# to the running network, an operator with the authority's file, and who has a site's token but not its certificate. Usage: control_tls.sh BARRIO
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
for site in bio1 zaz1; do expect 0 "" "$barrio" cert issue "$home/tls" --site "$site" --ip 127.0.0.1; done
expect 2 "--ip" "$barrio" cert issue "$home/tls" --control
expect 2 "--site" "$barrio" cert issue "$home/tls"
expect 0 "control.pem" "$barrio" cert issue "$home/tls" --control --ip 127.0.0.1

control_file 127.0.0.1:0 bio1 mad1 vlc1
cat >>"$home/control.yaml" <<YAML
tls:
  listen: 127.0.0.1:0
  certificates: [{chain: $home/tls/control.pem, key: $home/tls/control.key}]
  site_ca: $ca
  site_ca_key: $home/tls/ca.key
YAML
serve control control
pids+=("$started_pid")
eventually logged "serving with TLS" control
plain=$(port_of "serving")
tls=$(port_of "serving with TLS")
[ -n "$plain" ] && [ -n "$tls" ] || give_up "control tells no addresses"

# of_site ID [LINE]: its file
of_site() { site_file "$1" "https://127.0.0.1:$tls" 127.0.0.1:0 "peer_tls: {ca: $ca, chain: $home/tls/$1.pem, key: $home/tls/$1.key${2:-}}"; }
of_site bio1
cat >>"$home/bio1.yaml" <<YAML
tls: {listen: "127.0.0.1:0", certificates: [{chain: $home/tls/bio1.pem, key: $home/tls/bio1.key}]}
YAML
serve bio1 site serve
bio1=$started_pid
pids+=("$bio1")

export BARRIO_HOME=$home/operator
echo operator-secret-of-the-test | "$barrio" context set operator --control "https://127.0.0.1:$tls" --client-id operator --ca "$ca" ||
  failures=$((failures + 1))
connected() { "$barrio" --output json site show "$1" | grep -q '"connected": *true'; }
away() { ! connected "$1"; }
# keys STATE SITE: fingerprints
keys() { "$barrio" site pending --all | awk -v state="$1" -v site="$2" '$1 == site && $3 == state { print $2 }'; }
shown() { "$barrio" cert show "$1" | sed -n 's/^fingerprint *//p'; }
audited() { "$barrio" audit | tr -s ' '; }
waits() { [ -n "$(keys pending "$1")" ]; }
wrong=0123-4567-89ab-cdef-0123-4567-89ab-cdef

# A certificate is not enough: the operator has to let the site in, once, by what its machine shows.
eventually waits bio1
key=$(shown "$home/tls/bio1.pem")
expect 0 "$key" keys pending bio1
expect 0 "approve bio1 --fingerprint $key" grep -m 1 "control is away" "$home/bio1.log"
expect 5 "no key of site bio1" "$barrio" site approve bio1 --fingerprint $wrong
expect 2 "32 hexadecimal digits" "$barrio" site approve bio1 --fingerprint bio1
expect 1 "" connected bio1
expect 0 "is let in" "$barrio" site approve bio1 --fingerprint "$key"
eventually connected bio1
expect 0 "site approve bio1" audited

# A restart and a renewed certificate of the same key need nothing more.
kill "$bio1" && wait "$bio1"
eventually away bio1
"$barrio" cert issue "$home/tls" --site bio1 --ip 127.0.0.1 >/dev/null
expect 0 "$key" shown "$home/tls/bio1.pem"
serve bio1 site serve
bio1=$started_pid
pids+=("$bio1")
eventually connected bio1
expect 1 "" waits bio1
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
expect 0 " 403" sync --cert "$home/tls/zaz1.pem" --key "$home/tls/zaz1.key" "https://127.0.0.1:$tls/barrio/v1/sites/bio1/sync"
expect 0 " 403" sync -H "Barrio-Certificate: barrio://site/bio1 $key" -H "Barrio-Member: $bearer" "http://127.0.0.1:$plain/barrio/v1/sites/bio1/sync"
expect 0 " 200" sync --cert "$home/tls/bio1.pem" --key "$home/tls/bio1.key" "https://127.0.0.1:$tls/barrio/v1/sites/bio1/sync"

# Another key of the same site waits without harm to the one in use, and takes its place when it is used first.
mkdir "$home/other" && cp "$home/tls"/ca.* "$home/other" && "$barrio" cert issue "$home/other" --site bio1 >/dev/null
sync_other() { sync --cert "$home/other/bio1.pem" --key "$home/other/bio1.key" "https://127.0.0.1:$tls/barrio/v1/sites/bio1/sync"; }
other=$(shown "$home/other/bio1.pem")
expect 0 " 403" sync_other
expect 0 "$other" keys pending bio1
expect 0 "when this one is used first" "$barrio" site approve bio1 --fingerprint "$other"
expect 0 "" connected bio1
expect 0 " 200" sync_other
expect 0 "$key" keys ended bio1
expect 0 "revoked or replaced" sync --cert "$home/tls/bio1.pem" --key "$home/tls/bio1.key" "https://127.0.0.1:$tls/barrio/v1/sites/bio1/sync"
eventually away bio1
expect 0 "$key" "$barrio" site revoke bio1 --fingerprint "$key" --yes # among sites, too
expect 0 " 200" sync_other
cp "$home/other/bio1.key" "$home/other/bio1.pem" "$home/tls" # the process goes on with it
kill -HUP "$bio1"
eventually connected bio1

# A site that makes its own key, and has control sign its certificate: by a command, or while it starts first.
of_site mad1 ", from_control: true"
"$barrio" site join --config "$home/mad1.yaml" >"$home/joined.txt" 2>"$home/joining.log" &
joining=$!
pids+=("$joining")
eventually waits mad1
key=$(keys pending mad1)
expect 0 "has the fingerprint $key" cat "$home/joining.log"
expect 0 "is let in" "$barrio" site approve mad1 --fingerprint "$key"
wait "$joining" || failures=$((failures + 1))
expect 0 "mad1.pem" cat "$home/joined.txt"
expect 0 "barrio://site/mad1" "$barrio" cert show "$home/tls/mad1.pem"
expect 0 "600" stat -c %a "$home/tls/mad1.key"
expect 0 "is let in" "$barrio" site join --config "$home/mad1.yaml"
serve mad1 site serve
pids+=("$started_pid")
eventually connected mad1
of_site vlc1 ", from_control: true"
"$barrio" site serve --config "$home/vlc1.yaml" 2>"$home/vlc1.log" &
pids+=("$!")
eventually waits vlc1
expect 0 "site approve vlc1 --fingerprint $(keys pending vlc1)" grep -m 1 "not let in yet" "$home/vlc1.log"
expect 0 "" "$barrio" site approve vlc1 --fingerprint "$(keys pending vlc1)"
eventually connected vlc1

# Figures name tenants and apps: anybody's in clear, an operator's where clients come in.
# figures URL [CLIENT]: the status, and what was told
figures() { curl -sk -m 10 ${2:+-H "Authorization: Bearer $(token_of "$2" "127.0.0.1:$plain")"} -w '\nstatus %{http_code}\n' "$1/metrics"; }
bio1_plain=$(sed -n 's/.*"serving".*"address":"\(127[0-9.:]*\)".*/\1/p' "$home/bio1.log" | tail -1)
bio1_tls=$(sed -n 's/.*"tls_address":"\([0-9.:]*\)".*/\1/p' "$home/bio1.log" | tail -1)
for at in "127.0.0.1:$plain 127.0.0.1:$tls" "$bio1_plain $bio1_tls"; do
  expect 0 "barrio_certificate_expires_seconds{file=\"$home/tls/" figures "http://${at% *}"
  expect 0 "status 401" figures "https://${at#* }"
  expect 0 "status 403" figures "https://${at#* }" acme
  expect 0 "barrio_certificate_expires_seconds{file=" figures "https://${at#* }" operator
done

# A site that the network did not have: added while everything runs, with an account of its own, let in, activated, and it serves.
cat >"$home/tol1-site.yaml" <<YAML
id: tol1
city: Toledo
owner: nobody
jurisdiction: ES-CM
location: {lat: 39.85744, lon: -4.02331}
status: planned
power: {budget: 80kW, pue: 1.5}
accelerators: [{model: L4, count: 16, power: 72W, memory: 24GiB}]
servers: {cores: 512, memory: 4TiB, storage: 64TiB}
assumptions: []
YAML
expect 2 "tol1-site.yaml:3: owner" "$barrio" site add "$home/tol1-site.yaml"
sed -i 's/nobody/telefonica/; s/planned/active/' "$home/tol1-site.yaml"
expect 2 "tol1-site.yaml:6: status" "$barrio" site add "$home/tol1-site.yaml"
sed -i 's/status: active/status: planned/' "$home/tol1-site.yaml"
expect 3 "no site" "$barrio" site account tol1
expect 0 "tol1 (Toledo) is planned" "$barrio" site add "$home/tol1-site.yaml"
expect 0 "tol1 (Toledo) is planned" "$barrio" site add "$home/tol1-site.yaml"
sed 's/80kW/90kW/' "$home/tol1-site.yaml" >"$home/more.yaml"
expect 5 "a site 'tol1' already" "$barrio" site add "$home/more.yaml"
expect 0 '"90kW"' "$barrio" site set "$home/more.yaml" --output json
"$barrio" site account tol1 >"$home/account"
expect 5 "exists" "$barrio" site account tol1
expect 0 "site add tol1" audited
of_site tol1 ", from_control: true"
secret=$(sed -n 's/^client_secret: //p' "$home/account")
[ -n "$secret" ] || give_up "no secret of tol1"
sed -i "s/^client_secret: .*/client_secret: $secret/" "$home/tol1.yaml"
"$barrio" site serve --config "$home/tol1.yaml" 2>"$home/tol1.log" &
pids+=("$!")
eventually waits tol1
expect 0 "is let in" "$barrio" site approve tol1 --fingerprint "$(keys pending tol1)"
eventually connected tol1
expect 0 "tol1 (Toledo) is active" "$barrio" site activate tol1
echo acme-secret-of-the-test | "$barrio" context set acme --control "https://127.0.0.1:$tls" --client-id acme --ca "$ca" >/dev/null
"$barrio" context use operator >/dev/null
cat >"$home/people.yaml" <<YAML
name: people
model: {backend: opencv, builtin: people}
objective: {latency: 2s, percentile: 99}
policy: {sites: [tol1]}
resources: {power: 40W, memory: 256MiB, cores: 1}
YAML
base64 -d >"$home/picture.jpg" <<B64
/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9VXVtqeJmBanGQc1tdhbWGkJ6jq62rZ4C8yb
qmx5moq6T/wAALCACQAFABAREA/8QAFQABAQAAAAAAAAAAAAAAAAAAAAP/xAAUEAEAAAAAAAAAAAAAAAAAAAAA/9oACAEBAAA/ALgAAAAAAAAA
AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA//2Q==
B64
expect 0 "accepted people" "$barrio" --as acme app deploy "$home/people.yaml" --no-wait
tol1=$(sed -n 's/.*"serving".*"address":"\(127[0-9.:]*\)".*/\1/p' "$home/tol1.log" | tail -1)
serves() { "$barrio" --as acme infer people --image "$home/picture.jpg" --gateway "$tol1" >/dev/null 2>&1; }
eventually serves
told_of_engine() { deploy/prometheus/engine-figures.sh "$home/tol1" | grep -q '^barrio_engine_profile_error{socket="[0-9a-f]*",model="people"}'; }
eventually told_of_engine
# A model that no site can load: the reason is told while it is waited for, and long before the patience for a slow one ends.
echo "no model" >"$home/broken.onnx"
sed 's/^name: .*/name: broken/; s/^model: .*/model: {backend: onnx, file: broken.onnx}/' "$home/people.yaml" >"$home/broken.yaml"
expect 6 "all its replicas failed, at tol1: model 'broken' cannot be served" timeout 60 "$barrio" --as acme app deploy "$home/broken.yaml"
sed 's/budget: 90kW/budget: 120kW, cap: 100kW/' "$home/more.yaml" >"$home/power.yaml"
expect 0 '"cap": "100kW"' "$barrio" site set "$home/power.yaml" --output json
sed 's/cores: 512/cores: 600/' "$home/power.yaml" >"$home/grown.yaml"
expect 5 "its power can change now" "$barrio" site set "$home/grown.yaml"

# A certificate that ends soon is renewed by itself, without another approval.
"$barrio" cert issue "$home/tls" --site mad1 --days 20 >/dev/null
expect 0 "$key" shown "$home/tls/mad1.pem"
renewed() { grep -q "certificate written" "$home/mad1.log" && grep -q "certificates reloaded" "$home/mad1.log"; }
wait_for 40 "a renewed certificate" renewed
expect 0 "$key" shown "$home/tls/mad1.pem"
expect 0 "will not expire" openssl x509 -in "$home/tls/mad1.pem" -noout -checkend $((60 * 86400))
expect 1 "" waits mad1
expect 0 "" connected mad1

# A revoked key is let in no more.
expect 0 "ended" "$barrio" site revoke mad1 --yes
eventually away mad1
expect 5 "no key of site mad1" "$barrio" site approve mad1 --fingerprint "$key"
expect 0 "site revoke mad1" audited
expect 4 "revoked or replaced" "$barrio" site join --config "$home/mad1.yaml"

# What happens is told while it happens.
"$barrio" events --for 20s >"$home/events.txt" 2>"$home/watching.txt" &
pids+=($!)
eventually grep -q watching "$home/watching.txt"
expect 0 "" "$barrio" site drain bio1
eventually grep -q "site.status.*draining" "$home/events.txt"
expect 0 "site status bio1" audited

# New certificates are taken up while it serves.
"$barrio" cert issue "$home/tls" --control --ip 127.0.0.1 >/dev/null
eventually logged "certificates reloaded" control
expect 0 "" "$barrio" site list

exit $((failures > 0))
