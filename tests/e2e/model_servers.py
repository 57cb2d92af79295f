"""The model servers of a site, as its operator runs them, for model_servers.sh: one of OpenAI's API, as vLLM is, and one of the Open
Inference Protocol, as Triton is, behind one address. Prints it; appends what it was asked to FILE, and the tokens of each answer to FILE.tokens. Usage: model_servers.py FILE [PORT]"""
import http.server
import json
import socket
import sys
import time

MODEL = "meta-llama/Llama-3.1-8B-Instruct"
USAGE = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}  # its pieces are fewer than its tokens


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, body, kind="application/json"):
        data = body.encode()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        if self.path == "/metrics":
            return self.answer("vllm:num_requests_running 0\nvllm:num_requests_waiting 0\n", "text/plain")
        tensor = {"datatype": "FP32", "shape": [-1, 1]}
        self.answer(json.dumps({"name": "resnet", "versions": ["1"], "platform": "test", "inputs": [tensor | {"name": "x"}],
                                "outputs": [tensor | {"name": "y"}]}))

    def do_POST(self):
        asked = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.startswith("/v2/"):
            said = {"name": "y", "datatype": "FP32", "shape": [1, 1], "data": [42.0]}
            return self.answer(json.dumps({"model_name": "resnet", "model_version": "1", "outputs": [said]}))
        body = json.loads(asked)
        with open(sys.argv[1], "a") as out:
            print(body["model"], self.headers.get("Authorization"), file=out)
        if self.path == "/v1/embeddings":
            self.answer(json.dumps({"object": "list", "model": MODEL, "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}],
                                    "usage": {"prompt_tokens": 3, "total_tokens": 3}}))
            return self.used({"prompt_tokens": 3, "completion_tokens": 0})
        said = body["messages"][0]["content"]
        if said == "an endless thought":
            return self.think()
        if not body.get("stream"):
            time.sleep(0.5 if said == "a thought" else 0)
            choice = {"index": 0, "message": {"role": "assistant", "content": "Buenos días"}, "finish_reason": "stop"}
            self.answer(json.dumps({"id": "1", "object": "chat.completion", "model": MODEL, "choices": [choice], "usage": USAGE}))
            return self.used(USAGE)
        self.stream(body)

    def think(self):
        """Gives no answer, and writes down when nobody waits for it any more."""
        self.connection.recv(1, socket.MSG_PEEK)
        self.close_connection = True
        with open(sys.argv[1] + ".left", "a") as out:
            print("left", file=out)

    def used(self, usage):
        """One answer that was given to its end."""
        with open(sys.argv[1] + ".tokens", "a") as out:
            print(usage["prompt_tokens"], usage["completion_tokens"], file=out)

    def event(self, **members):
        chunk = {"id": "1", "object": "chat.completion.chunk", "model": MODEL} | members
        self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
        self.wfile.flush()

    def stream(self, body):
        """The words of a greeting; of a story, as many as are read, each of them written down."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        story = body["messages"][0]["content"] == "a story"
        for word in ["word "] * 2000 if story else ["Buenos ", "días"]:
            if story:
                with open(sys.argv[1] + ".words", "a") as out:
                    print(word, file=out)
            self.event(choices=[{"index": 0, "delta": {"content": word}, "finish_reason": None}])
            time.sleep(0.02 if story else 0.1)
        if body.get("stream_options", {}).get("include_usage"):
            self.event(choices=[], usage=USAGE)
        self.wfile.write(b"data: [DONE]\n\n")
        self.used(USAGE)


server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2]) if len(sys.argv) > 2 else 0), Handler)
print(f"127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
