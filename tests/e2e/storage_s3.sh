#!/usr/bin/env bash
# A site's storage in Debian's radosgw (Ceph), over TLS: clients put, delete and upload in parts while the site is killed (kill -9), while another
# process takes the storage over, and while radosgw does not answer. What was answered is there and whole; a machine that has nothing but
# the site's key opens all of it; nothing in radosgw says whose it is, and one whose certificate is not trusted is not used. Usage: storage_s3.sh BARRIO. Exits 77 (skipped) without boto3 or
# radosgw: apt-get install radosgw ceph-mon ceph-osd ceph-common
set -uo pipefail
barrio=$1
here=$(dirname "$0")
/usr/bin/python3 -c 'import boto3' 2>/dev/null || { echo "skipped: Debian's python3-boto3 is not installed"; exit 77; }
home=$(mktemp -d /tmp/barrio-storage-s3-XXXXXX)
control_pid= site_pid= other_pid= load_pid= ceph_pid= rgw_pid=
started_pid=
finish() {
  [ -z "$rgw_pid" ] || kill -CONT "$rgw_pid" 2>/dev/null
  for pid in $load_pid $started_pid $site_pid $other_pid $control_pid; do kill -9 "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; done
  [ -z "$ceph_pid" ] || { kill "$ceph_pid" 2>/dev/null && wait "$ceph_pid" 2>/dev/null; }
  rm -rf "$home"
}
trap finish EXIT
# shellcheck source=tests/e2e/lib.sh
. "$here/lib.sh"
# start_at NAME: its process goes to $started_pid. It reads the journal before it serves, on a busy machine for longer than `start` waits.
start_at() {
  : >"$home/$1.log"
  "$barrio" site serve --config "$home/$1.yaml" 2>>"$home/$1.log" &
  started_pid=$!
  local name=$1
  is_told() { address=$(sed -n 's/.*"serving".*"address":"\([0-9.:]*\)".*/\1/p' "$home/$name.log" | tail -1); [ -n "$address" ]; }
  wait_for 60 "site $1" is_told
}
s3_is_told() { s3=$(sed -n 's/.*"s3_address":"\([0-9.:]*\)".*/\1/p' "$home/bio1.log" | tail -1); [ -n "$s3" ]; }
start_site() {
  start_at bio1
  site_pid=$started_pid
  wait_for 30 "the S3 address" s3_is_told
}
# remote BUCKET [CA [ENDPOINT]], site_at LISTEN S3_LISTEN [CA [ENDPOINT]]
remote() {
  echo "s3: {endpoint: '${3:-https://$rgw}', bucket: $1, prefix: sites/bio1, credentials_file: $home/credentials, ca_file: ${2:-$home/tls/ca.pem}}"
}
site_at() { site_file bio1 "$control" "$1" "storage: {listen: \"$2\", key_file: $home/bio1.key, hosts: [], $(remote barrio "${@:3}")}"; }
# ask METHOD...: as a client of the site, or, with SERVICE=1, of radosgw; prints the HTTP status or what was asked for
ask() {
  /usr/bin/python3 - "$@" <<'PY'
import os, random, sys
import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
url, key_id, secret, ca = os.environ["ASK"].split()
s3 = boto3.client("s3", endpoint_url=url, verify=ca, aws_access_key_id=key_id, aws_secret_access_key=secret, region_name="us-east-1",
                  config=Config(retries={"total_max_attempts": 1}, read_timeout=100, s3={"addressing_style": "path"}))
what, rest = sys.argv[1], sys.argv[2:]
try:
    if what == "make":
        s3.create_bucket(Bucket=rest[0])
    elif what == "versions":
        s3.put_bucket_versioning(Bucket=rest[0], VersioningConfiguration={"Status": "Enabled"})
    elif what == "put":
        s3.put_object(Bucket=rest[0], Key=rest[1], Body=rest[2].encode() * int(rest[3]))
    elif what == "copy":
        s3.copy_object(Bucket=rest[0], Key=rest[2], CopySource={"Bucket": rest[0], "Key": rest[1]})
    elif what == "get":
        body = s3.get_object(Bucket=rest[0], Key=rest[1])["Body"].read()
        print(len(body), body[:10].decode())
        sys.exit()
    elif what == "count":
        keys = [i["Key"] for page in s3.get_paginator("list_objects_v2").paginate(Bucket=rest[0]) for i in page.get("Contents", [])]
        words = [w for key in keys for w in ("acme", "frames", "writer") if w in key]
        body = b""
        for key in random.sample(keys, min(100, len(keys))):
            try:
                body += s3.get_object(Bucket=rest[0], Key=key)["Body"].read()
            except s3.exceptions.NoSuchKey:  # packed since
                pass
        words += [w for w in ("frames/", "writer 1", "a-known-content") if w.encode() in body]  # four letters would stand in noise by chance
        print("objects" if len(keys) > 10 else "too few objects", "all below" if all(k.startswith("sites/bio1/") for k in keys) else keys, words)
        sys.exit()
    print(200)
except ClientError as error:
    print(error.response["ResponseMetadata"]["HTTPStatusCode"])
PY
}
of_service() { ASK="https://$rgw $rgw_key $rgw_secret $home/tls/ca.pem" ask "$@"; }
of_site() { ASK="http://$s3 $access $secret $home/tls/ca.pem" ask "$@"; }

