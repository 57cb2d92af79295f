#include "net/http1_writer.h"

#include <charconv>

#include "net/fields.h"

namespace barrio::net::http1 {

namespace {

void append_number(std::string& out, uint64_t number) {
  std::array<char, 20> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  out.append(digits.data(), static_cast<size_t>(end.ptr - digits.data()));
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

void append_length(std::string& out, uint64_t length) {
  out.append("Content-Length: ");
  append_number(out, length);
  out.append("\r\n");
}

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
  out.append("HTTP/1.1 ");
  append_number(out, static_cast<uint64_t>(status));
  out.append(" ").append(reason_phrase(status)).append("\r\n");
  for (const Header& header : headers) {
    if (may_send(header) && !same_name(header.name, "date")) append_field(out, header.name, header.value);
  }
  append_field(out, "Date", http_date());
  if (framing.length) append_length(out, *framing.length);
  if (framing.chunked) append_field(out, "Transfer-Encoding", "chunked");
  if (framing.persistence == Persistence::close) append_field(out, "Connection", "close");
  if (framing.persistence == Persistence::keep_alive) append_field(out, "Connection", "keep-alive");
  out.append("\r\n");
}

void append_request_head(std::string& out, const RequestLine& line, std::span<const Header> headers) {
  out.append(line.method).append(" ").append(line.target).append(" HTTP/1.1\r\n");
  bool has_host = false;
  for (const Header& header : headers) {
    if (!may_send(header)) continue;
    const bool host = same_name(header.name, "host");
    if (host && has_host) continue;
    has_host = has_host || host;
    append_field(out, header.name, header.value);
  }
  if (!has_host) append_field(out, "Host", line.host);
  // A request without a body says so only where its method usually has one (RFC 9110 8.6).
  const bool body_expected = line.method != "GET" && line.method != "HEAD" && line.method != "DELETE";
  if (!line.length)
    append_field(out, "Transfer-Encoding", "chunked");
  else if (*line.length > 0 || body_expected)
    append_length(out, *line.length);
  if (!line.upgrade.empty()) {
    append_field(out, "Connection", line.takes_trailers ? "Upgrade, TE" : "Upgrade");
    append_field(out, "Upgrade", line.upgrade);
  } else if (line.takes_trailers) {
    append_field(out, "Connection", "TE");
  }
  if (line.takes_trailers) append_field(out, "TE", "trailers");
  out.append("\r\n");
}

void append_switch_head(std::string& out, std::string_view protocol, std::span<const Header> headers) {
  out.append("HTTP/1.1 101 Switching Protocols\r\n");
  append_field(out, "Connection", "Upgrade");
  append_field(out, "Upgrade", protocol);
  for (const Header& header : headers) {
    if (may_send(header)) append_field(out, header.name, header.value);
  }
  out.append("\r\n");
}

void append_last_chunk(std::string& out, std::span<const Header> trailers) {
  out.append("0\r\n");
  each_trailer(trailers, [&out](const Header& header) { append_field(out, header.name, header.value); });
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
