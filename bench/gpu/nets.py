#!/usr/bin/env python3
"""Real nets on a real accelerator, served by the Open Inference Protocol over REST (binary tensors).

Usage: nets.py serve PORT NET...     measures and serves them; says "ready" then
       nets.py measure NET...        measures them
Both print l(b) of each net, a line of JSON.

NET is one of NETS below, or `fake:NAME:A:C`, which sleeps A + C*b ms: no torch, no accelerator. Weights are random:
how long a net runs does not depend on what it has learned. FP16; CUDA graphs, so that what is
measured is the net and not Python. A request's row is 64 bytes; the picture (or the words) is made of them on the
device, so that the network between server and engine is not what is measured. One run at a time, as an engine with one
slot does it: nothing is queued here.
"""
import json
import socket
import sys
import threading
import time

ROW = 64           # bytes of a request
OUT = 4            # floats of an answer
LARGEST_BATCH = 32  # that is served
# Batches that have a graph; one between them is filled up to the next.
GRAPHS = [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32]
SIZES = [1, 2, 4, 6, 8, 12, 16, 20, 24, 28, 32]  # that are measured,
LARGE = [48, 64]                                 # and these where nothing is served

def picture(side):
    """64 bytes a row as a picture of 3 x side x side."""
    def make(rows):
        import torch.nn.functional as F
        grey = rows.view(-1, 1, 8, 8).half() / 255
        return F.interpolate(grey, size=(side, side)).expand(-1, 3, -1, -1).contiguous(memory_format=channels_last())
    return make


def channels_last():
    import torch
    return torch.channels_last


def resnet50():
    import torchvision
    return torchvision.models.resnet50(weights=None), picture(224), lambda out: out


def vit_b_16():
    import torch
    import torchvision
    model = torchvision.models.vit_b_16(weights=None)
    torch.nn.init.normal_(model.heads.head.weight, std=0.02)  # zeros otherwise, which would answer zeros to everything
    return model, picture(224), lambda out: out


def detector(model, head_of):
    import torch

    class Detector(torch.nn.Module):
        """Backbone and head: scores and boxes of every anchor, without the suppression of overlapping ones, whose
        time depends on what is seen."""

        def __init__(self):
            super().__init__()
            self.backbone = model.backbone
            self.head = model.head

        def forward(self, pictures):
            found = self.head(list(self.backbone(pictures).values()))
            return torch.cat([found[name].flatten(1)[:, :OUT] for name in head_of], 1)

    return Detector()


def retinanet():
    from torchvision.models.detection import retinanet_resnet50_fpn
    model = retinanet_resnet50_fpn(weights=None, weights_backbone=None)
    return detector(model, ("cls_logits", "bbox_regression")), picture(640), lambda out: out


def ssdlite():
    from torchvision.models.detection import ssdlite320_mobilenet_v3_large
    model = ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None)
    return detector(model, ("cls_logits", "bbox_regression")), picture(320), lambda out: out


