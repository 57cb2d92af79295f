#pragma once
// Writes HTTP/1.1 heads and chunks. Fields about the connection and the framing come from here alone, and a field that
// could end its line or is not a field is left out, so nothing an application passes on can split a message.

#include <array>
#include <ctime>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "net/http.h"

namespace barrio::net::http1 {

enum class Persistence { standard, keep_alive, close };

struct ResponseFraming {
  std::optional<uint64_t> length;  // written as Content-Length
  bool chunked = false;
  Persistence persistence = Persistence::standard;
};

/// IMF-fixdate (RFC 9110 5.6.7) of this second.
std::string_view http_date();

void append_response_head(std::string& out, int status, std::span<const Header> headers,
                          const ResponseFraming& framing);

struct RequestLine {
  std::string_view method;
  std::string_view target;
  std::string_view host;           // used where the headers have no Host
  std::optional<uint64_t> length;  // none: chunked
  std::string_view upgrade = {};   // asks to switch to this protocol
  bool takes_trailers = false;
};

void append_request_head(std::string& out, const RequestLine& line, std::span<const Header> headers);
/// 101: the connection is the protocol's from here on.
void append_switch_head(std::string& out, std::string_view protocol, std::span<const Header> headers);
/// The end of a chunked body.
void append_last_chunk(std::string& out, std::span<const Header> trailers);

/// "1a\r\n" in a buffer of its own.
class ChunkSize {
 public:
  explicit ChunkSize(size_t size);
  std::string_view text() const { return {buffer_.data() + begin_, buffer_.size() - begin_}; }

 private:
  std::array<char, 18> buffer_{};
  size_t begin_;
};

inline constexpr std::string_view chunk_end = "\r\n";
inline constexpr std::string_view last_chunk = "0\r\n\r\n";

}  // namespace barrio::net::http1
