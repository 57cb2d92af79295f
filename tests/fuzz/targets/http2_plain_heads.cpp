// What a client sends over HTTP/2 means the same to nghttp2 with the values known to PlainValues written plainly:
// frames, fields, bodies, errors and what nghttp2 answers, whatever the split, and however well the values are known.

#include <nghttp2/nghttp2.h>

#include <optional>

#include "base/check.h"
#include "http1_transcript.h"
#include "net/http2_plain_values.h"
#include "target.h"

namespace barrio::fuzz {

namespace {

using namespace net::http2;

constexpr std::string_view preface("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33);

/// A server's side of nghttp2 that writes down what it is told.
class Reading {
 public:
  Reading() {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_option* options = nullptr;
    CHECK(nghttp2_session_callbacks_new(&callbacks) == 0 && nghttp2_option_new(&options) == 0);
    // When it is due depends on the split.
    nghttp2_option_set_no_auto_window_update(options, 1);
    set(callbacks);
    CHECK(nghttp2_session_server_new2(&session_, callbacks, this, options) == 0);
    nghttp2_option_del(options);
    nghttp2_session_callbacks_del(callbacks);
    CHECK(nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, nullptr, 0) == 0);
  }
  ~Reading() { nghttp2_session_del(session_); }
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;

  void feed(std::string_view input) {
    if (failed_) return;
    const auto used = nghttp2_session_mem_recv(session_, reinterpret_cast<const uint8_t*>(input.data()), input.size());
    failed_ = used < 0;
    if (failed_) note("failed", static_cast<int>(used));
  }
  /// With what is answered.
  std::string finish() {
    const uint8_t* data = nullptr;
    for (ssize_t size = 0; (size = nghttp2_session_mem_send(session_, &data)) > 0;) {
      text_.append(reinterpret_cast<const char*>(data), static_cast<size_t>(size));
    }
    return text_;
  }

 private:
  static Reading& of(void* user) { return *static_cast<Reading*>(user); }
  static std::string_view view(const uint8_t* bytes, size_t size) {
    return {reinterpret_cast<const char*>(bytes), size};
  }
  void note(std::string_view what, int number) {
    text_.append("\n").append(what).append(" ").append(std::to_string(number)).append(" ");
    data_of_ = 0;
  }
  static void set(nghttp2_session_callbacks* callbacks) {
    nghttp2_session_callbacks_set_on_begin_headers_callback(
        callbacks, [](nghttp2_session*, const nghttp2_frame* frame, void* user) {
          of(user).note("head", frame->hd.stream_id);
          return 0;
        });
    nghttp2_session_callbacks_set_on_header_callback(
        callbacks, [](nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name, size_t name_size,
                      const uint8_t* value, size_t value_size, uint8_t flags, void* user) {
          of(user).note("field", frame->hd.stream_id);
          of(user).text_.append(view(name, name_size)).append("=").append(view(value, value_size));
          of(user).text_.append(std::to_string(flags));
          return 0;
        });
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
        callbacks, [](nghttp2_session*, uint8_t, int32_t id, const uint8_t* data, size_t size, void* user) {
          if (of(user).data_of_ != id) of(user).note("data", id);
          of(user).data_of_ = id;
          of(user).text_.append(view(data, size));
          return 0;
        });
    nghttp2_session_callbacks_set_on_frame_recv_callback(
        callbacks, [](nghttp2_session*, const nghttp2_frame* frame, void* user) {
          of(user).note("frame", frame->hd.type << 8 | frame->hd.flags);
          return 0;
        });
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(
        callbacks, [](nghttp2_session*, const nghttp2_frame* frame, int error, void* user) {
          of(user).note("invalid", frame->hd.stream_id);
          of(user).note("error", error);
          return 0;
        });
    nghttp2_session_callbacks_set_on_stream_close_callback(
        callbacks, [](nghttp2_session*, int32_t id, uint32_t error, void* user) {
          of(user).note("closed", id);
          of(user).note("error", static_cast<int>(error));
          return 0;
        });
  }

  nghttp2_session* session_ = nullptr;
  std::string text_;
  int32_t data_of_ = 0;
  bool failed_ = false;
};

/// Without values: as it came.
std::string read(std::string_view input, PlainValues* values, Split split) {
  Reading reading;
  std::optional<PlainHeads> heads;
  if (values != nullptr) heads.emplace(*values);
  std::string room;
  const auto feed = [&](std::string_view piece) {
    const std::string_view plain = heads ? heads->take(piece, room) : piece;
    CHECK(plain.size() <= 2 * piece.size());
    reading.feed(plain);
  };
  feed(preface);
  while (!input.empty()) {
    const std::string_view piece = input.substr(0, split.next(input.size()));
    input.remove_prefix(piece.size());
    feed(piece);
  }
  return reading.finish();
}

}  // namespace

void run_target(std::string_view input) {
  PlainValues values;
  for (int times = 0; times < 3; ++times) {
    CHECK(read(input, &values, Split::whole()) == read(input, nullptr, Split::whole()));
  }
  for (const Split& split : {Split::random(seed_of(input)), Split::bytewise()}) {
    CHECK(read(input, &values, split) == read(input, nullptr, split));
  }
}

}  // namespace barrio::fuzz
