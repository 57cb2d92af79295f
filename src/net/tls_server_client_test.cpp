#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/rng.h"
#include "net/client.h"
#include "net/proxy_protocol.h"
#include "net/server.h"
#include "net/tls_test_files.h"

namespace barrio::net::tls_server_client_test {
namespace {

SocketAddress any_port() {
  return *SocketAddress::parse("127.0.0.1:0");
}

/// Answers with what it got, in pieces and only as fast as the client takes them.
struct Echo final : ExchangeHandler {
  struct Held {
    std::string text;
    size_t sent = 0;
    bool ended = false;
  };
  void on_head(Exchange& exchange) override {
    exchange.context = new Held;
    if (exchange.tls() != nullptr) seen = *exchange.tls();
    in_clear += exchange.tls() == nullptr ? 1 : 0;
    device = exchange.device_ip();
    exchange.begin(200, {}, std::nullopt);
  }
  void on_body(Exchange& exchange, std::string_view piece) override {
    Held& held = *static_cast<Held*>(exchange.context);
    held.text += piece;
    pump(exchange, held);
    if (held.text.size() - held.sent > 256 * 1024) exchange.pause();
  }
  void on_end(Exchange& exchange) override {
    static_cast<Held*>(exchange.context)->ended = true;
    pump(exchange, *static_cast<Held*>(exchange.context));
  }
  void on_writable(Exchange& exchange) override {
    pump(exchange, *static_cast<Held*>(exchange.context));
    exchange.resume();
  }
  void on_closed(Exchange& exchange, bool was_aborted) override {
    aborted += was_aborted ? 1 : 0;
    ++closed;
    delete static_cast<Held*>(exchange.context);
  }
  static void pump(Exchange& exchange, Held& held) {
    bool room = true;
    while (room && held.sent < held.text.size()) {
      const size_t size = std::min<size_t>(10'000, held.text.size() - held.sent);
      room = exchange.write(std::string_view(held.text).substr(held.sent, size));
      held.sent += size;
    }
    if (held.ended && held.sent == held.text.size()) exchange.end();
  }
  TlsInfo seen;
  std::string device;
  int in_clear = 0;
  int aborted = 0;
  int closed = 0;
};

struct World {
  explicit World(TlsServerSettings settings = {}, ServerLimits limits = {}, InClear in_clear = InClear::refused)
      : server(reactor, std::move(limits), echo), client(reactor, {}) {
    if (settings.certificates.empty()) settings.certificates = {files.issue("a", {"a.example"})};
    tls = files.server(std::move(settings));
    address = *server.listen(any_port(), tls, in_clear);
  }
  Endpoint endpoint(Protocol protocol, std::string name = "a.example") {
    Endpoint made(address);
    made.protocol = protocol;
    made.tls = trusting;
    made.name = std::move(name);
    return made;
  }
  void until(const std::function<bool()>& done, int turns = 20'000) {
    for (int i = 0; i < turns && !done(); ++i) reactor.turn(10ms);
    REQUIRE(done());
  }
  Result<Response> fetch(const Endpoint& at, std::string body = "") {
    std::optional<Result<Response>> answer;
    client.fetch(at, {.method = "POST", .body = std::move(body)}, reactor.fresh_now() + 20s,
                 [&](Result<Response> result) { answer = std::move(result); });
    until([&] { return answer.has_value(); });
    return std::move(*answer);
  }
  TestFiles files;
  Reactor reactor;
  Echo echo;
  std::shared_ptr<TlsServer> tls;
  std::shared_ptr<TlsClient> trusting = files.client();
  Server server;
  Client client;
  SocketAddress address;
};

std::string text_of(size_t size) {
  std::string text(size, '\0');
  for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + (i * 7 + i / 1000) % 26);
  return text;
}

constexpr auto both_protocols = {Protocol::http1, Protocol::http2};

TEST_CASE("messages of every size travel over TLS, with HTTP/1.1 and HTTP/2, and the server knows what was agreed") {
  World world;
  for (const Protocol protocol : both_protocols) {
    for (const size_t size : {0, 1, 16'383, 16'384, 16'385, 100'000, 5'000'000}) {
      const std::string body = text_of(size);
      const auto answer = world.fetch(world.endpoint(protocol), body);
      INFO(size, " ", answer ? "" : answer.error().text());
      REQUIRE(answer);
      CHECK(answer->body == body);
      CHECK(world.echo.seen.version == "TLSv1.3");
      CHECK(world.echo.seen.name == "a.example");
      CHECK(world.echo.seen.protocol == (protocol == Protocol::http2 ? "h2" : "http/1.1"));
    }
  }
  CHECK(world.echo.in_clear == 0);
  CHECK(world.server.connections() == 2);  // one for each protocol: they were used again
  CHECK(world.tls->counters().shaken == 2);
  CHECK(world.tls->counters().failed == 0);
  CHECK(world.server.handshakes() == 0);
}

TEST_CASE("a slow reader of a large answer gets all of it, and a slow server all of a large request") {
  World world;
  for (const Protocol protocol : both_protocols) {
    struct Slow final : CallHandler {
      void on_head(const ResponseHead&) override {}
      void on_body(std::string_view piece) override {
        text += piece;
        call->pause();
        waits = true;
      }
      void on_done() override { done = true; }
      void on_error(CallError error) override { FAIL(error.error.text()); }
      void on_writable() override { feed(); }
      void feed() {
        bool room = true;
        while (room && sent < body.size()) {
          const size_t size = std::min<size_t>(50'000, body.size() - sent);
          room = call->write(std::string_view(body).substr(sent, size));
          sent += size;
        }
        if (sent == body.size() && !ended) {
          ended = true;
          call->end();
        }
      }
      Call* call = nullptr;
      std::string body = text_of(3'000'000);
      size_t sent = 0;
      std::string text;
      bool ended = false;
      bool waits = false;
      bool done = false;
    } slow;
    slow.call = &world.client.start(
        world.endpoint(protocol),
        {.method = "POST", .length = std::nullopt, .deadline = world.reactor.fresh_now() + 60s}, slow);
    slow.feed();
    world.until([&] {
      if (std::exchange(slow.waits, false)) slow.call->resume();
      return slow.done;
    });
    CHECK(slow.text == slow.body);
  }
}

TEST_CASE("a server that is not who it should be is refused before anything is sent") {
  World world;
  const TestFiles foreign;
  for (const Protocol protocol : both_protocols) {
    struct Failing final : CallHandler {
      void on_head(const ResponseHead&) override {}
      void on_body(std::string_view) override {}
      void on_done() override { FAIL("answered"); }
      void on_error(CallError error) override { failure = std::move(error); }
      void on_writable() override {}
      std::optional<CallError> failure;
    };
    auto attempt = [&](const Endpoint& endpoint) {
      Failing handler;
      world.client.start(endpoint, {.deadline = world.reactor.fresh_now() + 20s}, handler);
      world.until([&] { return handler.failure.has_value(); });
      return std::move(*handler.failure);
    };
    const CallError name = attempt(world.endpoint(protocol, "b.example"));
    CHECK(name.error.code == Code::denied);
    CHECK(name.error.text() == world.address.str() + ": the peer's certificate: hostname mismatch");
    CHECK(!name.sent);
    Endpoint distrusting = world.endpoint(protocol);
    distrusting.tls = foreign.client();
    const CallError trust = attempt(distrusting);
    CHECK(trust.error.code == Code::denied);
    CHECK(!trust.sent);
    CHECK(world.fetch(world.endpoint(protocol, "")));  // the certificate is also for 127.0.0.1
  }
  CHECK(world.tls->counters().failed == 4);
}

TEST_CASE("a client without a certificate is refused where one is required, and one with it has an identity") {
  const TestFiles files;
  World world({.certificates = {files.issue("server", {"a.example"})},
               .client_certificate = ClientCertificate::required,
               .client_ca = files.authority()});
  for (const Protocol protocol : both_protocols) {
    Endpoint nobody = world.endpoint(protocol);
    nobody.tls = files.client();
    CHECK(!world.fetch(nobody));
    Endpoint site = world.endpoint(protocol);
    site.tls = files.client(files.issue("bio1", {"bio1.example"}, {"barrio://site/bio1"}));
    REQUIRE(world.fetch(site));
    CHECK(world.echo.seen.peer == "barrio://site/bio1");
    std::ifstream key(files.path("bio1.key"));
    const std::string pem(std::istreambuf_iterator<char>(key), {});
    CHECK(world.echo.seen.peer_key == PrivateKey::from_pem(pem)->fingerprint());
  }
}

TEST_CASE("a client that has read its certificate again shows the new one with its next call") {
  const TestFiles files;
  World world({.certificates = {files.issue("server", {"a.example"})},
               .client_certificate = ClientCertificate::required,
               .client_ca = files.authority()});
  Endpoint site = world.endpoint(Protocol::http1);
  site.tls = files.client(files.issue("bio1", {"bio1.example"}, {"barrio://site/bio1"}));
  REQUIRE(world.fetch(site));
  const std::string before = world.echo.seen.peer_key;
  REQUIRE(world.fetch(site));
  CHECK(world.server.connections() == 1);
  files.issue("bio1", {"bio1.example"}, {"barrio://site/bio1"});
  REQUIRE(world.fetch(site));
  CHECK(world.echo.seen.peer_key == before);
  REQUIRE(site.tls->reload());
  REQUIRE(world.fetch(site));
  CHECK(world.echo.seen.peer_key != before);
  world.until([&] { return world.server.connections() == 1; });
}

TEST_CASE("a server whose key is refused gets no call, on a connection that was open before as on a new one") {
  const TestFiles files;
  World world({.certificates = {files.issue("server", {"a.example"}, {"barrio://site/bio1"})}});
  std::ifstream file(files.path("server.key"));
  const std::string pem(std::istreambuf_iterator<char>(file), {});
  const std::string key = PrivateKey::from_pem(pem)->fingerprint();
  for (const Protocol protocol : both_protocols) {
    CAPTURE(protocol == Protocol::http2);
    Endpoint site = world.endpoint(protocol);
    site.tls = files.client();
    REQUIRE(world.fetch(site));
    REQUIRE(world.fetch(site));
    CHECK(world.server.connections() == 1);
    site.tls->refuse_keys({"another"});
    REQUIRE(world.fetch(site));
    site.tls->refuse_keys({"another", key});
    for (int i = 0; i < 2; ++i) {
      const auto refused = world.fetch(site);
      REQUIRE(!refused);
      CHECK(refused.error().code == Code::denied);
      CHECK(refused.error().what == "the peer's certificate: its key was revoked");
    }
    world.until([&] { return world.server.connections() == 0; });
    site.tls->refuse_keys({});
    REQUIRE(world.fetch(site));
    site.tls->refuse_keys({key});
    CHECK(!world.fetch(site));
    world.until([&] { return world.server.connections() == 0; });
  }
}

TEST_CASE("a reload leaves open connections alone, and new ones get the new certificate") {
  World world;
  for (const Protocol protocol : both_protocols) REQUIRE(world.fetch(world.endpoint(protocol)));
  world.files.issue("a", {"b.example"});
  REQUIRE(world.tls->reload());
  for (const Protocol protocol : both_protocols) CHECK(world.fetch(world.endpoint(protocol)));
  CHECK(world.server.connections() == 2);
  CHECK(world.fetch(world.endpoint(Protocol::http1, "b.example")));
}

/// What a client of other making does: bytes as they are.
struct Raw {
  explicit Raw(const SocketAddress& address, const SocketAddress* source = nullptr)
      : fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (source != nullptr) REQUIRE(::bind(fd, source->native(), source->native_length()) == 0);
    REQUIRE(::connect(fd, address.native(), address.native_length()) == 0);
  }
  ~Raw() { ::close(fd); }
  Raw(Raw&& other) noexcept : fd(std::exchange(other.fd, -1)) {}
  void send(std::string_view text) const {
    REQUIRE(::send(fd, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()));
  }
  bool closed() const {
    char byte = 0;
    const ssize_t got = ::recv(fd, &byte, 1, MSG_DONTWAIT);
    return got == 0 || (got < 0 && errno == ECONNRESET);
  }
  int fd;
};

TEST_CASE("who does not shake hands in time is closed") {
  World world({}, {.handshake_timeout = 20ms});
  const Raw silent(world.address);
  const Raw half(world.address);
  half.send("\x16\x03\x01\x02");
  const Raw clear(world.address);
  clear.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  world.until([&] { return silent.closed() && half.closed() && clear.closed(); });
  world.until([&] { return world.server.connections() == 0; });
  CHECK(world.tls->counters().failed == 3);
  CHECK(world.server.handshakes() == 0);
}

TEST_CASE("over the limit of handshakes nobody is accepted, and then again") {
  World world({}, {.handshake_timeout = 60s, .handshakes = 3});
  std::vector<Raw> storm;
  for (int i = 0; i < 5; ++i) storm.emplace_back(world.address);
  world.until([&] { return world.server.connections() == 3; });
  for (int i = 0; i < 10; ++i) world.reactor.turn(1ms);
  CHECK(world.server.connections() == 3);
  CHECK(world.server.handshakes() == 3);
  // Another listener goes on.
  const auto calm = world.server.listen(any_port(), world.tls);
  REQUIRE(calm);
  Endpoint there(*calm);
  there.tls = world.endpoint(Protocol::http1).tls;
  there.name = "a.example";
  REQUIRE(world.fetch(there));
  storm.clear();
  REQUIRE(world.fetch(world.endpoint(Protocol::http1)));
  world.until([&] { return world.server.connections() == 2; });
  CHECK(world.server.handshakes() == 0);
}

TEST_CASE("a PROXY header comes in clear before the handshake") {
  World world({}, {.proxy_peers = {"127.0.0.1"}});
  const auto source = *SocketAddress::parse("10.1.2.3:4000");
  const auto target = *SocketAddress::parse("10.0.0.1:443");
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(::connect(fd, world.address.native(), world.address.native_length()) == 0);
  const std::string header = proxy_header(source, target);
  auto session = world.trusting->session("a.example", "http/1.1", "there");
  session->attach(fd);
  // The header in pieces, and right behind its last one, before the server reads on, the client's first words.
  for (const char byte : header.substr(0, 20)) {
    REQUIRE(::send(fd, &byte, 1, 0) == 1);
    world.reactor.turn(1ms);
  }
  REQUIRE(::send(fd, header.data() + 20, header.size() - 20, 0) > 0);
  timeval soon{.tv_sec = 0, .tv_usec = 1000};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
  world.until([&] { return session->shake_hands() == TlsSession::Outcome::done; });
  session->write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  world.until([&] { return world.echo.closed == 1; });
  CHECK(world.echo.device == "10.1.2.3");
  CHECK(world.echo.seen.name == "a.example");
  ::close(fd);
}

TEST_CASE("a listener that takes both tells TLS and clear apart by their first byte") {
  World world({}, {}, InClear::accepted);
  REQUIRE(world.fetch(world.endpoint(Protocol::http1), "secret"));
  CHECK(world.echo.in_clear == 0);
  REQUIRE(world.fetch(Endpoint(world.address), "open"));
  CHECK(world.echo.in_clear == 1);
  Endpoint clear_h2(world.address);
  clear_h2.protocol = Protocol::http2;
  REQUIRE(world.fetch(clear_h2, "open"));
  CHECK(world.echo.in_clear == 2);
  CHECK(world.server.handshakes() == 0);
  CHECK(world.tls->counters().shaken == 1);
}

TEST_CASE("what ALPN agreed on is what has to be spoken") {
  World world;
  for (const auto& [protocol, text] : {std::pair{"h2", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
                                       std::pair{"http/1.1", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"}}) {
    const Raw raw(world.address);
    timeval soon{.tv_sec = 0, .tv_usec = 1000};
    ::setsockopt(raw.fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
    auto session = world.trusting->session("a.example", protocol, "there");
    session->attach(raw.fd);
    world.until([&] { return session->shake_hands() == TlsSession::Outcome::done; });
    session->write(text);
    std::array<char, 16> buffer{};
    world.until([&] { return session->read(buffer).outcome == TlsSession::Outcome::broken; });
  }
  CHECK(world.echo.closed == 0);
}

TEST_CASE("an answer that ends with its connection is whole only if the server says so") {
  const TestFiles files;
  const auto tls = files.server({.certificates = {files.issue("a", {"a.example"})}});
  for (const bool honest : {true, false}) {
    Reactor reactor;
    Client client(reactor, {});
    const int listening = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_storage storage{};
    socklen_t length = sizeof storage;
    const auto any = any_port();
    REQUIRE(::bind(listening, any.native(), any.native_length()) == 0);
    REQUIRE(::listen(listening, 1) == 0);
    REQUIRE(::getsockname(listening, reinterpret_cast<sockaddr*>(&storage), &length) == 0);
    Endpoint endpoint(SocketAddress::from_native(storage, length));
    endpoint.tls = files.client();
    endpoint.name = "a.example";
    std::optional<Result<Response>> answer;
    client.fetch(endpoint, {}, reactor.fresh_now() + 20s, [&](Result<Response> got) { answer = std::move(got); });
    const int fd = ::accept4(listening, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    auto session = tls->session();
    session->attach(fd);
    std::array<char, 4096> buffer{};
    for (int i = 0; i < 1000 && session->shake_hands() != TlsSession::Outcome::done; ++i) reactor.turn(1ms);
    for (int i = 0; i < 1000 && session->read(buffer).bytes == 0; ++i) reactor.turn(1ms);
    session->write("HTTP/1.1 200 OK\r\n\r\nhalf of");
    if (honest) session->say_end();
    ::close(fd);
    for (int i = 0; i < 1000 && !answer; ++i) reactor.turn(1ms);
    ::close(listening);
    REQUIRE(answer);
    CHECK(answer->has_value() == honest);
    if (honest) CHECK((*answer)->body == "half of");
  }
}

TEST_CASE("a second connection resumes the session of the first") {
  World world;
  REQUIRE(world.fetch(world.endpoint(Protocol::http1)));
  Client fresh(world.reactor, {});
  std::optional<Result<Response>> answer;
  fresh.fetch(world.endpoint(Protocol::http1), {}, world.reactor.fresh_now() + 20s,
              [&](Result<Response> result) { answer = std::move(result); });
  world.until([&] { return answer.has_value(); });
  REQUIRE(*answer);
  CHECK(world.tls->counters().resumed == 1);
}

TEST_CASE("clients that go away at any point leave nothing behind") {
  for (const uint64_t seed : {1, 2, 3, 4}) {
    World world;
    Rng rng(seed);
    auto client = std::make_unique<Client>(world.reactor, ClientLimits{});
    int finished = 0;
    for (int round = 0; round < 60; ++round) {
      const Protocol protocol = rng.below(2) == 0 ? Protocol::http1 : Protocol::http2;
      const Time deadline = world.reactor.fresh_now() + Duration(1ms) * static_cast<int>(1 + rng.below(20));
      client->fetch(world.endpoint(protocol), {.method = "POST", .body = text_of(rng.below(400'000))}, deadline,
                    [&](Result<Response>) { ++finished; });
      const uint64_t turns = rng.below(12);
      for (uint64_t i = 0; i < turns; ++i) world.reactor.turn(1ms);
      if (rng.below(6) == 0) client = std::make_unique<Client>(world.reactor, ClientLimits{});
    }
    client.reset();
    world.until([&] { return world.server.connections() == 0; });
    CHECK(world.server.handshakes() == 0);
    REQUIRE(world.fetch(world.endpoint(Protocol::http2), text_of(100'000)));
  }
}

}  // namespace
}  // namespace barrio::net::tls_server_client_test
