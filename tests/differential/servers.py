"""The servers that are compared, each on a Unix socket in one temporary folder: net::Server, nginx and HAProxy, the latter two
before an origin that says in X-Seen what reached it."""

import os
import socket
import subprocess
import threading
import time

NGINX = """
daemon off; master_process off; worker_processes 1; pid {dir}/nginx.pid; error_log {dir}/nginx.log crit;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_max_body_size 0; large_client_header_buffers 4 32k;
  client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
  upstream origin {{ server unix:{dir}/origin.sock; }}
  server {{
    listen unix:{dir}/nginx.sock;
    location / {{ proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Host origin; proxy_ignore_client_abort on; }}
  }}
}}
"""

HAPROXY = """
global
  maxconn 1000
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
  timeout http-request 30s
  option http-server-close
frontend front
  bind unix@{dir}/haproxy.sock
  default_backend back
backend back
  server origin unix@{dir}/origin.sock
"""

MOST_BODY = 1 << 20


class Origin:
    """Reads what proxies send, which is well-formed or their fault, and answers once per request."""

    def __init__(self, path):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(256)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection, connection.makefile("rb") as stream:
            try:
                while self.answer(connection, stream):
                    pass
            except (OSError, ValueError):
                pass  # the proxy went away or sent what is no HTTP

    def answer(self, connection, stream):
        start = stream.readline()
        if not start:
            return False
        method, target, _ = start.rstrip(b"\r\n").split(b" ", 2)
        fields = {}
        for line in iter(stream.readline, b"\r\n"):
            if not line:
                return False
            name, value = line.split(b":", 1)
            fields[name.lower()] = value.strip()
        if int(fields.get(b"content-length", 0)) > MOST_BODY:
            return False
        body = self.chunks(stream) if fields.get(b"transfer-encoding") else stream.read(int(fields.get(b"content-length", 0)))
        seen = ":".join(part.hex() for part in (method, target, body))
        connection.sendall(f"HTTP/1.1 200 OK\r\nX-Seen: {seen}\r\nContent-Length: 0\r\n\r\n".encode())
        return True

    def chunks(self, stream):
        body = b""
        while size := int(stream.readline().split(b";")[0], 16):
            body += stream.read(size)
            stream.readline()
        while stream.readline() not in (b"\r\n", b""):
            pass
        return body


class Servers:
    NAMES = ("barrio", "nginx", "haproxy")

    def __init__(self, folder, barrio, nginx, haproxy):
        self.folder = folder
        self.origin = Origin(f"{folder}/origin.sock")
        for name, text in (("nginx", NGINX), ("haproxy", HAPROXY)):
            with open(f"{folder}/{name}.conf", "w", encoding="ascii") as out:
                out.write(text.format(dir=folder))
        self.processes = [
            self.start([barrio, f"unix:{folder}/barrio.sock"]),
            self.start([nginx, "-p", folder, "-c", f"{folder}/nginx.conf"]),
            self.start([haproxy, "-db", "-f", f"{folder}/haproxy.conf"]),
        ]
        for name, process in zip(self.NAMES, self.processes):
            self.wait_for(name, process)

    def start(self, command):
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def wait_for(self, name, process):
        for _ in range(500):
            if process.poll() is not None:
                raise SystemExit(f"{name} did not start: {process.stderr.read().decode()}")
            try:
                self.connect(name).close()
                return
            except OSError:
                time.sleep(0.02)
        raise SystemExit(f"{name} does not listen after 10 s")

    def connect(self, name):
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(os.path.join(self.folder, f"{name}.sock"))
        except OSError:
            connection.close()
            raise
        return connection

    def stop(self):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.communicate(timeout=20)
