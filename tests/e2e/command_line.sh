#!/usr/bin/env bash
# What the command line says when something is wrong, against one control process. Usage: command_line.sh BARRIO
set -uo pipefail
barrio=$1
home=$(mktemp -d /tmp/barrio-cl-XXXXXX)
control_pid=
finish() {
  if [ -n "$control_pid" ]; then kill "$control_pid" 2>/dev/null && wait "$control_pid" 2>/dev/null; fi
  rm -rf "$home"
}
trap finish EXIT
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
b() { "$barrio" --home "$home" "$@"; }

# A control of our own, on a port that the system picks.
start_control() {
  control_file 127.0.0.1:0
  echo "  - {client_id: rival, client_secret: rival-secret-of-the-test, role: tenant, subject: rival}" >>"$home/control.yaml"
  serve control control
  control_pid=$started_pid
}

cat >"$home/good.yaml" <<YAML
name: people
model: {backend: opencv, builtin: people}
objective: {latency: 500ms, percentile: 99}
policy: {jurisdictions: [ES]}
resources: {power: 40W, memory: 256MiB, cores: 1}
YAML
sed 's/latency: 500ms/latency: fast/' "$home/good.yaml" >"$home/bad-value.yaml"
sed 's/jurisdictions/juridictions/' "$home/good.yaml" >"$home/bad-key.yaml"
sed 's/\[ES\]/[FR]/' "$home/good.yaml" >"$home/nowhere.yaml"
printf 'name: [\n' >"$home/not-yaml.yaml"

expect 0 "Usage" "$barrio" --help
expect 0 "barrio 0." "$barrio" version
expect 2 "next: barrio site show --help" "$barrio" site show
expect 2 "there is no command 'nonsense'" "$barrio" nonsense
expect 2 "there is no command 'lst', did you mean 'list'?" "$barrio" site lst
expect 2 "there is no option '--yess', did you mean '--yes'?" "$barrio" app delete x --yess
expect 2 "a command must follow" "$barrio" site
expect 2 "--output: 'xml' must be table, json or csv" "$barrio" --output xml site list
expect 2 "--copies: must be a number, not 'many'" "$barrio" bucket create x --copies many
expect 2 '"why":"usage","exit":2' "$barrio" --output json site lst
expect 0 "barrio 0." "$barrio" --version
expect 0 "Usage: barrio app deploy" "$barrio" help app deploy
expect 0 "Exit codes: 0 done" "$barrio" help
expect 2 "--lines: must be from 1 to 1000, not '5000'" "$barrio" app logs people --lines 5000
expect 0 "barrio --help lists the options of all commands" "$barrio" app deploy --help
expect 2 "did you mean 'site'?" "$barrio" help sit
expect 0 "--keep" ./run --help
expect 0 "complete -F _barrio barrio" "$barrio" completion bash
expect 0 "__fish_use_subcommand" "$barrio" completion fish
expect 2 "SHELL" "$barrio" completion tcsh
expect 4 "no credentials yet" b site list

start_control
printf 'operator-secret-of-the-test\n' | b context set operator --control "http://$address" --client-id operator >/dev/null
printf 'acme-secret-of-the-test\n' | b context set acme --control "http://$address" --client-id acme >/dev/null
printf 'rival-secret-of-the-test\n' | b context set rival --control "http://$address" --client-id rival >/dev/null
printf 'not-the-secret-of-the-test\n' | b context set wrong --control "http://$address" --client-id acme >/dev/null
b context use acme >/dev/null

