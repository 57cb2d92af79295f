#!/usr/bin/env bash
# Bills of storage are exact though the site and control are killed (kill -9) under load; then the tenant is erased while one site is
# away and control is started again in between: nothing of it is left at either. Usage: storage_usage.sh BARRIO
set -uo pipefail
barrio=$1
home=$(mktemp -d /tmp/barrio-usage-XXXXXX)
declare -A pids=() s3=()
finish() {
  for pid in "${pids[@]}"; do kill -9 "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; done
  rm -rf "$home"
}
trap finish EXIT
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
b() { timeout 60 "$barrio" --home "$home" "$@"; }
kill_now() {
  kill -9 "${pids[$1]}"
  wait "${pids[$1]}" 2>/dev/null
  unset "pids[$1]"
}
begin_control() {
  serve control control
  pids[control]=$started_pid
}

control_file 127.0.0.1:0 mad1 bio1
begin_control
control=$address
control_file "$control" mad1 bio1 # from now on at the same address
for site in mad1 bio1; do
  storage_file "$site" "$control"
  begin_storage "$site"
done
log_in "$control"
token=$(acme_token "$control")
[ -n "$token" ] || give_up "no token"
made() { b bucket create frames --location ES --copies 2 >"$home/said" 2>&1 && grep -q '^bucket frames at' "$home/said"; }
wait_for 60 "a bucket with two copies" made
in_step() { [[ "$(b object policy frames/ 2>/dev/null | sed -n 's/ *kept at: //p')" == *,* && "$(b object policy frames/)" != *joining* ]]; }
wait_for 60 "the second copy" in_step
keeper=$(b object policy frames/ | sed -n 's/ *kept at: \([a-z0-9]*\),.*/\1/p')
other=mad1
[ "$keeper" = mad1 ] && other=bio1

head -c 100000 /dev/urandom >"$home/body"
# ask COUNT-FILE CURL-ARGUMENT...: notes the status; 000 where the connection ended without an answer
ask() {
  local file=$1
  shift
  curl -s -m 20 -o /dev/null -w '%{http_code}\n' -H "Authorization: Bearer $token" "$@" "http://${s3[$keeper]}/frames/a" >>"$home/$file"
}
answers() { grep -c "^$2\$" "$home/$1"; }
until_stored() {
  for _ in $(seq 200); do
    ask puts -T "$home/body"
    [ "$(tail -n 1 "$home/puts")" = 200 ] && return 0
    sleep 0.1
  done
  give_up "nothing is stored"
}
: >"$home/puts"
: >"$home/gets"
until_stored
for round in 1 2 3 4; do
  for _ in 1 2 3 4 5; do ask gets; done
  kill_now "$keeper" # right after an answer
  begin_storage "$keeper"
  [ "$round" = 2 ] && kill_now control && begin_control
  until_stored
done
reads() { b usage --by bucket,site,to --bucket frames --site "$keeper" --output csv | tr -d '\r' | awk -F, -v at="$1" '$15 == "frames" { sum += $at } END { print sum + 0 }'; }
wanted=$(answers gets 200)
unknown=$(answers gets 000)
counted() { [ "$(reads 18)" -ge "$wanted" ]; }
wait_for 60 "all reads in the bill" counted
billed=$(reads 18)
echo "reads: answered $wanted, unknown $unknown, billed $billed; writes: answered $(answers puts 200), billed $(reads 19)"
[ "$wanted" -ge 10 ] || give_up "too few answers to mean anything"
[ "$billed" -le $((wanted + unknown)) ] || give_up "billed but never answered"
[ "$(reads 23)" -ge $((wanted * 100000)) ] || give_up "bytes out: $(reads 23)"
[ "$(reads 19)" -ge "$(answers puts 200)" ] || give_up "writes: $(reads 19)"
has_byte_hours() { [ "$(b usage --by bucket,site --output csv | tr -d '\r' | awk -F, -v site="$1" '$15 == "frames" && $3 == site { print $17 }')" -gt 100 ]; }
wait_for 90 "byte-hours at the home" has_byte_hours "$keeper"
wait_for 90 "byte-hours of the copy" has_byte_hours "$other"
expect 0 'BYTE HOURS' b usage
shows_holding() { b bucket list --output json | grep -q '"objects": 1' && b bucket list | grep -q ' 100000 '; }
wait_for 20 "what the bucket holds" shows_holding
expect 0 'holds: 1 objects, 100000 bytes' b object policy frames/

# Erased while one site is away.
kill_now "$other"
expect 2 '--yes' b --as operator tenant erase acme
expect 4 '' b tenant erase acme --yes --as acme
expect 0 'not yet' b --as operator tenant erase acme --yes
is_done() { b --as operator tenant erase acme --status | grep -q "^$1  *20"; }
wait_for 30 "$keeper to erase" is_done "$keeper"
[ "$(curl -s -m 20 -o /dev/null -w '%{http_code}' -H "Authorization: Bearer $token" "http://${s3[$keeper]}/frames/a")" = 404 ] || give_up "still read at $keeper"
if is_done "$other"; then give_up "$other is away and did it"; fi
kill_now control
begin_control
begin_storage "$other" # its first answer comes after it has heard of it
status=$(curl -s -m 20 -o /dev/null -w '%{http_code}' -H "Authorization: Bearer $token" "http://${s3[$other]}/frames/a")
[[ "$status" == 40[34] || "$status" == 503 ]] || give_up "read at $other: $status"
wait_for 30 "$other to erase" is_done "$other"
has_no_files() { [ -z "$(ls -A "$home/$1/storage/objects")" ]; }
for site in mad1 bio1; do
  if compgen -G "$home/$site/storage/keys/*acme*" >/dev/null; then give_up "keys are left at $site: $(ls "$home/$site/storage/keys")"; fi
  wait_for 10 "the files of $site to go" has_no_files "$site"
done
expect 0 '"buckets": []' b bucket list --output json
expect 4 'erased' b bucket create frames --location ES
expect 0 'tenant erase' b --as operator audit
[ "$failures" = 0 ] || exit 1
echo "storage usage: all well"
