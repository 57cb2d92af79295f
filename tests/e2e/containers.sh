#!/usr/bin/env bash
# Containers at two sites, with a real podman: served through the gateways, rolled forward and back under load without a lost
# request, stopped when a release is bad, untouched by the death and the upgrade of their site's process. Usage: containers.sh BARRIO
set -uo pipefail
barrio=$1
for tool in podman runc busybox; do
  command -v "$tool" >/dev/null || { echo "SKIPPED: $tool is not installed"; exit 0; }
done
[ "$(id -u)" = 0 ] || { echo "SKIPPED: needs root"; exit 0; }
home=$(mktemp -d /tmp/barrio-containers-XXXXXX)
control_pid= podman_pid= client_pids=
declare -A site_pid gateway
pod() { podman --root "$home/podman/root" --runroot "$home/podman/run" --runtime runc "$@"; }
finish() {
  touch "$home/stop"
  for pid in $client_pids; do wait "$pid" 2>/dev/null; done
  for pid in ${site_pid[*]} $control_pid; do kill -9 "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; done
  pod rm --all --force --time 0 >/dev/null 2>&1
  [ -n "$podman_pid" ] && kill "$podman_pid" 2>/dev/null && wait "$podman_pid" 2>/dev/null
  umount -l "$home/podman/root/overlay" 2>/dev/null
  rm -rf "$home"
}
trap finish EXIT
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
eventually() { wait_for 30 "$@"; }

mkdir -p "$home/podman"
podman --root "$home/podman/root" --runroot "$home/podman/run" --runtime runc system service --time 0 "unix://$home/podman.sock" \
  >"$home/podman.log" 2>&1 &