expect 2 "bad-value.yaml:3: objective.latency" b app deploy "$home/bad-value.yaml"
expect 2 "bad-key.yaml:4: policy.juridictions: unknown key 'juridictions', did you mean 'jurisdictions'" b app deploy "$home/bad-key.yaml"
# What a stranger has to go by names every key that there is.
app_keys=$(sed 's/^name/quux/' "$home/good.yaml" >"$home/all-keys.yaml"; b app deploy "$home/all-keys.yaml" 2>&1 | sed -n "s/.*known are //p" | tr -d ,)
[ -n "$app_keys" ] || give_up "no keys of an app file are told"
for app_key in $app_keys; do expect 0 "\`$app_key\`" cat examples/README.md; done
expect 2 "not-yaml.yaml:" b app deploy "$home/not-yaml.yaml"
expect 3 "nowhere-at-all.yaml" b app deploy "$home/nowhere-at-all.yaml"
expect 0 "accepted people, generation 1" b app deploy "$home/good.yaml" --no-wait
expect 5 "ES" b app deploy "$home/nowhere.yaml"
expect 0 "acme/people" b app list
expect 0 "mad1" b explain people
expect 0 '"name": "people"' b app show people --output json
expect 0 "NEAREST THAT WOULD WORK" b app show people
expect 3 "barrio app list" b app show people --as rival
expect 4 "token for 'wrong'" b app list --as wrong
expect 4 "barrio context list" b site activate zaragoza --as acme
expect 4 "there is no context 'nobody'" b site list --as nobody
expect 3 "barrio site list" b site show atlantis
expect 0 "planned" b site show Zaragoza
expect 0 "zaz1 (Zaragoza) is active" b site activate zaragoza
expect 0 "REQUESTS" b usage
expect 0 "tenant,app,site,hour,requests" b usage --output csv --by app,hour
expect 0 '"total"' b usage --as operator --tenant rival --from 2026-11-24 --to 2026-11-25 --output json
expect 2 "by: 'week' must be tenant, app, bucket, site, to, hour, day or month" b usage --by week
expect 2 "from: 'yesterday' must be a time" b usage --from yesterday
expect 4 "the token is for tenant acme" b usage --tenant rival
expect 2 "only usage is printed as csv" b app list --output csv
expect 2 "name=" b infer people --input nonsense --gateway 127.0.0.1:1
quota_changes() { b audit --as operator | grep "quota set" | sed 's/   */  /g'; }
expect 0 "its credentials are context 'newcomer'" b tenant create newcomer
expect 0 "newcomer" b tenant list
expect 0 "50 requests/s" b tenant quota newcomer --rate 50 --in-flight 7
expect 0 "50 requests/s (burst 5000), 7 in flight, bodies up to 16MiB, weight 1, with receipts" b tenant quota newcomer --receipts
expect 0 "50 requests/s (burst 5000), 7 in flight, bodies up to 4MiB, weight 2, with receipts" b tenant quota newcomer --weight 2 --body 4MiB
expect 0 "50 requests/s (burst 5000), 7 in flight, bodies up to 4MiB, weight 2, with receipts" b tenant quota newcomer
expect 0 "weight 2; at each" b tenant quota newcomer --no-receipts
expect 0 "newcomer  body_bytes 16MiB -> 4MiB, weight 1.0 -> 2.0" quota_changes
expect 2 "--receipts" b tenant quota newcomer --receipts --no-receipts
expect 0 "5000 requests/s (burst 9), 1000 in flight, bodies up to 16MiB, weight 1;" b tenant quota newcomer --default --burst 9
expect 2 "requests_per_second: must be from" b tenant quota newcomer --rate 0
expect 3 "there is no tenant 'nobody'" b tenant quota nobody --rate 1
expect 4 "" b tenant quota newcomer --rate 9 --as acme
expect 0 "of 100.00EUR (0 %)" b tenant set newcomer --spend-cap 100EUR
expect 0 "100.00EUR" b tenant show newcomer --as operator
expect 2 "--spend-cap" b tenant set newcomer --spend-cap 100USD
expect 2 "cap: must be more than" b tenant set newcomer --spend-cap 0EUR
expect 3 "there is no tenant 'nobody'" b tenant set nobody --spend-cap 1EUR
expect 0 "no spend cap" b tenant set newcomer --spend-cap none
expect 0 "every change is at all sites" b config show
expect 0 "fibre_per_km  4900ns" b config network --as operator
sed 's/stretch: 1.6/stretch: 1.8/' "$(dirname "$0")/../../data/networks/spain.yaml" >"$home/stretched.yaml"
expect 4 "" b config network "$home/stretched.yaml" --as acme
expect 0 "network  first  0 of 11 sites  operator" b config network "$home/stretched.yaml"
expect 5 "it has not failed" b config retry network
expect 4 "" b config force network --as acme
expect 0 "every change is at all sites" b config force network
expect 3 "no change of 'network' is on its way; none is" b config force network
expect 0 "config force" b audit --as operator
expect 0 "brk_" b tenant key create acme --scope infer --expires 90d
expect 0 "brk_" b tenant key create acme --as acme
expect 2 "--expires: must be a time like 90d or 12h" b tenant key create acme --expires soon
expect 2 "'write' must be infer" b tenant key create acme --scope write
expect 4 "the token is for tenant rival" b tenant key list acme --as rival
expect 0 "barrio:infer" b tenant key list acme
id=$(b tenant key list acme --output json | sed -n 's/.*"id": "\([0-9a-f]*\)".*/\1/p' | head -1)
expect 0 "revoked $id" b tenant key revoke acme "$id"
expect 3 "has no key '$id'" b tenant key revoke acme "$id"
expect 0 "acme/people" b top --once
expect 0 '"requests_per_s":' b top --once --output json
expect 0 "spec.name" b app show people
# What a shell would offer after these words; the last one is being typed.
offered() {
  (
    PATH="$(dirname "$barrio"):$PATH"
    # shellcheck disable=SC1090
    . <("$barrio" completion bash)
    COMP_WORDS=(barrio "$@")
    COMP_CWORD=$#
    _barrio 2>/dev/null
    echo "offered: ${COMPREPLY[*]}"
  )
}
expect 0 "offered: explain" offered --as ciudad expl
expect 0 "offered: table json csv" offered --output ""
expect 0 "offered: json" offered site list --output = j
expect 0 "offered: people" offered --home "$home" app show ""
expect 0 "offered: bio1" offered --home "$home" --as operator site drain bi
expect 0 "offered: acme" offered --home "$home" --as ac
expect 0 "offered: --fingerprint" offered site revoke bio1 --fin
expect 0 "offered: --as" offered site list --a
expect 0 "offered: bash zsh fish" offered completion ""
[ "$(offered --home /nowhere app show "")" = "offered: " ] || { echo "FAIL: names without a network"; failures=$((failures + 1)); }
[ "$(offered site list "")" = "offered: " ] || { echo "FAIL: files where none is wanted"; failures=$((failures + 1)); }
expect 0 "offered: README.md" offered app deploy READ
expect 2 "--yes: is needed where nobody can be asked" b app delete people --no-input
expect 2 "--yes: is needed where nobody can be asked" b app delete people
expect 0 "acme/people" b app list
expect 0 "deleted people" b app delete people --yes
expect 2 "--yes: is needed where nobody can be asked" b site retire mad1
expect 5 "mad1 is active and cannot become retired, only draining" b site retire mad1 --yes
expect 2 "value of token: is empty" b secret set token
expect 2 "client_secret: is empty" b context set acme --control "http://$address" --client-id acme
# Each error names what to type next, or nothing.
expect 3 "next: barrio site list" b site show atlantis
expect 3 "next: barrio site list" b bucket create frames --location atlantis
expect 3 "next: barrio bucket list" b object get nobucket/x
expect 3 "next: barrio app list" b app show people
expect 5 "next: barrio tenant list" b tenant create acme --as operator
expect 4 "next: barrio context set wrong" b app list --as wrong
expect 3 '"why":"not_found","exit":3,"next":"barrio site list"' b site show atlantis --output json
status=$(curl -s -o /dev/null -w '%{http_code}' "http://$address/barrio/v1/sites")
[ "$status" = 401 ] || { echo "FAIL: without a token: $status, wanted 401"; failures=$((failures + 1)); }
# A second network in the same folder is refused, and nothing of the first is touched.
/usr/bin/python3 - "$home/lock" <<'PY' &
import fcntl, os, signal, sys
file = open(sys.argv[1], "w")
fcntl.lockf(file, fcntl.LOCK_EX)
print(os.getpid(), file=file, flush=True)
signal.pause()
PY
holder=$!
is_held() { [ "$(cat "$home/lock" 2>/dev/null)" = "$holder" ]; }
wait_for 10 "a lock" is_held
expect 5 "a network runs here (process $holder)" b up --once
expect 0 "mad1" b site list
kill "$holder"
wait "$holder" 2>/dev/null
kill "$control_pid"
wait "$control_pid"
ended=$?
control_pid=
[ "$ended" = 0 ] || { echo "FAIL: control ended with $ended on SIGTERM"; cat "$home/control.log"; failures=$((failures + 1)); }
expect 6 "barrio up" b site list
# A backup, and what root makes of it for another user's program.
expect 0 "written to $home/backup" "$barrio" state export "$home/backup" --config "$home/control.yaml"
if [ "$(id -u)" = 0 ]; then
  rm -rf "$home/control"
  install -d -m 700 -o 65534 -g 65534 "$home/control"
  expect 0 "are the state now" "$barrio" state import "$home/backup" --config "$home/control.yaml"
  [ -z "$(find "$home/control" ! -uid 65534)" ] || { echo "FAIL: root's"; find "$home/control" ! -uid 65534 -ls; failures=$((failures + 1)); }
  expect 0 "0 0 600" stat -c '%u %g %a' "$home/backup"
fi
# In its file, the field and its bounds are named.
for wrong in "starts_at_once: 0" "starts_at_once: 65" "spare_after: 25h"; do
  printf 'failover: {%s}\n' "$wrong" | cat "$home/control.yaml" - >"$home/wrong.yaml"
  expect 2 "failover.${wrong%%:*}: is " b control --config "$home/wrong.yaml"
done
echo "$failures failures"
[ "$failures" = 0 ]
