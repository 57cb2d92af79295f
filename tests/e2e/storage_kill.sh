#!/usr/bin/env bash
# A site is killed (kill -9) at random points while clients put, delete and upload in parts, and starts again on the same folder: what
# was answered is there and whole, what was deleted stays so. Usage: storage_kill.sh BARRIO. Exits 77 (skipped) without boto3.
set -uo pipefail
barrio=$1
/usr/bin/python3 -c 'import boto3' 2>/dev/null || { echo "skipped: Debian's python3-boto3 is not installed"; exit 77; }
home=$(mktemp -d /tmp/barrio-storage-kill-XXXXXX)
control_pid= site_pid= load_pid=
finish() {
  for pid in $load_pid $site_pid $control_pid; do kill -9 "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; done
  rm -rf "$home"
}
trap finish EXIT
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
start_site() {
  serve bio1 site serve
  site_pid=$started_pid
  s3=$(sed -n 's/.*"s3_address":"\([0-9.:]*\)".*/\1/p' "$home/bio1.log" | tail -1)
}
site_at() { site_file bio1 "$control" "$1" "storage: {listen: \"$2\", key_file: $home/bio1.key}"; }

(umask 077; openssl rand -hex 32 >"$home/bio1.key")
control_file 127.0.0.1:0 bio1
serve control control
control_pid=$started_pid
control=$address
site_at 127.0.0.1:0 127.0.0.1:0
start_site
site_at "$address" "$s3" # from now on at the same addresses

load_storage "$control" "$s3"
sleep 2
for _ in 1 2 3 4 5 6 7; do
  sleep "$((RANDOM % 2)).$((RANDOM % 10))$((RANDOM % 10))"
  kill -9 "$site_pid"
  wait "$site_pid" 2>/dev/null
  start_site
done
sleep 1
end_load || give_up "objects were lost or torn, or too little was done to mean anything"
