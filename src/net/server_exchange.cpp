// The answering side of a server's connection: what a handler may call, at any time, from inside or outside a callback.

#include "net/server_connection.h"

namespace barrio::net {

namespace {

/// Of less, a copy costs no more than what the kernel does for a file's pages.
constexpr size_t least_sent_from_file = 32 * 1024;

}  // namespace

void ServerConnection::pause() {
  paused_ = true;
}

void ServerConnection::resume() {
  paused_ = false;
  last_read_ = core_.reactor_.now();
  if (!closed_) core_.work_.add(*this);
}

void ServerConnection::begin(int status, std::span<const Header> headers, std::optional<uint64_t> length) {
  if (!answering() || begun_) return;
  begun_ = true;
  const RequestHead& head = parser_.head();
  const bool bodyless = status == 204 || status == 304;
  http1::ResponseFraming framing;
  if (!bodyless) framing.length = length;
  mode_ = length ? BodyMode::length : BodyMode::chunked;
  body_left_ = length.value_or(0);
  if (!length && head.minor_version == 0) {
    mode_ = BodyMode::until_close;
    keep_alive_ = false;
  }
  if (bodyless || head.method == "HEAD") mode_ = BodyMode::none;
  framing.chunked = !length && !bodyless && head.minor_version == 1;
  if (core_.draining_) keep_alive_ = false;
  if (!keep_alive_)
    framing.persistence = http1::Persistence::close;
  else if (head.minor_version == 0)
    framing.persistence = http1::Persistence::keep_alive;
  if (stream_.unsent() == 0) last_sent_ = core_.reactor_.now();
  const size_t head_begins = stream_.unsent_text().size();
  http1::append_response_head(stream_.unsent_text(), status, headers, framing);
  drop_probed(head_begins);
  core_.work_.add(*this);  // sends the head if nothing follows it soon
}

bool ServerConnection::write(std::string_view piece) {
  if (!answering() || !begun_) return false;
  if (piece.empty() || mode_ == BodyMode::none) return true;
  const uint64_t before = stream_.sent();
  if (stream_.unsent() == 0) last_sent_ = core_.reactor_.now();
  bool sent = false;
  if (mode_ == BodyMode::chunked) {
    const http1::ChunkSize size(piece.size());
    sent = stream_.send_soon({size.text(), piece, http1::chunk_end});
  } else {
    if (mode_ == BodyMode::length) {
      if (piece.size() > body_left_) {
        abort();  // more than was announced would be read as the next answer
        return false;
      }
      body_left_ -= piece.size();
    }
    sent = stream_.send_soon({piece});
  }
  if (!sent) {
    abort();
    return false;
  }
  if (stream_.sent() != before) last_sent_ = core_.reactor_.now();
  if (stream_.unsent() > 0) core_.work_.add(*this);  // sends it, and sets the deadline
  blocked_ = stream_.unsent() > core_.limits_.write_buffer_bytes;
  return !blocked_;
}

bool ServerConnection::write_shared(std::string_view piece, FilePlace place, size_t& taken) {
  if (mode_ != BodyMode::length || stream_.is_secure() || piece.size() < least_sent_from_file)
    return Exchange::write_shared(piece, place, taken);
  taken = 0;
  if (!answering() || !begun_) return false;
  const uint64_t before = stream_.sent();
  if (stream_.unsent() == 0) last_sent_ = core_.reactor_.now();
  if (piece.size() > body_left_ || !stream_.send_file(place, piece.size(), taken)) {
    abort();
    return false;
  }
  body_left_ -= taken;
  if (stream_.sent() != before) last_sent_ = core_.reactor_.now();
  blocked_ = taken < piece.size();
  if (blocked_) core_.work_.add(*this);  // sets the deadline
  return !blocked_;
}

void ServerConnection::end(std::span<const Header> trailers) {
  if (!answering()) return;
  if (!begun_ || (mode_ == BodyMode::length && body_left_ > 0)) return abort();
  if (mode_ == BodyMode::chunked && !trailers.empty() && parser_.head().takes_trailers) {
    http1::append_last_chunk(stream_.unsent_text(), trailers);
  } else if (mode_ == BodyMode::chunked) {
    stream_.unsent_text().append(http1::last_chunk);
  }
  ended_ = true;
  core_.work_.add(*this);
}

void ServerConnection::upgrade(std::span<const Header> headers) {
  const std::string_view protocol = parser_.head().upgrade;
  if (!answering()) return;
  if (begun_ || protocol.empty()) return abort();
  begun_ = true;
  keep_alive_ = false;
  mode_ = BodyMode::until_close;
  phase_ = Phase::tunnel;
  last_sent_ = core_.reactor_.now();
  tunnel_end_ = core_.draining_ ? last_sent_ + core_.limits_.tunnel_grace : Time::max();
  const size_t head_begins = stream_.unsent_text().size();
  http1::append_switch_head(stream_.unsent_text(), protocol, headers);
  drop_probed(head_begins);
  core_.work_.add(*this);
}

void ServerConnection::reply(int status, std::span<const Header> headers, std::string_view body) {
  if (!answering()) return;
  if (begun_) return abort();
  if (phase_ == Phase::body) keep_alive_ = false;
  begin(status, headers, body.size());
  // Head and body leave in one piece.
  if (mode_ == BodyMode::length) body_left_ = 0;
  if (mode_ == BodyMode::length && !stream_.send_soon({body})) return abort();
  ended_ = true;
  core_.work_.add(*this);
}

void ServerConnection::abort() {
  if (closed_) return;
  aborted_ = true;
  close();
}

}  // namespace barrio::net
