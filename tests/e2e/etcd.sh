#!/usr/bin/env bash
# Three members of control on three of etcd, under a load of changes and of devices: each kind of member is killed (kill -9) and stopped
# (SIGSTOP) in turn while it leads. Nothing acknowledged is lost, no device notices. Prints what it measured as JSON.
# Usage: etcd.sh BARRIO
set -uo pipefail
barrio=$1
if [ ! -x /usr/bin/etcd ]; then
  echo "skipped: etcd is not installed (Debian package etcd-server)"
  exit 0
fi
home=$(mktemp -d /tmp/barrio-etcd-XXXXXX)
declare -A pid=()
load=
finish() {
  touch "$home/stop"
  [ -n "$load" ] && wait "$load" 2>/dev/null
  for name in "${!pid[@]}"; do
    kill -CONT "${pid[$name]}" 2>/dev/null
    kill -9 "${pid[$name]}" 2>/dev/null && wait "${pid[$name]}" 2>/dev/null
  done
  rm -rf "$home"
}
trap finish EXIT
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
give_up() { echo "FAIL: $*"; tail -n 4 "$home"/*.log; cat "$home"/result.json 2>/dev/null; exit 1; }
eventually() { wait_for 30 "$@"; }
read -r -a port <<<"$(python3 -c '
import socket
sockets = [socket.socket() for _ in range(13)]
for s in sockets: s.bind(("127.0.0.1", 0))
print(*[s.getsockname()[1] for s in sockets])')"
etcd_url() { echo "http://127.0.0.1:${port[$1 - 1]}"; }
peer_url() { echo "http://127.0.0.1:${port[$1 + 2]}"; }
member() { echo "127.0.0.1:${port[$1 + 5]}"; }
gateway=127.0.0.1:${port[9]}
# Members speak to each other with TLS; the load and the site ask them in clear.
secure() { echo "127.0.0.1:${port[$1 + 9]}"; }
"$barrio" cert ca "$home/tls" >/dev/null && "$barrio" cert issue "$home/tls" --control --ip 127.0.0.1 >/dev/null || exit 1

start_etcd() {
  /usr/bin/etcd --name "etcd-$1" --data-dir "$home/etcd-$1" --listen-client-urls "$(etcd_url "$1")" \
    --advertise-client-urls "$(etcd_url "$1")" --listen-peer-urls "$(peer_url "$1")" \
    --initial-advertise-peer-urls "$(peer_url "$1")" --heartbeat-interval 50 --election-timeout 250 \
    --initial-cluster "etcd-1=$(peer_url 1),etcd-2=$(peer_url 2),etcd-3=$(peer_url 3)" >>"$home/etcd-$1.log" 2>&1 &
  pid[etcd-$1]=$!
}
start_control() {
  "$barrio" control --config "$home/control-$1.yaml" 2>>"$home/control-$1.log" &
  pid[control-$1]=$!
}
healthy() { curl -sf --max-time 2 "http://$1/healthz" >/dev/null; }
for i in 1 2 3; do
  cat >"$home/control-$i.yaml" <<YAML
listen: $(member $i)
network: data/networks/spain.yaml
state: ''
blobs: $home/blobs-$i
open_console: false
member: control-$i
members: {control-1: 'https://$(secure 1)', control-2: 'https://$(secure 2)', control-3: 'https://$(secure 3)'}
tls:
  listen: $(secure $i)
  certificates: [{chain: $home/tls/control.pem, key: $home/tls/control.key}]
  member_ca: $home/tls/ca.pem
etcd: {endpoints: ['$(etcd_url 1)', '$(etcd_url 2)', '$(etcd_url 3)']}
accounts:
  - {client_id: operator, client_secret: operator-secret-of-the-test, role: operator, subject: operator}
  - {client_id: acme, client_secret: acme-secret-of-the-test, role: tenant, subject: acme}
  - {client_id: site-mad1, client_secret: site-secret-of-the-test, role: site, subject: mad1}
YAML
  start_etcd $i
done
for i in 1 2 3; do start_control $i; done
for i in 1 2 3; do eventually "control-$i" healthy "$(member $i)"; done
site_file mad1 "$(member 1),$(member 2),$(member 3)" "$gateway"
serve mad1 site serve
pid[site]=$started_pid

python3 tests/e2e/etcd_load.py "$home" "$gateway" "$(member 1)" "$(member 2)" "$(member 3)" &
load=$!
ready() { [ -e "$home/ready" ] || ! kill -0 "$load" 2>/dev/null; }
eventually "the load" ready
[ -e "$home/ready" ] || give_up "the load did not start"

phase() { echo "$1" >"$home/phase.new" && mv "$home/phase.new" "$home/phase"; }
leading_control() {
  for i in 1 2 3; do
    local leader
    leader=$(curl -s --max-time 1 "http://$(member $i)/healthz" | sed -n 's/.*"leader":"\([^"]*\)".*/\1/p')
    [ -n "$leader" ] && echo "$leader" && return
  done
}
leading_etcd() {
  for i in 1 2 3; do
    curl -s --max-time 1 -d '{}' "$(etcd_url $i)/v3/maintenance/status" |
      grep -q '"member_id":"\([0-9]*\)".*"leader":"\1"' && echo "etcd-$i"
  done | head -1
}
somebody_leads() { [ -n "$(leading_control)" ] && [ -n "$(leading_etcd)" ]; }
# kill_and_restart NAME: the member is away for four seconds.
kill_and_restart() {
  kill -9 "${pid[$1]}"
  wait "${pid[$1]}" 2>/dev/null
  sleep 4
  case $1 in
    etcd-*) start_etcd "${1#etcd-}" ;;
    control-*) start_control "${1#control-}" ;;
  esac
  sleep 2
}
stop_and_continue() {
  kill -STOP "${pid[$1]}"
  sleep 5
  kill -CONT "${pid[$1]}"
  sleep 2
}
phase steady
sleep 3
eventually "leaders" somebody_leads
# Who watches what happens is sent from a follower to the leader's address, which is one with TLS.
follower=$(for i in 1 2 3; do [ "control-$i" = "$(leading_control)" ] || { echo $i; break; }; done)
export BARRIO_HOME=$home/operator
echo operator-secret-of-the-test | "$barrio" context set operator --control "https://$(secure "$follower")" --client-id operator \
  --ca "$home/tls/ca.pem" || give_up "no context of an operator"
