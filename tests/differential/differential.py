#!/usr/bin/env python3
"""Sends the same bytes to Barrio's HTTP/1 server, nginx and HAProxy, and compares what each read them as.

Usage: differential.py BARRIO_ECHO [--seed N] [--count N] [--show NAME]
The streams are the smuggling table of net and COUNT streams from the grammar in requests.py. What must hold:
  - each request that Barrio reads, one of the others reads too (none that both refuse), and every other that reads a request
    in its place reads the same method, target and body;
  - where Barrio refuses what another reads, its reason is one of stricter.txt, which says why; with the default seed, every
    line there is needed.
Exit code 0: it holds; 1: it does not; 77: nginx or HAProxy is missing (skipped).
"""

import argparse
import concurrent.futures
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile

import requests
import servers

HERE = os.path.dirname(os.path.abspath(__file__))
LAST = b"GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
QUIET = 1.5  # seconds without a byte: the server waits for more


class Reading:
    """What one server made of a stream."""

    def __init__(self):
        self.requests = []  # (method, target, body)
        self.refusal = None  # (status, text)
        self.waits = False

    def __str__(self):
        shown = [f"{m.decode('latin-1')} {t.decode('latin-1')[:60]!r} {len(b)} bytes" for m, t, b in self.requests]
        end = f"refused {self.refusal[0]} {self.refusal[1]}" if self.refusal else "waits" if self.waits else "ends"
        return ", ".join(shown + [end])


def reason_of(fields, text):
    """Of a refusal: what its problem document says in detail (RFC 9457), else its whole text."""
    if text and fields.get(b"content-type") == b"application/problem+json":
        return json.loads(text)["detail"]
    return text


def read_answers(text, reading):
    while text:
        head, found, text = text.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        if not found or not lines[0].startswith(b"HTTP/1."):
            reading.refusal = (0, "cut: " + head[:40].decode("latin-1"))
            return
        status = int(lines[0].split()[1])
        if status < 200:
            continue
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines[1:])}
        if b"x-seen" not in fields:
            reading.refusal = (status, reason_of(fields, text.decode("latin-1").strip()))
            return
        reading.requests.append(tuple(bytes.fromhex(part.decode()) for part in fields[b"x-seen"].split(b":")))


def read_with(all_servers, name, stream):
    reading = Reading()
    text = b""
    with all_servers.connect(name) as connection:
        connection.settimeout(QUIET)
        try:
            connection.sendall(stream)
            while piece := connection.recv(65536):
                text += piece
        except socket.timeout:
            reading.waits = True
        except OSError:
            pass  # a reset after its answer
    read_answers(text, reading)
    return reading


def accepted_differently(readings):
    """Violations by what Barrio accepted."""
    barrio = readings["barrio"].requests
    others = {name: readings[name].requests for name in ("nginx", "haproxy")}
    for i, request in enumerate(barrio):
        in_place = {name: seen[i] for name, seen in others.items() if i < len(seen)}
        for name, seen in in_place.items():
            if seen != request:
                return f"request {i}: {name} read something else"
        if not in_place:
            return f"request {i}: both others refuse it"
    return None


def stricter(readings):
    """The reason why Barrio refused what another read; None: it did not."""
    barrio = readings["barrio"]
    more = max(len(readings[name].requests) for name in ("nginx", "haproxy")) > len(barrio.requests)
    if not more:
        return None
    if barrio.refusal:
        return barrio.refusal[1] or "no text, as the answer is to HEAD"
    return "the server waits" if barrio.waits else "the connection ends"


def read_reasons():
    reasons = {}
    with open(os.path.join(HERE, "stricter.txt"), encoding="utf-8") as lines:
        for line in lines:
            if line.strip() and not line.startswith("#"):
                reason, _, why = line.partition(": ")
                reasons[reason.strip()] = why.strip()
    return reasons


def make_streams(echo, seed, count):
    streams = []
    for line in subprocess.run([echo, "--shapes"], check=True, capture_output=True, text=True).stdout.splitlines():
        kind, data, name = line.split(" ", 2)
        streams.append((f"{kind}: {name}", bytes.fromhex(data)))
    for i, stream in enumerate(requests.streams(seed, count)):
        streams.append((f"seed {seed}, stream {i}", stream))
    return streams


def compare(all_servers, streams):
    def read(job):
        _, name, stream = job
        return read_with(all_servers, name, stream + LAST)

    jobs = [(title, name, stream) for title, stream in streams for name in servers.Servers.NAMES]
    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        results = list(pool.map(read, jobs))
    for at in range(0, len(jobs), 3):
        yield jobs[at][0], jobs[at][2], dict(zip(servers.Servers.NAMES, results[at:at + 3]))


def judge(compared, show, all_needed):
    reasons = read_reasons()
    used = {}
    failures = []
    read = 0
    for title, stream, readings in compared:
        read += len(readings["barrio"].requests)
        problem = accepted_differently(readings)
        reason = None if problem else stricter(readings)
        if reason is not None:
            used[reason] = used.get(reason, 0) + 1
            if reason not in reasons:
                problem = f"Barrio refuses ({reason!r}) what another reads, and stricter.txt does not say why"
        if problem:
            failures.append((title, problem, stream, readings))
        if show and show in title:
            print(title, stream, *(f"  {name}: {reading}" for name, reading in readings.items()), sep="\n")
    for reason in reasons.keys() - used.keys() if all_needed else ():
        failures.append((f"stricter.txt: {reason!r}", "no stream needs this line", b"", {}))
    return read, used, failures


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("echo")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--show", default="")
    options = parser.parse_args()
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    nginx, haproxy = shutil.which("nginx", path=path), shutil.which("haproxy", path=path)
    if not nginx or not haproxy:
        print("SKIPPED: needs nginx and haproxy (scripts/packages.debian, section test)")
        return 77
    streams = make_streams(options.echo, options.seed, options.count)
    with tempfile.TemporaryDirectory(prefix="barrio-differential-") as folder:
        all_servers = servers.Servers(folder, options.echo, nginx, haproxy)
        try:
            read, used, failures = judge(compare(all_servers, streams), options.show,
                                         all_needed=options.seed == parser.get_default("seed"))
        finally:
            all_servers.stop()
    for title, problem, stream, readings in failures:
        print(f"FAIL {title}: {problem}\n  {stream!r}")
        for name, reading in readings.items():
            print(f"  {name}: {reading}")
    print(f"{len(streams)} streams, {read} requests read by Barrio; stricter than another in "
          f"{sum(used.values())} for {len(used)} reasons; {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