podman_pid=$!
podman_answers() { curl -s --unix-socket "$home/podman.sock" http://podman/v4.0.0/libpod/info >/dev/null; }
for _ in $(seq 100); do podman_answers && break; sleep 0.1; done
podman_answers || { echo "SKIPPED: podman does not work here: $(tail -n 1 "$home/podman.log")"; exit 0; }

control_file 127.0.0.1:0 mad1 bcn1
serve control control
control_pid=$started_pid control=$address
for site in mad1 bcn1; do
  site_file "$site" "$control" 127.0.0.1:0 "podman: unix:$home/podman.sock"
  serve "$site" site serve
  site_pid[$site]=$started_pid gateway[$site]=$address
  site_file "$site" "$control" "$address" "podman: unix:$home/podman.sock" # from now on at the same address
done

b() { "$barrio" --home "$home" "$@"; }
log_in "$control"
token=$(acme_token "$control")
for version in 1 2 bad; do
  examples/container/image.sh "$home/images" "$version" "$barrio" || give_up "image $version"
  sed -i -e 's/^policy:.*/policy: { sites: [mad1, bcn1] }/' -e 's/^container:/container:\n  start_within: 2s\n  secrets: { TOKEN: api-token }/' \
    -e 's/^replicas:.*/rollout: { ready_within: 6s }/' "$home/images/app-$version.yaml"
done
ask() { curl -s --max-time 5 -H "Authorization: Bearer $token" "http://${gateway[$1]}/apps/hello/$2"; }
says() { [[ "$(ask "$1" "")" == "hello from version $2" ]]; }

deployed=$(b app deploy "$home/images/app-1.yaml" 2>&1) && give_up "deployed without its secret"
[[ "$deployed" == *api-token* ]] || give_up "the missing secret is not named: $deployed"
printf 'very-secret-value\n' | b secret set api-token >/dev/null || give_up "secret set"
[[ "$(b secret list --output json)" == *very-secret* ]] && give_up "a secret can be read back"
forged=$home/images/forged.yaml
sed 's/^  signature: ./  signature: _/' "$home/images/app-1.yaml" >"$forged"
deployed=$(b app deploy "$forged" 2>&1) && give_up "a forged signature was accepted"
[[ "$deployed" == *signature* ]] || give_up "the forged signature is not named: $deployed"
b app deploy "$home/images/app-1.yaml" >/dev/null || give_up "deploy"
for site in mad1 bcn1; do eventually "$site to serve" says "$site" 1; done
[[ "$(ask mad1 cgi-bin/echo?a=b)" == "version 1, greeting hola, token set, method GET, query a=b" ]] || give_up "echo: $(ask mad1 cgi-bin/echo?a=b)"
[[ "$(curl -s -H "Authorization: Bearer $token" -d body "http://${gateway[bcn1]}/apps/hello/cgi-bin/echo")" == *"method POST"*body ]] || give_up "POST"
[ "$(curl -s -o /dev/null -w '%{http_code}' "http://${gateway[mad1]}/apps/hello/")" = 401 ] || give_up "served without a token"
echo "$((SECONDS)) s  PASS deployed at two sites, answers through both gateways"

pids() { pod ps --format '{{.Names}} {{.Pid}}' | sort; }
before=$(pids)
[ "$(wc -l <<<"$before")" = 2 ] || give_up "containers: $before"
kill -9 "${site_pid[mad1]}"
wait "${site_pid[mad1]}" 2>/dev/null
serve mad1 site serve
site_pid[mad1]=$started_pid
eventually "mad1 to serve again" says mad1 1
[ "$(pids)" = "$before" ] || give_up "kill -9 of the site touched its container"
kill -USR2 "${site_pid[bcn1]}"
successor() { [ "$(cat "$home/bcn1/site.pid")" != "${site_pid[bcn1]}" ]; }
eventually "the successor of bcn1" successor
eventually "the old process of bcn1 to end" gone "${site_pid[bcn1]}"
site_pid[bcn1]=$(cat "$home/bcn1/site.pid")
eventually "bcn1 to serve again" says bcn1 1
[ "$(pids)" = "$before" ] || give_up "the upgrade of the site touched its container"
echo "$((SECONDS)) s  PASS containers survive kill -9 and the upgrade of their site's process"

client() {
  while [ ! -e "$home/stop" ]; do
    curl -s -o /dev/null -w '%{http_code}\n' --max-time 10 -H "Authorization: Bearer $token" "http://${gateway[$1]}/apps/hello/cgi-bin/echo"
  done >>"$home/answers.$1"
}
for site in mad1 bcn1; do client "$site" & client_pids="$client_pids $!"; done
b app deploy "$home/images/app-2.yaml" >/dev/null || give_up "deploy version 2"
for site in mad1 bcn1; do says "$site" 2 || give_up "$site does not serve version 2 after the rollout"; done
stopped=$(b app deploy "$home/images/app-bad.yaml" 2>&1) && give_up "a bad release was rolled out"
[[ "$stopped" == *"was stopped"* ]] || give_up "the bad release: $stopped"
for site in mad1 bcn1; do says "$site" 2 || give_up "$site does not serve version 2 after the bad release"; done
[[ "$(b app releases hello)" == *"3        stopped"* ]] || give_up "releases: $(b app releases hello)"
b app rollback hello --to 1 >/dev/null || give_up "rollback"
for site in mad1 bcn1; do says "$site" 1 || give_up "$site does not serve version 1 after the rollback"; done
touch "$home/stop"
for pid in $client_pids; do wait "$pid"; done
client_pids=
answered=$(cat "$home"/answers.* | grep -c '^200$')
lost=$(cat "$home"/answers.* | grep -vc '^200$')
echo "$answered requests answered, $lost not, over a rollout, a stopped one and a rollback"
[ "$lost" = 0 ] || give_up "requests were lost: $(sort "$home"/answers.* | uniq -c | tr '\n' ' ')"
[ "$answered" -ge 50 ] || give_up "too few requests to mean anything"
echo "$((SECONDS)) s  PASS rolled forward and back without a lost request; a bad release stopped at the first site"

log=$(b app logs hello --site mad1) || give_up "logs"
[[ "$log" == *"serving on port 8080"* ]] || give_up "logs: $log"
grep -qs very-secret-value "$home"/*.log && give_up "the secret is in a log"
[[ "$log" == *very-secret-value* ]] && give_up "the secret is in the app's log"
[[ "$(b app top hello)" == *mad1*ready* ]] || give_up "top: $(b app top hello)"
sed -i 's/^policy:.*/policy: { jurisdictions: [ES-MD] }/' "$home/images/app-1.yaml"
b app deploy "$home/images/app-1.yaml" --no-wait >/dev/null 2>&1 || give_up "deploy with jurisdictions"
logs_stay() { ! refused=$(b app logs hello --site mad1 2>&1) && [[ "$refused" == *logs_may_leave* ]]; }
eventually "logs to stay in their jurisdiction" logs_stay
echo "$((SECONDS)) s  PASS logs and figures reach their tenant, and stay where the policy says"

b app delete hello --yes >/dev/null
empty() { [ -z "$(pod ps -aq)" ]; }
eventually "all containers to go" empty
echo "$((SECONDS)) s  PASS nothing is left behind"
