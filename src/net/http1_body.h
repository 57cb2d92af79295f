#pragma once
// HTTP/1.1 message bodies: by length, chunked (RFC 9112 7.1) or until the connection closes.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "net/http.h"

namespace barrio::net::http1 {

enum class Framing { none, length, chunked, until_close };

class BodyReader {
 public:
  /// `length` counts with Framing::length only.
  void reset(Framing framing, uint64_t length);
  struct Step {
    size_t consumed = 0;
    std::string_view piece;  // a view into the input; may be empty
  };
  /// Takes some bytes, up to the end of one piece. Call again while input is left and the body is neither done nor bad.
  Step step(std::string_view input);
  bool done() const { return done_; }
  /// Once done: the trailer fields, without those that may not be trailers. Views into this object.
  std::span<const Header> trailers() const { return trailers_; }
  /// Null: fine so far.
  const char* failure() const { return failure_; }

 private:
  enum class State { size_first, size, extension, size_lf, data, data_cr, data_lf, line, trailer, trailer_lf, end_lf };
  Step step_data(std::string_view input);
  void take(char c);
  void take_size(char c);
  void take_trailer(char c);
  void start_trailer(char c);
  void finish_trailers();
  void size_complete();
  void expect(char c, char wanted, State next);

  Framing framing_ = Framing::none;
  State state_ = State::size_first;
  uint64_t left_ = 0;
  int digits_ = 0;
  uint32_t overhead_ = 0;  // bytes of extensions and trailers, over the whole body
  bool in_name_ = false;   // of a trailer field
  struct Field {
    size_t begin, name_size, end;
  };
  std::string trailer_text_;
  std::vector<Field> fields_;
  std::vector<Header> trailers_;
  bool done_ = true;
  const char* failure_ = nullptr;
};

}  // namespace barrio::net::http1
