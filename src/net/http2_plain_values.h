#pragma once
// Values of fields that come Huffman-coded again and again. nghttp2's clients never let Authorization into the
// compression's table, so that a token comes with each request, and to decode it costs more than anything else that is
// done with a head. What was seen before is put in plainly, in the place of its code, before nghttp2 reads the head: to
// a reader both mean the same (RFC 7541 5.2). What is not known, not whole or not understood stays as it came: nghttp2
// alone decides what a head means, and whether it is one. docs/adr/0024 says why.

#include <string>
#include <string_view>
#include <vector>

namespace barrio::net::http2 {

/// Of all connections of a server. Of one loop; outlives the connections that use it.
class PlainValues {
 public:
  static constexpr size_t most_values = 1024;
  /// Of a code: shorter ones cost no more to decode than to find, and longer ones are no tokens.
  static constexpr size_t least_bytes = 12;
  static constexpr size_t most_bytes = 1024;

  /// What a code means. Null: not known, or it is none. Kept is what came twice: what comes once, as identifiers of
  /// traces do, would cost a second decoding for nothing.
  const std::string* find(std::string_view code);

 private:
  struct Value {
    std::string code;
    std::string plain;
    size_t passed = 0;  // hash of the last code that was not kept in this place
  };
  std::vector<Value> values_;  // by hash
};

/// Of one connection: finds the heads in what a client sends, and the values in them.
class PlainHeads {
 public:
  explicit PlainHeads(PlainValues& values) : values_(values) {}
  /// What nghttp2 is to read for `input`, the connection's next bytes from the preface on, in any pieces. It is
  /// `input`, or written to `room`.
  std::string_view take(std::string_view input, std::string& room);

 private:
  static constexpr size_t preface_bytes = 24;
  static constexpr size_t frame_head_bytes = 9;

  PlainValues& values_;
  size_t passing_ = preface_bytes;  // of the input to come: the rest of what has begun
  std::string begun_;               // the first bytes of a frame, too few to say how long it is
};

}  // namespace barrio::net::http2
