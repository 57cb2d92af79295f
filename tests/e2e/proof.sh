#!/usr/bin/env bash
# What was processed where is proved by the sites' logs and verified offline: two sites that witness each other and a
# witness of a third party; kill -9, a file that is tampered with, data outside of its jurisdiction, a log that is cut.
# Usage: proof.sh BARRIO
set -uo pipefail
barrio=$1
home=$(mktemp -d /tmp/barrio-proof-XXXXXX)
declare -A pids=()
finish() {
  for pid in "${pids[@]}"; do kill -9 "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; done
  rm -rf "$home"
}
trap finish EXIT
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
give_up() { echo "FAIL: $*"; cat "$home/answer" "$home/said" 2>/dev/null; tail -n 5 "$home"/*.log; exit 1; }

kill_now() {
  kill -9 "${pids[$1]}"
  wait "${pids[$1]}" 2>/dev/null
  unset "pids[$1]"
}
eventually() { wait_for 40 "$@"; }
b() { "$barrio" --home "$home" "$@"; }
# wants_exit CODE WHAT COMMAND...
wants_exit() {
  local code=$1 what=$2
  shift 2
  "$@" >"$home/said" 2>&1
  local got=$?
  [ "$got" = "$code" ] || { cat "$home/said"; give_up "$what: exit $got, wanted $code"; }
}

control_file 127.0.0.1:0 bio1 mad1
serve control control
pids[control]=$started_pid
control=$address
site_file mad1 "$control" 127.0.0.1:0
serve mad1 site serve
pids[mad1]=$started_pid
mad1=$address
site_file bio1 "$control" 127.0.0.1:0
serve bio1 site serve
pids[bio1]=$started_pid
bio1=$address

log_in "$control"
keys_are_told() { [ "$(b log keys 2>/dev/null | tee "$home/keys" | grep -c '/log/')" = 2 ]; }
eventually "the keys of both logs" keys_are_told
[ "$(stat -c %a "$home/bio1/log/log.key")" = 600 ] || give_up "the log's key is not its owner's alone"

# A third party's witness, which bio1 asks besides mad1.
start witness witness --listen 127.0.0.1:0 --folder "$home/witness" --name witness.example --keys "$home/keys" || give_up "the witness did not start"
pids[witness]=$started_pid
witness_key=$(curl -s "http://$address/key")
echo "$witness_key" >>"$home/keys"
kill_now bio1
site_file bio1 "$control" "$bio1" "log: {witnesses: ['http://$address=$witness_key']}"
serve bio1 site serve
pids[bio1]=$started_pid

app_file() {
  cat >"$home/$1.yaml" <<YAML
name: $1
model: {backend: opencv, builtin: people}
objective: {latency: 2s, percentile: 99}
policy: {jurisdictions: [$2]}
resources: {power: 40W, memory: 256MiB, cores: 1}
YAML
  b app deploy "$home/$1.yaml" --no-wait >/dev/null || give_up "deploy $1"
}
app_file people ES-PV

base64 -d >"$home/picture.jpg" <<B64
/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9VXVtqeJmBanGQc1tdhbWGkJ6jq62rZ4C8yb
qmx5moq6T/wAALCACQAFABAREA/8QAFQABAQAAAAAAAAAAAAAAAAAAAAP/xAAUEAEAAAAAAAAAAAAAAAAAAAAA/9oACAEBAAA/ALgAAAAAAAAA
AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA//2Q==
B64
infer() { b infer people --image "$home/picture.jpg" --gateway "$1" >"$home/answer" 2>&1; }
answered=0
is_served() { infer "$bio1" && answered=$((answered + 1)); }
eventually "the app to be served" is_served
grep -q 'served by bio1 in ES-PV' "$home/answer" || give_up "served elsewhere: $(cat "$home/answer")"
for i in 1 2 3 4 5 6; do infer "$bio1" && answered=$((answered + 1)); done
# Killed with a minute that is not logged yet.
kill_now bio1
serve bio1 site serve
pids[bio1]=$started_pid
eventually "the app to be served again" is_served

today=$(date -u +%F)
[ "$(date -u +%H%M)" = 2359 ] && sleep 61
prove() { b prove --tenant acme --jurisdiction "$1" --from "$today" --out "$home/proof" >"$home/said" 2>&1; }
verify() { b verify "$home/proof" --keys "$home/keys" "$@"; }
requests() { verify --output json 2>/dev/null | grep -o '"requests": *[0-9]*' | awk -F: '{sum += $2} END {print sum + 0}'; }
all_is_logged() { prove ES-PV && [ "$(requests)" -ge "$answered" ]; }
eventually "all requests in the proof" all_is_logged
[ "$(requests)" = "$answered" ] || give_up "answered $answered requests, and the logs have $(requests)"
wants_exit 0 "a proof that holds" verify
cat "$home/said"
grep -q 'valid: these logs say' "$home/said" || give_up "not valid"
cosigned() { prove ES-PV && b verify "$home/proof" --keys "$home/keys" --cosignatures 1 >"$home/said" 2>&1 && grep -q 'witness.example.*mad1\|mad1.*witness.example' "$home/said"; }
eventually "cosignatures of the witness and of the other site" cosigned
wants_exit 4 "more cosignatures than there are" verify --cosignatures 9
wants_exit 0 "single leaves" b prove --tenant acme --jurisdiction ES-PV --from "$today" --leaves-only --out "$home/leaves"
wants_exit 0 "a proof of single leaves" b verify "$home/leaves" --keys "$home/keys"
wants_exit 0 "the whole log" b log check bio1 --keys "$home/keys"

# A receipt for one answer, once the tenant wants them.
b tenant quota acme --receipts --as operator >/dev/null || give_up "quota"
b config force tenant/acme --as operator >/dev/null || give_up "to all sites at once"
token=$(acme_token "$control")
head='{"inputs":[{"name":"image","shape":[1],"datatype":"BYTES","parameters":{"binary_data_size":209}}]}'
{ printf '%s' "$head"; printf '\xcd\0\0\0'; cat "$home/picture.jpg"; } >"$home/body"
has_receipt() {
  curl -s -D "$home/head" -o /dev/null --max-time 10 -H "Authorization: Bearer $token" \
    -H 'Content-Type: application/octet-stream' -H "Inference-Header-Content-Length: ${#head}" \
    --data-binary @"$home/body" "http://$bio1/v2/models/people/infer"
  sed -n 's/^[Bb]arrio-[Rr]eceipt: *//p' "$home/head" | tr -d '\r' >"$home/receipt"
  [ -s "$home/receipt" ]
}
eventually "a receipt" has_receipt
wants_exit 0 "a receipt that holds" b verify "$home/receipt" --keys "$home/keys"
grep -q "in ES-PV.*$(sha256sum <"$home/body" | cut -d' ' -f1)" "$home/said" || give_up "a receipt of another request"
base64 -d <"$home/receipt" | sed 's/status 200/status 201/' | base64 -w0 >"$home/tampered"
wants_exit 4 "a changed receipt" b verify "$home/tampered" --keys "$home/keys"

