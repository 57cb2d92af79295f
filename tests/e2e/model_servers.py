"""The model servers of a site, as its operator runs them, for model_servers.sh: one of OpenAI's API, as vLLM is, and one of the Open
Inference Protocol, as Triton is, behind one address. Prints it; appends what it was asked to the file. Usage: model_servers.py FILE [PORT]"""
import http.server
import json
import sys
import time

MODEL = "meta-llama/Llama-3.1-8B-Instruct"


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
            return self.answer(json.dumps({"object": "list", "model": MODEL, "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}],
                                           "usage": {"prompt_tokens": 3, "total_tokens": 3}}))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for word in ["Buenos ", "días"]:
            delta = {"id": "1", "object": "chat.completion.chunk", "model": MODEL,
                     "choices": [{"index": 0, "delta": {"content": word}, "finish_reason": None}]}
            self.wfile.write(f"data: {json.dumps(delta)}\n\n".encode())
            self.wfile.flush()
            time.sleep(0.1)
        self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True


server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2]) if len(sys.argv) > 2 else 0), Handler)
print(f"127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
