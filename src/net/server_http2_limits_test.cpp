// What a server refuses over HTTP/2: malformed frames and messages (after the cases that h2spec knows), and too much.

#include <doctest/doctest.h>

#include "net/http2_test.h"

namespace barrio::net::server_http2_limits_test {
namespace {

using namespace test;

/// The connection ends with this GOAWAY, and no handler saw a request.
void ends_with(uint32_t code, const std::function<void(FramePeer&)>& act, ServerLimits limits = {}) {
  World world(std::move(limits));
  auto client = world.client();
  world.until([&] { return client->find(NGHTTP2_SETTINGS, 0) != nullptr; });
  act(*client);
  world.until([&] { return client->poll(); });
  REQUIRE(client->go_away_code().has_value());
  CHECK(*client->go_away_code() == code);
  client->close();
  world.until([&] { return world.server->connections() == 0; });
}

/// Stream 1 is refused, by RST_STREAM with this code; the connection goes on.
void resets_with(uint32_t code, const std::function<void(FramePeer&)>& act) {
  World world;
  auto client = world.client();
  act(*client);
  world.until([&] { return client->reset_code(1).has_value(); });
  CHECK(*client->reset_code(1) == code);
  client->headers(9, FramePeer::get("/next"));
  world.until([&] { return client->ended(9); });
  CHECK(client->status(9) == "200");
  for (const Seen& seen : world.recorder.seen) CHECK((seen.path == "/next" || seen.aborted));
}

std::string answer_to(const Fields& fields, ServerLimits limits = {}) {
  World world(std::move(limits));
  auto client = world.client();
  client->headers(1, fields);
  world.until([&] { return client->ended(1); });
  CHECK(world.recorder.seen.empty());
  return client->status(1);
}

const std::string zeros8(8, '\0');

TEST_CASE("frames on streams where they cannot be end the connection") {
  ends_with(NGHTTP2_PROTOCOL_ERROR, [](FramePeer& client) { client.data(1, "idle"); });
  ends_with(NGHTTP2_PROTOCOL_ERROR, [](FramePeer& client) { client.reset(1, NGHTTP2_CANCEL); });
  ends_with(NGHTTP2_PROTOCOL_ERROR, [](FramePeer& client) { client.window_update(1, 10); });
  ends_with(NGHTTP2_PROTOCOL_ERROR, [](FramePeer& client) { client.headers(2, FramePeer::get()); });
  ends_with(NGHTTP2_PROTOCOL_ERROR, [](FramePeer& client) { client.headers(0, FramePeer::get()); });
  ends_with(NGHTTP2_PROTOCOL_ERROR, [](FramePeer& client) { client.data(0, "x"); });
  ends_with(NGHTTP2_PROTOCOL_ERROR, [](FramePeer& client) { client.frame(NGHTTP2_SETTINGS, 0, 1); });
  ends_with(NGHTTP2_PROTOCOL_ERROR, [](FramePeer& client) { client.frame(NGHTTP2_PING, 0, 1, zeros8); });
  ends_with(NGHTTP2_PROTOCOL_ERROR, [](FramePeer& client) { client.frame(NGHTTP2_GOAWAY, 0, 1, zeros8); });
  ends_with(NGHTTP2_PROTOCOL_ERROR, [](FramePeer& client) { client.frame(NGHTTP2_CONTINUATION, 4, 1, "x"); });
  ends_with(NGHTTP2_PROTOCOL_ERROR,
            [](FramePeer& client) { client.frame(NGHTTP2_PUSH_PROMISE, NGHTTP2_FLAG_END_HEADERS, 1, number_text(2)); });
}

TEST_CASE("a stream below the newest one does not become a request: it may be one that was reset") {
  World world;
  auto client = world.client();
  client->headers(5, FramePeer::get("/five"));
  client->headers(3, FramePeer::get("/three"));
  client->headers(7, FramePeer::get("/seven"));
  world.until([&] { return client->ended(5) && client->ended(7); });
  CHECK(world.recorder.seen.size() == 2);
  CHECK_FALSE(client->ended(3));
}

TEST_CASE("a header block that is interrupted, or does not decode, ends the connection") {
  ends_with(NGHTTP2_PROTOCOL_ERROR, [](FramePeer& client) {
    client.frame(NGHTTP2_HEADERS, 0, 1, client.block(FramePeer::get()));
    client.frame(NGHTTP2_PING, 0, 0, zeros8);
  });
  ends_with(NGHTTP2_PROTOCOL_ERROR, [](FramePeer& client) {
    client.frame(NGHTTP2_HEADERS, 0, 1, client.block(FramePeer::get()));
    client.frame(NGHTTP2_CONTINUATION, NGHTTP2_FLAG_END_HEADERS, 3);
  });
  ends_with(NGHTTP2_COMPRESSION_ERROR, [](FramePeer& client) {
    client.frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 1, "\xff\xff\xff\xff\xff\xff");
  });
}

TEST_CASE("frames of a wrong size end the connection") {
  ends_with(NGHTTP2_FRAME_SIZE_ERROR, [](FramePeer& client) { client.frame(NGHTTP2_PING, 0, 0, "short"); });
  ends_with(NGHTTP2_FRAME_SIZE_ERROR, [](FramePeer& client) { client.frame(NGHTTP2_SETTINGS, 0, 0, "12345"); });
  ends_with(NGHTTP2_FRAME_SIZE_ERROR, [](FramePeer& client) {
    client.frame(NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0, setting(NGHTTP2_SETTINGS_ENABLE_PUSH, 0));
  });
  ends_with(NGHTTP2_FRAME_SIZE_ERROR, [](FramePeer& client) {
    client.headers(1, FramePeer::post(), false);
    client.frame(NGHTTP2_WINDOW_UPDATE, 0, 1, "abc");
  });
  ends_with(NGHTTP2_FRAME_SIZE_ERROR, [](FramePeer& client) {
    client.headers(1, FramePeer::post(), false);
    client.frame(NGHTTP2_RST_STREAM, 0, 1, "abc");
  });
  ends_with(NGHTTP2_FRAME_SIZE_ERROR, [](FramePeer& client) {
    client.headers(1, FramePeer::post(), false);
    client.data(1, std::string(70'000, 'x'));
  });
}

TEST_CASE("padding that is longer than its frame ends the connection") {
  ends_with(NGHTTP2_PROTOCOL_ERROR, [](FramePeer& client) {
    client.headers(1, FramePeer::post(), false);
    client.frame(NGHTTP2_DATA, NGHTTP2_FLAG_PADDED, 1, "\x09text");
  });
  ends_with(NGHTTP2_PROTOCOL_ERROR, [](FramePeer& client) {
    client.frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_PADDED, 1,
                 "\xff" + client.block(FramePeer::get()));
  });
}

TEST_CASE("windows and settings out of bounds end the connection") {
  ends_with(NGHTTP2_PROTOCOL_ERROR, [](FramePeer& client) { client.window_update(0, 0); });
  ends_with(NGHTTP2_FLOW_CONTROL_ERROR, [](FramePeer& client) { client.window_update(0, 0x7fffffff); });
  ends_with(NGHTTP2_FLOW_CONTROL_ERROR, [](FramePeer& client) {
    client.frame(NGHTTP2_SETTINGS, 0, 0, setting(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0x80000000));
  });
  ends_with(NGHTTP2_PROTOCOL_ERROR, [](FramePeer& client) {
    client.frame(NGHTTP2_SETTINGS, 0, 0, setting(NGHTTP2_SETTINGS_MAX_FRAME_SIZE, 100));
  });
  ends_with(NGHTTP2_PROTOCOL_ERROR,
            [](FramePeer& client) { client.frame(NGHTTP2_SETTINGS, 0, 0, setting(NGHTTP2_SETTINGS_ENABLE_PUSH, 2)); });
  resets_with(NGHTTP2_FLOW_CONTROL_ERROR, [](FramePeer& client) {
    client.headers(1, FramePeer::post(), false);
    client.window_update(1, 0x7fffffff);
  });
}

TEST_CASE("more data than the windows allow is refused") {
  for (const bool on_one_stream : {true, false}) {
    World world(
        {.http2 = {.stream_window = 65'535, .connection_window = on_one_stream ? 200'000U : 65'535U, .held_bytes = 0}});
    world.recorder.head = [](Exchange& exchange) { exchange.pause(); };
    auto client = world.client();
    for (const int32_t id : {1, 3}) client->headers(id, FramePeer::post(), false);
    for (int i = 0; i < 7; ++i) client->data(on_one_stream || i % 2 == 0 ? 1 : 3, std::string(10'000, 'x'));
    world.until([&] { return client->reset_code(1).has_value() || client->go_away_code().has_value(); });
    const auto code = on_one_stream ? client->reset_code(1) : client->go_away_code();
    CHECK(code == NGHTTP2_FLOW_CONTROL_ERROR);
    world.until([&] { return world.recorder.seen[0].exchange == nullptr; });
    CHECK(world.recorder.seen[0].aborted);
  }
}

TEST_CASE("a stream that has ended takes nothing more") {
  World world;
  world.recorder.end = [](Exchange&) {};
  auto client = world.client();
  client->headers(1, FramePeer::get());
  client->data(1, "more");
  world.until([&] { return client->poll() || client->reset_code(1).has_value(); });
  const uint32_t code = client->reset_code(1) ? *client->reset_code(1) : client->go_away_code().value_or(0);
  CHECK(code == NGHTTP2_STREAM_CLOSED);
  world.until([&] { return world.recorder.all_closed(1); });
  CHECK(world.recorder.seen[0].body.empty());
  CHECK(world.recorder.seen[0].aborted);
}

TEST_CASE("malformed requests are reset") {
  const auto shape = [](const Fields& fields) { return [fields](FramePeer& client) { client.headers(1, fields); }; };
  const Fields get = FramePeer::get();
  for (size_t i : {0, 1, 3}) {  // :authority alone may be missing, where Host is there
    Fields missing = get;
    missing.erase(missing.begin() + static_cast<std::ptrdiff_t>(i));
    INFO(get[i].first);
    resets_with(NGHTTP2_PROTOCOL_ERROR, shape(missing));
    Fields twice = get;
    twice.push_back(get[i]);
    resets_with(NGHTTP2_PROTOCOL_ERROR, shape(twice));
  }
  const auto with = [&get, &shape](const std::string& name, const std::string& value) {
    Fields fields = get;
    fields.emplace_back(name, value);
    INFO(name, ": ", value);
    resets_with(NGHTTP2_PROTOCOL_ERROR, shape(fields));
  };
  with("connection", "close");
  with("keep-alive", "1");
  with("proxy-connection", "keep-alive");
  with("transfer-encoding", "chunked");
  with("upgrade", "websocket");
  with("te", "gzip");
  with("X-Upper", "case");
  with("with space", "x");
  with("", "x");
  with("x", "line\r\nbreak");
  with("x", std::string("zero\0", 5));
  with(":status", "200");
  with(":unknown", "x");
  with("content-length", "1");  // and there is none
  with("content-length", "x");
  Fields late = get;
  late.insert(late.begin(), {"x", "first"});
  resets_with(NGHTTP2_PROTOCOL_ERROR, shape(late));
  for (const auto& [at, value] : {std::pair(3, ""), {3, "/a b"}, {3, "a"}, {2, "a b"}, {0, "G T"}}) {
    Fields changed = get;
    changed[static_cast<size_t>(at)].second = value;
    INFO(value);
    resets_with(NGHTTP2_PROTOCOL_ERROR, shape(changed));
  }
}

TEST_CASE("bodies that do not have their announced length, and bad trailers, are reset") {
  for (const std::string& body : {std::string("four"), std::string("sixsix")}) {
    resets_with(NGHTTP2_PROTOCOL_ERROR, [&body](FramePeer& client) {
      client.headers(1, FramePeer::post("/", {{"content-length", "5"}}), false);
      client.data(1, body, true);
    });
  }
  resets_with(NGHTTP2_PROTOCOL_ERROR, [](FramePeer& client) {
    client.headers(1, FramePeer::post(), false);
    client.headers(1, {{"no", "end"}}, false);
  });
  resets_with(NGHTTP2_PROTOCOL_ERROR, [](FramePeer& client) {
    client.headers(1, FramePeer::post(), false);
    client.headers(1, {{":path", "/"}});
  });
  resets_with(NGHTTP2_ENHANCE_YOUR_CALM, [](FramePeer& client) {
    client.headers(1, FramePeer::post(), false);
    client.headers(1, {{"long", std::string(5000, 'x')}});
  });
}

TEST_CASE("what HTTP/1.1 refuses with a status, HTTP/2 refuses with the same") {
  const auto with = [](size_t at, const std::string& value) {
    Fields fields = FramePeer::get();
    fields[at].second = value;
    return fields;
  };
  CHECK(answer_to(with(3, "/#fragment")) == "400");
  CHECK(answer_to(with(2, "user@a")) == "400");
  Fields two_hosts = FramePeer::get();
  two_hosts.emplace_back("host", "b");
  CHECK(answer_to(two_hosts) == "400");
  CHECK(answer_to({{":method", "CONNECT"}, {":authority", "a:80"}}) == "400");
  Fields expects = FramePeer::get();
  expects.emplace_back("expect", "tea");
  CHECK(answer_to(expects) == "417");
}

TEST_CASE("heads over the limit are answered 431, hopeless ones end the connection") {
  Fields big = FramePeer::get();
  big.emplace_back("x", std::string(300, 'x'));
  CHECK(answer_to(big, {.head_bytes = 400}) == "431");
  CHECK(answer_to(big, {.header_fields = 4}) == "431");
  World world({.head_bytes = 400});
  auto client = world.client();
  world.until([&] { return client->find(NGHTTP2_SETTINGS, 0) != nullptr; });
  CHECK(client->find(NGHTTP2_SETTINGS, 0)->payload.find(setting(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, 400)) !=
        std::string::npos);
  ends_with(NGHTTP2_ENHANCE_YOUR_CALM,
            [](FramePeer& peer) {
              Fields huge = FramePeer::get();
              for (int i = 0; i < 20; ++i) huge.emplace_back("x", std::string(300, 'x'));
              peer.headers(1, huge);
            },
            {.head_bytes = 400});
}

TEST_CASE("a flood of CONTINUATION frames ends the connection") {
  World world;
  auto client = world.client();
  client->frame(NGHTTP2_HEADERS, 0, 1, client->block(FramePeer::get()));
  for (int i = 0; i < 20; ++i) client->frame(NGHTTP2_CONTINUATION, 0, 1);
  world.until([&] { return client->poll() && world.server->connections() == 0; });
  CHECK(world.recorder.seen.empty());
}

TEST_CASE("bodies over the limit are refused with 413, known or not") {
  World world({.body_bytes = 4});
  auto client = world.client();
  client->headers(1, FramePeer::post("/known", {{"content-length", "5"}}), false);
  world.until([&] { return client->ended(1); });
  CHECK(client->status(1) == "413");
  CHECK(world.recorder.seen.empty());
  client->headers(3, FramePeer::post("/unknown"), false);
  client->data(3, "abc");
  client->data(3, "def");
  world.until([&] { return client->ended(3) && world.recorder.all_closed(1); });
  CHECK(client->status(3) == "413");
  CHECK(world.recorder.seen[0].body == "abc");
  CHECK(world.recorder.seen[0].aborted);
}

TEST_CASE("streams over the limit are refused, and may be tried again") {
  World world({.http2 = {.streams = 2}});
  world.recorder.end = [](Exchange&) {};
  auto client = world.client();
  for (const int32_t id : {1, 3, 5}) client->headers(id, FramePeer::get());
  world.until([&] { return client->reset_code(5).has_value(); });
  CHECK(*client->reset_code(5) == NGHTTP2_REFUSED_STREAM);
  CHECK(world.recorder.seen.size() == 2);
}

TEST_CASE("streams that are opened only to be reset end the connection") {
  const Http2Limits limits{.resets_per_second = 20};
  ends_with(NGHTTP2_ENHANCE_YOUR_CALM,
            [](FramePeer& client) {
              for (int32_t id = 1; id < 101; id += 2) {
                client.headers(id, FramePeer::get());
                client.reset(id, NGHTTP2_CANCEL);
              }
            },
            {.http2 = limits});
  // The same, with the server made to send the resets.
  ends_with(NGHTTP2_ENHANCE_YOUR_CALM,
            [](FramePeer& client) {
              for (int32_t id = 1; id < 101; id += 2) {
                client.headers(id, FramePeer::post(), false);
                client.window_update(id, 0x7fffffff);
              }
            },
            {.http2 = limits});
}

TEST_CASE("floods of frames that carry nothing end the connection") {
  const Http2Limits limits{.idle_frames_per_second = 50};
  const auto flood = [&](const std::function<void(FramePeer&)>& one) {
    ends_with(NGHTTP2_ENHANCE_YOUR_CALM,
              [&](FramePeer& client) {
                client.headers(1, FramePeer::post(), false);
                for (int i = 0; i < 60; ++i) one(client);
              },
              {.http2 = limits});
  };
  flood([](FramePeer& client) { client.frame(NGHTTP2_PING, 0, 0, zeros8); });
  flood([](FramePeer& client) { client.frame(NGHTTP2_SETTINGS, 0, 0); });
  flood([](FramePeer& client) { client.frame(NGHTTP2_PRIORITY, 0, 1, number_text(0) + "\x10"); });
  flood([](FramePeer& client) { client.data(1, ""); });
}

TEST_CASE("slow heads and bodies, idle connections and clients that give no window run out of time") {
  const auto limits = [] {
    return ServerLimits{.head_timeout = 30ms, .body_timeout = 30ms, .idle_timeout = 60ms, .write_timeout = 30ms};
  };
  ends_with(
      NGHTTP2_ENHANCE_YOUR_CALM,
      [](FramePeer& client) { client.frame(NGHTTP2_HEADERS, 0, 1, client.block(FramePeer::get())); }, limits());
  ends_with(NGHTTP2_NO_ERROR, [](FramePeer&) {}, limits());
  World world(limits());
  auto client = world.client();
  client->headers(1, FramePeer::post(), false);
  world.until([&] { return client->ended(1) && world.recorder.all_closed(1); });
  CHECK(client->status(1) == "408");
  CHECK(world.recorder.seen[0].aborted);
  world.recorder.end = [](Exchange& exchange) { exchange.reply(200, {}, std::string(100'000, 'x')); };
  client->headers(3, FramePeer::get());
  world.until([&] { return client->reset_code(3).has_value() && world.recorder.all_closed(2); });
  CHECK(*client->reset_code(3) == NGHTTP2_CANCEL);
  CHECK(world.recorder.seen[1].aborted);
}

TEST_CASE("a client that reads nothing at all is dropped, and what is held for it is bounded") {
  World world({.write_buffer_bytes = 10'000, .write_timeout = 50ms});
  world.recorder.end = [](Exchange& exchange) { exchange.reply(200, {}, std::string(8'000'000, 'x')); };
  auto client = world.client(setting(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0x7fffffff));
  client->window_update(0, 0x70000000);
  for (const int32_t id : {1, 3}) client->headers(id, FramePeer::get());
  world.until([&] { return world.recorder.all_closed(2) && world.server->connections() == 0; });
  CHECK(world.recorder.seen[0].aborted);
  CHECK(world.recorder.seen[1].aborted);
}

TEST_CASE("what paused streams hold is bounded for the connection") {
  World world({.http2 = {.stream_window = 200'000, .connection_window = 100'000, .held_bytes = 150'000}});
  world.recorder.head = [](Exchange& exchange) { exchange.pause(); };
  auto client = world.client();
  const std::string piece(10'000, 'p');
  for (int i = 0; i < 10; ++i) {
    const int32_t id = 2 * i + 1;
    client->headers(id, FramePeer::post(), false);
    client->data(id, piece);
    some_turns(world.reactor);
  }
  // 100 KB are held, and the connection's window has opened for more.
  world.until([&] { return client->find(NGHTTP2_WINDOW_UPDATE, 0, 1) != nullptr; });
  for (int i = 0; i < 10; ++i) {
    client->data(2 * i + 1, piece);
    some_turns(world.reactor);
  }
  uint64_t given = 65'535;
  for (const Frame& frame : client->frames) {
    if (frame.type == NGHTTP2_WINDOW_UPDATE && frame.stream == 0) given += number_at(frame.payload, 0);
  }
  CHECK(given <= 250'000);
  world.recorder.body = [](Exchange&) {};
  for (Seen& seen : world.recorder.seen) seen.exchange->resume();
  for (int i = 0; i < 10; ++i) client->data(2 * i + 1, "", true);
  world.until([&] { return world.recorder.all_closed(10); });
  for (const Seen& seen : world.recorder.seen) CHECK(seen.body.size() == 20'000);
}

}  // namespace
}  // namespace barrio::net::server_http2_limits_test
