#!/usr/bin/env bash
# Apps whose models are at a model server that the site's operator runs (docs/backends.md): a language model behind OpenAI's API and a
# net behind the Open Inference Protocol are deployed, placed where their server is, and answer through the gateway; no tenant learns
# or chooses the server's address. Usage: model_servers.sh BARRIO
set -uo pipefail
barrio=$1
home=$(mktemp -d /tmp/barrio-model-servers-XXXXXX)
control_pid= site_pid= servers_pid=
finish() {
  for pid in $site_pid $control_pid $servers_pid; do kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; done
  rm -rf "$home"
}
trap finish EXIT
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
b() { "$barrio" --home "$home" "$@"; }

: >"$home/servers.log"
python3 "$(dirname "$0")/model_servers.py" "$home/asked" >"$home/servers.log" 2>&1 &
servers_pid=$!
wait_for 10 "the model servers" test -s "$home/servers.log"
servers=$(cat "$home/servers.log")

# mad1 has room for two replicas at each of its servers, which are accelerators of the network.
control_file 127.0.0.1:0 mad1
sed '/id: mad1/,/servers:/s/^\( *\)accelerators:$/&\n\1  - {model: llama, count: 2, power: 350W, memory: 48GiB}\n\1  - {model: triton, count: 2, power: 72W, memory: 24GiB}/' \
  data/networks/spain.yaml >"$home/network.yaml"
sed -i "s#^network: .*#network: $home/network.yaml#" "$home/control.yaml"
serve control control
control_pid=$started_pid control=$address
echo "key-of-the-server" >"$home/llama.key"
cat >"$home/engine.yaml" <<YAML
devices:
  - {name: cpu, slots: 2}
  - {name: llama, kind: accelerator, openai: "url=http://$servers/v1,model=meta-llama/Llama-3.1-8B-Instruct,key_file=$home/llama.key"}
  - {name: triton, kind: accelerator, oip: "url=http://$servers,model=resnet"}
YAML
site_file mad1 "$control" 127.0.0.1:0 "engine: $home/engine.yaml"
serve mad1 site serve
site_pid=$started_pid gateway=$address
log_in "$control"

app() { # NAME BACKEND ACCELERATOR WATTS
  cat >"$home/$1.yaml" <<YAML
name: $1
model: {backend: $2}
objective: {latency: 2s, percentile: 99}
policy: {jurisdictions: [ES-MD]}
resources: {power: $4W, memory: 64MiB, cores: 0.1, accelerator: $3, accelerators: 1}
YAML
}
app chat openai llama 350
echo "cors: {origins: ['https://app.example.com']}" >>"$home/chat.yaml"
app resnet oip triton 72
app nowhere openai mistral 350
for name in chat resnet; do expect 0 "accepted $name" b app deploy "$home/$name.yaml" --no-wait; done
expect 5 mistral b app deploy "$home/nowhere.yaml" --no-wait
sed 's/power: 350W/power: 10W/' "$home/chat.yaml" >"$home/modest.yaml"
expect 5 'power 350 W instead of 10 W' b app deploy "$home/modest.yaml" --no-wait
sed 's/openai}/openai, builtin: "url=http:\/\/10.0.0.1"}/' "$home/chat.yaml" >"$home/chosen.yaml"
expect 2 "resources.accelerator names it" b app deploy "$home/chosen.yaml" --no-wait
sed 's/openai}/opencv, builtin: people}/' "$home/chat.yaml" >"$home/card.yaml"
expect 2 "built-in models run on CPUs" b app deploy "$home/card.yaml" --no-wait
sed "s/'https.*'/app.example.com/" "$home/chat.yaml" >"$home/paged.yaml"
expect 2 "cors.origins[0]" b app deploy "$home/paged.yaml" --no-wait
token=$(acme_token "$control")