# Tampered with: a jurisdiction, a leaf that is left out, another key.
sed 's/requests 1\\n/requests 2\\n/; s/jurisdiction ES-PV\\n/jurisdiction ES-MD\\n/' "$home/proof" >"$home/tampered"
cmp -s "$home/proof" "$home/tampered" && give_up "nothing was changed"
wants_exit 4 "a changed leaf" b verify "$home/tampered" --keys "$home/keys"
sed 's/"tenant":"acme"/"tenant":"acmf"/' "$home/proof" >"$home/tampered"
cmp -s "$home/proof" "$home/tampered" && give_up "nothing was changed"
wants_exit 4 "another tenant's name" b verify "$home/tampered" --keys "$home/keys"
wants_exit 4 "a proof by another than the tenant" b prove --as operator --tenant acme --from "$today" --out "$home/others"
python3 - "$home/proof" "$home/tampered" <<'PY'
import json, sys
proof = json.load(open(sys.argv[1]))
for site in proof["sites"]:
    if site["site"] == "bio1":
        del site["range"]["leaves"][0]
        site["range"]["first"] += 1
json.dump(proof, open(sys.argv[2], "w"))
PY
wants_exit 4 "a leaf that is left out" b verify "$home/tampered" --keys "$home/keys"
grep -v '^bio1' "$home/keys" >"$home/other-keys"
wants_exit 4 "a log that nobody trusts" b verify "$home/proof" --keys "$home/other-keys"
kill_now mad1
wants_exit 0 "a proof without one site" b prove --tenant acme --jurisdiction ES-PV --from "$today" --out "$home/partial"
wants_exit 3 "a site that is left out" b verify "$home/partial" --keys "$home/keys"
wants_exit 0 "a site that is left out on purpose" b verify "$home/partial" --keys "$home/keys" --partial
site_file mad1 "$control" "$mad1"
serve mad1 site serve
pids[mad1]=$started_pid

# What is processed outside of the jurisdiction shows.
app_file madrid ES-MD
is_outside() { prove ES-PV && ! verify >"$home/said" 2>&1; }
eventually "the other app's leaf" is_outside
wants_exit 5 "data outside of the jurisdiction" verify
grep -q 'OUTSIDE: site mad1 in ES-MD' "$home/said" || give_up "not said where"
eventually "a proof for all of Spain" prove ES
wants_exit 0 "all of Spain" verify

# A site whose log was cut behind its back does not begin another past.
kill_now bio1
truncate -s -100 "$home/bio1/log/pending"
if start bio1 site serve --config "$home/bio1.yaml"; then pids[bio1]=$started_pid; give_up "bio1 started with a log that was cut"; fi
grep -q 'the log is damaged' "$home/bio1.log" || give_up "not said why: $(cat "$home/bio1.log")"
echo "$answered requests were proved to be processed in ES-PV, and what was tampered with was refused"
