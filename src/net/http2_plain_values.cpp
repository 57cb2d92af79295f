#include "net/http2_plain_values.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>

#include "base/check.h"

namespace barrio::net::http2 {

namespace {

/// RFC 9113 4.2: what any peer may send, and nghttp2 reads.
constexpr size_t most_head_payload = 16 * 1024;

size_t byte_at(std::string_view text, size_t at) {
  return static_cast<unsigned char>(text[at]);
}

size_t payload_of(std::string_view frame) {
  return byte_at(frame, 0) << 16 | byte_at(frame, 1) << 8 | byte_at(frame, 2);
}

/// RFC 7541 5.1, of four bytes at most. `at` is moved behind it.
std::optional<size_t> read_number(std::string_view block, size_t& at, unsigned bits) {
  if (at >= block.size()) return std::nullopt;
  const size_t most = (size_t{1} << bits) - 1;
  size_t number = byte_at(block, at++) & most;
  if (number < most) return number;
  for (unsigned shift = 0; shift < 21 && at < block.size(); shift += 7) {
    const size_t byte = byte_at(block, at++);
    number += (byte & 127) << shift;
    if (byte < 128) return number;
  }
  return std::nullopt;
}

void append_number(std::string& block, size_t number, unsigned bits) {
  const size_t most = (size_t{1} << bits) - 1;
  block += static_cast<char>(std::min(number, most));
  if (number < most) return;
  for (number -= most; number >= 128; number >>= 7) block += static_cast<char>((number & 127) | 128);
  block += static_cast<char>(number);
}

/// A string of a block, and where in the block.
struct Literal {
  size_t begin;  // of its length
  size_t end;
  bool coded;
  std::string_view text;
};

std::optional<Literal> read_literal(std::string_view block, size_t& at) {
  if (at >= block.size()) return std::nullopt;
  const size_t begin = at;
  const bool coded = byte_at(block, at) >= 128;
  const auto size = read_number(block, at, 7);
  if (!size || *size > block.size() - at) return std::nullopt;
  const std::string_view text = block.substr(at, *size);
  at += *size;
  return Literal{begin, at, coded, text};
}

/// RFC 7541 6: the value of the next field that brings one. None: there is none, or the block is not understood.
std::optional<Literal> next_value(std::string_view block, size_t& at) {
  while (at < block.size()) {
    const size_t first = byte_at(block, at);
    const bool indexed = first >= 0x80;
    const bool resizes = first >> 5 == 1;
    const unsigned bits = indexed ? 7 : first >= 0x40 ? 6 : resizes ? 5 : 4;
    const auto index = read_number(block, at, bits);
    if (!index) return std::nullopt;
    if (indexed || resizes) continue;
    if (*index == 0 && !read_literal(block, at)) return std::nullopt;
    return read_literal(block, at);
  }
  return std::nullopt;
}

/// By nghttp2, which checks the code.
std::optional<std::string> decode(std::string_view code) {
  std::string block = {0, 1, 'x'};  // a field that is not to be remembered, of this name
  const size_t length_at = block.size();
  append_number(block, code.size(), 7);
  block[length_at] = static_cast<char>(block[length_at] | 128);
  block.append(code);
  nghttp2_hd_inflater* inflater = nullptr;
  CHECK(nghttp2_hd_inflate_new(&inflater) == 0);
  nghttp2_nv field{};
  int flags = 0;
  const auto used =
      nghttp2_hd_inflate_hd2(inflater, &field, &flags, reinterpret_cast<const uint8_t*>(block.data()), block.size(), 1);
  std::optional<std::string> plain;
  if (used >= 0 && (flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
    plain.emplace(reinterpret_cast<const char*>(field.value), field.valuelen);
  }
  nghttp2_hd_inflate_del(inflater);
  return plain;
}

/// A head that is whole, by itself and without padding.
bool is_simple_head(std::string_view frame) {
  constexpr size_t wanted = NGHTTP2_FLAG_END_HEADERS;
  return byte_at(frame, 3) == NGHTTP2_HEADERS && (byte_at(frame, 4) & (wanted | NGHTTP2_FLAG_PADDED)) == wanted &&
         payload_of(frame) <= most_head_payload;
}

/// An input as it is written anew: up to `copied` it is in `room`. It stays where it is while nothing in it changes.
struct Rewriting {
  std::string_view input;
  std::string& room;
  size_t copied = 0;

  void copy_to(size_t end) {
    room.append(input.substr(copied, end - copied));
    copied = end;
  }
};

/// Puts what is known in the place of its code. `frame` is a part of the input, at `begin`.
void write_plainly(std::string_view frame, size_t begin, PlainValues& values, Rewriting& to) {
  constexpr size_t head_bytes = 9;
  constexpr size_t priority_bytes = 5;
  const bool has_priority = (byte_at(frame, 4) & NGHTTP2_FLAG_PRIORITY) != 0;
  const size_t in_room = to.room.size() + (begin - to.copied);
  size_t payload = payload_of(frame);
  size_t at = head_bytes + (has_priority ? priority_bytes : 0);
  while (const auto value = next_value(frame, at)) {
    const std::string* plain = value->coded ? values.find(value->text) : nullptr;
    if (plain == nullptr) continue;
    if (payload + plain->size() > most_head_payload) break;
    to.copy_to(begin + value->begin);
    const size_t before = to.room.size();
    append_number(to.room, plain->size(), 7);
    to.room.append(*plain);
    to.copied = begin + value->end;
    payload += to.room.size() - before - (value->end - value->begin);
  }
  if (payload == payload_of(frame)) return;
  for (size_t i = 0; i < 3; ++i) to.room[in_room + i] = static_cast<char>(payload >> (16 - 8 * i) & 255);
}

}  // namespace

const std::string* PlainValues::find(std::string_view code) {
  if (code.size() < least_bytes || code.size() > most_bytes) return nullptr;
  if (values_.empty()) values_.resize(most_values);
  const size_t hash = std::hash<std::string_view>{}(code);
  Value& value = values_[hash % most_values];
  if (value.code == code) return &value.plain;
  if (std::exchange(value.passed, hash) != hash) return nullptr;
  auto plain = decode(code);
  if (!plain) return nullptr;
  value.code = code;
  value.plain = std::move(*plain);
  return &value.plain;
}

std::string_view PlainHeads::take(std::string_view input, std::string& room) {
  room.clear();
  Rewriting to{.input = input, .room = room};
  size_t at = 0;
  while (at < input.size()) {
    if (passing_ > 0) {
      const size_t step = std::min(passing_, input.size() - at);
      passing_ -= step;
      at += step;
    } else if (!begun_.empty() || input.size() - at < frame_head_bytes) {
      begun_ += input[at++];
      if (begun_.size() < frame_head_bytes) continue;
      passing_ = payload_of(begun_);
      begun_.clear();
    } else {
      passing_ = frame_head_bytes + payload_of(input.substr(at));
      const std::string_view frame = input.substr(at, passing_);
      if (frame.size() == passing_ && is_simple_head(frame)) write_plainly(frame, at, values_, to);
    }
  }
  if (to.copied == 0) return input;
  to.copy_to(input.size());
  return room;
}

}  // namespace barrio::net::http2
