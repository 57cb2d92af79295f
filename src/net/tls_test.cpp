#include "net/tls.h"

#include <doctest/doctest.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <thread>

#include "net/tls_test_files.h"
#include "net/tls_tickets.h"

namespace barrio::net::tls_test {
namespace {

using Outcome = TlsSession::Outcome;

/// Two sessions on the ends of a socket pair.
struct Pair {
  Pair(std::unique_ptr<TlsSession> server_side, std::unique_ptr<TlsSession> client_side)
      : server(std::move(server_side)), client(std::move(client_side)) {
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) == 0);
    server->attach(ends[0]);
    client->attach(ends[1]);
  }
  ~Pair() {
    for (const int end : ends) ::close(end);
  }
  /// True: both sides are content. A client's last word may still be refused in TLS 1.3; this asks for that, too.
  bool shake() {
    Outcome a = Outcome::waits_to_read;
    Outcome b = Outcome::waits_to_read;
    for (int i = 0; i < 20 && a != Outcome::broken && b != Outcome::broken; ++i) {
      if (b != Outcome::done) b = client->shake_hands();
      if (a != Outcome::done) a = server->shake_hands();
      if (a == Outcome::done && b == Outcome::done) break;
    }
    if (a != Outcome::done || b != Outcome::done) return false;
    std::array<char, 16> buffer{};
    CHECK(server->write("hi").outcome == Outcome::done);
    return client->read(buffer).outcome == Outcome::done;  // takes the tickets, too
  }
  std::unique_ptr<TlsSession> server;
  std::unique_ptr<TlsSession> client;
  std::array<int, 2> ends{};
};

Pair connect(TlsServer& server, const TlsClient& client, const std::string& name,
             const std::string& protocol = "http/1.1") {
  return {server.session(), client.session(name, protocol, "there")};
}

std::string certificate_name(const Pair& pair) {
  X509* raw = SSL_get1_peer_certificate(pair.client->native());
  REQUIRE(raw != nullptr);
  return Certificate(std::shared_ptr<X509>(raw, X509_free)).info().subject;
}

TEST_CASE("the certificate is chosen by the name the client asks for: exact, one label of a wildcard, or the first") {
  const TestFiles files;
  const auto server =
      files.server({.certificates = {files.issue("first", {"first.example"}), files.issue("exact", {"a.example"}),
                                     files.issue("wild", {"*.wild.example"})}});
  const auto client = files.client();
  auto chosen = [&](const std::string& name) {
    Pair pair = connect(*server, *client, name);
    return pair.shake() ? certificate_name(pair) : "refused: " + pair.client->failure().value().what;
  };
  CHECK(chosen("first.example") == "CN=first,O=Barrio");
  CHECK(chosen("a.example") == "CN=exact,O=Barrio");
  CHECK(chosen("A.Example") == "CN=exact,O=Barrio");
  CHECK(chosen("b.wild.example") == "CN=wild,O=Barrio");
  CHECK(chosen("127.0.0.1") == "CN=first,O=Barrio");
  CHECK(chosen("two.labels.wild.example").starts_with("refused: the peer's certificate: hostname mismatch"));
  CHECK(chosen("elsewhere.org").starts_with("refused: the peer's certificate: hostname mismatch"));
}

TEST_CASE("RSA certificates are served, and both versions are spoken unless only the newer one is allowed") {
  const TestFiles files;
  const auto client = files.client();
  for (const TlsVersion least : {TlsVersion::v1_2, TlsVersion::v1_3}) {
    const auto server = files.server({.certificates = {files.issue_rsa("a", {"a.example"})}, .least = least});
    Pair pair = connect(*server, *client, "a.example");
    SSL_set_max_proto_version(pair.client->native(), TLS1_2_VERSION);
    CHECK(pair.shake() == (least == TlsVersion::v1_2));
    if (least == TlsVersion::v1_2) CHECK(pair.server->info().version == "TLSv1.2");
    Pair newest = connect(*server, *client, "a.example");
    REQUIRE(newest.shake());
    CHECK(newest.server->info().version == "TLSv1.3");
    CHECK(newest.server->info().name == "a.example");
    CHECK(!newest.server->info().cipher.empty());
    Pair old = connect(*server, *client, "a.example");
    SSL_set_max_proto_version(old.client->native(), TLS1_1_VERSION);
    CHECK(!old.shake());
  }
}

