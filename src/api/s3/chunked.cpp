#include "api/s3/chunked.h"

#include <utility>

#include "base/crypto.h"
#include "base/hash.h"
#include "base/text.h"

namespace barrio::api::s3 {

namespace {

std::optional<uint64_t> hex_number(std::string_view text) {
  if (text.empty() || text.size() > 12) return std::nullopt;
  uint64_t value = 0;
  for (const char c : text) {
    const std::string_view digits = "0123456789abcdef";
    const size_t digit = digits.find(c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c);
    if (digit == std::string_view::npos) return std::nullopt;
    value = value * 16 + digit;
  }
  return value;
}

tl::unexpected<Fault> malformed(const char* what) {
  return refuse("IncompleteBody", std::string("the aws-chunked body is malformed: ") + what);
}

tl::unexpected<Fault> wrong_signature(const char* of) {
  return refuse("SignatureDoesNotMatch", std::string("the signature of ") + of + " does not match");
}

}  // namespace

ChunkedReader::ChunkedReader(Payload payload, ChunkSigning signing) : payload_(payload), signing_(std::move(signing)) {}

Outcome<void> ChunkedReader::take(std::string_view encoded, std::string& decoded) {
  while (!encoded.empty()) {
    if (state_ == State::done) return malformed("there is more behind its end");
    if (state_ == State::data) {
      const std::string_view piece = encoded.substr(0, left_);
      if (is_signed()) digest_.add(piece);
      decoded += piece;
      left_ -= piece.size();
      encoded.remove_prefix(piece.size());
      if (left_ == 0) state_ = State::data_end;
      continue;
    }
    S3_TRY(const bool whole, take_line(encoded));
    if (!whole) return {};
    const std::string line = std::exchange(line_, {});
    if (state_ == State::size_line) {
      S3_TRY_DO(size_line(line));
    } else if (state_ == State::data_end) {
      if (!line.empty()) return malformed("a chunk is longer than it says");
      S3_TRY_DO(end_chunk());
    } else {
      S3_TRY_DO(trailer_line(line));
    }
  }
  return {};
}

/// True: line_ has a whole line, without its end.
Outcome<bool> ChunkedReader::take_line(std::string_view& rest) {
  const size_t end = rest.find('\n');
  line_ += rest.substr(0, end == std::string_view::npos ? end : end + 1);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  if (line_.size() > most_line_bytes) return malformed("a line is too long");
  if (end == std::string_view::npos) return false;
  if (!line_.ends_with("\r\n")) {
    // Some clients end trailer lines with a bare newline.
    if (state_ != State::trailer_line) return malformed("a line does not end with CR LF");
    line_.pop_back();
    return true;
  }
  line_.resize(line_.size() - 2);
  return true;
}

Outcome<void> ChunkedReader::size_line(std::string_view line) {
  const size_t semicolon = line.find(';');
  const auto size = hex_number(line.substr(0, semicolon));
  if (!size || *size > most_chunk_bytes) return malformed("a chunk has no size");
  signature_.clear();
  if (semicolon != std::string_view::npos) {
    const std::string_view extension = line.substr(semicolon + 1);
    constexpr std::string_view name = "chunk-signature=";
    if (!extension.starts_with(name)) return malformed("a chunk has an extension that is not known");
    signature_ = extension.substr(name.size());
  }
  if (is_signed() && signature_.empty()) return wrong_signature("a chunk");
  last_ = *size == 0;
  left_ = *size;
  digest_ = Hasher(HashKind::sha256);
  if (!last_) {
    state_ = State::data;
    return {};
  }
  if (!has_trailers()) {
    state_ = State::data_end;
    return {};
  }
  return end_chunk();
}

Outcome<void> ChunkedReader::end_chunk() {
  if (is_signed()) {
    const std::string expected = chunk_signature(signing_, hex_of(digest_.finish()));
    if (!constant_time_equal(expected, signature_)) return wrong_signature("a chunk");
    signing_.previous = expected;
  }
  state_ = !last_ ? State::size_line : has_trailers() ? State::trailer_line : State::done;
  return {};
}

Outcome<void> ChunkedReader::trailer_line(std::string_view line) {
  if (line.empty()) {
    if (is_signed() && !trailer_signed_) return wrong_signature("the trailers");
    state_ = State::done;
    return {};
  }
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || trailer_signed_) return malformed("a trailer is no field");
  const std::string name = to_lower(trim(line.substr(0, colon)));
  const std::string value(trim(line.substr(colon + 1)));
  if (name == "x-amz-trailer-signature") {
    if (!is_signed()) return malformed("trailers are signed, though the body is not");
    const std::string expected = trailer_signature(signing_, sha256_hex(trailer_text_));
    if (!constant_time_equal(expected, value)) return wrong_signature("the trailers");
    trailer_signed_ = true;
    return {};
  }
  trailer_text_ += name + ":" + value + "\n";
  if (trailer_text_.size() > most_trailer_bytes) return malformed("its trailers are too long");
  trailers_[name] = value;
  return {};
}

Outcome<void> ChunkedReader::finish() const {
  if (state_ == State::done) return {};
  // The empty line behind the trailers is left out by some clients: then the length of the request is the end.
  const bool at_trailers = state_ == State::trailer_line && line_.empty() && (!is_signed() || trailer_signed_);
  return at_trailers ? Outcome<void>() : malformed("its end is missing");
}

}  // namespace barrio::api::s3
