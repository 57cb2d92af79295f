# What the end-to-end scripts have in common. Sourced once `barrio` (the program) and `home` (a folder of the test's own) are set.
unset BARRIO_HOME BARRIO_CONTROL BARRIO_CLIENT_ID BARRIO_CLIENT_SECRET
failures=0

give_up() { echo "FAIL: $*"; tail -n 15 "$home"/*.log; exit 1; }

# expect CODE TEXT COMMAND...: the exit code, and a text that must be in the output
expect() {
  local code=$1 text=$2 output status=0
  shift 2
  output=$("$@" 2>&1 </dev/null) || status=$?
  if [ "$status" != "$code" ] || [[ "$output" != *"$text"* ]]; then
    printf 'FAIL: %s\n  wanted exit %s and "%s", got exit %s:\n%s\n' "$*" "$code" "$text" "$status" "$output"
    failures=$((failures + 1))
  else
    printf 'ok: %s\n' "$*"
  fi
}

# wait_for SECONDS WHAT COMMAND...
wait_for() {
  local left=$(($1 * 10)) what=$2
  shift 2
  until "$@"; do
    left=$((left - 1))
    [ "$left" -gt 0 ] || give_up "waited in vain for $what"
    sleep 0.1
  done
}

# start NAME COMMAND...: a process of the program in the background, NAME.log; its number goes to $started_pid, its address to
# $address. Fails where it ends before it serves.
start() {
  local name=$1
  shift
  : >"$home/$name.log"
  "$barrio" "$@" 2>>"$home/$name.log" &
  started_pid=$!
  for _ in $(seq 300); do
    address=$(sed -n 's/.*"serving".*"address":"\([0-9.:]*\)".*/\1/p' "$home/$name.log" | tail -1)
    [ -n "$address" ] && return 0
    kill -0 "$started_pid" 2>/dev/null || break
    sleep 0.05
  done
  return 1
}
# serve NAME COMMAND...: the same with NAME.yaml, which has to work
serve() { start "$@" --config "$home/$1.yaml" || give_up "$1 did not start"; }

gone() { ! kill -0 "$1" 2>/dev/null; }

# control_file LISTEN SITE...: control.yaml, with accounts of the operator, of tenant acme and of these sites
control_file() {
  mkdir -p "$home/control"
  cat >"$home/control.yaml" <<YAML
listen: $1
network: data/networks/spain.yaml
state: $home/control/state.db
blobs: $home/control/blobs
accounts:
  - {client_id: operator, client_secret: operator-secret-of-the-test, role: operator, subject: operator}
  - {client_id: acme, client_secret: acme-secret-of-the-test, role: tenant, subject: acme}
YAML
  for site in "${@:2}"; do
    echo "  - {client_id: site-$site, client_secret: site-secret-of-the-test, role: site, subject: $site}" >>"$home/control.yaml"
  done
}

# site_file ID CONTROL LISTEN [LINE...]: ID.yaml; its folder is ID
site_file() {
  mkdir -p "$home/$1"
  printf 'devices: []\n' >"$home/core.yaml"
  cat >"$home/$1.yaml" <<YAML
site: $1
listen: $3
control: $2
client_id: site-$1
client_secret: site-secret-of-the-test
folder: $home/$1
core: $home/core.yaml
peer_secret: peer-secret-of-the-test
proxy_peers: []
peers: {}
YAML
  [ $# = 3 ] || printf '%s\n' "${@:4}" >>"$home/$1.yaml"
}

# storage_file ID CONTROL: site_file of a site with storage, and its key
storage_file() {
  (umask 077; openssl rand -hex 32 >"$home/$1.key")
  site_file "$1" "$2" 127.0.0.1:0 "storage: {listen: '127.0.0.1:0', key_file: $home/$1.key, hosts: []}"
}
# begin_storage SITE: its process goes to ${pids[SITE]}, the address of its S3 service to ${s3[SITE]}
begin_storage() {
  serve "$1" site serve
  pids[$1]=$started_pid
  s3_is_told() { s3[$1]=$(sed -n 's/.*"s3_address":"\([0-9.:]*\)".*/\1/p' "$home/$1.log" | tail -1); [ -n "${s3[$1]}" ]; }
  wait_for 20 "the S3 address of $1" s3_is_told "$1"
}

# log_in CONTROL: contexts of the operator and of tenant acme, which is used where nothing else is said
log_in() {
  local who
  for who in operator acme; do
    printf '%s-secret-of-the-test\n' "$who" | "$barrio" --home "$home" context set "$who" --control "http://$1" --client-id "$who" >/dev/null
  done
  "$barrio" --home "$home" context use acme >/dev/null
}
# token_of CLIENT CONTROL
token_of() {
  curl -s -m 10 -d "grant_type=client_credentials&client_id=$1&client_secret=$1-secret-of-the-test" "http://$2/oauth2/token" |
    sed -n 's/.*"access_token":"\([^"]*\)".*/\1/p'
}
# acme_token CONTROL
acme_token() { token_of acme "$1"; }

# load_storage CONTROL S3: tenant acme's bucket at bio1, and the clients of storage_load.py at it in the background, as $load_pid
load_storage() {
  local keys
  b() { "$barrio" --home "$home" "$@"; }
  log_in "$1"
  keys=$(b --as operator tenant s3-key create acme) || give_up "no S3 key"
  has_bucket() { b bucket create frames --location bio1 >/dev/null 2>&1; }
  wait_for 20 "a bucket" has_bucket
  /usr/bin/python3 "$(dirname "${BASH_SOURCE[0]}")/storage_load.py" "http://$2" "$(sed -n 's/^access key //p' <<<"$keys")" \
    "$(sed -n 's/^secret key //p' <<<"$keys")" frames "$home" >"$home/said" 2>&1 &
  load_pid=$!
}
# end_load: stops them, lets them read everything back, says what they say, and ends as they do
end_load() {
  local status=0
  touch "$home/stop"
  wait "$load_pid" || status=$?
  load_pid=
  cat "$home/said"
  return "$status"
}