for authority in tls other-tls; do "$barrio" cert ca "$home/$authority" >/dev/null || give_up "no authority"; done
"$barrio" cert issue "$home/tls" --site bio1 --ip 127.0.0.1 >/dev/null || give_up "no certificate"
mkdir "$home/ceph"
"$here/../../bench/radosgw" "$home/ceph" 1 "$home/tls/bio1.pem" "$home/tls/bio1.key" >"$home/radosgw.json" 2>"$home/radosgw.err" &
ceph_pid=$!

serves() { [ -s "$home/radosgw.json" ] || ! kill -0 "$ceph_pid" 2>/dev/null; }
wait_for 60 "radosgw" serves
if [ ! -s "$home/radosgw.json" ]; then
  wait "$ceph_pid"
  status=$?
  ceph_pid=
  cat "$home/radosgw.err"
  exit "$([ "$status" = 77 ] && echo 77 || echo 1)"
fi
said() { /usr/bin/python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$home/radosgw.json" "$1"; }
rgw=$(said endpoint) rgw_key=$(said key_id) rgw_secret=$(said secret)
rgw_pid=$(/usr/bin/python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["pids"][-1])' "$home/radosgw.json")
(umask 077; printf 'key_id: %s\nsecret: %s\n' "$rgw_key" "$rgw_secret" >"$home/credentials"; openssl rand -hex 32 >"$home/bio1.key")
expect 0 200 of_service make barrio
expect 0 200 of_service make versioned
expect 0 200 of_service versions versioned

control_file 127.0.0.1:0 bio1
serve control control
control_pid=$started_pid
control=$address

# What cannot work is said, with the field's name.
site_file bio1 "$control" 127.0.0.1:0 "storage: {listen: '127.0.0.1:0', key_file: $home/bio1.key, hosts: [], $(remote versioned)}"
expect 2 'storage.s3.bucket: keeps versions' timeout 20 "$barrio" site serve --config "$home/bio1.yaml"
chmod 644 "$home/credentials"
site_at 127.0.0.1:0 127.0.0.1:0
expect 4 'storage.s3.credentials_file: others may read' timeout 20 "$barrio" site serve --config "$home/bio1.yaml"
chmod 600 "$home/credentials"
site_at 127.0.0.1:0 127.0.0.1:0 "$home/credentials"
expect 2 'storage.s3.ca_file: must be a file of certificates' timeout 20 "$barrio" site serve --config "$home/bio1.yaml"

# Another authority, or another name than the certificate has: all but storage is served, and what would be right is said.
# untrusted FIELD SITE_AT...: the field that is named
untrusted() {
  site_at 127.0.0.1:0 127.0.0.1:0 "${@:2}"
  start_at bio1
  field_is_named() { grep -q "$1: the certificate of the S3 service" "$home/bio1.log"; }
  wait_for 20 "a refusal that names $1" field_is_named "$1"
  expect 0 200 curl -s -m 10 -o "$home/nothing" -w '%{http_code}' "http://$address/healthz"
  expect 1 "" grep s3_address "$home/bio1.log"
}
untrusted storage.s3.endpoint "$home/tls/ca.pem" "https://localhost:${rgw##*:}"
kill -9 "$started_pid"
wait "$started_pid" 2>/dev/null
cp "$home/other-tls/ca.pem" "$home/ca.pem"
untrusted storage.s3.ca_file "$home/ca.pem"
# The process looks again, and opens its storage as soon as that can be.
cp "$home/tls/ca.pem" "$home/ca.pem"
site_pid=$started_pid
wait_for 30 "storage to open" s3_is_told
site_at "$address" "$s3" # from now on at the same addresses
load_storage "$control" "$s3"
b() { "$barrio" --home "$home" "$@"; }
keys=$(b --as operator tenant s3-key create acme)
access=$(sed -n 's/^access key //p' <<<"$keys") secret=$(sed -n 's/^secret key //p' <<<"$keys")
puts() { [ "$(of_site put frames known a-known-content 1)" = 200 ]; }
wait_for 20 "a key of S3" puts
expect 0 200 of_site put frames large 0123456789 1200000
expect 0 200 of_site copy frames large copied
expect 0 '12000000 0123456789' of_site get frames copied

# Killed, again and again.
for _ in 1 2 3; do
  sleep "2.$((RANDOM % 10))$((RANDOM % 10))"
  kill -9 "$site_pid"
  wait "$site_pid" 2>/dev/null
  start_site
done

# radosgw does not answer: a clear refusal, and on it goes.
kill -STOP "$rgw_pid"
began=$SECONDS
# One call of the service gives up within 20 s or so; the journal may be being packed, and the PUT waits for that first.
expect 0 503 of_site put frames late text 1
[ $((SECONDS - began)) -lt 75 ] || { echo "FAIL: refused after $((SECONDS - began)) s only"; failures=$((failures + 1)); }
kill -CONT "$rgw_pid"
wait_for 30 "writing to go on" puts
expect 0 '12000000 0123456789' of_site get frames large
sleep 1
end_load || give_up "objects were lost or torn, or too little was done to mean anything"
expect 0 "objects all below []" of_service count barrio

# Another machine, with the site's key and nothing else, has all of it; the first answers nothing more.
sed "s#^folder: .*#folder: $home/elsewhere#; s#^listen: .*#listen: 127.0.0.1:0#; s#listen: \"[0-9.:]*\"#listen: '127.0.0.1:0'#" "$home/bio1.yaml" >"$home/other.yaml"
mkdir "$home/elsewhere"
start_at other
other_pid=$started_pid
old=$s3
s3_of_other() { s3=$(sed -n 's/.*"s3_address":"\([0-9.:]*\)".*/\1/p' "$home/other.log" | tail -1); [ -n "$s3" ]; }
wait_for 30 "the other one's S3 address" s3_of_other
reads() { [ "$(of_site get frames large)" = '12000000 0123456789' ]; }
wait_for 20 "reading elsewhere" reads
expect 0 200 of_site put frames known elsewhere 1
now=$s3 s3=$old
expect 0 503 of_site put frames known lost 1
s3=$now
expect 0 '9 elsewhere' of_site get frames known
[ "$failures" = 0 ] || { tail -n 5 "$home"/*.log; exit 1; }
