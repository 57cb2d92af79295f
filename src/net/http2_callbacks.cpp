#include "net/http2_callbacks.h"

#include <algorithm>

#include "base/check.h"

namespace barrio::net::http2 {

namespace {

constexpr size_t frame_head_size = 9;
constexpr size_t most_data_frame = 64 * 1024;
/// Answers to PING and SETTINGS that a peer may leave unread: over it the connection is closed.
constexpr size_t most_acks = 1000;
constexpr size_t most_settings = 32;
constexpr size_t most_continuations = 8;

Session& session_of(void* user) {
  return *static_cast<Session*>(user);
}

std::string_view text_of(const uint8_t* bytes, size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

}  // namespace

ssize_t Callbacks::read_body(nghttp2_session*, int32_t, uint8_t*, size_t most, uint32_t* flags,
                             nghttp2_data_source* source, void* user) {
  return session_of(user).next_piece(*static_cast<Channel*>(source->ptr), most, *flags);
}

void Callbacks::set_receiving(nghttp2_session_callbacks* callbacks) {
  nghttp2_session_callbacks_set_on_begin_headers_callback(
      callbacks,
      [](nghttp2_session*, const nghttp2_frame* frame, void* user) { return session_of(user).begin_head(*frame); });
  nghttp2_session_callbacks_set_on_header_callback(
      callbacks, [](nghttp2_session*, const nghttp2_frame*, const uint8_t* name, size_t name_size, const uint8_t* value,
                    size_t value_size, uint8_t, void* user) {
        Channel* channel = session_of(user).reading_head_;
        if (channel != nullptr) {
          session_of(user).field(*channel, text_of(name, name_size), text_of(value, value_size));
        }
        return 0;
      });
  // nghttp2 would leave out a field with bad characters; a message that has one is refused.
  nghttp2_session_callbacks_set_on_invalid_header_callback(
      callbacks,
      [](nghttp2_session*, const nghttp2_frame*, const uint8_t*, size_t, const uint8_t*, size_t, uint8_t,
         void*) -> int { return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; });
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks,
                                                       [](nghttp2_session*, const nghttp2_frame* frame, void* user) {
                                                         session_of(user).frame_received(*frame);
                                                         return 0;
                                                       });
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
      callbacks, [](nghttp2_session*, uint8_t flags, int32_t id, const uint8_t* data, size_t size, void* user) {
        session_of(user).data_received(id, text_of(data, size), (flags & NGHTTP2_FLAG_END_STREAM) != 0);
        return 0;
      });
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks,
                                                         [](nghttp2_session*, int32_t id, uint32_t error, void* user) {
                                                           session_of(user).stream_closed(id, error);
                                                           return 0;
                                                         });
}

void Callbacks::set_sending(nghttp2_session_callbacks* callbacks) {
  nghttp2_session_callbacks_set_before_frame_send_callback(
      callbacks, [](nghttp2_session*, const nghttp2_frame* frame, void* user) {
        session_of(user).frame_begins(*frame);
        return 0;
      });
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks,
                                                       [](nghttp2_session*, const nghttp2_frame* frame, void* user) {
                                                         session_of(user).frame_sent(*frame);
                                                         return 0;
                                                       });
  nghttp2_session_callbacks_set_on_frame_not_send_callback(
      callbacks, [](nghttp2_session*, const nghttp2_frame* frame, int, void* user) {
        session_of(user).frame_not_sent(*frame);
        return 0;
      });
  nghttp2_session_callbacks_set_send_data_callback(callbacks, [](nghttp2_session*, nghttp2_frame*,
                                                                 const uint8_t* frame_head, size_t size,
                                                                 nghttp2_data_source* source, void* user) {
    return session_of(user).send_data(*static_cast<Channel*>(source->ptr), text_of(frame_head, frame_head_size), size);
  });
  nghttp2_session_callbacks_set_data_source_read_length_callback(
      callbacks, [](nghttp2_session*, uint8_t, int32_t, int32_t, int32_t, uint32_t max_frame, void*) {
        return static_cast<ssize_t>(std::min<size_t>(max_frame, most_data_frame));
      });
}

nghttp2_option* Callbacks::new_options(const SessionLimits& limits) {
  nghttp2_option* options = nullptr;
  CHECK(nghttp2_option_new(&options) == 0);
  nghttp2_option_set_no_auto_window_update(options, 1);
  nghttp2_option_set_no_closed_streams(options, 1);
  nghttp2_option_set_max_outbound_ack(options, most_acks);
  nghttp2_option_set_max_settings(options, most_settings);
  nghttp2_option_set_max_continuations(options, most_continuations);
  // A Session counts them itself, to answer ENHANCE_YOUR_CALM.
  nghttp2_option_set_stream_reset_rate_limit(options, uint64_t{10} * limits.resets_per_second,
                                             limits.resets_per_second);
  return options;
}

nghttp2_session* Callbacks::new_session(Session::Side side, Memory& memory, const SessionLimits& limits,
                                        Session& session) {
  nghttp2_session_callbacks* callbacks = nullptr;
  CHECK(nghttp2_session_callbacks_new(&callbacks) == 0);
  set_receiving(callbacks);
  set_sending(callbacks);
  nghttp2_option* options = new_options(limits);
  nghttp2_session* made = nullptr;
  const auto make = side == Session::Side::server ? nghttp2_session_server_new3 : nghttp2_session_client_new3;
  nghttp2_mem functions = memory.functions();
  CHECK(make(&made, callbacks, &session, options, &functions) == 0);
  nghttp2_option_del(options);
  nghttp2_session_callbacks_del(callbacks);
  return made;
}

}  // namespace barrio::net::http2