def words(count, vocabulary):
    def make(rows):
        return (rows.long().repeat(1, count // ROW) * 113 + 1) % vocabulary
    return make


def bert_base():
    from transformers import BertConfig, BertModel
    config = BertConfig()  # that of bert-base-uncased
    return BertModel(config, add_pooling_layer=False), words(512, config.vocab_size), lambda out: out[0][:, 0]


NETS = {"resnet50": resnet50, "vit_b_16": vit_b_16, "retinanet": retinanet, "ssdlite": ssdlite, "bert_base": bert_base}


class Net:
    """A net with a captured graph for each of `sizes`."""

    def __init__(self, name, sizes):
        import torch
        self.name = name
        self.torch = torch
        torch.manual_seed(1)
        model, self.prepare, self.finish = NETS[name]()
        self.model = model.cuda()
        self.normalise()
        self.model = self.model.half().to(memory_format=torch.channels_last).eval()
        self.stream = torch.cuda.Stream()
        self.pool = None
        self.graphs = {}
        # The largest first: the smaller ones fit into the memory that it took.
        for batch in sorted(sizes, reverse=True):
            self.capture(batch)

    def normalise(self):
        """Batch norms learn what they see once: with the statistics that they begin with, activations of an untrained
        net grow beyond what FP16 can hold."""
        for module in self.model.modules():
            if hasattr(module, "running_var"):
                module.momentum = 1.0
        rows = self.torch.randint(0, 256, (8, ROW), dtype=self.torch.uint8, device="cuda")
        given = self.prepare(rows)
        with self.torch.no_grad():
            self.model.train()(given.float() if given.is_floating_point() else given)

    def whole(self, rows):
        return self.finish(self.model(self.prepare(rows))).flatten(1)[:, :OUT].float()

    def capture(self, batch):
        torch = self.torch
        given = torch.zeros(batch, ROW, dtype=torch.uint8, pin_memory=True)
        on_device = torch.zeros(batch, ROW, dtype=torch.uint8, device="cuda")
        torch.cuda.synchronize()  # what the other stream has made is there
        with torch.no_grad(), torch.cuda.stream(self.stream):
            for _ in range(2):
                self.whole(on_device)
            self.stream.synchronize()
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, pool=self.pool, stream=self.stream):
                answer = self.whole(on_device)
            self.pool = self.pool or graph.pool()
        back = torch.zeros(batch, answer.shape[1], dtype=torch.float32, pin_memory=True)
        self.graphs[batch] = (graph, given, on_device, answer, back)

    def run(self, data, batch):
        """`batch` rows in, their answers out, as bytes: copies both ways included."""
        torch = self.torch
        graph, given, on_device, answer, back = self.graphs[min(size for size in self.graphs if size >= batch)]
        given[:batch].copy_(torch.frombuffer(bytearray(data), dtype=torch.uint8).view(batch, ROW))
        with torch.cuda.stream(self.stream):
            on_device.copy_(given, non_blocking=True)
            graph.replay()
            back.copy_(answer, non_blocking=True)
        self.stream.synchronize()
        return back[:batch].numpy().tobytes()

    def check(self):
        """Relative to the size of the answers: how far a row's answer moves with what runs beside it (next to
        nothing), and how far rows are from each other (more)."""
        import random
        torch = self.torch
        rows = [bytes(random.Random(i).randbytes(ROW)) for i in range(8)]

        def floats(data):
            return torch.frombuffer(bytearray(data), dtype=torch.float32).view(-1, OUT)
        together = floats(self.run(b"".join(rows), 8))
        alone = torch.cat([floats(self.run(row, 1)) for row in rows])
        assert bool(torch.isfinite(together).all()), "answers what is no number"
        size = float(alone.norm()) or 1.0
        return {"moved_by_others": float((together - alone).norm()) / size,
                "apart": float((together - together.mean(0)).norm()) / size}


class Fake:
    def __init__(self, name, a, c):
        self.name, self.a, self.c = name, float(a), float(c)

    def run(self, _data, batch):
        time.sleep((self.a + self.c * batch) / 1000)
        return bytes(4 * OUT * batch)

    def check(self):
        return {}


def make(text, sizes):
    if text.startswith("fake:"):
        return Fake(*text.split(":")[1:])
    return Net(text, sizes)


def quantile(values, share):
    return sorted(values)[int(share * (len(values) - 1))]


def measure(net, sizes):
    points = []
    for batch in sizes:
        data = bytes(range(ROW)) * batch
        took = []
        for _ in range(5):
            net.run(data, batch)
        end = time.perf_counter() + 0.25
        while len(took) < 40 or (time.perf_counter() < end and len(took) < 1000):
            begin = time.perf_counter()
            net.run(data, batch)
            took.append((time.perf_counter() - begin) * 1000)
        points.append({"batch": batch, "runs": len(took), "p50_ms": quantile(took, 0.5), "p99_ms": quantile(took, 0.99)})
    return points


def ready_net(text, graphs, sizes):
    """The net, and what is said of it."""
    begin = time.perf_counter()
    net = make(text, graphs)
    captured = time.perf_counter()
    said = {"name": net.name, "check": net.check(), "points": measure(net, sizes)}
    said |= {"capture_s": captured - begin, "measure_s": time.perf_counter() - captured}
    print(json.dumps(said), flush=True)
    return net


class Connection(threading.Thread):
    """One client's requests, one after the other."""

    def __init__(self, sock, nets, device):
        super().__init__(daemon=True)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock, self.nets, self.device, self.buffer = sock, nets, device, b""

    def run(self):
        try:
            while True:
                head = self.until(b"\r\n\r\n").decode()
                lines = head.split("\r\n")
                fields = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in lines[1:] if line)}
                body = self.exactly(int(fields.get("content-length", 0)))
                self.answer(lines[0].split(" ")[1].strip("/").split("/"), fields, body)
        except (ConnectionError, OSError):
            self.sock.close()

    def until(self, mark):
        while mark not in self.buffer:
            self.more()
        found, self.buffer = self.buffer.split(mark, 1)
        return found

    def exactly(self, count):
        while len(self.buffer) < count:
            self.more()
        found, self.buffer = self.buffer[:count], self.buffer[count:]
        return found

    def more(self):
        piece = self.sock.recv(1 << 16)
        if not piece:
            raise ConnectionError
        self.buffer += piece

    def say(self, status, head, data=b""):
        text = json.dumps(head).encode()
        length = f"Inference-Header-Content-Length: {len(text)}\r\n" if data else ""
        self.sock.sendall(f"HTTP/1.1 {status} X\r\n{length}Content-Length: {len(text) + len(data)}\r\n\r\n".encode()
                          + text + data)

    def answer(self, path, fields, body):
        net = self.nets.get(path[2]) if path[:2] == ["v2", "models"] and len(path) > 2 else None
        if net is None:
            self.say(404, {"error": "no such model"})
        elif path[3:] == []:
            self.say(200, {"name": net.name, "versions": ["1"], "platform": "bench",
                           "inputs": [{"name": "x", "datatype": "UINT8", "shape": [-1, ROW]}],
                           "outputs": [{"name": "y", "datatype": "FP32", "shape": [-1, OUT]}]})
        elif path[3:] == ["config"]:
            self.say(200, {"name": net.name, "max_batch_size": LARGEST_BATCH})
        elif path[3:] == ["infer"]:
            self.infer(net, fields, body)
        else:
            self.say(404, {"error": "no such call"})

    def infer(self, net, fields, body):
        length = int(fields.get("inference-header-content-length", len(body)))
        batch = json.loads(body[:length])["inputs"][0]["shape"][0]
        data = body[length:]
        if len(data) != batch * ROW or not 1 <= batch <= LARGEST_BATCH:
            return self.say(400, {"error": "wants rows of 64 bytes, as binary data"})
        with self.device:
            out = net.run(data, batch)
        self.say(200, {"model_name": net.name,
                       "outputs": [{"name": "y", "datatype": "FP32", "shape": [batch, OUT],
                                    "parameters": {"binary_data_size": len(out)}}]}, out)


def serve(port, nets):
    listener = socket.create_server(("127.0.0.1", port), backlog=64)
    print("ready", flush=True)
    device = threading.Lock()
    while True:
        sock, _ = listener.accept()
        Connection(sock, nets, device).start()


def main():
    if len(sys.argv) > 3 and sys.argv[1] == "serve":
        nets = [ready_net(text, GRAPHS, SIZES) for text in sys.argv[3:]]
        serve(int(sys.argv[2]), {net.name: net for net in nets})
    elif len(sys.argv) > 2 and sys.argv[1] == "measure":
        for text in sys.argv[2:]:
            try:
                ready_net(text, SIZES + LARGE, SIZES + LARGE)
            except Exception as error:  # one net that this torch cannot capture does not lose the others
                print(json.dumps({"name": text, "error": f"{type(error).__name__}: {error}"[:300]}), flush=True)
    else:
        sys.exit(__doc__)


main()
