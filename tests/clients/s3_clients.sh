#!/usr/bin/env bash
# S3's own clients, with their default settings, against a small real network: control and two sites. Residency, a site killed in
# the middle of writes, control away. Usage: s3_clients.sh BARRIO. Exits 77 (skipped) only where Node or its registry is not there.
set -uo pipefail
user_path=$PATH
export PATH=/usr/bin:$PATH  # Debian's clients before others
barrio=$(realpath "$1")
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
home=$(mktemp -d /tmp/barrio-s3-XXXXXX)
declare -A pid=()
finish() {
  for name in "${!pid[@]}"; do kill -9 "${pid[$name]}" 2>/dev/null && wait "${pid[$name]}" 2>/dev/null; done
  rm -rf "$home"
}
trap finish EXIT
unset AWS_PROFILE AWS_REGION AWS_DEFAULT_REGION AWS_CA_BUNDLE
cd "$root" || exit 1
# shellcheck source=tests/e2e/lib.sh
. "$root/tests/e2e/lib.sh"
# says NAME PATTERN COMMAND...: the output must match
says() {
  local name=$1 pattern=$2 output
  shift 2
  if [ "$(type -t "$1")" = function ]; then output=$("$@" 2>&1); else output=$(timeout 120 "$@" 2>&1); fi
  if [[ "$output" =~ $pattern ]]; then
    echo "ok: $name"
  else
    printf 'FAIL: %s\n  %s\n  wanted "%s", got:\n%s\n' "$name" "$*" "$pattern" "$output"
    failures=$((failures + 1))
  fi
}
# same NAME FILE FILE
same() { if cmp -s "$2" "$3"; then echo "ok: $1"; else echo "FAIL: $1: $2 and $3 differ"; failures=$((failures + 1)); fi; }

write_control() { # ADDRESS
  control_file "$1" bio1 mad1
  echo "  - {client_id: rival, client_secret: rival-secret-of-the-test, role: tenant, subject: rival}" >>"$home/control.yaml"
}
write_site() { # SITE CONTROL GATEWAY S3
  [ -e "$home/$1.key" ] || (umask 077; openssl rand -hex 32 >"$home/$1.key")
  site_file "$1" "$2" "$3" "peer_tls: {ca: $home/tls/ca.pem, chain: $home/tls/$1.pem, key: $home/tls/$1.key}" \
    "storage: {listen: \"$4\", key_file: $home/$1.key, hosts: [s3.$1.example]}"
}
# begin NAME COMMAND...: as serve; its S3 address goes to $s3
begin() {
  serve "$@"
  pid[$1]=$started_pid
  s3=$(sed -n 's/.*"s3_address":"\([0-9.:]*\)".*/\1/p' "$home/$1.log" | tail -1)
}
end() { kill "-$2" "${pid[$1]}"; wait "${pid[$1]}" 2>/dev/null; unset "pid[$1]"; }

{ "$barrio" cert ca "$home/tls" && "$barrio" cert issue "$home/tls" --site bio1 && "$barrio" cert issue "$home/tls" --site mad1; } >/dev/null ||
  give_up "certificates"
write_control 127.0.0.1:0
begin control control
control=$address
write_control "$control"
for site in bio1 mad1; do
  write_site $site "$control" 127.0.0.1:0 127.0.0.1:0
  begin $site site serve
  write_site $site "$control" "$address" "$s3"
  eval "$site=http://$s3 gateway_$site=http://$address"
done
b() { "$barrio" --home "$home" "$@"; }
for who in operator acme rival; do
  printf '%s-secret-of-the-test\n' "$who" | b context set "$who" --control "http://$control" --client-id "$who" >/dev/null
done
b context use acme >/dev/null
keys=$(b --as operator tenant s3-key create acme) || give_up "no S3 key"
key=$(sed -n 's/^access key //p' <<<"$keys")
secret=$(sed -n 's/^secret key //p' <<<"$keys")
rival=$(b --as operator tenant s3-key create rival)
for _ in $(seq 100); do b bucket create frames --location bio1 >/dev/null 2>&1 && break; sleep 0.1; done
says "CLI: a bucket in one site" 'frames +acme +bio1 +1 +bio1' b bucket list
says "CLI: more copies than permitted sites are refused" 'permits 1 site' b bucket create copies --location bio1 --copies 2
says "CLI: a location that is none" 'must be a site' b bucket create nowhere --location atlantis