TEST_CASE("ALPN: the server's preference counts, and a client that wants HTTP/2 does without nothing else") {
  const TestFiles files;
  const auto certificate = files.issue("a", {"a.example"});
  const auto both = files.server({.certificates = {certificate}});
  const auto old = files.server({.certificates = {certificate}, .protocols = {"http/1.1"}});
  const auto none = files.server({.certificates = {certificate}, .protocols = {}});
  const auto client = files.client();
  Pair h2 = connect(*both, *client, "a.example", "h2");
  REQUIRE(h2.shake());
  CHECK(h2.server->info().protocol == "h2");
  Pair h1 = connect(*both, *client, "a.example");
  REQUIRE(h1.shake());
  CHECK(h1.client->info().protocol == "http/1.1");
  Pair choice = connect(*both, *client, "a.example");
  SSL_set_alpn_protos(choice.client->native(), reinterpret_cast<const unsigned char*>("\x08http/1.1\x02h2"), 12);
  REQUIRE(choice.shake());
  CHECK(choice.server->info().protocol == "h2");
  Pair refused = connect(*old, *client, "a.example", "h2");
  CHECK(!refused.shake());
  Pair silent = connect(*none, *client, "a.example", "h2");
  CHECK(!silent.shake());
  CHECK(silent.client->failure().value().what == "the server does not speak h2 (ALPN)");
  Pair plain = connect(*none, *client, "a.example");
  REQUIRE(plain.shake());
  CHECK(plain.server->info().protocol.empty());
}

struct Clock {
  std::shared_ptr<WallTime> now = std::make_shared<WallTime>(test_wall());
  std::function<WallTime()> function() const {
    return [at = now] { return *at; };
  }
};

TEST_CASE("tickets: servers with one secret resume each other's sessions, across one rotation and not two") {
  const TestFiles files;
  const Clock clock;
  *clock.now = WallTime(1h * (clock.now->time_since_epoch() / 1h + 1));  // a rotation begins
  const auto certificate = files.issue("a", {"a.example"});
  auto server = [&](std::string secret) {
    return files.server({.certificates = {certificate},
                         .tickets = {.secret = std::move(secret), .rotation = 1h},
                         .wall = clock.function()});
  };
  const auto one = server("shared");
  const auto two = server("shared");
  const auto stranger = server("other");
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    CAPTURE(version);
    const WallTime start = *clock.now;
    auto resumed = [&](TlsServer& at, const TlsClient& client) {
      Pair pair = connect(at, client, "a.example");
      SSL_set_max_proto_version(pair.client->native(), version);
      REQUIRE(pair.shake());
      CAPTURE(version);
      CHECK(pair.client->info().resumed == pair.server->info().resumed);
      return pair.server->info().resumed;
    };
    const auto client = files.client();
    CHECK(!resumed(*one, *client));
    CHECK(resumed(*one, *client));
    CHECK(resumed(*two, *client));
    CHECK(resumed(*one, *client));
    CHECK(!resumed(*stranger, *client));
    const auto patient = files.client();
    CHECK(!resumed(*one, *patient));
    *clock.now = start + 61min;  // by the server's key: OpenSSL's own clock stands still
    CHECK(resumed(*two, *patient));
    const auto late = files.client();
    CHECK(!resumed(*one, *late));
    *clock.now = start + 61min + 120min;
    CHECK(!resumed(*one, *late));
    *clock.now = start + 5h;
  }
}

