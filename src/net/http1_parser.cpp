#include "net/http1_parser.h"

#include <emmintrin.h>  // SSE2: every x86-64 has it

#include <algorithm>
#include <array>
#include <bit>

namespace barrio::net::http1 {

namespace {

constexpr std::array<bool, 256> make_table(std::string_view extra, bool visible, bool high) {
  std::array<bool, 256> table{};
  for (size_t c = 0; c < 256; ++c) {
    const bool alphanumeric = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    table[c] = alphanumeric || (visible && c >= 0x21 && c <= 0x7e) || (high && c >= 0x80);
  }
  for (const char c : extra) table[static_cast<unsigned char>(c)] = true;
  return table;
}

constexpr auto token_chars = make_table("!#$%&'*+-.^_`|~", false, false);
constexpr auto value_chars = make_table(" \t", true, true);
// Of a host (RFC 3986 3.2.2): the name, and what stands in the brackets of an IP literal.
constexpr auto name_chars = make_table("-._~!$&'()*+,;=%", false, false);
constexpr auto literal_chars = make_table("-._~!$&'()*+,;=:", false, false);
constexpr auto target_chars = make_table("", true, false);

bool all(const std::array<bool, 256>& table, std::string_view text) {
  for (const char c : text) {
    if (!table[static_cast<unsigned char>(c)]) return false;
  }
  return true;
}

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

/// Digits only, and small enough that sums of lengths cannot overflow.
std::optional<uint64_t> read_length(std::string_view text) {
  if (text.empty() || text.size() > 18) return std::nullopt;
  uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<uint64_t>(c - '0');
  }
  return value;
}

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool good_escapes(std::string_view text) {
  for (size_t at = text.find('%'); at != std::string_view::npos; at = text.find('%', at + 3)) {
    if (text.size() - at < 3 || !is_hex(text[at + 1]) || !is_hex(text[at + 2])) return false;
  }
  return true;
}

template <class Take>
void each_in_list(std::string_view value, Take take) {
  while (true) {
    const size_t comma = value.find(',');
    take(trim_blanks(value.substr(0, comma)));
    if (comma == std::string_view::npos) return;
    value.remove_prefix(comma + 1);
  }
}

void read_connection(std::string_view value, Meaning& meaning) {
  each_in_list(value, [&meaning](std::string_view option) {
    if (same_name(option, "close")) meaning.close = true;
    if (same_name(option, "keep-alive")) meaning.keep_alive = true;
    if (same_name(option, "upgrade")) meaning.upgrade = true;
  });
}

Failure read_field(const Header& header, Meaning& meaning) {
  const std::string_view value = header.value;
  switch (header.field) {
    case Field::content_length:
      if (meaning.length) return {400, "more than one Content-Length"};
      meaning.length = read_length(value);
      if (!meaning.length) return {400, "Content-Length is not a number"};
      return {};
    case Field::transfer_encoding:
      if (meaning.chunked || !same_name(value, "chunked")) return {400, "Transfer-Encoding other than chunked"};
      meaning.chunked = true;
      return {};
    case Field::connection: read_connection(value, meaning); return {};
    case Field::host:
      if (!is_host(value)) return {400, "Host is not a host"};
      ++meaning.hosts;
      return {};
    case Field::expect:
      same_name(value, "100-continue") ? meaning.expects_continue = true : meaning.unknown_expectation = true;
      return {};
    case Field::te:
      each_in_list(value, [&meaning](std::string_view coding) {
        if (same_name(coding, "trailers")) meaning.takes_trailers = true;
      });
      return {};
    case Field::upgrade:
      if (!meaning.protocol.empty()) return {};
      if (const auto first = trim_blanks(value.substr(0, value.find(','))); is_token(first)) meaning.protocol = first;
      return {};
    default: return {};
  }
}

/// The minor version of "HTTP/1.0" or "HTTP/1.1"; -1 for another version, -2 for anything else.
int read_version(std::string_view text) {
  if (text == "HTTP/1.1") return 1;
  if (text == "HTTP/1.0") return 0;
  auto digit = [](char c) { return c >= '0' && c <= '9'; };
  return text.size() == 8 && text.starts_with("HTTP/") && digit(text[5]) && text[6] == '.' && digit(text[7]) ? -1 : -2;
}

}  // namespace

