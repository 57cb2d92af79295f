#include <doctest/doctest.h>

#include "net/http2_test.h"

namespace barrio::net::server_http2_test {
namespace {

using namespace test;

constexpr uint8_t with_priority = 0x20;

TEST_CASE("a connection that begins with the preface speaks HTTP/2, however its bytes are split") {
  World world;
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(::connect(fd, world.address.native(), world.address.native_length()) == 0);
  FramePeer client(fd);
  const std::string hello = std::string(FramePeer::preface) + FramePeer::frame_text(NGHTTP2_SETTINGS, 0, 0, "");
  for (const char& byte : hello) {
    client.raw({&byte, 1});
    world.reactor.turn(0ns);
  }
  client.headers(1, FramePeer::get("/x?y=z"));
  world.until([&] { return client.ended(1); });
  CHECK(client.status(1) == "200");
  CHECK(client.body(1) == "ok");
  CHECK(client.field(1, "content-length") == "2");
  CHECK(!client.field(1, "date").empty());
  CHECK(world.recorder.seen[0].path == "/x");
  CHECK(find_header(world.recorder.seen[0].headers, "host") == "a");
  CHECK_FALSE(find_header(world.recorder.seen[0].headers, ":scheme"));
}

TEST_CASE("what only begins like the preface is HTTP/1.1") {
  World world;
  for (const std::string& request : {std::string("PRI * HTTP/2.0\r\n\r\nXX"), std::string("PRX / HTTP/1.1\r\n\r\n")}) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(::connect(fd, world.address.native(), world.address.native_length()) == 0);
    REQUIRE(::send(fd, request.data(), request.size(), MSG_NOSIGNAL) > 0);
    char buffer[512] = {};
    world.until([&] { return ::recv(fd, buffer, sizeof(buffer) - 1, MSG_DONTWAIT | MSG_PEEK) > 0; });
    CHECK(std::string_view(buffer).starts_with(request[2] == 'I' ? "HTTP/1.1 505 " : "HTTP/1.1 400 "));
    ::close(fd);
  }
}

TEST_CASE("streams are answered in whatever order their answers come") {
  World world;
  world.recorder.end = [](Exchange&) {};
  auto client = world.client();
  for (const int32_t id : {1, 3, 5}) client->headers(id, FramePeer::get("/" + std::to_string(id)));
  world.until([&] { return world.recorder.seen.size() == 3; });
  for (const size_t i : {2, 0, 1}) {
    world.recorder.seen[i].exchange->reply(200, {}, "answer to " + world.recorder.seen[i].path);
    world.until([&] { return client->ended(static_cast<int32_t>(2 * i + 1)); });
  }
  CHECK(client->body(5) == "answer to /5");
  CHECK(client->body(3) == "answer to /3");
  CHECK(world.recorder.all_closed(3));
}

TEST_CASE("a body and its trailers arrive, an answer and its trailers leave") {
  World world;
  world.recorder.end = [](Exchange& exchange) {
    const Header trailers[] = {{"Grpc-Status", "0"}, {"Content-Length", "7"}, {"X", "bad\nvalue"}};
    exchange.begin(200, {}, std::nullopt);
    exchange.write("answer");
    exchange.end(trailers);
  };
  auto client = world.client();
  client->headers(1, FramePeer::post("/", {{"te", "trailers"}, {"cookie", "a=1"}, {"cookie", "b=2"}}), false);
  client->data(1, "some ");
  client->data(1, "body");
  client->headers(1, {{"checksum", "1234"}, {"authorization", "no"}});
  world.until([&] { return client->ended(1); });
  const Seen& seen = world.recorder.seen[0];
  CHECK(seen.body == "some body");
  CHECK(seen.trailers == OwnedHeaders{{"checksum", "1234"}});
  CHECK(find_header(seen.headers, "cookie") == "a=1; b=2");
  CHECK(client->body(1) == "answer");
  CHECK(client->field(1, "grpc-status") == "0");
  CHECK(client->field(1, "content-length").empty());
  CHECK(client->field(1, "x").empty());
  CHECK(!client->frames.empty());
  CHECK(client->frames.back().type == NGHTTP2_HEADERS);
}

TEST_CASE("a paused stream takes no more than its window, and the others go on") {
  World world({.http2 = {.stream_window = 100'000, .connection_window = 1'000'000}});
  world.recorder.body = [](Exchange& exchange) {
    if (exchange.request().path == "/slow") exchange.pause();
  };
  auto client = world.client();
  client->headers(1, FramePeer::post("/slow"), false);
  const std::string piece(10'000, 'p');
  for (int i = 0; i < 6; ++i) client->data(1, piece);
  world.until([&] { return !world.recorder.seen.empty() && !world.recorder.seen[0].body.empty(); });
  some_turns(world.reactor);
  CHECK(world.recorder.seen[0].body.size() < 60'000);
  CHECK(client->find(NGHTTP2_WINDOW_UPDATE, 1) == nullptr);
  client->headers(3, FramePeer::post("/quick"), false);
  for (int i = 0; i < 6; ++i) client->data(3, piece, i == 5);
  world.until([&] { return client->ended(3); });
  world.recorder.body = [](Exchange&) {};
  world.recorder.seen[0].exchange->resume();
  world.until([&] { return client->find(NGHTTP2_WINDOW_UPDATE, 1) != nullptr; });
  client->data(1, piece, true);
  world.until([&] { return client->ended(1); });
  CHECK(world.recorder.seen[0].body.size() == 70'000);
}

TEST_CASE("write says stop when the client gives no window, and on_writable says go on") {
  World world({.write_buffer_bytes = 50'000});
  const std::string piece(30'000, 'p');
  size_t written = 0;
  world.recorder.end = [&](Exchange& exchange) {
    exchange.begin(200, {}, std::nullopt);
    do written += piece.size();
    while (exchange.write(piece));
  };
  auto client = world.client();
  client->headers(1, FramePeer::get());
  world.until([&] { return client->body(1).size() == 60'000 && world.recorder.seen[0].writable == 1; });
  CHECK(written == 60'000);
  CHECK_FALSE(world.recorder.seen[0].exchange->write(std::string(100'000, 'q')));
  world.until([&] { return client->body(1).size() == 65'535; });
  some_turns(world.reactor);
  CHECK(world.recorder.seen[0].writable == 1);
  client->window_update(1, 1'000'000);
  client->window_update(0, 1'000'000);
  world.until([&] { return world.recorder.seen[0].writable == 2; });
  world.recorder.seen[0].exchange->end();
  world.until([&] { return client->ended(1); });
  CHECK(client->body(1).size() == 160'000);
  CHECK_FALSE(world.recorder.seen[0].aborted);
}

TEST_CASE("handlers may abort or answer in any callback, and on_closed is the last word") {
  for (const bool abort : {true, false}) {
    for (const int where : {0, 1, 2}) {
      World world;
      auto act = [abort](Exchange& exchange) {
        if (abort) exchange.abort();
        exchange.reply(201, {}, "early");
        exchange.reply(200, {}, "too late");
        exchange.abort();
      };
      (where == 0 ? world.recorder.head : where == 1 ? world.recorder.body : world.recorder.end) = act;
      auto client = world.client();
      client->headers(1, FramePeer::post(), false);
      client->data(1, "he");
      if (where == 2) client->data(1, "llo", true);
      world.until([&] { return world.recorder.all_closed(1); });
      CHECK(world.recorder.seen[0].aborted);
      world.until([&] { return client->reset_code(1).has_value(); });
      CHECK(*client->reset_code(1) == NGHTTP2_INTERNAL_ERROR);
      client->headers(3, FramePeer::get());  // the connection lives
      world.recorder.head = world.recorder.body = [](Exchange&) {};
      world.recorder.end = [](Exchange& exchange) { exchange.reply(200, {}, "ok"); };
      world.until([&] { return client->ended(3); });
    }
  }
}

TEST_CASE("an answer before the end of the request reaches the client, and the rest is not wanted") {
  World world;
  world.recorder.head = [](Exchange& exchange) { exchange.reply(421, {}, "not here"); };
  auto client = world.client();
  client->headers(1, FramePeer::post(), false);
  client->data(1, "he");
  world.until([&] { return client->ended(1); });
  const Time answered = world.reactor.fresh_now();
  client->data(1, "llo");
  some_turns(world.reactor);
  CHECK_FALSE(client->reset_code(1).has_value());  // together with the answer it would make curl lose that
  world.until([&] { return client->reset_code(1).has_value(); });
  CHECK(world.reactor.fresh_now() - answered >= 400ms);
  CHECK(client->status(1) == "421");
  CHECK(client->body(1) == "not here");
  CHECK(client->ended(1));
  CHECK(*client->reset_code(1) == NGHTTP2_NO_ERROR);
  world.until([&] { return world.recorder.all_closed(1); });
  CHECK_FALSE(world.recorder.seen[0].aborted);
  CHECK(world.recorder.seen[0].body.empty());
}

TEST_CASE("a client that goes on to the end of its request after the answer is not reset") {
  World world;
  world.recorder.head = [](Exchange& exchange) { exchange.reply(421, {}, "not here"); };
  auto client = world.client();
  client->headers(1, FramePeer::post(), false);
  world.until([&] { return client->ended(1); });
  client->data(1, "hello", true);
  world.until([&] { return world.recorder.all_closed(1); });
  CHECK_FALSE(world.recorder.seen[0].aborted);
  CHECK_FALSE(client->reset_code(1).has_value());
}

TEST_CASE("a client that resets a stream, or disappears, is reported as aborted") {
  World world;
  world.recorder.end = [](Exchange&) {};
  auto client = world.client();
  client->headers(1, FramePeer::get());
  client->headers(3, FramePeer::get());
  world.until([&] { return world.recorder.seen.size() == 2; });
  client->reset(1, NGHTTP2_CANCEL);
  world.until([&] { return world.recorder.seen[0].exchange == nullptr; });
  CHECK(world.recorder.seen[0].aborted);
  CHECK(world.recorder.seen[1].exchange != nullptr);
  client->close();
  world.until([&] { return world.recorder.all_closed(2) && world.server->connections() == 0; });
  CHECK(world.recorder.seen[1].aborted);
}

TEST_CASE("of a fleeting field the compression remembers the name, and seldom a value") {
  World world;
  const std::string recurring(100, 'r');
  world.recorder.end = [&](Exchange& exchange) {
    const std::string value(exchange.request().path.substr(1));
    const Header headers[] = {{"X-Recurs", recurring}, fleeting({"X-Of-This-Message-Alone", value})};
    exchange.reply(200, headers, "");
  };
  auto client = world.client();
  constexpr int32_t requests = 1000;
  size_t first = 0;
  size_t longer = 0;
  for (int32_t i = 0; i < requests; ++i) {
    const int32_t id = 2 * i + 1;
    const std::string value = "value-number-" + std::to_string(1'000'000 + i);
    client->headers(id, FramePeer::get("/" + value));
    world.until([&] { return client->ended(id); });
    CHECK(client->field(id, "x-recurs") == recurring);
    CHECK(client->field(id, "x-of-this-message-alone") == value);
    const size_t size = client->find(NGHTTP2_HEADERS, id)->payload.size();
    if (i == 0) first = size;
    CHECK((i == 0 || size < first));
    longer += size > first / 4 ? 1 : 0;
    client->frames.clear();
  }
  // Where what recurs was pushed out, or the second changed that the date tells.
  CHECK(longer < requests / 10);
}

TEST_CASE("HEAD, 204 and known lengths are framed as they must be") {
  World world;
  world.recorder.end = [](Exchange& exchange) {
    if (exchange.request().path == "/none") return exchange.reply(204, {}, "");
    exchange.begin(200, {}, 5);
    exchange.write("hello");
    exchange.end();
  };
  auto client = world.client();
  Fields head = FramePeer::get();
  head[0].second = "HEAD";
  client->headers(1, head);
  client->headers(3, FramePeer::get("/none"));
  client->headers(5, FramePeer::get());
  world.until([&] { return client->ended(1) && client->ended(3) && client->ended(5); });
  CHECK(client->field(1, "content-length") == "5");
  CHECK(client->body(1).empty());
  CHECK(client->status(3) == "204");
  CHECK(client->field(3, "content-length").empty());
  CHECK(client->body(5) == "hello");
}

TEST_CASE("an answer's head that cannot be sent ends its stream, and only that") {
  World world;
  world.recorder.end = [](Exchange& exchange) {
    const std::string value(exchange.request().path == "/long" ? 100'000 : 10, 'x');
    const Header header{"x", value};
    exchange.reply(200, {&header, 1}, "ok");
  };
  auto client = world.client();
  client->headers(1, FramePeer::get("/long"));
  world.until([&] { return client->reset_code(1).has_value() && world.recorder.all_closed(1); });
  CHECK(world.recorder.seen[0].aborted);
  client->headers(3, FramePeer::get());
  world.until([&] { return client->ended(3); });
}

TEST_CASE("100 Continue is said when the handler reads on, and not before") {
  World world;
  world.recorder.head = [](Exchange& exchange) { exchange.pause(); };
  auto client = world.client();
  client->headers(1, FramePeer::post("/", {{"expect", "100-continue"}}), false);
  world.until([&] { return world.recorder.seen.size() == 1; });
  some_turns(world.reactor);
  CHECK(client->status(1).empty());
  world.recorder.seen[0].exchange->resume();
  world.until([&] { return client->status(1) == "100"; });
  client->data(1, "hello", true);
  world.until([&] { return client->ended(1); });
  CHECK(world.recorder.seen[0].body == "hello");
}

TEST_CASE("drain says GOAWAY twice, refuses nothing that was sent before, and ends with the last stream") {
  World world;
  world.recorder.end = [](Exchange&) {};
  auto client = world.client();
  client->headers(1, FramePeer::get());
  world.until([&] { return world.recorder.seen.size() == 1; });
  world.server->drain();
  world.until([&] { return client->count(NGHTTP2_GOAWAY) == 1; });
  CHECK(number_at(client->find(NGHTTP2_GOAWAY, 0)->payload, 0) == 0x7fffffffU);
  client->headers(3, FramePeer::get());  // crossed with the notice
  world.until([&] { return world.recorder.seen.size() == 2; });
  const Frame* ping = client->find(NGHTTP2_PING, 0);
  REQUIRE(ping != nullptr);
  client->frame(NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0, ping->payload);
  world.until([&] { return client->count(NGHTTP2_GOAWAY) == 2; });
  CHECK(number_at(client->find(NGHTTP2_GOAWAY, 0, 1)->payload, 0) == 3);
  CHECK(*client->go_away_code() == NGHTTP2_NO_ERROR);
  client->headers(5, FramePeer::get());
  some_turns(world.reactor);
  CHECK(world.recorder.seen.size() == 2);
  for (Seen& seen : world.recorder.seen) seen.exchange->reply(200, {}, "done");
  world.until([&] { return client->poll(); });
  CHECK(client->body(1) == "done");
  CHECK(client->body(3) == "done");
  CHECK(world.recorder.all_closed(2));
}

TEST_CASE("a client that does not answer the PING of a drain gets the last GOAWAY after a second") {
  World world;
  auto client = world.client();
  client->headers(1, FramePeer::get());
  world.until([&] { return client->ended(1); });
  const Time begin = world.reactor.fresh_now();
  world.server->drain();
  world.until([&] { return client->poll(); });
  CHECK(client->count(NGHTTP2_GOAWAY) == 2);
  CHECK(world.reactor.now() - begin >= 1s);
}

TEST_CASE("a PROXY header comes before the preface") {
  World world({.proxy_peers = {"127.0.0.1"}});
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(::connect(fd, world.address.native(), world.address.native_length()) == 0);
  FramePeer client(fd);
  std::string device;
  world.recorder.head = [&](Exchange& exchange) { device = exchange.device_ip(); };
  client.raw(std::string("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x0a\x4d\0\x03\x7f\0\0\x01\x12\x34\0\x50", 28));
  client.raw(FramePeer::preface);
  client.frame(NGHTTP2_SETTINGS, 0, 0);
  client.headers(1, FramePeer::get());
  world.until([&] { return client.ended(1); });
  CHECK(device == "10.77.0.3");
}

TEST_CASE("PRIORITY, padding and unknown frames change nothing") {
  World world;
  auto client = world.client();
  client->frame(0xbe, 0, 0, "whatever");
  const std::string block = client->block(FramePeer::post());
  client->frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_PADDED | with_priority, 1,
                std::string(1, '\x03') + number_text(0) + "\x10" + block + std::string(3, '\0'));
  client->frame(NGHTTP2_DATA, NGHTTP2_FLAG_END_STREAM | NGHTTP2_FLAG_PADDED, 1,
                std::string(1, '\x02') + "text" + std::string(2, '\0'));
  client->frame(NGHTTP2_PRIORITY, 0, 1, number_text(0) + "\x10");
  world.until([&] { return client->ended(1); });
  CHECK(world.recorder.seen[0].body == "text");
}

}  // namespace
}  // namespace barrio::net::server_http2_test