TEST_CASE("a client keeps as many sessions as it may, the newest ones") {
  const TestFiles files;
  const auto server = files.server({.certificates = {files.issue("a", {"a.example", "b.example"})}});
  const auto client = *TlsClient::load({.ca = files.authority(), .sessions = 1});
  auto resumed = [&](const std::string& name) {
    Pair pair = connect(*server, *client, name);
    REQUIRE(pair.shake());
    return pair.server->info().resumed;
  };
  CHECK(!resumed("a.example"));
  CHECK(resumed("a.example"));
  CHECK(!resumed("b.example"));
  CHECK(!resumed("a.example"));
  CHECK(resumed("a.example"));
}

TEST_CASE("keys of tickets are the same for all who know the secret, and differ by epoch") {
  const TicketKey one = derive_ticket_key("secret", 7);
  CHECK(one.name == derive_ticket_key("secret", 7).name);
  CHECK(one.encrypt == derive_ticket_key("secret", 7).encrypt);
  CHECK(one.encrypt != derive_ticket_key("secret", 8).encrypt);
  CHECK(one.name != derive_ticket_key("other", 7).name);
  CHECK(one.encrypt != one.sign);
  TicketKeys keys({.secret = "secret", .rotation = 1h});
  const WallTime now(7h + 1min);
  CHECK(keys.current(now).name == one.name);
  CHECK(keys.find(one.name.data(), now).has_value());
  CHECK(keys.find(one.name.data(), now + 1h).has_value());
  CHECK(keys.find(one.name.data(), now - 1h).has_value());
  CHECK(!keys.find(one.name.data(), now + 2h).has_value());
  CHECK(!keys.find(one.name.data(), now - 2h).has_value());
  CHECK(!keys.find(derive_ticket_key("other", 7).name.data(), now).has_value());
}

TEST_CASE("mutual TLS: the client's identity is known, and nobody gets in without one") {
  const TestFiles files;
  const TestFiles foreign;
  const auto server = files.server({.certificates = {files.issue("server", {"a.example"})},
                                    .client_certificate = ClientCertificate::required,
                                    .client_ca = files.authority()});
  const auto mine = files.issue("bio1", {"bio1.example"}, {"barrio://site/bio1"});
  const auto theirs = foreign.issue("bio1", {"bio1.example"}, {"barrio://site/bio1"});
  for (const TlsVersion least : {TlsVersion::v1_2, TlsVersion::v1_3}) {
    auto attempt = [&](const TlsFiles& certificate) {
      const auto client = files.client(certificate, least);
      Pair pair = connect(*server, *client, "a.example");
      if (least == TlsVersion::v1_2) SSL_set_max_proto_version(pair.client->native(), TLS1_2_VERSION);
      return pair.shake() ? pair.server->info().peer : "refused: " + pair.server->failure().value().what;
    };
    CHECK(attempt(mine) == "barrio://site/bio1");
    CHECK(attempt({}) == "refused: TLS: peer did not return a certificate");
    CHECK(attempt(theirs).starts_with("refused: the peer's certificate: "));
  }
  const auto client = files.client(mine);
  Pair first = connect(*server, *client, "a.example");
  REQUIRE(first.shake());
  Pair again = connect(*server, *client, "a.example");
  REQUIRE(again.shake());
  CHECK(!again.server->info().resumed);
  CHECK(again.server->info().peer == "barrio://site/bio1");
}

TEST_CASE("a server that only requests certificates takes clients without, but resumes no session of another rule") {
  const TestFiles files;
  const auto certificate = files.issue("server", {"a.example"});
  auto server = [&](ClientCertificate rule) {
    return files.server({.certificates = {certificate},
                         .client_certificate = rule,
                         .client_ca = files.authority(),
                         .tickets = {.secret = "shared"}});
  };
  const auto requests = server(ClientCertificate::requested);
  const auto asks_not = server(ClientCertificate::not_asked);
  const auto requires_it = server(ClientCertificate::required);
  const auto client = files.client();
  Pair pair = connect(*requests, *client, "a.example");
  REQUIRE(pair.shake());
  CHECK(pair.server->info().peer.empty());
  Pair more = connect(*requests, *client, "a.example");
  REQUIRE(more.shake());
  CHECK(more.server->info().resumed);
  Pair elsewhere = connect(*requires_it, *client, "a.example");
  CHECK(!elsewhere.shake());
}