std::string_view trim_blanks(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

Failure read_meaning(std::span<const Header> headers, int minor_version, Meaning& meaning) {
  meaning = {};
  for (const Header& header : headers) {
    const Failure failure = read_field(header, meaning);
    if (failure.status != 0) return failure;
  }
  if (meaning.chunked && meaning.length) return {400, "both Content-Length and Transfer-Encoding"};
  if (meaning.chunked && minor_version == 0) return {400, "Transfer-Encoding in HTTP/1.0"};
  return {};
}

Failure read_target(RequestHead& head) {
  if (!is_token(head.method)) return {400, "bad method"};
  const bool asterisk = head.target == "*" && head.method == "OPTIONS";
  if (!asterisk && !head.target.starts_with('/')) return {400, "the target must be a path"};
  if (!all(target_chars, head.target) || head.target.find('#') != std::string_view::npos) {
    return {400, "bad character in the target"};
  }
  const size_t mark = head.target.find('?');
  head.path = head.target.substr(0, mark);
  head.query = mark == std::string_view::npos ? std::string_view() : head.target.substr(mark + 1);
  return {};
}

bool is_token(std::string_view text) {
  return !text.empty() && all(token_chars, text);
}

bool is_host(std::string_view text) {
  size_t host_size = std::min(text.find(':'), text.size());
  if (text.starts_with('[')) {
    const size_t bracket = text.find(']');
    if (bracket == std::string_view::npos || bracket == 1 || !all(literal_chars, text.substr(1, bracket - 1))) {
      return false;
    }
    host_size = bracket + 1;
  } else if (!all(name_chars, text.substr(0, host_size)) || !good_escapes(text.substr(0, host_size))) {
    return false;
  }
  const std::string_view port = text.substr(host_size);
  if (port.empty()) return true;
  return host_size > 0 && port.front() == ':' && port.find_first_not_of("0123456789", 1) == std::string_view::npos;
}

namespace {

constexpr size_t at_once = 16;

__m128i sixteen(const char* text) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(text));
}

/// A bit for each of sixteen characters that is this one.
unsigned where_is(char c, __m128i all) {
  return static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(all, _mm_set1_epi8(c))));
}

/// A bit for each that is a control character other than HTAB.
unsigned where_control(__m128i all) {
  const __m128i below_space = _mm_cmpeq_epi8(_mm_min_epu8(all, _mm_set1_epi8(0x1f)), all);
  const __m128i tab = _mm_cmpeq_epi8(all, _mm_set1_epi8('\t'));
  const __m128i del = _mm_cmpeq_epi8(all, _mm_set1_epi8(0x7f));
  return static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(_mm_andnot_si128(tab, below_space), del)));
}

size_t first_of(unsigned bits, size_t at) {
  return at + static_cast<size_t>(std::countr_zero(bits));
}

/// The line that `text` begins with.
LineScan scan_line(std::string_view text) {
  LineScan seen;
  size_t control = std::string_view::npos;
  for (size_t at = 0; at < text.size(); at += at_once) {
    std::array<char, at_once> last{};
    const bool whole = text.size() - at >= at_once;
    if (!whole) {
      last.fill(' ');
      text.copy(last.data(), at_once, at);
    }
    const __m128i all = sixteen(whole ? text.data() + at : last.data());
    if (seen.colon == std::string_view::npos) {
      if (const unsigned colons = where_is(':', all)) seen.colon = first_of(colons, at);
    }
    const unsigned controls = where_control(all);
    if (controls == 0) continue;  // nor LF, which is one
    if (control == std::string_view::npos) control = first_of(controls, at);
    const unsigned ends = where_is('\n', all);
    if (ends == 0) continue;
    seen.end = first_of(ends, at);
    if (seen.colon > seen.end) seen.colon = std::string_view::npos;
    seen.clean = control + 1 == seen.end && text[control] == '\r';
    break;
  }
  return seen;
}

}  // namespace

bool is_field_value(std::string_view text) {
  if (text.size() < at_once) return all(value_chars, text);
  for (size_t i = 0; i + at_once <= text.size(); i += at_once) {
    if (where_control(sixteen(text.data() + i)) != 0) return false;
  }
  return where_control(sixteen(text.data() + text.size() - at_once)) == 0;
}

