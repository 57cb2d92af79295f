#!/usr/bin/env bash
# Programs at two sites, in real sandboxes: served through the gateways, rolled forward and back under load without a lost request,
# stopped when a release is bad, over the death and the upgrade of their site's process; refused where a site lacks what they need.
# Usage: programs.sh BARRIO
set -uo pipefail
barrio=$1
for tool in /usr/bin/bwrap /usr/bin/python3; do
  [ -x "$tool" ] || { echo "SKIPPED: there is no $tool"; exit 0; }
done
[ "$(id -u)" = 0 ] || { echo "SKIPPED: needs root"; exit 0; }
tried=$(setpriv --reuid 2000000001 --regid 2000000001 --clear-groups bwrap --unshare-user --unshare-pid --unshare-net --ro-bind / / \
  --proc /proc true 2>&1) || { echo "SKIPPED: bubblewrap does not work here: $tried"; exit 0; }
home=$(mktemp -d /tmp/barrio-programs-XXXXXX)
control_pid= client_pids=
declare -A site_pid gateway
finish() {
  touch "$home/stop"
  for pid in $client_pids; do wait "$pid" 2>/dev/null; done
  for pid in ${site_pid[*]} $control_pid; do kill -9 "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; done
  rm -rf "$home"
}
trap finish EXIT
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
eventually() { wait_for 30 "$@"; }

control_file 127.0.0.1:0 mad1 bcn1 bio1 vlc1
serve control control
control_pid=$started_pid control=$address
for site in mad1 bcn1; do
  site_file "$site" "$control" 127.0.0.1:0 "programs: {without_cgroup: true}"
  serve "$site" site serve
  site_pid[$site]=$started_pid gateway[$site]=$address
  site_file "$site" "$control" "$address" "programs: {without_cgroup: true}" # from now on at the same address
done
site_file bio1 "$control" 127.0.0.1:0
site_file vlc1 "$control" 127.0.0.1:0 "programs: {bwrap: $home/bwrap}"
for site in bio1 vlc1; do
  serve "$site" site serve
  site_pid[$site]=$started_pid
done

b() { "$barrio" --home "$home" "$@"; }
log_in "$control"
token=$(acme_token "$control")
# app VERSION SITES: an app file
app() {
  sed -e "s/VERSION: \"1\"/VERSION: \"$1\"/" -e "s/^policy:.*/policy: { sites: [$2] }/" \
    -e "s#^  file: greeter .*#  file: $PWD/examples/program/greeter\n  start_within: 2s\n  secrets: { TOKEN: api-token }#" \
    -e 's/^replicas:.*/rollout: { ready_within: 6s }/' examples/program/app.yaml
}
for version in 1 2 bad; do app "$version" "mad1, bcn1" >"$home/app-$version.yaml"; done
ask() { curl -s --max-time 5 -H "Authorization: Bearer $token" "http://${gateway[$1]}/apps/greeter/$2"; }
says() { [[ "$(ask "$1" "")" == "hola from version $2" ]]; }