"$barrio" events --for 2s 2>"$home/watching.txt" >/dev/null || give_up "no events through a follower: $(cat "$home/watching.txt")"
phase control_leader_killed
kill_and_restart "$(leading_control)"
eventually "leaders" somebody_leads
# Sites are added, each with its account, and who leads is killed in the middle of it. What was said to be done the next leader knows;
# what was not is done again, and nothing is there twice.
phase sites_added
b() { timeout 40 "$barrio" "$@" --as all; }
echo operator-secret-of-the-test | "$barrio" context set all --control "http://$(member 1),http://$(member 2),http://$(member 3)" \
  --client-id operator >/dev/null || give_up "no context of all members"
new_sites=12
add_sites() {
  local i tried
  for i in $(seq $new_sites); do
    cat >"$home/new$i.yaml" <<YAML
id: new$i
city: Toledo $i
owner: telefonica
jurisdiction: ES-CM
location: {lat: 39.86, lon: -4.02}
status: planned
power: {budget: 80kW, pue: 1.5}
accelerators: []
servers: {cores: 64, memory: 256GiB, storage: 4TiB}
assumptions: []
YAML
    for tried in 1 2 3; do b site add "$home/new$i.yaml" >>"$home/adding" 2>&1 && break; done
    b site account "new$i" >"$home/new$i.account" 2>>"$home/adding" && continue
    # Whether it was made is not known: who asks again is told, and gets another secret.
    for tried in 1 2 3; do b site account "new$i" --replace >"$home/new$i.account" 2>>"$home/adding" && break; done
  done
}
add_sites &
adding=$!
has_account() { [ -s "$home/new3.account" ]; }
wait_for 30 "the third site's account" has_account
kill -0 "$adding" || give_up "all sites were added before the leader was killed"
kill_and_restart "$(leading_control)"
wait "$adding"
eventually "leaders" somebody_leads
site_token() {
  curl -s -o /dev/null -w '%{http_code}' -d "grant_type=client_credentials&client_id=site-new$1&client_secret=$2" "http://$3/oauth2/token"
}
b site list >"$home/sites" || give_up "no list of sites: $(cat "$home/sites")"
for i in $(seq $new_sites); do
  [ "$(grep -c "^new$i " "$home/sites")" = 1 ] || give_up "new$i is there $(grep -c "^new$i " "$home/sites") times: $(cat "$home/adding")"
  secret=$(sed -n 's/^client_secret: //p' "$home/new$i.account")
  for m in 1 2 3; do
    [ "$(site_token $i "$secret" "$(member $m)")" = 200 ] || give_up "the secret of new$i does not count at control-$m: $(cat "$home/adding")"
  done
  expect 0 "new$i" b site add "$home/new$i.yaml"
  expect 5 "site-new$i" b site account "new$i"
done
[ "$failures" = 0 ] || give_up "sites are added twice, or accounts doubled"
echo "$new_sites sites added while who leads was killed, $(grep -c . "$home/adding") lines said meanwhile"
phase etcd_leader_killed
kill_and_restart "$(leading_etcd)"
eventually "leaders" somebody_leads
phase control_leader_stopped
stop_and_continue "$(leading_control)"
eventually "leaders" somebody_leads
phase etcd_leader_stopped
stop_and_continue "$(leading_etcd)"
phase end
sleep 1
touch "$home/stop"
wait "$load" || { load=; give_up "see the result"; }
load=
cat "$home/result.json"

# A backup of it all is the same state in a file, and in etcd it fills an empty prefix.
for i in 1 2 3; do
  kill -9 "${pid[control-$i]}"
  wait "${pid[control-$i]}" 2>/dev/null
done
"$barrio" state export "$home/backup" --config "$home/control-1.yaml" || give_up "export"
sed "s|^etcd: {|etcd: {prefix: other/, |" "$home/control-1.yaml" >"$home/other.yaml"
"$barrio" state import "$home/backup" --config "$home/other.yaml" || give_up "import into an empty prefix"
"$barrio" state import "$home/backup" --config "$home/other.yaml" 2>"$home/refused" && give_up "import overwrote without being told to"
grep -q -- --overwrite "$home/refused" || give_up "the refusal does not say how"
"$barrio" state import "$home/backup" --config "$home/other.yaml" --overwrite || give_up "import --overwrite"
# And it moves to SQLite.
sed "/^etcd:/d; /^member/d; /^tls:/,/member_ca/d; s|^state: .*|state: $home/moved/state.db|" "$home/control-1.yaml" >"$home/sqlite.yaml"
"$barrio" state import "$home/backup" --config "$home/sqlite.yaml" || give_up "import into SQLite"
"$barrio" state export "$home/again" --config "$home/sqlite.yaml" || give_up "export from SQLite"
cmp <(grep -v barrio_state "$home/backup") <(grep -v barrio_state "$home/again") || give_up "the state changed on the way"
echo "$(wc -l <"$home/backup") lines of backup restored, in etcd and in SQLite"