head -c 20000 /dev/urandom >"$home/small"
head -c 30000000 /dev/urandom >"$home/large"
: >"$home/empty"
says "CLI: put" 'stored frames/a b/ñ.bin, 20000 bytes' b object put "$home/small" 'frames/a b/ñ.bin'
says "CLI: get" '' b object get 'frames/a b/ñ.bin' "$home/got"
same "CLI: the same bytes" "$home/small" "$home/got"
says "CLI: ls" 'a b/ñ.bin +20000' b object ls frames/a
says "CLI: policy" 'site bio1' b object policy frames
says "CLI: another tenant sees no bucket" 'no bucket' b --as rival object ls frames
says "CLI: rm" 'deleted' b object rm 'frames/a b/ñ.bin'

# What was read last is in memory, and the site's figures say so.
head -c 1000000 /dev/urandom >"$home/medium"
b object put "$home/medium" frames/medium >/dev/null
for _ in 1 2; do b object get frames/medium "$home/got"; done
same "CLI: the same bytes from memory" "$home/medium" "$home/got"
sleep 1.5
figure() { curl -s "$gateway_bio1/metrics" | sed -n "s/^barrio_storage_cache_$1{.*} //p"; }
figures() { echo "$(figure hits_total) $(figure misses_total) $(figure bytes) $(figure limit_bytes)"; }
says "figures: pieces that were read again" '^2 2 1000000 134217728$' figures

export AWS_ACCESS_KEY_ID=$key AWS_SECRET_ACCESS_KEY=$secret AWS_EC2_METADATA_DISABLED=true
export AWS_CONFIG_FILE=$home/none AWS_SHARED_CREDENTIALS_FILE=$home/none

if command -v s3cmd >/dev/null; then
  # (Its default host is Amazon's: that, and that there is no TLS here, is all that is set.)
  s() { s3cmd --config "$home/s3cfg" --access_key="$key" --secret_key="$secret" --no-ssl --host="${bio1#http://}" --host-bucket="${bio1#http://}" "$@"; }
  : >"$home/s3cfg"
  c=(s)
  says "s3cmd: make a bucket" 'created' "${c[@]}" mb s3://from-s3cmd
  says "s3cmd: make a bucket of two copies" 'created' "${c[@]}" mb s3://twice --bucket-location=ES --add-header=x-barrio-copies:2
  says "s3cmd: it has them" 'twice +acme +ES +2 ' b bucket list
  says "s3cmd: put" 'upload:|100%|Uploaded|^$' "${c[@]}" put "$home/small" s3://frames/s3cmd/small
  says "s3cmd: put in parts" '' "${c[@]}" put "$home/large" s3://frames/s3cmd/large
  says "s3cmd: list" '20000 +s3://frames/s3cmd/small' "${c[@]}" ls s3://frames/s3cmd/
  says "s3cmd: info" 'File size: 20000' "${c[@]}" info s3://frames/s3cmd/small
  says "s3cmd: get" '' "${c[@]}" get --force s3://frames/s3cmd/large "$home/got"
  same "s3cmd: the same bytes" "$home/large" "$home/got"
  says "s3cmd: copy" 'copy' "${c[@]}" cp s3://frames/s3cmd/small s3://frames/s3cmd/copy
  says "s3cmd: delete all" 'delete' "${c[@]}" del --recursive --force s3://frames/s3cmd/
  says "s3cmd: remove the bucket" 'removed' "${c[@]}" rb s3://from-s3cmd
else
  echo "not there: s3cmd"
fi

if command -v rclone >/dev/null; then
  export RCLONE_CONFIG=$home/rclone.conf
  printf '[site]\ntype = s3\nprovider = Other\nendpoint = %s\naccess_key_id = %s\nsecret_access_key = %s\n' "$bio1" "$key" "$secret" >"$RCLONE_CONFIG"
  mkdir -p "$home/tree/sub dir"
  cp "$home/small" "$home/tree/sub dir/ñandú+&.bin"
  cp "$home/large" "$home/tree/large"
  cp "$home/empty" "$home/tree/empty"
  says "rclone: make a bucket of two copies" '^$' rclone mkdir -q site:twice-more --header "x-barrio-copies: 2"
  says "rclone: it has them" 'twice-more +acme +ES +2 ' b bucket list
  says "rclone: sync there" '^$' rclone sync -q "$home/tree" site:frames/rclone
  says "rclone: check" '0 differences found' rclone check "$home/tree" site:frames/rclone
  says "rclone: list" '30000000 large' rclone ls site:frames/rclone
  says "rclone: sync back" '^$' rclone sync -q site:frames/rclone "$home/back"
  same "rclone: the same bytes" "$home/tree/sub dir/ñandú+&.bin" "$home/back/sub dir/ñandú+&.bin"
  same "rclone: the same bytes in parts" "$home/tree/large" "$home/back/large"
  says "rclone: move" '^$' rclone moveto -q site:frames/rclone/large site:frames/rclone/moved
  says "rclone: purge" '^$' rclone purge -q site:frames/rclone