ask() { curl -s -m 10 -N -H "Authorization: Bearer $token" -H 'Content-Type: application/json' "$@"; }
chat='{"model":"chat","stream":true,"messages":[{"role":"user","content":"Hola"}]}'
chats() { [[ $(ask -d "$chat" "http://$gateway/apps/chat/v1/chat/completions") == *'"Buenos "'*'"d\u00edas"'*'[DONE]'* ]]; }
wait_for 60 "an answer of the language model" chats
expect 0 '"chat"' ask "http://$gateway/apps/chat/v1/models"
expect 0 '"embedding":' ask -d '{"model":"chat","input":"Hola"}' "http://$gateway/apps/chat/v1/embeddings"
expect 0 model_not_found ask -d '{"model":"meta-llama/Llama-3.1-8B-Instruct","messages":[{"role":"user","content":"Hola"}]}' \
  "http://$gateway/apps/chat/v1/chat/completions"
# What the gateway itself refuses has the form that the clients of each protocol read.
stranger() { curl -s -m 10 -H 'Authorization: Bearer nobody' -d "$1" "http://$gateway$2"; }
expect 0 '"code":"invalid_api_key"' stranger "$chat" /apps/chat/v1/chat/completions
expect 0 '"error":"' stranger "$chat" /v2/models/resnet/infer
tensor='{"inputs":[{"name":"x","shape":[1,1],"datatype":"FP32","data":[1]}]}'
infers() { [[ $(ask -d "$tensor" "http://$gateway/v2/models/resnet/infer") == *42* ]]; }
wait_for 60 "an answer of the net" infers
expect 0 "meta-llama/Llama-3.1-8B-Instruct Bearer key-of-the-server" tail -n 1 "$home/asked"
expect 0 mad1 b explain chat
preflight() { curl -s -m 10 -D - -o /dev/null -X OPTIONS -H "Origin: $2" -H 'Access-Control-Request-Method: POST' "http://$gateway/apps/$1/v1/chat/completions"; }
expect 0 "Access-Control-Allow-Origin: https://app.example.com" preflight chat https://app.example.com
expect 0 " 403 " preflight chat https://other.example.com
expect 0 " 401 " preflight resnet https://app.example.com
expect 0 "Access-Control-Allow-Origin: https://app.example.com" ask -D - -o /dev/null -H 'Origin: https://app.example.com' "http://$gateway/apps/chat/v1/models"

# The server goes: requests are answered at once, with an error, and served again when it is back.
kill "$servers_pid" && wait "$servers_pid" 2>/dev/null
code() { ask -o /dev/null -w '%{http_code}' -d "$chat" "http://$gateway/apps/chat/v1/chat/completions"; }
wait_for 10 "a refusal while the server is away" eval '[[ $(code) =~ ^50[234]$ ]]'
python3 "$(dirname "$0")/model_servers.py" "$home/asked" "${servers#*:}" >"$home/servers.log" 2>&1 &
servers_pid=$!
wait_for 60 "answers once the server is back" chats

