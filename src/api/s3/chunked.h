#pragma once
// The body encoding aws-chunked: chunks with their size, perhaps a signature each, and perhaps trailers (a checksum).
// A byte is handed on before its chunk's signature was seen: nothing may come of a body whose end was not reached.

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "api/s3/sigv4.h"
#include "base/hash.h"

namespace barrio::api::s3 {

class ChunkedReader {
 public:
  static constexpr size_t most_line_bytes = 4096;
  static constexpr size_t most_trailer_bytes = 8192;
  static constexpr uint64_t most_chunk_bytes = uint64_t{5} << 30;

  /// `payload` is one of the three encodings.
  ChunkedReader(Payload payload, ChunkSigning signing);
  /// Appends what is decoded.
  Outcome<void> take(std::string_view encoded, std::string& decoded);
  /// After the last byte: whether the end was reached. IncompleteBody.
  Outcome<void> finish() const;
  /// By name in lower case.
  const std::map<std::string, std::string>& trailers() const { return trailers_; }

 private:
  enum class State { size_line, data, data_end, trailer_line, done };
  Outcome<bool> take_line(std::string_view& rest);
  Outcome<void> size_line(std::string_view line);
  Outcome<void> trailer_line(std::string_view line);
  Outcome<void> end_chunk();
  bool is_signed() const { return payload_ != Payload::chunks_trailer; }
  bool has_trailers() const { return payload_ != Payload::chunks_signed; }

  const Payload payload_;
  ChunkSigning signing_;
  State state_ = State::size_line;
  std::string line_;
  uint64_t left_ = 0;  // of the chunk
  bool last_ = false;
  std::string signature_;  // of the chunk
  Hasher digest_{HashKind::sha256};
  std::map<std::string, std::string> trailers_;
  std::string trailer_text_;  // what their signature is over
  bool trailer_signed_ = false;
};

}  // namespace barrio::api::s3
