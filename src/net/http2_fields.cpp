#include "net/http2_fields.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "net/fields.h"

namespace barrio::net::http2 {

namespace {

/// A buffer that once had to hold more than this is given back.
constexpr size_t kept_text = 16 * 1024;
/// Most heads need no more.
constexpr size_t least_text = 512;

void copy_eight_small(const char* from, char* to) {
  uint64_t eight = 0;
  std::memcpy(&eight, from, sizeof(eight));
  eight = small_letters(eight);
  std::memcpy(to, &eight, sizeof(eight));
}

void copy_small(std::string_view name, char* to) {
  constexpr size_t step = sizeof(uint64_t);
  if (name.size() < step) {
    for (const char c : name) *to++ = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
    return;
  }
  for (size_t at = 0; at + step <= name.size(); at += step) copy_eight_small(name.data() + at, to + at);
  copy_eight_small(name.data() + name.size() - step, to + name.size() - step);
}

}  // namespace

void FieldBlock::clear() {
  size_ = 0;
  if (text_.size() > kept_text) text_ = {};
  fields_.clear();
  headers_.clear();
}

char* FieldBlock::append(size_t name_size, std::string_view value, bool fleeting) {
  const size_t begin = size_;
  size_ += name_size + value.size();
  if (size_ > text_.size()) text_.resize(std::max({size_, 2 * text_.size(), least_text}));
  fields_.push_back({begin, name_size, value.size(), fleeting});
  char* name = text_.data() + begin;
  if (!value.empty()) std::memcpy(name + name_size, value.data(), value.size());
  return name;
}

void FieldBlock::add(std::string_view name, std::string_view value) {
  char* to = append(name.size(), value, false);
  if (!name.empty()) std::memcpy(to, name.data(), name.size());
}

void FieldBlock::add_small(const Header& header) {
  copy_small(header.name, append(header.name.size(), header.value, header.fleeting));
}

std::span<Header> FieldBlock::view() {
  headers_.clear();
  headers_.reserve(fields_.size());
  for (const Field& field : fields_) {
    const std::string_view text = name(field);
    const bool pseudo = text.starts_with(':');
    Header& header = headers_.emplace_back(pseudo ? net::Field::other : field_of(text), text, value(field));
    header.fleeting = field.fleeting;
    header.checked = true;  // by nghttp2, which tells of no other
  }
  return headers_;
}

void FieldBlock::join_cookies() {
  auto is_cookie = [this](const Field& field) { return name(field) == "cookie"; };
  if (std::ranges::count_if(fields_, is_cookie) < 2) return;
  std::string joined;
  for (const Field& field : fields_) {
    if (is_cookie(field)) joined.append(joined.empty() ? "" : "; ").append(value(field));
  }
  std::erase_if(fields_, is_cookie);
  add("cookie", joined);
}

RequestRead read_request(FieldBlock& block, bool ended) {
  RequestRead read;
  RequestHead& head = read.head;
  block.join_cookies();
  std::string_view authority;
  bool has_authority = false;
  const std::span<Header> all = block.view();
  size_t pseudo = 0;
  for (; pseudo < all.size() && all[pseudo].name.starts_with(':'); ++pseudo) {
    const Header& header = all[pseudo];
    if (header.name == ":method") head.method = header.value;
    if (header.name == ":path") head.target = header.value;
    if (header.name == ":authority") authority = header.value, has_authority = true;
  }
  // nghttp2 lets the pseudo-header fields come first only, and demands :method, :scheme and :path.
  head.headers = all.subspan(pseudo);
  head.major_version = 2;
  head.minor_version = 0;
  read.failure = http1::read_target(head);
  http1::Meaning meaning;
  if (read.failure.status == 0) read.failure = http1::read_meaning(head.headers, 1, meaning);
  if (read.failure.status != 0) return read;
  read.failure = {400, "needs exactly one host, in :authority or Host"};
  if (meaning.hosts > 1 || (meaning.hosts == 0 && !has_authority)) return read;
  if (has_authority && !http1::is_host(authority)) return read;
  if (has_authority && meaning.hosts == 1 && find_header(head.headers, Field::host) != authority) return read;
  if (has_authority && meaning.hosts == 0) {
    // The place of the last pseudo-header field is free for it.
    all[pseudo - 1] = {Field::host, "Host", authority};
    head.headers = all.subspan(pseudo - 1);
  }
  read.failure = {};
  if (meaning.unknown_expectation) read.failure = {417, "unknown expectation"};
  head.content_length = meaning.length;
  head.has_body = !ended;
  head.takes_trailers = meaning.takes_trailers;
  read.expects_continue = meaning.expects_continue;
  return read;
}

ResponseRead read_response(FieldBlock& block, bool ended) {
  ResponseRead read;
  const std::span<const Header> all = block.view();
  if (all.empty() || all[0].name != ":status") return {.head = {}, .failure = "an answer without a status"};
  const std::string_view status = all[0].value;
  const auto end = std::from_chars(status.data(), status.data() + status.size(), read.head.status).ptr;
  if (status.size() != 3 || end != status.data() + 3 || read.head.status < 100) read.failure = "bad status";
  read.head.headers = all.subspan(1);
  read.head.major_version = 2;
  read.head.minor_version = 0;
  http1::Meaning meaning;
  const http1::Failure failure = http1::read_meaning(read.head.headers, 1, meaning);
  if (failure.status != 0) read.failure = failure.what;
  read.head.content_length = meaning.length;
  read.head.has_body = !ended;
  return read;
}

}  // namespace barrio::net::http2
