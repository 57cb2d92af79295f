#pragma once
// From nghttp2's C callbacks to a Session. Private to http2_*.cpp.

#include "net/http2_session.h"

namespace barrio::net::http2 {

struct Callbacks {
  static nghttp2_session* new_session(Session::Side side, Memory& memory, const SessionLimits& limits,
                                      Session& session);
  static ssize_t read_body(nghttp2_session*, int32_t, uint8_t*, size_t most, uint32_t* flags,
                           nghttp2_data_source* source, void* user);

 private:
  static nghttp2_option* new_options(const SessionLimits& limits);
  static void set_receiving(nghttp2_session_callbacks* callbacks);
  static void set_sending(nghttp2_session_callbacks* callbacks);
};

}  // namespace barrio::net::http2
