#pragma once
// HTTP/1.1 message heads (RFC 9112), strict: what two implementations could read differently is rejected, never
// repaired. Incremental: any split of the bytes gives the same result. Buffers are kept between messages, so a
// connection that is warm does not allocate.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "net/http.h"
#include "net/http1_body.h"

namespace barrio::net::http1 {

struct HeadLimits {
  size_t bytes = 16 * 1024;
  size_t fields = 64;
};

/// Why a message was rejected. `status` is what a server answers: 400, 414, 417, 431, 505; 0: not rejected.
struct Failure {
  int status = 0;
  const char* what = "";
};

bool is_token(std::string_view text);
/// No control characters but HTAB, so that a value cannot end its line.
bool is_field_value(std::string_view text);
std::string_view trim_blanks(std::string_view text);
/// uri-host [":" port] of RFC 9110 7.2.
bool is_host(std::string_view text);

/// What one look at a line tells.
struct LineScan {
  size_t end = std::string_view::npos;    // of the line: where its LF is; npos: not there
  size_t colon = std::string_view::npos;  // the first one before that
  bool clean = false;                     // no control character before the CR at its end but HTAB
};

/// The text of one head: the start line and the fields, checked character by character as they come.
class HeadText {
 public:
  explicit HeadText(HeadLimits limits) : limits_(limits) {}
  void reset();
  /// Takes bytes up to the end of the head; returns how many.
  size_t feed(std::string_view input);
  bool started() const { return !text_.empty(); }
  bool complete() const { return complete_; }
  const Failure& failure() const { return failure_; }
  /// Once complete; views into this object.
  std::string_view start_line() const { return std::string_view(text_).substr(0, start_line_size_); }
  std::span<const Header> headers() const { return headers_; }

 private:
  struct Field {
    size_t name, name_size, value, value_size;
    net::Field known;
  };
  /// The end of a line that began in an earlier input; how much of this one it is.
  size_t end_line(std::string_view input);
  /// Lines that begin in this input; how much of it is taken.
  size_t take_lines(std::string_view input);
  /// `line` is without its LF and begins at `begin` of the head.
  bool take_line(std::string_view line, size_t begin, const LineScan& seen);
  bool take_field(std::string_view line, size_t begin, const LineScan& seen);
  void finish();
  size_t reject(int status, const char* what);
  size_t too_long();

  HeadLimits limits_;
  std::string text_;
  size_t line_ = 0;  // where the current line begins
  size_t start_line_size_ = 0;
  bool complete_ = false;
  Failure failure_;
  std::vector<Field> fields_;
  std::vector<Header> headers_;
};

/// What the fields say about the message and the connection.
struct Meaning {
  std::optional<uint64_t> length;
  bool chunked = false;
  bool close = false;
  bool keep_alive = false;
  bool upgrade = false;  // named by Connection
  bool expects_continue = false;
  bool unknown_expectation = false;
  bool takes_trailers = false;
  int hosts = 0;
  std::string_view protocol;  // the first one of Upgrade
};

/// Whatever the version: the fields that frame the message or ask for something.
Failure read_meaning(std::span<const Header> headers, int minor_version, Meaning& meaning);
/// Checks the method and the target, and splits the target into path and query.
Failure read_target(RequestHead& head);

class RequestParser {
 public:
  explicit RequestParser(HeadLimits limits) : text_(limits) {}
  void reset();
  size_t feed(std::string_view input);
  bool started() const { return text_.started(); }
  bool complete() const { return complete_; }
  const Failure& failure() const { return failure_; }
  const RequestHead& head() const { return head_; }
  Framing framing() const { return framing_; }
  bool keep_alive() const {
    return head_.minor_version == 1 ? !meaning_.close : meaning_.keep_alive && !meaning_.close;
  }
  bool expects_continue() const { return meaning_.expects_continue; }

 private:
  Failure read_start_line();
  Failure read_fields();

  HeadText text_;
  bool complete_ = false;
  Failure failure_;
  RequestHead head_;
  Meaning meaning_;
  Framing framing_ = Framing::none;
};

class ResponseParser {
 public:
  explicit ResponseParser(HeadLimits limits) : text_(limits) {}
  /// `to_head`: the answer to a HEAD request has no body.
  void reset(bool to_head);
  size_t feed(std::string_view input);
  bool started() const { return text_.started(); }
  bool complete() const { return complete_; }
  const Failure& failure() const { return failure_; }
  const ResponseHead& head() const { return head_; }
  Framing framing() const { return framing_; }
  bool keep_alive() const {
    return head_.minor_version == 1 ? !meaning_.close : meaning_.keep_alive && !meaning_.close;
  }
  /// Of a 101: the protocol that the connection switches to.
  std::string_view upgrade() const { return meaning_.upgrade ? meaning_.protocol : std::string_view(); }

 private:
  Failure read_start_line();
  Failure read_fields();

  HeadText text_;
  bool to_head_ = false;
  bool complete_ = false;
  Failure failure_;
  ResponseHead head_;
  Meaning meaning_;
  Framing framing_ = Framing::none;
};

}  // namespace barrio::net::http1
