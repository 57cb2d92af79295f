#!/usr/bin/env bash
# Faults that only real machines have, under constant load: control's disk is full, and control is killed and starts there; then that of a site which also stores objects; then
# control's clock is an hour wrong and a site's ten minutes, either way; then a site and control do not hear each other, one way and
# both. Requests go on, what was acknowledged is there, usage is billed once, nothing that is said is untrue, and everything works again
# without a restart. Usage: faults.sh BARRIO. Exits 77 (skipped) without root, tmpfs, network namespaces, nftables, libfaketime or boto3.
set -uo pipefail
barrio=$1
here=$(dirname "$0")
skip() { echo "skipped: $*"; exit 77; }
faketime=$(ls /usr/lib/*/faketime/libfaketime.so.1 2>/dev/null | head -n 1)
[ -n "$faketime" ] || skip "Debian's faketime is not installed"
/usr/bin/python3 -c 'import boto3' 2>/dev/null || skip "Debian's python3-boto3 is not installed"
home=$(mktemp -d /tmp/barrio-faults-XXXXXX)
island=barrio-faults-$$ # vlc1's network
declare -A pids=() s3=()
load_pid= requests_pid= filler_pid= wrong=0
finish() {
  for pid in $filler_pid $load_pid $requests_pid "${pids[@]}"; do kill -9 "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; done
  umount -l "$home/control" "$home/bio1" 2>/dev/null
  ip link del "bf$$" 2>/dev/null
  ip netns del "$island" 2>/dev/null
  rm -rf "$home"
}
trap finish EXIT
# shellcheck source=tests/e2e/lib.sh
. "$here/lib.sh"
b() { timeout 30 "$barrio" --home "$home" "$@"; }
small_disk() {
  mkdir -p "$home/$1"
  mount -t tmpfs -o size="$2" tmpfs "$home/$1" 2>/dev/null || skip "no tmpfs can be mounted"
}
small_disk control 8m
small_disk bio1 160m

# Each process has a clock of its own, which one file sets; time that only goes on (monotonic) is left alone.
clock_of() { echo "$2" >"$home/$1.clock.new" && mv "$home/$1.clock.new" "$home/$1.clock"; }
with_clock() {
  clock_of "$1" +0
  LD_PRELOAD=$faketime FAKETIME_TIMESTAMP_FILE=$home/$1.clock FAKETIME_NO_CACHE=1 DONT_FAKE_MONOTONIC=1 FAKETIME_DONT_FAKE_MONOTONIC=1 \
    "${@:2}"
}

# vlc1 is in a network of its own, at the far end of a cable; everything else is at this end.
net=10.231.$((RANDOM % 256))
near=$net.1
command -v nft >/dev/null || skip "Debian's nftables is not installed"
{ ip netns add "$island" && ip link add "bf$$" type veth peer name cable netns "$island" && ip addr add "$near/30" dev "bf$$" &&
  ip link set "bf$$" up && ip -n "$island" addr add $net.2/30 dev cable && ip -n "$island" link set lo up &&
  ip -n "$island" link set cable up; } 2>/dev/null || skip "no network namespace can be made"
printf '#!/bin/sh\nexec ip netns exec %s %s "$@"\n' "$island" "$(realpath "$barrio")" >"$home/there" && chmod +x "$home/there"
# lose WAY...: what vlc1 sends to control (out), what control sends to vlc1 (in). heal: nothing any more
lose() {
  local way side
  ip netns exec "$island" nft add table inet lost
  for way in "$@"; do
    side=dport
    [ "$way" = in ] && side=sport
    ip netns exec "$island" nft "add chain inet lost $way { type filter hook ${way}put priority 0; }; add rule inet lost $way tcp $side ${control##*:} counter drop"
  done
}
heal() {
  [[ "$(ip netns exec "$island" nft list table inet lost)" == *"counter packets "[1-9]* ]] || give_up "no packet was lost"
  ip netns exec "$island" nft delete table inet lost
}

control_file "$near:0" bio1 vlc1 svq1
with_clock control serve control control
pids[control]=$started_pid
control=$address
storage_file bio1 "$control"
sed -i "s/^listen: .*/listen: $near:0/" "$home/bio1.yaml"
with_clock bio1 begin_storage bio1
bio1=$address
site_file vlc1 "$control" $net.2:0
barrio=$home/there serve vlc1 site serve
pids[vlc1]=$started_pid
vlc1=$address
log_in "$control"
"$barrio" --home "$home" events --as operator --output json >"$home/events" 2>/dev/null &
pids[events]=$!

cat >"$home/app.yaml" <<YAML
name: people
model: {backend: opencv, builtin: people}
objective: {latency: 5s, percentile: 99}
policy: {sites: [bio1, vlc1]}
resources: {power: 40W, memory: 256MiB, cores: 1}
replicas: 2
YAML
b app deploy "$home/app.yaml" >/dev/null || give_up "deploy"
# What is to run at a site whose machine is not there yet.
sed 's/^name: .*/name: late/; s/sites: .*/sites: [svq1]}/; s/^replicas: .*/replicas: 1/' "$home/app.yaml" >"$home/late.yaml"
b app deploy "$home/late.yaml" --no-wait >/dev/null || give_up "deploy for a site that is not there"
token=$(acme_token "$control")
[ -n "$token" ] || give_up "no token"
serves() { curl -sf -m 5 -o /dev/null -H "Authorization: Bearer $token" "http://$1/v2/models/people/ready"; }
for gateway in "$bio1" "$vlc1"; do wait_for 30 "$gateway to serve" serves "$gateway"; done


# --- the load ---

mkfifo "$home/go"
node "$here/load.mjs" people "$token" "$bio1" "$vlc1" <"$home/go" >"$home/load.json" &
requests_pid=$!
exec 3>"$home/go"

# ask WHAT: with a token of this moment, at each gateway and at the S3 service; what is refused is counted
ask() {
  local fresh gateway
  is_answered() { curl -sf -m 10 -o "$home/answer" -H "Authorization: Bearer $fresh" "$gateway"; }
  fresh=$(acme_token "$control")
  for gateway in "http://$bio1/v2/models/people" "http://$vlc1/v2/models/people" "http://${s3[bio1]}/frames?list-type=2"; do
    asked=$((asked + 1))
    is_answered && continue
    # A busy machine's site may not have heard of control since: once more, as the issue's clients may.
    sleep 2
    is_answered && again=$((again + 1)) && continue
    echo "FAIL: $1: $gateway: $(curl -s -m 10 -H "Authorization: Bearer $fresh" "$gateway" | head -c 300)"
    wrong=$((wrong + 1))
  done
}
asked=0 again=0 made=0
# make_tenant NAME: a change that must be acknowledged, and be there at the end
make_tenant() {
  b tenant create "$1" --as operator >"$home/said.tenant" 2>&1 || give_up "tenant $1 is not made: $(cat "$home/said.tenant")"
  made=$((made + 1))
}

# --- a full disk ---

# fill NAME: all of its disk, and what becomes free later; empty: no longer
fill() {
  filled=$home/$1/filled
  /usr/bin/python3 - "$filled" <<'PYTHON' &
import os, sys, time
parent = os.getppid()
with open(sys.argv[1], "ab", buffering=0) as file:
    while True:
        try:
            file.write(bytes(65536))
        except OSError:
            if os.getppid() != parent:
                sys.exit()
            time.sleep(0.002)
PYTHON
  filler_pid=$!
  is_full() { [ "$(df --output=avail "$home/$1" | tail -n 1 | tr -d ' ')" = 0 ]; }
  wait_for 10 "$1's disk to be full" is_full "$1"
}
empty() {
  kill "$filler_pid"
  wait "$filler_pid" 2>/dev/null
  filler_pid=
  rm "$filled"
}

make_tenant before
fill control
# changes_are_refused NAME: what SQLite has already of its journal may hold one more change; then that is acknowledged.
changes_are_refused() {
  local refused=0 i
  for i in $(seq 30); do
    if b tenant create "full-$1-$i" --as operator >"$home/said.tenant" 2>&1; then
      made=$((made + 1))
    else
      [[ "$?" = 5 && "$(cat "$home/said.tenant")" == *"$home/control/"*"the disk is full"* ]] || give_up "a change on a full disk: $(cat "$home/said.tenant")"
      refused=$((refused + 1))
    fi
    [ "$refused" = 3 ] && return
  done
  give_up "changes are not refused on a full disk"
}
changes_are_refused once
# Control is killed there, and starts there: it knows what it knew, and a site that has nothing yet is given all it needs to serve.
kill -9 "${pids[control]}"
wait "${pids[control]}" 2>/dev/null
told=$(wc -l <"$home/events")
sed -i "s/^listen: .*/listen: $control/" "$home/control.yaml"
sleep 6 # `barrio events` waits for longer than it would for a control that it has never seen
with_clock control serve control control 3>&- # the load ends when nobody has its pipe
pids[control]=$started_pid
changes_are_refused again
status=$(curl -s -m 10 -o "$home/answer" -w '%{http_code}' -X POST -H "Authorization: Bearer $(token_of operator "$control")" \
  -H 'Content-Type: application/json' -d '{"name":"full-plain"}' "http://$control/barrio/v1/tenants")
[[ "$status" = 507 && "$(cat "$home/answer")" == *"$home/control/"* ]] || give_up "a change on a full disk is answered with $status: $(cat "$home/answer")"
expect 0 people b app list
site_file svq1 "$control" 127.0.0.1:0
serve svq1 site serve 3>&-
pids[svq1]=$started_pid
begun=$address
serves_late() { curl -sf -m 5 -o /dev/null -H "Authorization: Bearer $token" "http://$begun/v2/models/late/ready"; }
wait_for 30 "a site that begins while control's disk is full" serves_late
tells_more() { tail -n +$((told + 1)) "$home/events" | grep -q svq1; }
wait_for 10 "barrio events to go on where control does" tells_more
expect 0 before b tenant list --as operator
says() { grep -q "$2" "$home/$1.log"; }
wait_for 10 "control to take no usage" says control 'usage not taken; the site keeps it'
empty
make_tenant after

load_storage "$control" "${s3[bio1]}"
ask "at first"
sleep 1
fill bio1
head -c 300K /dev/urandom >"$home/body"
put() { curl -s -m 10 -H "Authorization: Bearer $token" -T "$home/body" "http://${s3[bio1]}/frames/$1" -w '%{http_code}'; }
# What a store tidies away meanwhile may give a PUT its room: then it is acknowledged.
is_refused() { [[ "$(put full)" == *"<Code>InsufficientStorage</Code>"*507 ]]; }
for _ in 1 2 3; do wait_for 10 "a PUT to be refused with InsufficientStorage (507)" is_refused; done
sleep 0.5
wait_for 10 "the site to keep usage in memory" says bio1 'cannot keep usage on disk'
empty
expect 0 200 put acknowledged
curl -sf -m 10 -H "Authorization: Bearer $token" "http://${s3[bio1]}/frames/acknowledged" | cmp - "$home/body" || give_up "what was put is not what is got"

# --- clocks ---

for step in "control +1h" "control -1h" "bio1 +10m" "bio1 -10m"; do
  read -r who by <<<"$step"
  clock_of "$who" "$by"
  sleep 1.2 # every site has heard of control since
  ask "$step"
  make_tenant "while-$who-${by//[+]/plus}"
  clock_of "$who" +0
  ask "after $step"
  make_tenant "after-$who-${by//[+]/plus}"
done

# Who is cut off is said to be lost; nobody was until now.
kill "${pids[events]}"
wait "${pids[events]}" 2>/dev/null
unset 'pids[events]'
untrue=$(grep -cE '"(site\.lost|replica\.(failed|removed))"' "$home/events")
echo "$untrue events of sites or replicas that were lost"
[ "$untrue" = 0 ] || { cat "$home/events"; give_up "something was said to be lost that was there all the time"; }

# --- a network that is cut ---

for way in out in "in out"; do
  sed "s/^name: .*/name: during-${way// /-}/" "$home/app.yaml" >"$home/during.yaml"
  # shellcheck disable=SC2086
  lose $way
  timeout 40 "$barrio" --home "$home" app deploy "$home/during.yaml" >"$home/deployed" 2>&1 &
  deploy_pid=$!
  sleep 1.2
  ask "lost: $way"
  kill -0 "$deploy_pid" 2>/dev/null || give_up "what is ordered comes to vlc1 though it cannot"
  heal
  wait "$deploy_pid" || give_up "what was ordered during the cut does not run: $(cat "$home/deployed")"
done

# --- what is left of it ---

end_load || give_up "objects were lost or torn, or too little was done to mean anything"
exec 3>&-
wait "$requests_pid" || { cat "$home/load.json"; give_up "requests failed"; }
requests_pid=
of_load() { sed -n "s/.*\"$1\": \([0-9]*\).*/\1/p" "$home/load.json"; }
echo "$(of_load sent) requests, $(of_load answered) answered; $asked with a token of the moment, $again once more, $wrong refused"
[ "$(of_load sent)" -gt 2000 ] || give_up "too little load to mean anything"
[ "$wrong" = 0 ] || give_up "requests were refused that had a replica"

# To the future: a site's clock was ahead. The first that is equal; more than was answered never is.
billed() {
  b usage --output csv --by app --from "$(date -u -d '3 hours ago' +%FT%H:00:00Z)" --to "$(date -u -d '3 hours' +%FT%H:00:00Z)" |
    sed -n 's/^acme,people,,,//p' | cut -d, -f1
}
all_billed() { [ "$(billed)" = "$(of_load inferred)" ]; }
for _ in $(seq 20); do all_billed && break; sleep 0.5; done
echo "$(of_load inferred) inferences answered, $(billed) billed"
all_billed || give_up "billed is not what was answered"

tenants=$(b tenant list --as operator)
kept=$(grep -cE '^(before|after|while|full)' <<<"$tenants")
echo "$made changes of control acknowledged, $kept there"
[ "$kept" = "$made" ] || give_up "control lost what it acknowledged, or did what it refused"

# A site that was killed starts on a full disk, and serves what it has orders for.
fill bio1
kill -9 "${pids[bio1]}"
wait "${pids[bio1]}" 2>/dev/null
begin_storage bio1
wait_for 20 "a site on a full disk to serve" serves "$address"
empty
expect 0 200 put again
sleep 3
all_billed || give_up "$(billed) billed after a site was killed on a full disk"
[ "$failures" = 0 ]