void HeadText::reset() {
  text_.clear();
  fields_.clear();
  headers_.clear();
  line_ = start_line_size_ = 0;
  complete_ = false;
  failure_ = {};
}

size_t HeadText::reject(int status, const char* what) {
  failure_ = {status, what};
  return 0;
}

size_t HeadText::feed(std::string_view input) {
  if (complete_ || failure_.status != 0) return 0;
  size_t used = text_.size() > line_ ? end_line(input) : 0;
  if (used < input.size() && !complete_ && failure_.status == 0) used += take_lines(input.substr(used));
  if (failure_.status != 0) return 0;
  if (complete_) {
    finish();
    return used;
  }
  if (text_.size() == limits_.bytes) return too_long();
  return used;
}

size_t HeadText::end_line(std::string_view input) {
  const std::string_view rest = input.substr(0, limits_.bytes - text_.size());
  const size_t end = rest.find('\n');
  text_.append(rest.substr(0, end));
  if (end == std::string_view::npos) return rest.size();
  const std::string_view line = std::string_view(text_).substr(line_);
  const bool good = take_line(line, line_, {.end = line.size(), .colon = line.find(':')});
  text_ += '\n';
  if (good) line_ = text_.size();
  return end + 1;
}

/// Line by line, so that no body that follows is copied.
size_t HeadText::take_lines(std::string_view input) {
  const std::string_view rest = input.substr(0, limits_.bytes - text_.size());
  const size_t begin = text_.size();
  size_t taken = 0;
  while (taken < rest.size() && !complete_) {
    const LineScan seen = scan_line(rest.substr(taken));
    if (seen.end == std::string_view::npos) {
      taken = rest.size();
      break;
    }
    if (!take_line(rest.substr(taken, seen.end), begin + taken, seen)) return 0;
    taken += seen.end + 1;
    line_ = begin + taken;
  }
  text_.append(rest.substr(0, taken));
  return taken;
}

size_t HeadText::too_long() {
  if (line_ > 0) return reject(431, "the head is too long");
  // RFC 9112 3: it is the target that is too long, where there is one.
  if (text_.find(' ') == std::string::npos) return reject(400, "the request line is too long");
  return reject(414, "the target is too long");
}

bool HeadText::take_line(std::string_view line, size_t begin, const LineScan& seen) {
  if (line.empty() || line.back() != '\r') return reject(400, "a line ends without CR") != 0;
  line.remove_suffix(1);
  if (begin == 0) {
    start_line_size_ = line.size();
    if (line.empty() || (!seen.clean && !is_field_value(line))) reject(400, "bad start line");
    return failure_.status == 0;
  }
  complete_ = line.empty();
  return complete_ || take_field(line, begin, seen);
}

bool HeadText::take_field(std::string_view line, size_t begin, const LineScan& seen) {
  if (fields_.size() == limits_.fields) return reject(431, "too many header fields") != 0;
  if (is_blank(line.front())) return reject(400, "a folded header field") != 0;
  const size_t colon = seen.colon;
  if (colon == std::string_view::npos) return reject(400, "bad header field name") != 0;
  const net::Field known = field_of(line.substr(0, colon));  // whose names are tokens
  if (known == net::Field::other && !is_token(line.substr(0, colon))) {
    return reject(400, "bad header field name") != 0;
  }
  const std::string_view value = trim_blanks(line.substr(colon + 1));
  if (!seen.clean && !is_field_value(value)) return reject(400, "control character in a header field") != 0;
  fields_.push_back({begin, colon, begin + static_cast<size_t>(value.data() - line.data()), value.size(), known});
  return true;
}

void HeadText::finish() {
  const std::string_view text = text_;
  for (const Field& field : fields_) {
    headers_.push_back(
        {field.known, text.substr(field.name, field.name_size), text.substr(field.value, field.value_size)});
    headers_.back().checked = true;
  }
}

void RequestParser::reset() {
  text_.reset();
  head_ = {};
  complete_ = false;
  failure_ = {};
}

size_t RequestParser::feed(std::string_view input) {
  if (complete_ || failure_.status != 0) return 0;
  const size_t taken = text_.feed(input);
  failure_ = text_.failure();
  if (!text_.complete()) return taken;
  failure_ = read_start_line();
  if (failure_.status == 0) failure_ = read_fields();
  complete_ = failure_.status == 0;
  return taken;
}

