#!/usr/bin/env bash
# Real clients against net/: curl, nghttp and h2load on echo_server itself and on one that passes on to it; grpc-js and ws
# (npm packages of package-lock.json) with echo_server between client and server. Usage: clients.sh ECHO_SERVER
# Exits 77 (skipped) only where Node or its package registry is not there.
set -uo pipefail
server=$(realpath "$1")
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d /tmp/barrio-clients-XXXXXX)
pids=()
finish() {
  exec 7>&- 8>&-
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null; wait "$pid" 2>/dev/null; done
  rm -rf "$work"
}
trap finish EXIT
failures=0

# expect NAME PATTERN COMMAND...: the output must match
expect() {
  local name=$1 pattern=$2 output
  shift 2
  output=$("$@" 2>&1)
  if [[ "$output" =~ $pattern ]]; then
    echo "ok: $name"
  else
    printf 'FAIL: %s\n  %s\n  wanted "%s", got:\n%s\n' "$name" "$*" "$pattern" "$output"
    failures=$((failures + 1))
  fi
}

# start NAME FD [ARGUMENT...]: an echo_server; its address is in $work/NAME. It ends when FD is closed.
start() {
  local name=$1 fd=$2
  shift 2
  mkfifo "$work/$name.in" "$work/$name.out"
  "$server" "$@" <"$work/$name.in" >"$work/$name.out" &
  pids+=($!)
  eval "exec $fd>\"$work/$name.in\""
  read -r address <"$work/$name.out" || { echo "FAIL: echo_server does not start"; exit 1; }
  echo "$address" >"$work/$name"
}

start echo 7
start forward 8 "$(cat "$work/echo")"
head -c 3000000 /dev/urandom >"$work/big"
sum=$(sha256sum <"$work/big")

# download OPTIONS...: the checksum of what curl gets
download() { curl --silent --show-error --max-time 30 "$@" | sha256sum; }

for name in echo forward; do
  at=http://$(cat "$work/$name")
  c=(curl --silent --show-error --max-time 30 --write-out ' %{http_version} %{http_code}')
  expect "$name: curl, HTTP/2" '^hello 2 200$' "${c[@]}" --http2-prior-knowledge -d hello "$at/echo"
  expect "$name: curl, HTTP/1.1" '^hello 1.1 200$' "${c[@]}" -d hello "$at/echo"
  # (One request per curl: 7.88 breaks its HTTP/2 connections in clear when it uses them again.)
  expect "$name: curl, HTTP/2, 3 MB each way" "^$sum" download --http2-prior-knowledge --data-binary "@$work/big" "$at/echo"
  expect "$name: curl, HTTP/2, unknown length" "^$sum" download --http2-prior-knowledge -T - "$at/echo" <"$work/big"
  expect "$name: curl, HTTP/1.1, chunked" "^$sum" download -H 'Transfer-Encoding: chunked' --data-binary "@$work/big" "$at/echo"
  expect "$name: curl, HTTP/2, not found" '^no such path.* 2 404$' "${c[@]}" --http2-prior-knowledge "$at/none"
  expect "$name: nghttp, three requests" 'requests|200' nghttp -nv -m 3 "$at/size/100000"
  expect "$name: nghttp, the whole answer" '^100000$' sh -c 'nghttp "$0/size/100000" | wc -c' "$at"
  expect "$name: nghttp, trailers" 'checksum: 1234' nghttp -v --trailer 'checksum: 1234' -d "$work/echo" -H 'te: trailers' "$at/echo"
  for load in '-n 20000 -c 8 -m 32 URL/size/200' '-n 300 -c 4 -m 16 URL/size/1000000' '-n 100 -c 2 -m 50 -w 16 URL/size/300000' \
    "-n 5000 -c 8 -m 16 -d $work/echo URL/echo" "-n 60 -c 3 -m 10 -d $work/big URL/echo" '-n 5000 -c 8 --h1 URL/size/200'; do
    total=$(awk '{print $2}' <<<"$load")
    # shellcheck disable=SC2086
    expect "$name: h2load ${load//$work\//}" "$total succeeded, 0 failed, 0 errored, 0 timeout.*$total 2xx" \
      h2load ${load//URL/$at}
  done
done
[ "$failures" = 0 ] || exit 1

# shellcheck source=tests/clients/packages.sh
. "$here/packages.sh"
ECHO_SERVER=$server node --test grpc_test.mjs websocket_test.mjs
