#include "net/http1_writer.h"

#include <charconv>
#include <cstring>

#include "base/check.h"
#include "net/fields.h"

namespace barrio::net::http1 {

namespace {

/// More than what is written beside the fields of the application: the start line's own words and the fields from here.
constexpr size_t own_text = 512;

size_t size_of(std::span<const Header> headers) {
  size_t size = 0;
  for (const Header& header : headers) size += header.name.size() + header.value.size() + 4;
  return size;
}

/// Appends to a string that is made long enough at once: heads have many small parts.
class Writer {
 public:
  Writer(std::string& out, size_t most) : out_(out) {
    const size_t before = out.size();
    out.resize(before + most);
    at_ = out.data() + before;
  }
  ~Writer() {
    const auto size = static_cast<size_t>(at_ - out_.data());
    CHECK(size <= out_.size());
    out_.resize(size);
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  Writer& text(std::string_view text) {
    std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
    return *this;
  }
  Writer& number(uint64_t number) {
    at_ = std::to_chars(at_, at_ + 20, number).ptr;
    return *this;
  }
  void field(std::string_view name, std::string_view value) { text(name).text(": ").text(value).text("\r\n"); }
  void length(uint64_t length) { text("Content-Length: ").number(length).text("\r\n"); }

 private:
  std::string& out_;
  char* at_;
};

}  // namespace

std::string_view http_date() {
  thread_local std::time_t made_for = -1;
  thread_local std::array<char, 40> text{};
  thread_local size_t size = 0;
  const std::time_t now = std::time(nullptr);
  if (now != made_for) {
    std::tm parts{};
    gmtime_r(&now, &parts);
    size = std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    made_for = now;
  }
  return {text.data(), size};
}

void append_response_head(std::string& out, int status, std::span<const Header> headers,
                          const ResponseFraming& framing) {
  Writer head(out, own_text + size_of(headers));
  head.text("HTTP/1.1 ").number(static_cast<uint64_t>(status)).text(" ").text(reason_phrase(status)).text("\r\n");
  for (const Header& header : headers) {
    if (may_send(header) && header.field != Field::date) head.field(header.name, header.value);
  }
  head.field("Date", http_date());
  if (framing.length) head.length(*framing.length);
  if (framing.chunked) head.field("Transfer-Encoding", "chunked");
  if (framing.persistence == Persistence::close) head.field("Connection", "close");
  if (framing.persistence == Persistence::keep_alive) head.field("Connection", "keep-alive");
  head.text("\r\n");
}

void append_request_head(std::string& out, const RequestLine& line, std::span<const Header> headers) {
  const size_t words = line.method.size() + line.target.size() + line.host.size() + line.upgrade.size();
  Writer head(out, own_text + words + size_of(headers));
  head.text(line.method).text(" ").text(line.target).text(" HTTP/1.1\r\n");
  bool has_host = false;
  for (const Header& header : headers) {
    if (!may_send(header)) continue;
    const bool host = header.field == Field::host;
    if (host && has_host) continue;
    has_host = has_host || host;
    head.field(header.name, header.value);
  }
  if (!has_host) head.field("Host", line.host);
  // A request without a body says so only where its method usually has one (RFC 9110 8.6).
  const bool body_expected = line.method != "GET" && line.method != "HEAD" && line.method != "DELETE";
  if (!line.length)
    head.field("Transfer-Encoding", "chunked");
  else if (*line.length > 0 || body_expected)
    head.length(*line.length);
  if (!line.upgrade.empty()) {
    head.field("Connection", line.takes_trailers ? "Upgrade, TE" : "Upgrade");
    head.field("Upgrade", line.upgrade);
  } else if (line.takes_trailers) {
    head.field("Connection", "TE");
  }
  if (line.takes_trailers) head.field("TE", "trailers");
  head.text("\r\n");
}

void append_switch_head(std::string& out, std::string_view protocol, std::span<const Header> headers) {
  Writer head(out, own_text + protocol.size() + size_of(headers));
  head.text("HTTP/1.1 101 Switching Protocols\r\n");
  head.field("Connection", "Upgrade");
  head.field("Upgrade", protocol);
  for (const Header& header : headers) {
    if (may_send(header)) head.field(header.name, header.value);
  }
  head.text("\r\n");
}

void append_last_chunk(std::string& out, std::span<const Header> trailers) {
  out.append("0\r\n");
  each_trailer(trailers, [&out](const Header& header) {
    out.append(header.name).append(": ").append(header.value).append("\r\n");
  });
  out.append("\r\n");
}

ChunkSize::ChunkSize(size_t size) : begin_(buffer_.size() - 2) {
  buffer_[begin_] = '\r';
  buffer_[begin_ + 1] = '\n';
  do {
    buffer_[--begin_] = "0123456789abcdef"[size & 15];
    size >>= 4;
  } while (size != 0);
}

}  // namespace barrio::net::http1