TEST_CASE("files that cannot be used are named, with the reason, and a reload that fails changes nothing") {
  const TestFiles files;
  const TestFiles foreign;
  const TlsFiles good = files.issue("good", {"a.example"});
  const TlsFiles other = files.issue("other", {"b.example"});
  auto refusal = [&](TlsFiles certificate, std::string ca = "") {
    const auto rule = ca.empty() ? ClientCertificate::not_asked : ClientCertificate::required;
    const auto made = TlsServer::load(
        {.certificates = {std::move(certificate)}, .client_certificate = rule, .client_ca = std::move(ca)});
    return made ? "" : made.error().text();
  };
  CHECK(refusal(good).empty());
  CHECK(refusal({good.chain, other.key}) == other.key + ": is not the key of the certificate in " + good.chain);
  CHECK(refusal({files.path("none"), good.key}) == files.path("none") + ": cannot be read");
  CHECK(refusal({good.key, good.key}).starts_with(good.key + ": not PEM"));
  CHECK(refusal({good.chain, good.chain}).starts_with(good.chain + ": not a PEM private key"));
  const TlsFiles old = files.issue("old", {"a.example"}, {}, test_wall() + std::chrono::days(200));
  CHECK(refusal(old).starts_with(old.chain + ": is valid only from 20"));
  CHECK(refusal(good, good.chain) == good.chain + ": CN=good,O=Barrio is not a certificate authority");
  CHECK(refusal(good, files.path("none")) == files.path("none") + ": cannot be read");

  const Clock clock;
  const auto server = files.server({.certificates = {good}, .wall = clock.function()});
  const auto client = files.client();
  Pair before = connect(*server, *client, "a.example");
  REQUIRE(before.shake());
  files.write("good.key", "hello");
  const auto broken = server->reload();
  REQUIRE(!broken);
  CHECK(broken.error().where == good.key);
  CHECK(connect(*server, *client, "a.example").shake());
  files.issue("good", {"c.example"});
  REQUIRE(server->reload());
  CHECK(connect(*server, *client, "c.example").shake());
  CHECK(!connect(*server, *files.client(), "a.example").shake());
  std::array<char, 16> buffer{};
  CHECK(before.client->write("still").outcome == Outcome::done);
  CHECK(before.server->read(buffer).bytes == 5);
  *clock.now += std::chrono::days(100);
  CHECK(server->reload().error().what.starts_with("expired at 20"));
}

TEST_CASE("connections are made on many threads while certificates are reloaded on another") {
  const TestFiles files;
  const auto certificate = files.issue("a", {"a.example"});
  const auto server = files.server({.certificates = {certificate}});
  const auto client = files.client(certificate);
  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 20; ++round) good += connect(*server, *client, "a.example").shake() ? 1 : 0;
    });
  }
  for (int i = 0; i < 20; ++i) {
    CHECK(server->reload());
    CHECK(client->reload());
  }
  for (std::thread& one : threads) one.join();
  CHECK(good == 60);
}

TEST_CASE("an end without close_notify is not an end, and one with it is") {
  const TestFiles files;
  const auto server = files.server({.certificates = {files.issue("a", {"a.example"})}});
  const auto client = files.client();
  std::array<char, 16> buffer{};
  Pair honest = connect(*server, *client, "a.example");
  REQUIRE(honest.shake());
  CHECK(honest.client->say_end() == Outcome::done);
  CHECK(honest.server->read(buffer).outcome == Outcome::ended);
  Pair cut = connect(*server, *client, "a.example");
  REQUIRE(cut.shake());
  ::shutdown(cut.ends[1], SHUT_WR);
  CHECK(cut.server->read(buffer).outcome == Outcome::broken);
}

}  // namespace
}  // namespace barrio::net::tls_test