# Tokens are billed as the server counts them, streamed or not, asked for or not; each is an euro here.
expect 0 '"usage": {' ask -d '{"model":"chat","messages":[{"role":"user","content":"Hola"}]}' "http://$gateway/apps/chat/v1/chat/completions"
with_usage=${chat/\"stream\":true/\"stream\":true,\"stream_options\":{\"include_usage\":true\}}
expect 0 '"completion_tokens": 5' ask -d "$with_usage" "http://$gateway/apps/chat/v1/chat/completions"
[[ $(ask -d "$chat" "http://$gateway/apps/chat/v1/chat/completions") != *prompt_tokens* ]] || give_up "usage is told to who did not ask"
printf 'from: %s\nprices: {per_million_tokens_in: 1000000EUR, per_million_tokens_out: 1000000EUR}\n' "$(date -u -d '2 days ago' +%Y-%m-%dT00:00:00Z)" >"$home/prices.yaml"
expect 0 "" b price set "$home/prices.yaml" --as operator
said() { awk -v at="$1" '{ sum += $at } END { print sum + 0 }' "$home/asked.tokens"; }
billed() { b usage --output csv --by app --app chat | tr -d '\r' | awk -F, -v at="$1" '$2 == "chat" { print $at }'; } # 27: in, 28: out
all_billed() { [ "$(billed 27) $(billed 28)" = "$(said 1) $(said 2)" ]; }
wait_for 60 "a bill of what the server counted" all_billed
cost=$(b usage --cost --output csv --by app --app chat | tr -d '\r' | awk -F, '$2 == "chat" { print $29 }')
[ "$cost" = "$(($(said 1) + $(said 2))).00EUR" ] || give_up "$(said 1) and $(said 2) tokens cost ${cost:-nothing}"
expect 0 "TOKENS OUT" b usage
shown() { curl -s -m 10 "http://$gateway/metrics" | sed -n "s/^barrio_gateway_tokens_total{.*app=\"chat\",direction=\"$1\"} //p"; }
[ "$(shown in) $(shown out)" = "$(said 1) $(said 2)" ] || give_up "the gateway's figures say $(shown in) and $(shown out)"

# Who leaves before the answer begins takes the request along: the model's server hears of it long before the deadline (6 s), and nobody pays.
left() { curl -s -m 10 "http://$gateway/metrics" | sed -n 's/^barrio_gateway_device_left_total{.*app="chat"} //p'; }
before=$(left) before_out=$(billed 28)
expect 28 "" ask -m 1 -d '{"model":"chat","messages":[{"role":"user","content":"an endless thought"}]}' "http://$gateway/apps/chat/v1/chat/completions"
wait_for 3 "the model's server to hear that nobody waits" test -s "$home/asked.left"
[ "$(left)" = $((before + 1)) ] || give_up "the gateway's figures say that $(left) devices have left"
[ "$(billed 28)" = "$before_out" ] || give_up "an answer that was never made is billed"
# Who has only shut down its side gets its answer.
half_closed() {
  python3 - "$gateway" "$token" <<'PY'
import socket, sys
host, port = sys.argv[1].split(":")
client = socket.create_connection((host, int(port)), timeout=10)
body = '{"model":"chat","messages":[{"role":"user","content":"a thought"}]}'
client.sendall(f"POST /apps/chat/v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {sys.argv[2]}\r\n"
               f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
client.shutdown(socket.SHUT_WR)
answer = b""
while piece := client.recv(65536):
    answer += piece
assert answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer
print(answer.decode().split("\r\n\r\n", 1)[1])
PY
}
expect 0 '"completion_tokens": 5' half_closed
wait_for 60 "a bill of the answer" all_billed

# Who leaves in the middle of a stream pays for what came of it, and so does who is left by an engine that is killed.
story='{"model":"chat","stream":true,"messages":[{"role":"user","content":"a story"}]}'
words() { grep -o '"word "' "$1" | wc -l; }
before_in=$(billed 27) before_out=$(billed 28)
ask -m 2 -d "$story" "http://$gateway/apps/chat/v1/chat/completions" >"$home/story.1"
ask -m 60 -d "$story" "http://$gateway/apps/chat/v1/chat/completions" >"$home/story.2" &
reader=$!
reads() { [ "$(words "$home/story.2")" -ge 20 ]; }
wait_for 20 "a second story" reads
kill -9 "$(pgrep -P "$site_pid" -f 'engine --usage')"
wait "$reader"
read_words=$(($(words "$home/story.1") + $(words "$home/story.2")))
stories_billed() { [ "$(billed 28)" -ge $((before_out + read_words)) ]; }
wait_for 60 "a bill of $read_words words" stories_billed
[ "$(billed 28)" -le $((before_out + $(wc -l <"$home/asked.words"))) ] || give_up "more words are billed than there were"
[ "$(billed 27)" -gt "$before_in" ] || give_up "the prompt of who left is not billed"
echo "ok: tokens are billed as they were counted; of $read_words words that were read, $(($(billed 28) - before_out))"
[ "$failures" = 0 ]