Failure RequestParser::read_start_line() {
  const std::string_view line = text_.start_line();
  const size_t first = line.find(' ');
  const size_t second = first == std::string_view::npos ? first : line.find(' ', first + 1);
  if (second == std::string_view::npos) return {400, "bad request line"};
  head_.method = line.substr(0, first);
  head_.target = line.substr(first + 1, second - first - 1);
  head_.minor_version = read_version(line.substr(second + 1));
  if (head_.minor_version == -2) return {400, "bad request line"};
  if (head_.minor_version == -1) return {505, "only HTTP/1.1 and HTTP/1.0 are spoken here"};
  return read_target(head_);
}

Failure RequestParser::read_fields() {
  head_.headers = text_.headers();
  const Failure failure = read_meaning(head_.headers, head_.minor_version, meaning_);
  if (failure.status != 0) return failure;
  if (meaning_.hosts > 1 || (meaning_.hosts == 0 && head_.minor_version == 1)) return {400, "needs exactly one Host"};
  if (meaning_.unknown_expectation) return {417, "unknown expectation"};
  // An HTTP/1.0 client cannot read "100 Continue" (RFC 9110 10.1.1).
  if (head_.minor_version == 0) meaning_.expects_continue = false;
  head_.content_length = meaning_.length;
  framing_ = meaning_.chunked ? Framing::chunked : meaning_.length.value_or(0) > 0 ? Framing::length : Framing::none;
  head_.has_body = framing_ != Framing::none;
  // These had no body in HTTP/1.0 (RFC 1945 8.1, D.1.2), and some readers take it for the next request.
  const bool bodyless = head_.method == "GET" || head_.method == "HEAD" || head_.method == "DELETE";
  if (head_.minor_version == 0 && head_.has_body && bodyless) return {400, "a body of GET, HEAD or DELETE in HTTP/1.0"};
  head_.takes_trailers = meaning_.takes_trailers && head_.minor_version == 1;
  // With a body before it a switch would be between two streams of bytes: no client does that.
  if (meaning_.upgrade && !head_.has_body && head_.minor_version == 1) head_.upgrade = meaning_.protocol;
  return {};
}

void ResponseParser::reset(bool to_head) {
  text_.reset();
  head_ = {};
  to_head_ = to_head;
  complete_ = false;
  failure_ = {};
}

size_t ResponseParser::feed(std::string_view input) {
  if (complete_ || failure_.status != 0) return 0;
  const size_t taken = text_.feed(input);
  failure_ = text_.failure();
  if (!text_.complete()) return taken;
  failure_ = read_start_line();
  if (failure_.status == 0) failure_ = read_fields();
  complete_ = failure_.status == 0;
  return taken;
}

Failure ResponseParser::read_start_line() {
  const std::string_view line = text_.start_line();
  head_.minor_version = read_version(line.substr(0, 8));
  if (head_.minor_version < 0) return {505, "not an HTTP/1.1 answer"};
  if (line.size() < 13 || line[8] != ' ' || line[12] != ' ') return {400, "bad status line"};
  const auto status = read_length(line.substr(9, 3));
  if (!status || *status < 100 || *status > 599) return {400, "bad status"};
  head_.status = static_cast<int>(*status);
  return {};
}

Failure ResponseParser::read_fields() {
  head_.headers = text_.headers();
  const Failure failure = read_meaning(head_.headers, head_.minor_version, meaning_);
  if (failure.status != 0) return failure;
  head_.content_length = meaning_.length;
  // Forbidden there (RFC 9112 6.1, RFC 9110 8.6): whoever sends it may send that body too, which must not be taken for
  // the next answer.
  const bool never_framed = head_.status < 200 || head_.status == 204;
  if (never_framed && (meaning_.chunked || meaning_.length.value_or(0) > 0)) meaning_.close = true;
  const bool bodyless = to_head_ || head_.status < 200 || head_.status == 204 || head_.status == 304;
  if (bodyless || meaning_.length == 0U) {
    framing_ = Framing::none;
  } else {
    framing_ = meaning_.chunked ? Framing::chunked : meaning_.length ? Framing::length : Framing::until_close;
  }
  head_.has_body = framing_ != Framing::none;
  return {};
}

}  // namespace barrio::net::http1