else
  echo "not there: rclone"
fi

if command -v aws >/dev/null; then
  a=(aws --endpoint-url "$bio1" --region bio1)
  says "awscli: make a bucket" 'make_bucket: from-aws' "${a[@]}" s3 mb s3://from-aws
  says "awscli: location" '"LocationConstraint": "bio1"' "${a[@]}" s3api get-bucket-location --bucket from-aws
  says "awscli: put" 'upload: ' "${a[@]}" s3 cp --no-progress "$home/small" s3://from-aws/small
  says "awscli: put in parts" 'upload: ' "${a[@]}" s3 cp --no-progress "$home/large" s3://from-aws/large
  says "awscli: get" 'download: ' "${a[@]}" s3 cp --no-progress s3://from-aws/large "$home/got-aws"
  same "awscli: the same bytes" "$home/large" "$home/got-aws"
  says "awscli: list" '20000 small' "${a[@]}" s3 ls s3://from-aws
  says "awscli: a bucket that is not empty" 'BucketNotEmpty' "${a[@]}" s3 rb s3://from-aws
  says "awscli: a range" 'ContentRange' "${a[@]}" s3api get-object --bucket from-aws --key small --range bytes=5-9 "$home/range"
  same "awscli: its bytes" <(tail -c +6 "$home/small" | head -c 5) "$home/range"
  says "awscli: remove all" 'remove_bucket: from-aws' "${a[@]}" s3 rb --force s3://from-aws
  link=$("${a[@]}" s3 presign s3://frames/presigned)
  "${a[@]}" s3 cp --no-progress "$home/small" s3://frames/presigned >/dev/null
  says "awscli: a presigned link" '^$' curl -sS -o "$home/got-link" "$link"
  same "awscli: its bytes" "$home/small" "$home/got-link"
  says "awscli: a presigned link that was changed" 'SignatureDoesNotMatch' curl -sS "${link/presigned/another}"
else
  echo "not there: awscli"
fi

# Debian's, which is older than the SDKs' new checksums, and the newer one that there may be beside it.
for python in python3 "$(PATH=$user_path command -v python3)"; do
  version=$("$python" -c 'import boto3; print(boto3.__version__)' 2>/dev/null) || { echo "not there: boto3 of $python"; continue; }
  says "boto3 $version" 'all good' "$python" "$here/s3/boto3_test.py" "$bio1" "$mad1"
done

# The policy, from a site where its bytes may not be; and through one where they may.
printf 'policy-keeps-this-here' >"$home/frame"
b object put "$home/frame" frames/frame >/dev/null || give_up "put"
if command -v aws >/dev/null; then
  m=(aws --endpoint-url "$mad1" --region mad1)
  says "from Madrid: a read is refused, with the policy" 'AccessDenied.*mad1 is not one of the named sites, the policy allows site bio1' \
    "${m[@]}" s3api list-objects-v2 --bucket frames
  says "from Madrid: a write, too" 'AccessDenied.*the policy allows site bio1' "${m[@]}" s3api put-object --bucket frames --key x --body "$home/small"
  "${a[@]}" s3api create-bucket --bucket national --create-bucket-configuration LocationConstraint=ES >/dev/null
  says "through Madrid: a bucket of all Spain is written" 'upload: ' "${m[@]}" s3 cp --no-progress "$home/large" s3://national/large
  says "through Madrid: and read" 'download: ' "${m[@]}" s3 cp --no-progress s3://national/large "$home/got-far"
  same "through Madrid: the same bytes" "$home/large" "$home/got-far"
fi
grep -rq 'policy-keeps-this-here' "$home/mad1" "$home/bio1" && { echo "FAIL: content in clear on a disk"; failures=$((failures + 1)); }
grep -rqF "$secret" "$home/mad1" "$home/bio1" "$home"/*.log && { echo "FAIL: a secret in clear on a site's disk or in a log"; failures=$((failures + 1)); }

# Killed in the middle of writes, again and again: what was acknowledged is there, whole.
fetch_object() { curl -s --max-time 10 --aws-sigv4 aws:amz:bio1:s3 --user "$key:$secret" -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' "$@"; }
mkdir -p "$home/acknowledged"
writer() {
  local i=0
  while [ ! -e "$home/stop" ]; do
    i=$((i + 1))
    head -c $((1000 + i * 3571 % 400000)) /dev/urandom >"$home/w$1.$i"
    code=$(fetch_object -o /dev/null -w '%{http_code}' -T "$home/w$1.$i" "$bio1/frames/kill/$1.$i")
    if [ "$code" = 200 ]; then mv "$home/w$1.$i" "$home/acknowledged/$1.$i"; else rm -f "$home/w$1.$i"; fi
  done
}
writers=
for w in 1 2 3 4; do writer $w & writers="$writers $!"; done
for round in 1 2 3 4; do
  sleep "0.$((round * 2 + 3))"
  end bio1 KILL
  begin bio1 site serve
  sleep 0.5
done
touch "$home/stop"
for w in $writers; do wait "$w"; done
count=0
lost=0
for file in "$home"/acknowledged/*; do
  count=$((count + 1))
  fetch_object "$bio1/frames/kill/${file##*/}" | cmp -s - "$file" || lost=$((lost + 1))
