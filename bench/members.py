#!/usr/bin/env python3
"""How far behind followers are that look at etcd ten times a second, and what all looking costs etcd (docs/adr/0012): three members of
control on three of etcd, on this machine. Prints one JSON object. Usage: members.py BARRIO"""
import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

barrio = os.path.abspath(sys.argv[1])
root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
home = tempfile.mkdtemp(prefix="barrio-members-")
processes = {}
results = []


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


ports = free_ports(9)
clients = ["http://127.0.0.1:%d" % port for port in ports[0:3]]
peers = ["http://127.0.0.1:%d" % port for port in ports[3:6]]
members = ["127.0.0.1:%d" % port for port in ports[6:9]]


def start(name, *command):
    with open(os.path.join(home, name + ".log"), "a") as log:
        processes[name] = subprocess.Popen(command, cwd=root, stdout=log, stderr=subprocess.STDOUT)


def start_control(i):
    start("control-%d" % i, barrio, "control", "--config", "%s/control-%d.yaml" % (home, i))


def call(address, method, path, body=None, headers=None):
    connection = http.client.HTTPConnection(address, timeout=12)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def health(address):
    return json.loads(call(address, "GET", "/healthz")[1])


def eventually(holds, every=0.1):
    until = time.time() + 60
    while time.time() < until:
        try:
            found = holds()
            if found:
                return found
        except (OSError, ValueError):
            pass
        time.sleep(every)
    sys.exit("not within 60 s; logs in " + home)


def figure(name, value, unit):
    results.append({"name": name, "value": round(value, 2), "unit": unit, "better": "lower"})


def etcd_figures():
    calls, cpu = 0, 0.0
    for url in clients:
        text = call(url[len("http://"):], "GET", "/metrics")[1].decode()
        calls += sum(float(count) for count in re.findall(r"^grpc_server_handled_total\{[^}]*\} (\S+)", text, re.M))
        cpu += float(re.search(r"^process_cpu_seconds_total (\S+)", text, re.M)[1])
    return calls, cpu


def watch_etcd(what, seconds):
    calls, cpu = etcd_figures()
    began = time.time()
    time.sleep(seconds)
    calls_after, cpu_after = etcd_figures()
    took = time.time() - began
    figure("etcd's calls, " + what, (calls_after - calls) / took, "1/s")
    figure("etcd's three processes, " + what, 100 * (cpu_after - cpu) / took, "% of a core")


def leader_of(asked):
    return eventually(lambda: health(members[asked])["leader"])


def be_behind(changes):
    """Of one follower behind the answer of the leader to a change, in ms."""
    leader = int(leader_of(0)[-1])
    form = "grant_type=client_credentials&client_id=acme&client_secret=acme-secret"
    token = json.loads(call(members[leader], "POST", "/oauth2/token", form, {"Content-Type": "application/x-www-form-urlencoded"})[1])
    headers = {"Authorization": "Bearer " + token["access_token"], "Content-Type": "application/json"}
    behind = []
    for change in range(changes):
        status, body = call(members[leader], "POST", "/barrio/v1/tenants/acme/keys", "{}", headers)
        assert status == 201, body
        began = time.time()
        version = health(members[leader])["snapshot_version"]
        eventually(lambda: health(members[(leader + 1) % 3])["snapshot_version"] >= version, every=0.001)
        behind.append(1000 * (time.time() - began))
        time.sleep(0.2 + 0.013 * (change % 10))
    behind.sort()
    figure("a follower behind the leader's answer p50", behind[len(behind) // 2], "ms")
    figure("a follower behind the leader's answer p90", behind[len(behind) * 9 // 10], "ms")
    figure("a follower behind the leader's answer max", behind[-1], "ms")


def replace_leader(how):
    leader = int(leader_of(0)[-1])
    other = (leader + 1) % 3
    process = processes["control-%d" % leader]
    began = time.time()
    process.send_signal(how)
    eventually(lambda: health(members[other])["leader"] not in ("", "control-%d" % leader), every=0.005)
    figure("another leads after signal %d" % how, time.time() - began, "s")
    process.wait()
    start_control(leader)
    eventually(lambda: health(members[leader]))


try:
    for i in range(3):
        start("etcd-%d" % i, "/usr/bin/etcd", "--name", "etcd-%d" % i, "--data-dir", "%s/etcd-%d" % (home, i), "--listen-client-urls", clients[i],
              "--advertise-client-urls", clients[i], "--listen-peer-urls", peers[i], "--initial-advertise-peer-urls", peers[i],
              "--heartbeat-interval", "50", "--election-timeout", "250",
              "--initial-cluster", ",".join("etcd-%d=%s" % (one, peer) for one, peer in enumerate(peers)))
    for url in clients:
        eventually(lambda: call(url[len("http://"):], "GET", "/health")[0] == 200)
    watch_etcd("without control", 15)
    for i in range(3):
        with open("%s/control-%d.yaml" % (home, i), "w") as file:
            file.write(json.dumps({
                "listen": members[i], "network": "data/networks/spain.yaml", "state": "", "blobs": "%s/blobs-%d" % (home, i),
                "member": "control-%d" % i, "members": {"control-%d" % one: address for one, address in enumerate(members)},
                "etcd": {"endpoints": clients},
                "accounts": [{"client_id": "acme", "client_secret": "acme-secret", "role": "tenant", "subject": "acme"}]}))
        start_control(i)
    for member in members:
        eventually(lambda: health(member))
    time.sleep(5)
    watch_etcd("with three idle members of control", 30)
    be_behind(60)
    replace_leader(15)
    replace_leader(9)
    commit = os.environ.get("BARRIO_COMMIT") or subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True).stdout.strip()
    print(json.dumps({"bench": "members", "commit": commit, "machine_load": os.getloadavg()[0], "results": results}, indent=1))
finally:
    for process in processes.values():
        process.kill()
        process.wait()
    shutil.rmtree(home)
