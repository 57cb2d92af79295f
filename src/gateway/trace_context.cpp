#include "gateway/trace_context.h"

#include <algorithm>

#include "base/text.h"

namespace barrio::gateway {

namespace {

constexpr size_t most_members = 32;
constexpr size_t most_state_bytes = 512;
constexpr size_t most_key = 256;
constexpr size_t most_value = 256;
constexpr size_t most_vendor = 14;
constexpr size_t most_tenant = 241;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;  // upper case is not allowed
  return -1;
}

bool read_hex(std::string_view text, std::span<unsigned char> bytes) {
  for (size_t i = 0; i < bytes.size(); ++i) {
    const int high = hex_digit(text[2 * i]);
    const int low = hex_digit(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    bytes[i] = static_cast<unsigned char>(high << 4 | low);
  }
  return true;
}

bool all_zero(std::span<const unsigned char> bytes) {
  return std::ranges::all_of(bytes, [](unsigned char byte) { return byte == 0; });
}

bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_key_character(char c) {
  return is_lower(c) || is_digit(c) || c == '_' || c == '-' || c == '*' || c == '/';
}

bool valid_simple_key(std::string_view key, size_t most, bool digit_first) {
  if (key.empty() || key.size() > most) return false;
  if (!is_lower(key.front()) && !(digit_first && is_digit(key.front()))) return false;
  return std::ranges::all_of(key, is_key_character);
}

bool valid_key(std::string_view key) {
  const size_t at = key.find('@');
  if (at == std::string_view::npos) return valid_simple_key(key, most_key, false);
  return valid_simple_key(key.substr(0, at), most_tenant, true) &&
         valid_simple_key(key.substr(at + 1), most_vendor, false);
}

bool valid_value(std::string_view value) {
  if (value.empty() || value.size() > most_value || value.back() == ' ') return false;
  return std::ranges::all_of(value, [](char c) { return c >= 0x20 && c <= 0x7e && c != ',' && c != '='; });
}

std::string_view next_member(std::string_view& rest) {
  const size_t comma = rest.find(',');
  const std::string_view member = trim(rest.substr(0, comma));
  rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
  return member;
}

bool has_key(std::string_view members, std::string_view key) {
  while (!members.empty()) {
    const std::string_view member = next_member(members);
    if (member.substr(0, member.find('=')) == key) return true;
  }
  return false;
}

template <class Id>
Id new_id(Rng& rng) {
  Id id;
  do {
    for (size_t i = 0; i < id.size(); i += 8) {
      const uint64_t bits = rng.next();
      for (size_t k = 0; k < 8; ++k) id[i + k] = static_cast<unsigned char>(bits >> (8 * k));
    }
  } while (all_zero(id));
  return id;
}

}  // namespace

std::optional<TraceContext> parse_traceparent(std::string_view text) {
  std::array<unsigned char, 1> version{};
  std::array<unsigned char, 1> flags{};
  TraceContext context;
  if (text.size() < traceparent_size || text[2] != '-' || text[35] != '-' || text[52] != '-') return std::nullopt;
  const bool read = read_hex(text, version) && read_hex(text.substr(3), context.trace) &&
                    read_hex(text.substr(36), context.parent) && read_hex(text.substr(53), flags);
  if (!read || version[0] == 0xff || all_zero(context.trace) || all_zero(context.parent)) return std::nullopt;
  if (text.size() > traceparent_size && (version[0] == 0 || text[traceparent_size] != '-')) return std::nullopt;
  context.sampled = (flags[0] & 1) != 0;
  return context;
}

bool valid_tracestate(std::string_view text) {
  if (text.size() > most_state_bytes) return false;
  size_t members = 0;
  while (!text.empty()) {
    const std::string_view member = next_member(text);
    if (member.empty()) continue;  // allowed, and says nothing
    const size_t equals = member.find('=');
    if (equals == std::string_view::npos || ++members > most_members) return false;
    const std::string_view key = member.substr(0, equals);
    if (!valid_key(key) || !valid_value(member.substr(equals + 1)) || has_key(text, key)) return false;
  }
  return members > 0;
}

void write_hex(std::span<const unsigned char> bytes, char* to) {
  static constexpr char digits[] = "0123456789abcdef";
  for (const unsigned char byte : bytes) {
    *to++ = digits[byte >> 4];
    *to++ = digits[byte & 15];
  }
}

std::string_view write_traceparent(const TraceContext& context, std::span<char, traceparent_size> to) {
  to[0] = to[1] = to[53] = '0';
  to[2] = to[35] = to[52] = '-';
  write_hex(context.trace, to.data() + 3);
  write_hex(context.parent, to.data() + 36);
  to[54] = context.sampled ? '1' : '0';
  return {to.data(), to.size()};
}

TraceId new_trace_id(Rng& rng) {
  return new_id<TraceId>(rng);
}

SpanId new_span_id(Rng& rng) {
  return new_id<SpanId>(rng);
}

IncomingTrace read_trace(std::span<const net::Header> headers) {
  IncomingTrace trace;
  size_t parents = 0;
  size_t states = 0;
  size_t state_bytes = 0;
  bool states_valid = true;
  for (const net::Header& header : headers) {
    if (header.field == net::Field::traceparent) {
      ++parents;
      trace.context = parse_traceparent(trim(header.value));
    } else if (header.field == net::Field::tracestate) {
      ++states;
      state_bytes += header.value.size();
      states_valid = states_valid && valid_tracestate(header.value);
    }
  }
  if (parents > 1) trace.context.reset();
  trace.drop_parent = parents > 0 && !trace.context;
  trace.drop_state = states > 0 && (!trace.context || !states_valid || state_bytes > most_state_bytes);
  return trace;
}

}  // namespace barrio::gateway
