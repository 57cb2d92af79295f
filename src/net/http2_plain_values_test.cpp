#include "net/http2_plain_values.h"

#include <doctest/doctest.h>

#include "net/http2_test.h"

namespace barrio::net::http2_plain_values_test {
namespace {

using namespace test;
using http2::PlainHeads;
using http2::PlainValues;

const std::string token = "Bearer eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ0ZW5hbnQifQ.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg";

/// As a head of nghttp2's has it: its last `size` bytes are the code of a token.
struct Coded {
  nghttp2_hd_deflater* deflater = nullptr;
  Coded() { REQUIRE(nghttp2_hd_deflate_new(&deflater, 4096) == 0); }
  ~Coded() { nghttp2_hd_deflate_del(deflater); }
  Coded(const Coded&) = delete;
  Coded& operator=(const Coded&) = delete;
  std::string operator()(const std::string& value) const {
    nghttp2_nv pair{reinterpret_cast<uint8_t*>(const_cast<char*>("authorization")),
                    reinterpret_cast<uint8_t*>(const_cast<char*>(value.data())), 13, value.size(), 0};
    std::string text(nghttp2_hd_deflate_bound(deflater, &pair, 1), '\0');
    const auto size = nghttp2_hd_deflate_hd(deflater, reinterpret_cast<uint8_t*>(text.data()), text.size(), &pair, 1);
    text.resize(static_cast<size_t>(size));
    return text;
  }
};

/// Without the name and, of a code below 127 bytes, its length.
std::string code_of(const std::string& value) {
  return Coded()(value).substr(3);
}

TEST_CASE("a code is known once it has come twice") {
  PlainValues values;
  const std::string code = code_of(token);
  REQUIRE(code.size() < 127);
  CHECK(values.find(code) == nullptr);
  for (int i = 0; i < 3; ++i) {
    const std::string* plain = values.find(code);
    REQUIRE(plain != nullptr);
    CHECK(*plain == token);
  }
}

TEST_CASE("codes that come once each are not kept, nor what is too short, too long or no code") {
  PlainValues values;
  const Coded coded;
  for (int i = 0; i < 3000; ++i) CHECK(values.find(code_of(token + std::to_string(i))) == nullptr);
  for (const size_t size : {PlainValues::least_bytes - 1, PlainValues::most_bytes + 1}) {
    const std::string zeros(size, '\0');  // five bits for each '0'
    for (int i = 0; i < 3; ++i) CHECK(values.find(zeros) == nullptr);
  }
  const std::string ends_nowhere(20, '\xff');
  for (int i = 0; i < 3; ++i) CHECK(values.find(ends_nowhere) == nullptr);
}

TEST_CASE("the longest code that is kept stands plainly in a head") {
  PlainValues values;
  PlainHeads heads(values);
  std::string room;
  CHECK(heads.take(FramePeer::preface, room) == FramePeer::preface);
  const std::string block = Coded()(std::string(8 * PlainValues::most_bytes / 5, '0'));
  const std::string frame = FramePeer::frame_text(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, block);
  CHECK(heads.take(frame, room) == frame);
  const std::string plain(heads.take(frame, room));
  CHECK(plain.ends_with(std::string(8 * PlainValues::most_bytes / 5, '0')));
  CHECK((number_at(plain, 0) >> 8) == plain.size() - 9);
  CHECK(heads.take(frame + frame, room) == plain + plain);
}

TEST_CASE("a code that is longer than what it means makes the head shorter") {
  PlainValues values;
  PlainHeads heads(values);
  std::string room;
  heads.take(FramePeer::preface, room);
  // RFC 7541 Appendix B: 26 bits for each 0xff.
  const std::string code = "\xff\xff\xfb\xbf\xff\xfe\xef\xff\xff\xbb\xff\xff\xee";
  const std::string block = std::string("\x0f\x08\x8d") + code;
  const std::string frame = FramePeer::frame_text(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, block);
  CHECK(heads.take(frame, room) == frame);
  const std::string plain =
      FramePeer::frame_text(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, "\x0f\x08\x04\xff\xff\xff\xff");
  CHECK(heads.take(frame, room) == plain);
}

TEST_CASE("many heads of one read are each found, and what is between them stays") {
  PlainValues values;
  PlainHeads heads(values);
  std::string room;
  heads.take(FramePeer::preface, room);
  std::string input;
  for (int32_t id = 1; id < 9; id += 2) {
    input += FramePeer::frame_text(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, id, Coded()(token));
    input += FramePeer::frame_text(NGHTTP2_DATA, 0, id, "body " + std::to_string(id));
  }
  heads.take(input, room);
  std::string wanted;
  for (int32_t id = 1; id < 9; id += 2) {
    const std::string block = Coded()(token).substr(0, 2) + static_cast<char>(token.size()) + token;
    wanted += FramePeer::frame_text(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, id, block);
    wanted += FramePeer::frame_text(NGHTTP2_DATA, 0, id, "body " + std::to_string(id));
  }
  CHECK(heads.take(input, room) == wanted);
}

TEST_CASE("a head does not grow beyond what any peer may send") {
  PlainValues values;
  const std::string code = code_of(token);
  values.find(code);
  REQUIRE(values.find(code) != nullptr);
  PlainHeads heads(values);
  std::string room;
  heads.take(FramePeer::preface, room);
  std::string block;
  const std::string one = Coded()(token);
  while (block.size() + one.size() <= 14 * 1024) block += one;
  const std::string frame = FramePeer::frame_text(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, block);
  const std::string_view plain = heads.take(frame, room);
  CHECK(plain.size() > frame.size());
  CHECK(plain.size() <= 9 + 16 * 1024);
  CHECK((number_at(plain, 0) >> 8) == plain.size() - 9);
  CHECK(plain.ends_with(one));
}

TEST_CASE("heads that do not come whole, and what only looks like one, stay as they are") {
  PlainValues values;
  const std::string code = code_of(token);
  values.find(code);
  REQUIRE(values.find(code) != nullptr);
  const std::string block = Coded()(token);
  const std::string frame = FramePeer::frame_text(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, block);
  const auto after_preface = [&](const std::string& text, size_t first) {
    PlainHeads heads(values);
    std::string room;
    heads.take(FramePeer::preface, room);
    std::string got(heads.take(std::string_view(text).substr(0, first), room));
    return got + std::string(heads.take(std::string_view(text).substr(first), room));
  };
  CHECK(after_preface(frame, 0).find(token) != std::string::npos);
  for (size_t first = 1; first < frame.size(); ++first) CHECK(after_preface(frame, first) == frame);
  // The next frame is found again.
  for (size_t first = 1; first < frame.size(); ++first) {
    CHECK(after_preface(frame + frame, first).find(token) != std::string::npos);
  }
  const std::string body = FramePeer::frame_text(NGHTTP2_DATA, 0, 1, frame);
  CHECK(after_preface(body, 0) == body);
  const std::string begun = FramePeer::frame_text(NGHTTP2_HEADERS, 0, 1, block);
  CHECK(after_preface(begun, 0) == begun);
  const std::string cut = FramePeer::frame_text(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, block.substr(0, 40));
  CHECK(after_preface(cut, 0) == cut);
}

TEST_CASE("a handler sees the same token each time, on whatever connection it comes") {
  World world;
  for (int connection = 0; connection < 2; ++connection) {
    auto client = world.client();
    for (const int32_t id : {1, 3, 5}) {
      client->headers(id, FramePeer::post("/some/path/of/an/app", {{"authorization", token}}), false);
      client->data(id, "body", true);
      world.until([&] { return client->ended(id); });
      CHECK(client->status(id) == "200");
    }
    client->close();
  }
  REQUIRE(world.recorder.seen.size() == 6);
  for (const Seen& seen : world.recorder.seen) {
    CHECK(seen.path == "/some/path/of/an/app");
    CHECK(seen.body == "body");
    CHECK(find_header(seen.headers, "authorization") == token);
  }
}

}  // namespace
}  // namespace barrio::net::http2_plain_values_test
