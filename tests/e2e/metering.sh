#!/usr/bin/env bash
# Bills are exact, and a spend cap holds, though site, engine and control are killed (kill -9) again and again under load: every request
# that was answered 200 is billed once, and none that was not sent; so is every frame of a stream that was looked at. Usage: metering.sh BARRIO
set -uo pipefail
barrio=$1
home=$(mktemp -d /tmp/barrio-metering-XXXXXX)
control_pid= site_pid= client_pids=
finish() {
  touch "$home/stop"
  for pid in $client_pids; do wait "$pid" 2>/dev/null; done
  for pid in $site_pid $control_pid; do kill -9 "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; done
  rm -rf "$home"
}
trap finish EXIT
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
start_control() { serve control control; control_pid=$started_pid; }
start_site() { serve mad1 site serve; site_pid=$started_pid; }
eventually() { wait_for 90 "$@"; }
# A successor is not our child: it is gone when nobody has its number any more.
kill_now() {
  kill -9 "$1"
  wait "$1" 2>/dev/null
  eventually "process $1 to end" gone "$1"
}
has_successor() { [ "$(cat "$home/mad1/site.pid")" != "$site_pid" ]; }

control_file 127.0.0.1:0 mad1
start_control
control=$address
control_file "$control" mad1 # from now on at the same address
site_file mad1 "$control" 127.0.0.1:0
start_site
gateway=$address
site_file mad1 "$control" "$gateway"

b() { "$barrio" --home "$home" "$@"; }
log_in "$control"
cat >"$home/app.yaml" <<YAML
name: people
model: {backend: opencv, builtin: people}
objective: {latency: 2s, percentile: 99}
policy: {jurisdictions: [ES-MD]}
resources: {power: 40W, memory: 256MiB, cores: 1}
YAML
b app deploy "$home/app.yaml" --no-wait >/dev/null || give_up "deploy"
token=$(acme_token "$control")
[ -n "$token" ] || give_up "no token"

# One grey picture of 80 by 144, 205 bytes, as a binary request.
base64 -d >"$home/picture" <<B64
/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9VXVtqeJmBanGQc1tdhbWGkJ6jq62rZ4C8yb
qmx5moq6T/wAALCACQAFABAREA/8QAFQABAQAAAAAAAAAAAAAAAAAAAAP/xAAUEAEAAAAAAAAAAAAAAAAAAAAA/9oACAEBAAA/ALgAAAAAAAAA
AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA//2Q==
B64
head='{"inputs":[{"name":"image","shape":[1],"datatype":"BYTES","parameters":{"binary_data_size":209}}]}'
{ printf '%s' "$head"; printf '\xcd\0\0\0'; cat "$home/picture"; } >"$home/body"
body_bytes=$(stat -c %s "$home/body")
# Prints the status; 000 where the connection ended without an answer.
infer() {
  curl -s -o /dev/null -w '%{http_code}\n' --max-time 10 -H "Authorization: Bearer $token" \
    -H 'Content-Type: application/octet-stream' -H "Inference-Header-Content-Length: ${#head}" \
    --data-binary @"$home/body" "http://$gateway/v2/models/people/infer"
}
wait_until_served() {
  for _ in $(seq 300); do
    infer >>"$home/answers.main"
    [ "$(tail -n 1 "$home/answers.main")" = 200 ] && return 0
    sleep 0.05
  done
  give_up "the app is not served"
}
client() { while [ ! -e "$home/stop" ]; do infer >>"$home/answers.$1"; done; }

wait_until_served
# Killed right after an answer, then with many requests on their way.
for _ in 1 2 3 4; do
  infer >>"$home/answers.main"
  kill_now "$site_pid"
  start_site
  wait_until_served
done
for i in 1 2 3; do client "$i" & client_pids="$client_pids $!"; done
for round in 1 2 3; do
  sleep "1.$round"
  kill_now "$site_pid"
  start_site
  sleep "0.$((round * 3))"
  kill_now "$control_pid"
  sleep "0.$round"
  start_control
