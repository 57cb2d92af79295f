#!/usr/bin/env bash
# A bucket with two copies at three sites: its home is killed with kill -9 in the middle of writes. Everything that was acknowledged is
# there byte for byte at the site that takes its place; the killed one comes back and is brought in step; the third keeps nothing.
# Usage: storage_copies.sh BARRIO
set -uo pipefail
barrio=$1
home=$(mktemp -d /tmp/barrio-copies-XXXXXX)
declare -A pids=() s3=()
finish() {
  for pid in "${pids[@]}"; do kill -9 "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; done
  rm -rf "$home"
}
trap finish EXIT
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
b() { timeout 60 "$barrio" --home "$home" "$@"; }

control_file 127.0.0.1:0 mad1 bio1 bcn1
serve control control
pids[control]=$started_pid
control=$address

for site in mad1 bio1 bcn1; do
  storage_file "$site" "$control"
  begin_storage "$site"
done
log_in "$control"
token=$(acme_token "$control")
[ -n "$token" ] || give_up "no token"

expect 2 'permits 1 site' b bucket create nowhere --location bio1 --copies 2
b bucket create frames --location ES --copies 2 >"$home/said" 2>&1
until grep -q '^bucket frames at' "$home/said"; do # sites tell control of their storage within a second
  sleep 0.3
  [ "$SECONDS" -lt 60 ] || give_up "no bucket: $(cat "$home/said")"
  b bucket create frames --location ES --copies 2 >"$home/said" 2>&1
done
members() { b object policy frames/ 2>/dev/null | sed -n 's/ *kept at: //p'; }
in_step() { [[ "$(members)" != "" && "$(members)" != *joining* ]]; }
wait_for 30 "the second copy" in_step
first=$(members)
old=${first%%,*}
heir=${first##*, }
for site in mad1 bio1 bcn1; do [[ "$first" == *$site* ]] || third=$site; done
echo "ok: kept at $first, third site $third"

# put KEY FILE: true where it was acknowledged; asked at the third site, which passes it on
put() { [ "$(curl -s -m 30 -o /dev/null -w '%{http_code}' -H "Authorization: Bearer $token" -T "$2" "http://${s3[$third]}/frames/$1")" = 200 ]; }
# get SITE KEY
get() { curl -sf -m 30 -H "Authorization: Bearer $token" "http://${s3[$1]}/frames/$2"; }

: >"$home/acknowledged"
writer() { # NAME
  for i in $(seq 2000); do
    [ -e "$home/enough" ] && return 0
    size=$((i % 4 == 0 ? 300000 : 1000 + i))
    head -c "$size" /dev/urandom >"$home/body.$1"
    put "$1-$i" "$home/body.$1" && echo "$1-$i $(sha256sum <"$home/body.$1" | cut -c1-64)" >>"$home/acknowledged"
  done
}
writer a & pids[a]=$!
writer b & pids[b]=$!
many() { [ "$(wc -l <"$home/acknowledged")" -gt "$1" ]; }
wait_for 60 "writes" many 60
kill -9 "${pids[$old]}"
wait "${pids[$old]}" 2>/dev/null
unset "pids[$old]"
before=$(wc -l <"$home/acknowledged")
echo "ok: killed $old after $before acknowledged writes"
has_new_home() { [[ "$(members)" == "$heir"* ]]; }
wait_for 60 "another home" has_new_home
wait_for 60 "writes at the new home" many $((before + 30))
touch "$home/enough"
wait "${pids[a]}" "${pids[b]}"
unset 'pids[a]' 'pids[b]'

# everything SITE: each acknowledged object, byte for byte
everything() {
  local wrong=0 key hash
  while read -r key hash; do
    [ "$(get "$1" "$key" | sha256sum | cut -c1-64)" = "$hash" ] || { wrong=$((wrong + 1)); echo "  $key differs at $1"; }
  done <"$home/acknowledged"
  if [ "$wrong" = 0 ]; then
    echo "ok: all $(wc -l <"$home/acknowledged") acknowledged objects are at $1"
  else
    echo "FAIL: $wrong acknowledged objects are lost or differ at $1"
    failures=$((failures + 1))
  fi
}
everything "$heir"
gone_key=$(head -1 "$home/acknowledged" | cut -d' ' -f1)
sed -i 1d "$home/acknowledged"
curl -sf -m 30 -X DELETE -H "Authorization: Bearer $token" "http://${s3[$heir]}/frames/$gone_key" || give_up "delete"

begin_storage "$old"
wait_for 60 "the killed site in step" in_step
[[ "$(members)" == "$heir, $old" ]] || give_up "kept at $(members)"
echo "ok: $old is back and in step"
# Its own copy: the new home stands still for a moment that is shorter than the lease, and nobody else has the object.
key=$(tail -1 "$home/acknowledged")
reads_alone() {
  local got
  kill -STOP "${pids[$heir]}"
  got=$(curl -sf -m 2 -H "Authorization: Bearer $token" "http://${s3[$old]}/frames/${key% *}" | sha256sum | cut -c1-64)
  kill -CONT "${pids[$heir]}"
  [ "$got" = "${key#* }" ] && return 0
  sleep 1
  return 1
}
wait_for 10 "a read of its own copy at $old" reads_alone
echo "ok: $old reads its own copy"
wait_for 60 "the copies in step again" in_step
everything "$old"
if get "$old" "$gone_key" >/dev/null; then
  echo "FAIL: a deleted object came back at $old"
  failures=$((failures + 1))
fi
keeps_nothing() { [ -z "$(ls -A "$home/$1/storage/objects")" ] && ! compgen -G "$home/$1/storage/keys/*.bucket" >/dev/null; }
if keeps_nothing "$third"; then
  echo "ok: $third has neither a byte nor the key"
else
  echo "FAIL: $third keeps something of the bucket"
  failures=$((failures + 1))
fi

# A third copy while it is written, then none but the home's.
rm "$home/enough"
writer c & pids[c]=$!
expect 0 "$third (joining)" b bucket copies frames 3
wait_for 60 "the third copy" in_step
touch "$home/enough"
wait "${pids[c]}"
unset 'pids[c]'
everything "$third"
expect 2 'must be from 1 to 5' b bucket copies frames 6
expect 0 "bucket frames at $heir" b bucket copies frames 1
for site in "$old" "$third"; do wait_for 30 "$site to drop its copy" keeps_nothing "$site"; done
everything "$heir"

# Its site drains: the only copy goes elsewhere, and the site can be retired.
expect 0 'is draining' b --as operator site drain "$heir"
moved() { [[ "$(members)" != "" && "$(members)" != *$heir* ]]; }
wait_for 60 "the bucket to leave $heir" moved
wait_for 30 "$heir to drop it" keeps_nothing "$heir"
everything "$(members)"
expect 0 'is retired' b --as operator site retire "$heir" --yes
[ "$failures" = 0 ] || exit 1
echo "storage copies: all well"