done
echo "kill -9: $count acknowledged, $lost lost or torn"
{ [ "$count" -ge 20 ] && [ "$lost" = 0 ]; } || failures=$((failures + 1))

# Everything of the tenant in files: each object of the bucket, whole, under its key.
says "CLI: export" '^exported to .*: 0 apps, 0 files, [0-9]+ buckets, [0-9]+ objects' b export "$home/export"
says "CLI: export into what is there is refused" 'is there already' b export "$home/export"
exported=$(wc -l <"$home/export/buckets/frames/objects.jsonl")
listed=$(b object ls frames | tail -n +2 | wc -l)
[ "$exported" = "$listed" ] || { echo "FAIL: $exported objects exported, $listed listed"; failures=$((failures + 1)); }
at=$(sed -n 's/.*"key":"frame","file":"\([^"]*\)".*/\1/p' "$home/export/buckets/frames/objects.jsonl")
same "CLI: an exported object" "$home/frame" "$home/export/buckets/frames/$at"
says "CLI: a bucket with object lock" '^bucket kept at bio1' b bucket create kept --location bio1 --object-lock
for body in one two; do printf '%s' $body >"$home/body" && b object put "$home/body" kept/a >/dev/null; done
printf 'three' >"$home/body"
b object put "$home/body" kept/b >/dev/null
fetch_object -X PUT -d '<LegalHold><Status>ON</Status></LegalHold>' "$bio1/kept/b?legal-hold="
b object rm kept/a >/dev/null
says "CLI: export of versions" '^exported to ' b export --versions "$home/all"
kept=$home/all/buckets/kept
says "CLI: all versions, from newest to oldest" '^a   true ;a two  false ;a one  false ;b three ON true ;$' python3 - "$kept" <<'END'
import json, sys
for line in map(json.loads, open(sys.argv[1] + "/versions.jsonl")):
    body = "" if line.get("delete_marker") else open(f'{sys.argv[1]}/{line["file"]}').read()
    print(line["key"], body, line.get("lock", {}).get("legal-hold", ""), str(line["newest"]).lower(), ";", end="")
print()
END
[ "$(grep -c '"key":"b"' "$kept/objects.jsonl") $(wc -l <"$kept/objects.jsonl")" = "1 1" ] || { echo "FAIL: current objects beside versions"; failures=$((failures + 1)); }
[ -e "$home/export/buckets/frames/versions.jsonl" ] && { echo "FAIL: versions that nobody asked for"; failures=$((failures + 1)); }
[ "$(grep -c '^tenant,app,site,hour,' "$home/export/usage.csv")" = 1 ] || { echo "FAIL: no usage.csv with columns"; failures=$((failures + 1)); }
[ -s "$home/export/export.json" ] || { echo "FAIL: no export.json"; failures=$((failures + 1)); }

# Sites go on without control, also started again; only making and deleting buckets waits for it.
end control KILL
end bio1 TERM
begin bio1 site serve
says "without control: read" 'policy-keeps-this-here' fetch_object "$bio1/frames/frame"
says "without control: write" '^200$' fetch_object -o /dev/null -w '%{http_code}' -T "$home/small" "$bio1/frames/alone"
says "without control: no new bucket, with the reason" 'control, which is away' fetch_object -X PUT "$bio1/new-bucket"
begin control control

[ "$failures" = 0 ] || { echo "$failures failures"; exit 1; }
node -e 'process.exit(parseInt(process.versions.node) >= 20 ? 0 : 1)' 2>/dev/null || { echo "not there: node of version 20, which the SDK wants"; exit 0; }
# shellcheck source=tests/clients/packages.sh
. "$here/packages.sh"
S3_ENDPOINT=$bio1 node --test s3_test.mjs