done
# Two processes of the site count at the same time while one gives way to the other: to its end, and killed before it.
for ending in drained killed; do
  kill -USR2 "$site_pid"
  eventually "the site's successor" has_successor
  [ "$ending" = killed ] && kill_now "$site_pid"
  eventually "the site's old process to end" gone "$site_pid"
  site_pid=$(cat "$home/mad1/site.pid")
  sleep 1
done
wait_until_served
touch "$home/stop"
for pid in $client_pids; do wait "$pid"; done
client_pids=

answered=$(cat "$home"/answers.* | grep -c '^200$')
unknown=$(cat "$home"/answers.* | grep -c '^000$')
billed() { b usage --output csv --by app | sed -n "s/^acme,people,,,//p" | tr -d '\r' | cut -d, -f"$1"; }
requests=0
for _ in $(seq 40); do
  requests=$(billed 1)
  [ "${requests:-0}" -ge "$answered" ] && break
  sleep 0.5
done
# What is billed stays billed, once, over restarts that ship again.
kill_now "$control_pid"
kill_now "$site_pid"
start_control
start_site
sleep 2
[ "$(billed 1)" = "$requests" ] || give_up "billed $requests requests, and $(billed 1) after a restart"
echo "answered $answered, unknown $unknown, billed ${requests:-none}, $(billed 4) us of compute"
[ "$answered" -ge 60 ] || give_up "too few answers to mean anything"
[ "${requests:-0}" -ge "$answered" ] || give_up "answered but not billed"
[ "$requests" -le $((answered + unknown)) ] || give_up "billed but never answered"
[ "$(billed 2)" = $((requests * body_bytes)) ] || give_up "bytes in: $(billed 2), wanted $((requests * body_bytes))"
[ "$(billed 3)" -gt $((answered * 10)) ] || give_up "bytes out: $(billed 3)"
[ "$(billed 4)" -gt "$answered" ] || give_up "compute: $(billed 4) us"
[[ "$(b usage --as operator --by site)" == *mad1* ]] || give_up "the operator's table"
cat >"$home/prices.yaml" <<YAML
from: $(date -u -d '2 days ago' +%Y-%m-%dT00:00:00Z)
prices: {per_1000_requests: 1000EUR}
YAML
b price set "$home/prices.yaml" --as operator >/dev/null || give_up "prices are not set"
cost=$(b usage --cost --output csv --by app | sed -n 's/^acme,people,.*,//p' | tr -d '\r')
[ "$cost" = "$requests.00EUR" ] || give_up "$requests requests cost ${cost:-nothing}"
echo "what was answered is billed, exactly"

# A spend cap: at it gateways refuse, also without control and after a restart; a raise lets go within 5 s.
"$barrio" --home "$home" events --as operator --output json >"$home/events" 2>/dev/null &
watcher_pid=$!
sleep 1
infer_says() {
  for _ in $(seq 50); do
    [ "$(infer)" = "$1" ] && return 0
    sleep 0.1
  done
  return 1
}
b tenant set acme --spend-cap "$((requests * 2))EUR" --as operator | grep -q "(50 %)" || give_up "half of the cap is not told"
b tenant set acme --spend-cap "${requests}EUR" --as operator | grep -q "warning: as much is spent already" || give_up "a cap below what is spent is set without a word"
infer_says 429 || give_up "the cap is not kept within 5 s"
# What was answered until the site knew is spent, too.
b tenant list --as operator | grep -q "^acme .*[0-9].00EUR *$requests.00EUR *1[0-9][0-9] %" || give_up "tenant list: $(b tenant list --as operator)"
b tenant show acme | grep -q "requests are refused until" || give_up "tenant show: $(b tenant show acme)"
sed 's/^name: people/name: other/' "$home/app.yaml" >"$home/other.yaml"
refused=$(b app deploy "$home/other.yaml" --no-wait 2>&1) && give_up "an app is deployed at the cap"
[[ "$refused" == *"has spent its cap of $requests.00EUR"* ]] || give_up "a deployment is refused: $refused"
kill_now "$control_pid"
kill_now "$site_pid"
start_site
infer_says 429 || give_up "a site that begins without control has forgotten the cap"
start_control
sleep 2
[ "$(infer)" = 429 ] || give_up "a control that was restarted has forgotten the cap"
kill "$watcher_pid"
wait "$watcher_pid" 2>/dev/null
told=$(grep -o '"spend\.[0-9]*"' "$home/events" | tr -d '"' | tr '\n' ' ')
[ "$told" = "spend.50 spend.80 spend.100 " ] || give_up "events: $told"
b tenant set acme --spend-cap "$((requests + 1000))EUR" --as operator >/dev/null || give_up "the cap is not raised"
infer_says 200 || give_up "a raised cap does not let go within 5 s"
b tenant set acme --spend-cap "${requests}EUR" --as operator >/dev/null
infer_says 429 || give_up "a lowered cap is not kept"
b tenant set acme --spend-cap none --as operator >/dev/null || give_up "the cap is not removed"
infer_says 200 || give_up "a removed cap does not let go within 5 s"
b audit --as operator | grep -q "spend cap remove" || give_up "the audit does not name it"
echo "a spend cap is kept, and ends"