deployed=$(b app deploy "$home/app-1.yaml" 2>&1) && give_up "deployed without its secret"
[[ "$deployed" == *program.secrets.TOKEN*api-token* ]] || give_up "the missing secret is not named: $deployed"
printf 'very-secret-value\n' | b secret set api-token >/dev/null || give_up "secret set"
b app deploy "$home/app-1.yaml" >/dev/null || give_up "deploy"
for site in mad1 bcn1; do eventually "$site to serve" says "$site" 1; done
[[ "$(ask mad1 token)" == set ]] || give_up "the secret: $(ask mad1 token)"
[[ "$(curl -s -H "Authorization: Bearer $token" -d abc "http://${gateway[bcn1]}/apps/greeter/turn")" == cba ]] || give_up "POST"
[ "$(curl -s -o /dev/null -w '%{http_code}' "http://${gateway[mad1]}/apps/greeter/")" = 401 ] || give_up "served without a token"
[[ "$(b app list)" == *"acme/greeter"*program* ]] || give_up "list: $(b app list)"
echo "$((SECONDS)) s  PASS deployed at two sites, answers through both gateways"

for site in bio1 vlc1; do
  app 1 "$site" | sed "s/^name: .*/name: $site-only/" >"$home/$site-app.yaml"
done
# Control knows from what the site reports.
expect 5 "bio1 runs no programs" b app deploy "$home/bio1-app.yaml" --no-wait
b app deploy "$home/vlc1-app.yaml" --no-wait >/dev/null 2>&1 || give_up "deploy to vlc1"
lacks() { [[ "$(b explain "$1-only" 2>&1)" == *"$2"* ]]; }
eventually "vlc1 to name what it lacks" lacks vlc1 "there is no $home/bwrap (Debian package bubblewrap)"
b app delete vlc1-only --yes >/dev/null
echo "$((SECONDS)) s  PASS sites that lack something name it"

sandbox_of() { pgrep -P "${site_pid[$1]}" -x bwrap; }
before=$(sandbox_of mad1)
first=$(pgrep -P "$before")
[ -n "$first" ] || give_up "no sandbox at mad1"
[ "$(stat -c %u "/proc/$first")" -ge 2000000000 ] || give_up "the program is user $(stat -c %u "/proc/$first") of this machine"
grep -aqs very-secret /proc/"$before"/cmdline /proc/"$first"/cmdline && give_up "the secret is on a command line"
kill -9 "${site_pid[mad1]}"
wait "${site_pid[mad1]}" 2>/dev/null
eventually "the sandbox to end with its site" gone "$first"
serve mad1 site serve
site_pid[mad1]=$started_pid
eventually "mad1 to serve again" says mad1 1
[ "$(ls "$home/mad1/programs" | wc -l)" = 1 ] || give_up "files of a dead process are left: $(ls "$home/mad1/programs")"
echo "$((SECONDS)) s  PASS programs end with kill -9 of their site, and come back with it"

client() {
  while [ ! -e "$home/stop" ]; do
    curl -s -o /dev/null -w '%{http_code}\n' --max-time 10 -H "Authorization: Bearer $token" "http://${gateway[$1]}/apps/greeter/word"
  done >>"$home/answers.$1"
}
for site in mad1 bcn1; do client "$site" & client_pids="$client_pids $!"; done
kill -USR2 "${site_pid[bcn1]}"
successor() { [ "$(cat "$home/bcn1/site.pid")" != "${site_pid[bcn1]}" ]; }
eventually "the successor of bcn1" successor
wait_for 60 "the old process of bcn1 to end" gone "${site_pid[bcn1]}"
site_pid[bcn1]=$(cat "$home/bcn1/site.pid")
says bcn1 1 || give_up "bcn1 does not serve after its upgrade"
b app deploy "$home/app-2.yaml" >/dev/null || give_up "deploy version 2"
for site in mad1 bcn1; do says "$site" 2 || give_up "$site does not serve version 2 after the rollout"; done
stopped=$(b app deploy "$home/app-bad.yaml" 2>&1) && give_up "a bad release was rolled out"
[[ "$stopped" == *"was stopped"* ]] || give_up "the bad release: $stopped"
for site in mad1 bcn1; do says "$site" 2 || give_up "$site does not serve version 2 after the bad release"; done
[[ "$(b app releases greeter)" == *"3        stopped"* ]] || give_up "releases: $(b app releases greeter)"
b app rollback greeter --to 1 >/dev/null || give_up "rollback"
for site in mad1 bcn1; do says "$site" 1 || give_up "$site does not serve version 1 after the rollback"; done
touch "$home/stop"
for pid in $client_pids; do wait "$pid"; done
client_pids=
answered=$(cat "$home"/answers.* | grep -c '^200$')
lost=$(cat "$home"/answers.* | grep -vc '^200$')
echo "$answered requests answered, $lost not, over an upgrade, a rollout, a stopped one and a rollback"
[ "$lost" = 0 ] || give_up "requests were lost: $(sort "$home"/answers.* | uniq -c | tr '\n' ' ')"
[ "$answered" -ge 50 ] || give_up "too few requests to mean anything"
echo "$((SECONDS)) s  PASS upgraded, rolled forward and back without a lost request; a bad release stopped at the first site"

log=$(b app logs greeter --site mad1 --lines 1000) || give_up "logs"
[[ "$log" == "mad1  serving on port 8080"*'"GET / HTTP/1.1" 200'* ]] || give_up "logs: $log"
grep -qs very-secret-value "$home"/*.log && give_up "the secret is in a log"
[[ "$(b app top greeter)" == *mad1*ready* ]] || give_up "top: $(b app top greeter)"
b export "$home/mine" >/dev/null || give_up "export"
sed -i 's/^name: .*/name: again/' "$home/mine/apps/greeter.yaml"
b app deploy "$home/mine/apps/greeter.yaml" >/dev/null || give_up "deploy what was exported: $(cat "$home/mine/apps/greeter.yaml")"
b app delete again --yes >/dev/null
echo "$((SECONDS)) s  PASS logs and figures reach their tenant, what is exported can be deployed"

b app delete greeter --yes >/dev/null
empty() { [ -z "$(sandbox_of mad1)$(sandbox_of bcn1)" ] && [ -z "$(find "$home"/{mad1,bcn1}/programs -mindepth 2 ! -path '*/etc*')" ]; }
eventually "all programs and their files to go" empty
echo "$((SECONDS)) s  PASS nothing is left behind"
[ "$failures" = 0 ]
