#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "base/json.h"
#include "net/proxy_protocol.h"
#include "net/reactor.h"
#include "net/server.h"

namespace barrio::net::server_test {
namespace {

SocketAddress any_port() {
  return *SocketAddress::parse("127.0.0.1:0");
}

/// Notes what it is told; what it does in on_head, on_body and on_end can be set.
struct Recorder final : ExchangeHandler {
  using Act = std::function<void(Exchange&)>;
  Act head = [](Exchange&) {};
  Act body = [](Exchange&) {};
  Act end = [](Exchange& exchange) { exchange.reply(200, {}, "ok"); };
  std::string received;
  std::string device;
  std::vector<bool> closed;  // aborted?
  int writable = 0;

  void on_head(Exchange& exchange) override {
    device = exchange.device_ip();
    head(exchange);
  }
  void on_body(Exchange& exchange, std::string_view piece) override {
    received += piece;
    body(exchange);
  }
  void on_end(Exchange& exchange) override { end(exchange); }
  void on_writable(Exchange&) override { ++writable; }
  void on_closed(Exchange&, bool aborted) override { closed.push_back(aborted); }
};

/// A client that sends any bytes; blocking descriptors, but only read when the loop has had its turns.
struct RawClient {
  explicit RawClient(const SocketAddress& address) : fd(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    REQUIRE(::connect(fd, address.native(), address.native_length()) == 0);
  }
  ~RawClient() { ::close(fd); }
  void send(std::string_view bytes) const {
    REQUIRE(::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
  }
  /// Takes what has come; true at the end of the stream.
  bool poll() {
    char buffer[65536];
    while (true) {
      const ssize_t got = ::recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);
      if (got > 0)
        text.append(buffer, static_cast<size_t>(got));
      else
        return got == 0 || errno == ECONNRESET;
    }
  }
  bool has(std::string_view part) {
    poll();
    return text.find(part) != std::string::npos;
  }
  int count(std::string_view part) {
    poll();
    int found = 0;
    for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
    return found;
  }
  int fd;
  std::string text;
};

struct World {
  explicit World(ServerLimits limits = {}) : server(reactor, std::move(limits), recorder) {
    address = *server.listen(any_port());
  }
  void until(const std::function<bool()>& done) {
    const Time limit = reactor.fresh_now() + 5s;
    while (!done() && reactor.now() < limit) reactor.turn(10ms);
    REQUIRE(done());
  }
  Reactor reactor;
  Recorder recorder;
  Server server;
  SocketAddress address;
};

const std::string get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const std::string post5 = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n";

TEST_CASE("pipelined requests are answered one by one and in order") {
  World world;
  int served = 0;
  world.recorder.end = [&](Exchange& exchange) { exchange.reply(200, {}, "answer" + std::to_string(++served)); };
  RawClient client(world.address);
  client.send(get + post5 + "hello" + get);
  world.until([&] { return client.has("answer3"); });
  CHECK(client.text.find("answer1") < client.text.find("answer2"));
  CHECK(world.recorder.received == "hello");
  CHECK(world.recorder.closed == std::vector<bool>{false, false, false});
}

TEST_CASE("a pipelined request waits for an answer that comes later") {
  World world;
  std::vector<Exchange*> open;
  world.recorder.end = [&](Exchange& exchange) { open.push_back(&exchange); };
  RawClient client(world.address);
  client.send(get + get);
  world.until([&] { return open.size() == 1; });
  for (int i = 0; i < 5; ++i) world.reactor.turn(0ns);
  CHECK(open.size() == 1);
  open[0]->reply(200, {}, "one");
  world.until([&] { return open.size() == 2; });
  open[1]->reply(200, {}, "two");
  world.until([&] { return client.has("two"); });
}

TEST_CASE("a client that has shut down its sending side still gets its answer") {
  World world;
  Exchange* open = nullptr;
  world.recorder.end = [&](Exchange& exchange) { open = &exchange; };
  RawClient client(world.address);
  client.send(get);
  ::shutdown(client.fd, SHUT_WR);
  world.until([&] { return open != nullptr; });
  for (int i = 0; i < 5; ++i) world.reactor.turn(0ns);
  open->reply(200, {}, "late");
  world.until([&] { return client.has("late"); });
  world.until([&] { return client.poll(); });
  CHECK(world.recorder.closed == std::vector<bool>{false});
}

TEST_CASE("a refusal before the body is read reaches the client, and the connection ends") {
  World world;
  world.recorder.head = [](Exchange& exchange) { exchange.reply(421, {}, "not here"); };
  RawClient client(world.address);
  client.send(post5 + "he");
  world.until([&] { return client.poll(); });
  CHECK(client.has("421 Misdirected Request"));
  CHECK(client.has("Connection: close"));
  CHECK(world.recorder.received.empty());
}

TEST_CASE("handlers may abort in any callback") {
  for (const int where : {0, 1, 2}) {
    World world;
    auto abort = [](Exchange& exchange) {
      exchange.abort();
      exchange.reply(200, {}, "too late");
    };
    (where == 0 ? world.recorder.head : where == 1 ? world.recorder.body : world.recorder.end) = abort;
    RawClient client(world.address);
    client.send(post5 + "hello");
    world.until([&] { return client.poll() && world.server.connections() == 0; });
    CHECK(client.text.empty());
    CHECK(world.recorder.closed == std::vector<bool>{true});
  }
}

TEST_CASE("a client that disappears in the middle of its body is reported as aborted") {
  World world;
  {
    RawClient client(world.address);
    client.send(post5 + "he");
    world.until([&] { return world.recorder.received == "he"; });
  }
  world.until([&] { return world.recorder.closed == std::vector<bool>{true}; });
  world.until([&] { return world.server.connections() == 0; });
}

TEST_CASE("a connection that breaks while put-off work is done is freed once") {
  World world;
  std::unique_ptr<RawClient> client = std::make_unique<RawClient>(world.address);
  world.recorder.end = [&](Exchange& exchange) {
    const linger now{1, 0};
    ::setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    client.reset();
    exchange.begin(200, {}, 5);  // its head is sent from the work list, to nobody
  };
  client->send(get);
  world.until([&] { return world.recorder.closed == std::vector<bool>{true}; });
  world.until([&] { return world.server.connections() == 0; });
  for (int i = 0; i < 3; ++i) world.reactor.turn(0ns);
}

TEST_CASE("bodies over the limit are refused, known or not") {
  World world({.body_bytes = 4});
  RawClient known(world.address);
  known.send(post5);
  world.until([&] { return known.has("413 ") && known.poll(); });
  CHECK(world.recorder.closed.empty());
  RawClient unknown(world.address);
  unknown.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\nabc\r\n");
  world.until([&] { return unknown.has("413 ") && unknown.poll(); });
  CHECK(world.recorder.closed == std::vector<bool>{true});
}

TEST_CASE("slow heads and slow bodies end with 408, idle connections without a word") {
  World world({.head_timeout = 20ms, .body_timeout = 20ms, .idle_timeout = 40ms});
  RawClient head(world.address);
  head.send("GET / HTTP/1.1\r\nHo");
  world.until([&] { return head.has("408 ") && head.poll(); });
  RawClient body(world.address);
  body.send(post5 + "he");
  world.until([&] { return body.has("408 ") && body.poll(); });
  RawClient idle(world.address);
  idle.send(get);
  world.until([&] { return idle.has("ok") && idle.poll(); });
  CHECK(idle.count("HTTP/1.1") == 1);
}

TEST_CASE("bad requests are answered by their status and the connection ends") {
  World world({.head_bytes = 200});
  const std::pair<std::string, std::string> cases[] = {{"GET / HTTP/1.1\r\n\r\n", "400 "},
                                                       {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", "505 "},
                                                       {"GET /" + std::string(300, 'a'), "414 "},
                                                       {proxy_header(any_port(), any_port()) + get, "400 "}};
  for (const auto& [request, status] : cases) {
    RawClient client(world.address);
    client.send(request);
    world.until([&] { return client.has(status) && client.poll(); });
    CHECK(client.has("\r\nContent-Type: application/problem+json\r\n"));
    const auto problem = parse_json(client.text.substr(client.text.find("\r\n\r\n") + 4));
    REQUIRE_MESSAGE(problem, client.text);
    CHECK(status == std::to_string(problem->at("status").as_int64()) + " ");
    CHECK(problem->at("title") == reason_phrase(static_cast<int>(problem->at("status").as_int64())));
    CHECK_FALSE(problem->at("detail").as_string().empty());
  }
}

TEST_CASE("a HEAD request that is refused gets no body with its answer") {
  World world;
  RawClient client(world.address);
  client.send("HEAD / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n");
  world.until([&] { return client.has("400 ") && client.poll(); });
  CHECK(client.text.ends_with("\r\n\r\n"));
}

TEST_CASE("100 Continue is said when the handler reads on, and not before") {
  World world;
  Exchange* open = nullptr;
  world.recorder.head = [&](Exchange& exchange) {
    exchange.pause();
    open = &exchange;
  };
  RawClient client(world.address);
  client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  world.until([&] { return open != nullptr; });
  for (int i = 0; i < 5; ++i) world.reactor.turn(0ns);
  CHECK_FALSE(client.has("HTTP"));
  open->resume();
  world.until([&] { return client.has("HTTP/1.1 100 Continue\r\n\r\n"); });
  client.send("hello");
  world.until([&] { return client.has("ok"); });
}

TEST_CASE("who asks for 100 Continue and has no bytes to send is told so before the answer") {
  World world;
  RawClient client(world.address);
  const std::string asked = "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n";
  client.send(asked);
  world.until([&] { return client.has("ok"); });
  CHECK(client.text.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 "));
  client.text.clear();
  client.send(asked);  // the connection goes on
  world.until([&] { return client.has("ok"); });
  CHECK(client.text.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 "));
}

TEST_CASE("a paused exchange takes no more of its body until it is resumed") {
  World world;
  Exchange* open = nullptr;
  world.recorder.body = [&](Exchange& exchange) {
    open = &exchange;
    exchange.pause();
  };
  RawClient client(world.address);
  const std::string body(200'000, 'b');
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n");
  client.send(body);
  world.until([&] { return open != nullptr; });
  const size_t before = world.recorder.received.size();
  for (int i = 0; i < 5; ++i) world.reactor.turn(0ns);
  CHECK(world.recorder.received.size() == before);
  CHECK(before < body.size());
  world.recorder.body = [](Exchange&) {};
  open->resume();
  world.until([&] { return client.has("ok"); });
  CHECK(world.recorder.received == body);
}

TEST_CASE("write says stop over the limit, and on_writable says go on") {
  World world({.write_buffer_bytes = 1000});
  const std::string piece = "<" + std::string(99'999, 'p');  // quick to find, since it begins like nothing else
  size_t written = 0;
  Exchange* open = nullptr;
  world.recorder.end = [&](Exchange& exchange) {
    open = &exchange;
    exchange.begin(200, {}, std::nullopt);
    do written += piece.size();
    while (exchange.write(piece));
  };
  RawClient client(world.address);
  client.send(get);
  world.until([&] { return written > 0; });
  for (int i = 0; i < 5; ++i) world.reactor.turn(0ns);
  CHECK(world.recorder.writable == 0);
  world.until([&] {
    client.poll();
    return world.recorder.writable == 1;
  });
  open->end();
  world.until([&] { return client.has("0\r\n\r\n"); });
  CHECK(client.count(piece) == static_cast<int>(written / piece.size()));
}

TEST_CASE("a client that does not read is dropped after the write timeout") {
  World world({.write_buffer_bytes = 1000, .write_timeout = 30ms});
  world.recorder.end = [&](Exchange& exchange) { exchange.reply(200, {}, std::string(8'000'000, 'x')); };
  RawClient client(world.address);
  client.send(get);
  world.until([&] { return world.recorder.closed == std::vector<bool>{true}; });
}

TEST_CASE("drain lets an open exchange finish, and closes the rest") {
  World world;
  Exchange* open = nullptr;
  world.recorder.end = [&](Exchange& exchange) { open = &exchange; };
  RawClient idle(world.address);
  RawClient busy(world.address);
  busy.send(get);
  world.until([&] { return open != nullptr && world.server.connections() == 2; });
  world.server.drain();
  world.until([&] { return idle.poll(); });
  CHECK_FALSE(busy.poll());
  open->reply(200, {}, "done");
  world.until([&] { return busy.poll(); });
  CHECK(busy.has("Connection: close"));
  CHECK(busy.has("done"));
}

TEST_CASE("a drain with patience answers a request that crosses it, and says close") {
  World world;
  RawClient used(world.address);
  used.send(get);
  world.until([&] { return used.has("ok"); });
  RawClient fresh(world.address);
  world.until([&] { return world.server.connections() == 2; });
  world.server.drain(20s);
  for (int i = 0; i < 3; ++i) world.reactor.turn(0ns);
  CHECK(world.server.connections() == 2);
  for (RawClient* client : {&used, &fresh}) {
    client->send(get);
    world.until([&] { return client->poll(); });
    CHECK(client->count("Connection: close") == 1);
    CHECK(client->has("ok"));
  }
  world.until([&] { return world.server.connections() == 0; });
}

TEST_CASE("a drain with patience closes who stays silent, and who was told to keep alive may still ask once") {
  World world;
  Exchange* open = nullptr;
  world.recorder.end = [&](Exchange& exchange) {
    if (open != nullptr) return exchange.reply(200, {}, "second");
    open = &exchange;
    exchange.begin(200, {}, 5);
  };
  RawClient silent(world.address);
  RawClient busy(world.address);
  busy.send(get);
  world.until([&] { return busy.has("200 OK"); });
  world.server.drain(30ms);
  open->write("first");
  open->end();
  busy.send(get);
  world.until([&] { return busy.poll(); });
  CHECK(busy.has("first"));
  CHECK(busy.has("second"));
  CHECK(busy.count("Connection: close") == 1);
  world.until([&] { return silent.poll(); });
  CHECK(silent.text.empty());
}

TEST_CASE("a held server leaves connections in the queue, and one that takes the listener over serves them") {
  World world;
  world.server.hold();
  RawClient waiting(world.address);
  waiting.send(get);
  for (int i = 0; i < 5; ++i) world.reactor.turn(0ns);
  CHECK_FALSE(waiting.has("ok"));
  auto inherited = InheritedSockets::of({::dup(world.server.share_listeners().at(0))});
  REQUIRE(inherited);
  CHECK(inherited->text() == world.address.str());
  Recorder recorder;
  recorder.end = [](Exchange& exchange) { exchange.reply(200, {}, "successor"); };
  Server successor(world.reactor, {}, recorder);
  const auto bound = successor.listen(any_port(), nullptr, InClear::refused, &*inherited);
  REQUIRE(bound);
  CHECK(bound->str() == world.address.str());
  CHECK(inherited->empty());
  world.server.drain();
  world.until([&] { return waiting.has("successor"); });
  RawClient later(world.address);
  later.send(get);
  world.until([&] { return later.has("successor"); });
}

TEST_CASE("a listener handed over by the environment is for the process that it names only") {
  World world;
  const int listener = world.server.share_listeners().at(0);
  const auto in_child = [&](const std::string& pid) {
    const pid_t child = ::fork();
    if (child != 0) {
      int status = 0;
      REQUIRE(::waitpid(child, &status, 0) == child);
      return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }
    ::dup2(listener, InheritedSockets::first_descriptor);
    ::setenv("LISTEN_PID", pid.empty() ? std::to_string(::getpid()).c_str() : pid.c_str(), 1);
    ::setenv("LISTEN_FDS", "1", 1);
    auto got = InheritedSockets::from_environment();
    if (!got || ::getenv("LISTEN_FDS") != nullptr) ::_exit(10);
    ::_exit(got->empty() ? 0 : got->take(world.address) == InheritedSockets::first_descriptor ? 1 : 2);
  };
  CHECK(in_child("") == 1);
  CHECK(in_child("1") == 0);
  CHECK_FALSE(InheritedSockets::of({::open("/dev/null", O_RDONLY)}));
}

TEST_CASE("connections over the limit wait until one closes") {
  World world({.connections = 1});
  auto first = std::make_unique<RawClient>(world.address);
  first->send(get);
  world.until([&] { return first->has("ok"); });
  RawClient second(world.address);
  second.send(get);
  for (int i = 0; i < 5; ++i) world.reactor.turn(0ns);
  CHECK_FALSE(second.has("ok"));
  first.reset();
  world.until([&] { return second.has("ok"); });
}

TEST_CASE("a trusted relay says which device it speaks for, byte by byte if it likes") {
  World world({.proxy_peers = {"127.0.0.1"}});
  const std::string bytes =
      proxy_header(*SocketAddress::parse("10.77.0.3:4000"), *SocketAddress::parse("127.0.0.1:1")) + get;
  RawClient client(world.address);
  for (const char& byte : bytes) {
    client.send({&byte, 1});
    world.reactor.turn(0ns);
  }
  world.until([&] { return client.has("ok"); });
  CHECK(world.recorder.device == "10.77.0.3");
  RawClient bare(world.address);
  bare.send(get);
  world.until([&] { return bare.poll(); });
  CHECK(bare.text.empty());
}

TEST_CASE("PROXY headers: IPv6, LOCAL and skipped TLVs are read; what is out of bounds is not") {
  auto read = [](std::string text) {
    ProxyHeaderReader reader;
    const size_t used = reader.feed(text + "GET");
    if (reader.failed()) return std::string("failed");
    if (!reader.complete()) return std::string("incomplete");
    CHECK(used == text.size());
    return reader.source() ? reader.source()->str() : std::string("local");
  };
  const auto v4 = *SocketAddress::parse("10.0.0.1:5");
  const auto v6 = *SocketAddress::parse("[2001:db8::1]:6");
  CHECK(read(proxy_header(v4, v4)) == "10.0.0.1:5");
  CHECK(read(proxy_header(v6, v6)) == "[2001:db8::1]:6");
  CHECK(read(proxy_header(v4, v6)) == "local");
  std::string tlv = proxy_header(v4, v4) + std::string("\x04\x00\x02xx", 5);
  tlv[15] = 17;
  CHECK(read(tlv) == "10.0.0.1:5");
  std::string huge = proxy_header(v4, v4);
  huge[14] = '\xff';
  CHECK(read(huge) == "failed");
  std::string version = proxy_header(v4, v4);
  version[12] = 0x31;
  CHECK(read(version) == "failed");
  std::string small = proxy_header(v6, v6).substr(0, 28);
  small[15] = 12;
  CHECK(read(small) == "failed");
  CHECK(read(proxy_header(v4, v4).substr(0, 20)) == "incomplete");
}

TEST_CASE("a Responder may answer late, never, or after the client has gone") {
  Reactor reactor;
  std::optional<Responder> kept;
  int asked = 0;
  MessageServer server(reactor, {}, [&](Request request, Responder respond) {
    ++asked;
    if (request.target == "/keep") kept = std::move(respond);
  });
  const SocketAddress address = *server.listen(any_port());
  auto until = [&](const std::function<bool()>& done) {
    const Time limit = reactor.fresh_now() + 5s;
    while (!done() && reactor.now() < limit) reactor.turn(10ms);
    REQUIRE(done());
  };
  RawClient dropped(address);
  dropped.send(get);
  until([&] { return dropped.has("500 "); });
  {
    RawClient gone(address);
    gone.send("GET /keep HTTP/1.1\r\nHost: a\r\n\r\n");
    until([&] { return kept.has_value(); });
    linger reset{1, 0};  // closes with a reset, which the server sees at once
    ::setsockopt(gone.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
  }
  until([&] { return kept->client_gone(); });
  (*kept)({.status = 200});
  kept.reset();
  RawClient late(address);
  late.send("GET /keep HTTP/1.1\r\nHost: a\r\n\r\n");
  until([&] { return kept.has_value(); });
  (*kept)({.status = 201});
  until([&] { return late.has("201 Created"); });
}

TEST_CASE("a socket file left by a dead process is replaced, a live one is not") {
  Reactor reactor;
  char folder[] = "/tmp/barrio-net-XXXXXX";
  REQUIRE(::mkdtemp(folder) != nullptr);
  const auto address = *SocketAddress::parse("unix:" + std::string(folder) + "/s");
  const int stale = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(::bind(stale, address.native(), address.native_length()) == 0);
  ::close(stale);
  {
    Recorder recorder;
    Server first(reactor, {}, recorder);
    REQUIRE(first.listen(address));
    Server second(reactor, {}, recorder);
    const auto refused = second.listen(address);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Code::conflict);
  }
  CHECK(::rmdir(folder) == 0);
}

}  // namespace
}  // namespace barrio::net::server_test
