#pragma once
// Programs of the test's own in real sandboxes; skips where bubblewrap does not work.

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "adapters/process/program_runtime.h"
#include "adapters/reactor_runtime/reactor_runtime.h"
#include "base/crypto.h"
#include "base/tar.h"
#include "base/text.h"
#include "net/client.h"

namespace barrio::adapters {

/// A server that tries, when it is asked to, what a hostile program would.
inline const char* const trying_program = R"(#!/usr/bin/python3
import ctypes, errno, http.server, mmap, os, platform, signal, socket, sys, threading, time, urllib.parse

libc = ctypes.CDLL(None, use_errno=True)

def outcome(action):
    try:
        return str(action() or 'done')
    except OSError as error:
        return errno.errorcode[error.errno]
    except MemoryError:
        return 'MemoryError'

def call(name, *arguments):
    def action():
        if getattr(libc, name)(*arguments) < 0:
            raise OSError(ctypes.get_errno(), name)
    return outcome(action)

def fill(path):
    size = 0
    try:
        with open(path, 'wb', buffering=0) as file:
            while True:
                size += file.write(bytes(4096))
    except OSError as error:
        return '%d %s' % (size, errno.errorcode[error.errno])

def connect(family, address):
    def action():
        with socket.socket(family) as one:
            one.settimeout(2)
            one.connect(address)
    return outcome(action)

def forks():
    children = []
    try:
        for _ in range(400):
            child = os.fork()
            if child == 0:
                time.sleep(1000)
                os._exit(0)
            children.append(child)
    except OSError:
        pass
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return str(len(children))

def memory(size):
    block = mmap.mmap(-1, size)
    for at in range(0, size, 4096):
        block[at] = 1
    time.sleep(20)
    return 'taken'

def hidden(size):
    block = mmap.mmap(-1, size)  # shared
    piece = 1 << 20
    for at in range(0, size, piece):
        for page in range(at, at + piece, 4096):
            block[page] = 1
        block.madvise(mmap.MADV_DONTNEED, at, piece)
    time.sleep(20)
    return 'taken'

def spin():
    end = time.time() + 20
    while time.time() < end:
        pass

def tell(path, query):
    if path == '/':
        return 'hello from version ' + os.environ.get('VERSION', 'none')
    if path == '/ready':
        return 'ready'
    if path == '/see':
        return outcome(lambda: ' '.join(sorted(os.listdir(query))) or 'empty')
    if path == '/read':
        return outcome(lambda: open(query).read())
    if path == '/write':
        return outcome(lambda: open(query, 'w').close())
    if path == '/fill':
        return fill(query)
    if path == '/environment':
        return ' '.join(sorted(name + '=' + value for name, value in os.environ.items()))
    if path == '/tcp':
        return connect(socket.AF_INET, ('127.0.0.1' if query.startswith('here') else '1.1.1.1', int(query.split(':')[1])))
    if path == '/unix':
        return connect(socket.AF_UNIX, query if query[0] == '/' else '\0' + query)
    if path == '/family':
        return outcome(lambda: socket.socket(int(query), socket.SOCK_RAW).close())
    if path == '/ptrace':
        return call('ptrace', 0, 0, 0, 0)
    if path == '/mount':
        return call('mount', b'none', b'/tmp', b'tmpfs', 0, None)
    if path == '/unshare':
        return call('unshare', int(query, 16))
    if path == '/keyctl':
        return call('syscall', {'x86_64': 250, 'aarch64': 219}[platform.machine()], 0, -3, 1)
    if path == '/memfd':
        return outcome(lambda: os.close(os.memfd_create('x')))
    if path == '/forks':
        return forks()
    if path == '/memory':
        return memory(int(query))
    if path == '/hidden':
        return hidden(int(query))
    if path == '/messages':
        return ' '.join([call('msgget', 0, 0o600), call('semget', 0, 1, 0o600), call('mq_open', b'/x', 0o102, 0o600, None)])
    if path == '/spin':
        threading.Thread(target=spin, daemon=True).start()
        return 'spins'
    if path == '/end':
        os._exit(int(query))
    return None

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        parts = urllib.parse.urlsplit(self.path)
        text = tell(parts.path, urllib.parse.unquote(parts.query))
        self.send_response(404 if text is None else 200)
        self.end_headers()
        self.wfile.write((text or 'nothing').encode())

def stop(number, frame):
    print('ends as asked', flush=True)
    os._exit(0)

signal.signal(signal.SIGTERM, stop)
print('serving on port ' + os.environ['PORT'], flush=True)
http.server.ThreadingHTTPServer(('127.0.0.1', int(os.environ['PORT'])), Handler).serve_forever()
)";