# A stream's frames are what is billed of it: as many as its engines say, though the site's process and an engine are killed.
{ sed 's/^name: people/name: street/' "$home/app.yaml"; printf '%s\n' "replicas: 1" "stream: {rate: 20, max_age: 1s}"; } >"$home/street.yaml"
b app deploy "$home/street.yaml" --no-wait >/dev/null || give_up "deploy a stream"
streams=http://$gateway/apps/street/v2/streams
stream() { curl -s --max-time 5 -H "Authorization: Bearer $token" "$@"; }
begins() { [[ "$(stream -X POST -d '{}' "$streams")" == *'"id":"s1"'* ]]; }
analysed() { stream "$streams/s1" | sed -n 's/.*"analysed":\([0-9]*\),"tracked".*/\1/p'; }
# show COUNT: so many frames, each looked at before the next is sent; what the engine then says is added up in $seen
show() {
  for i in $(seq "$1"); do
    stream --data-binary @"$home/picture" "$streams/s1/frames" >/dev/null
    frame_is_seen() { [ "$(analysed)" = "$i" ]; }
    wait_for 10 "frame $i" frame_is_seen
  done
  seen=$((seen + $1))
}
engine_pid() { pgrep -P "$site_pid" -f 'engine --usage'; }
frames_billed() { b usage --output csv --by app --app street | tr -d '\r' | awk -F, '$2 == "street" { print $26 }'; }
frames_are_billed() { [ "$(frames_billed)" = "$seen" ]; }
seen=0
wait_for 60 "a stream" begins
show 5
kill -9 "$(engine_pid)"
wait_for 60 "a stream at the next engine" begins
show 4
kill_now "$site_pid"
start_site
wait_for 60 "a stream at the next site" begins
show 3
kill_now "$control_pid"
start_control
wait_for 60 "$seen frames on the bill" frames_are_billed
b tenant set acme --spend-cap 1EUR --as operator >/dev/null || give_up "no cap is set"
# A stranger's engine would not be asked through the gateway any more: its own address is.
engine_says() { curl -s --max-time 5 --unix-socket "$1" "http://localhost/v2/streams/s1"; }
for socket in "$home"/mad1/engines/run/*.sock /tmp/barrio-"$(id -u)"-*/*.sock; do
  [[ "$(engine_says "$socket" 2>/dev/null)" == *'"id":"s1"'* ]] && break
done
rests() {
  curl -s --max-time 5 --unix-socket "$socket" --data-binary @"$home/picture" "http://localhost/v2/streams/s1/frames" >/dev/null
  [[ "$(engine_says "$socket")" == *"has spent what it may this month"* ]]
}
wait_for 20 "the stream to rest at the cap" rests
# Those that were looked at before the site knew of the cap are billed, too; what was billed ships again, and stays what it was.
looked_at=$(engine_says "$socket" | sed -n 's/.*"analysed":\([0-9]*\),"tracked".*/\1/p')
seen=$((seen - 3 + looked_at))
sleep 12
rests || give_up "the stream does not rest any more"
[ "$(frames_billed)" = "$seen" ] || give_up "$seen frames were looked at, $(frames_billed) are billed"
echo "$seen frames were looked at, and are billed, once; at the cap none is"