class ProgramRig {
 public:
  ProgramRig() {
    char name[] = "/tmp/barrio-programs-XXXXXX";
    folder = mkdtemp(name);
  }
  ProgramRig(const ProgramRig&) = delete;
  ProgramRig& operator=(const ProgramRig&) = delete;
  ~ProgramRig() {
    std::error_code gone;
    std::filesystem::remove_all(folder, gone);
  }

  /// False, with a message: sandboxes cannot be made here.
  static bool works() {
    const char* const needs = "test -x /usr/bin/bwrap && test -x /usr/bin/python3";
    const char* const tries =
        "setpriv --reuid 2000000001 --regid 2000000001 --clear-groups bwrap --unshare-user --unshare-pid --unshare-net "
        "--ro-bind / / --proc /proc true 2>/dev/null";
    if (geteuid() == 0 && shell(needs) && shell(tries)) return true;
    MESSAGE("SKIPPED: needs root, bubblewrap, python3, and a kernel that lets a user make namespaces");
    return false;
  }
  static bool shell(const std::string& command) { return std::system(command.c_str()) == 0; }

  /// Runs `body` in a fiber and the reactor until it has ended.
  void run(std::function<void()> body) {
    runtime.spawn("test", [&, body = std::move(body)] {
      body();
      reactor.stop();
    });
    reactor.run();
  }

  ProbeServer prober() {
    return [this](const net::SocketAddress& address, net::Request request, Time deadline) {
      return fetch(runtime, client, address, std::move(request), deadline);
    };
  }
  ProgramConfig config(const std::string& incarnation = "first") const {
    return {.folder = folder + "/programs",
            .incarnation = incarnation,
            .site = "mad1",
            .without_cgroup = true,
            .times = {.restart = {.first = 100ms, .longest = 1s, .healthy_after = 60s},
                      .look_every = 50ms,
                      .ready_period = 20ms,
                      .retire = {.shortest = 50ms, .longest = 200ms}},
            .stop_grace = 1s};
  }

  /// Of this content, which is written to a file as the agent would.
  ports::WorkloadSpec spec(const std::string& id, int64_t generation, const std::string& content = trying_program) {
    ProgramSpec program;
    program.sha256 = sha256_hex(content);
    const std::string path = folder + "/" + program.sha256;
    if (!std::filesystem::exists(path)) std::ofstream(path, std::ios::binary) << content;
    program.ready = HealthCheck{.path = "/ready", .every = 200ms, .timeout = 1s, .failures = 2};
    program.environment["VERSION"] = std::to_string(generation);
    program.processes = 40;
    program.scratch = mib(1);
    ReplicaOrder order;
    order.id = ReplicaId::of(id);
    order.app = {TenantId::of("acme"), AppName::of("hello")};
    order.generation = generation;
    order.model.backend = Backend::none;
    order.resources = {.power = Watts(5), .memory = mib(64), .cores = 0.5, .accelerator = "", .accelerators = 0};
    order.program = std::move(program);
    return {std::move(order), path};
  }

  std::string ask(const std::string& endpoint, const std::string& target) {
    const auto address = net::SocketAddress::parse(endpoint);
    REQUIRE(address);
    const auto answer = fetch(runtime, client, *address, {.target = target}, runtime.now() + 10s);
    return answer ? answer->body : "no answer: " + answer.error().text();
  }

  std::string folder;
  net::Reactor reactor;
  ReactorRuntime runtime{reactor};
  net::Client client{reactor, {}};
};

}  // namespace barrio::adapters
