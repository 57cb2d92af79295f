// A session's life, and what comes in.

#include "net/http2_session.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/check.h"
#include "net/fields.h"
#include "net/http2_callbacks.h"

namespace barrio::net::http2 {

namespace {

/// Buffers that once had to hold more than this are given back.
constexpr size_t kept_output = 64 * 1024;
/// Of one piece for an application: what is held is handed out like what is read.
constexpr size_t most_piece = 64 * 1024;
constexpr uint32_t max_frame_size = 64 * 1024;
/// A head that goes on for so many times the limit is not answered any more.
constexpr size_t hopeless_heads = 8;

void empty(std::string& text) {
  text.clear();
  if (text.capacity() > kept_output) text.shrink_to_fit();
}

}  // namespace

void Channel::begin_input() {
  head.clear();
  trailers.clear();
  head_complete = head_too_big = peer_ended = end_told = dropped = was_reset = false;
  head_bytes = 0;
  empty(held);
  held_begin = 0;
}

void Channel::begin_again(Time now) {
  begin_input();
  out_begin = 0;
  out_deferred = head_sent = false;
  begins_at = 0;
  ends_at = UINT64_MAX;
  last_received = last_progress = now;
}

void Channel::begin(int32_t stream_id, Time now) {
  id = stream_id;
  begin_input();
  paused = false;
  empty(out);
  out_begin = 0;
  keep_sent = out_ended = out_deferred = out_blocked = head_sent = false;
  out_trailers.clear();
  begins_at = 0;
  ends_at = UINT64_MAX;
  last_received = last_progress = now;
}

void Channel::append(std::string_view piece) {
  if (!keep_sent && out_begin == out.size()) {
    out.clear();
    out_begin = 0;
  } else if (!keep_sent && out_begin > kept_output && out_begin > out.size() / 2) {
    out.erase(0, out_begin);
    out_begin = 0;
  }
  out.append(piece);
}

bool Session::PerSecond::over(Time now, uint32_t limit) {
  if (now - since >= 1s) {
    since = now;
    count = 0;
  }
  return ++count > limit;
}

Session::Session(Side side, Reactor& reactor, Stream& socket, Memory& memory, const SessionLimits& limits,
                 SessionHandler& handler)
    : side_(side), reactor_(reactor), socket_(socket), limits_(limits), handler_(handler) {
  session_ = Callbacks::new_session(side, memory, limits, *this);
  std::array<nghttp2_settings_entry, 5> settings{};
  settings[0] = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits.stream_window};
  settings[1] = {NGHTTP2_SETTINGS_MAX_FRAME_SIZE, max_frame_size};
  settings[2] = {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<uint32_t>(limits.head_bytes)};
  settings[3] = {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, side == Side::server ? limits.streams : 0};
  settings[4] = {NGHTTP2_SETTINGS_ENABLE_PUSH, 0};
  CHECK(nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), side == Side::server ? 4 : 5) == 0);
  CHECK(nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                              static_cast<int32_t>(limits.connection_window)) == 0);
}

Session::~Session() {
  nghttp2_session_del(session_);
}

bool Session::receive(std::string_view input) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(input.data());
  if (nghttp2_session_mem_recv(session_, bytes, input.size()) < 0) {
    handler_.on_limit(ConnectionLimit::malformed);  // or one of nghttp2's own bounds, such as that of CONTINUATION
    return false;
  }
  if (taken_ > 0) nghttp2_session_consume_connection(session_, std::exchange(taken_, 0));
  return true;
}

bool Session::over() const {
  return nghttp2_session_want_read(session_) == 0 && nghttp2_session_want_write(session_) == 0;
}

uint32_t Session::peer_streams() const {
  return nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

Channel* Session::find(int32_t id) const {
  if (found_ == nullptr || found_->id != id) {
    found_ = static_cast<Channel*>(nghttp2_session_get_stream_user_data(session_, id));
  }
  return found_;
}

void Session::adopt(Channel& channel) {
  channel.index = channels_.size();
  channels_.push_back(&channel);
  unsent_ += channel.unsent();
  if (channel.out_blocked) ++blocked_;
}

int Session::begin_head(const nghttp2_frame& frame) {
  if (frame.headers.cat != NGHTTP2_HCAT_REQUEST) {
    reading_head_ = find(frame.hd.stream_id);
    return 0;
  }
  Channel& channel = handler_.on_begin(frame.hd.stream_id);
  channel.begin(frame.hd.stream_id, reactor_.now());
  adopt(channel);
  reading_head_ = &channel;
  found_ = &channel;
  return nghttp2_session_set_stream_user_data(session_, channel.id, &channel);
}

void Session::field(Channel& channel, std::string_view name, std::string_view value) {
  if (channel.head_complete) return trailer(channel, name, value);
  channel.head_bytes += name.size() + value.size() + 32;
  channel.head_too_big =
      channel.head_too_big || channel.head_bytes > limits_.head_bytes || channel.head.count() >= limits_.header_fields;
  if (!channel.head_too_big) channel.head.add(name, value);
  // Whoever reads on only keeps the compression in step, at the peer's price of a byte a field.
  if (channel.head_bytes > hopeless_heads * limits_.head_bytes) flooded(ConnectionLimit::head);
}

void Session::trailer(Channel& channel, std::string_view name, std::string_view value) {
  if (channel.dropped || !may_be_trailer(name)) return;
  if (channel.trailers.text_bytes() + name.size() + value.size() > most_trailer_bytes) {
    return reset(channel, NGHTTP2_ENHANCE_YOUR_CALM);
  }
  channel.trailers.add(name, value);
}

void Session::frame_received(const nghttp2_frame& frame) {
  const bool ack = (frame.hd.flags & NGHTTP2_FLAG_ACK) != 0;
  const bool ends = (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  switch (frame.hd.type) {
    case NGHTTP2_SETTINGS:
      if (!ack) count_idle_frame();
      return handler_.on_settings();
    case NGHTTP2_PING: return ack ? handler_.on_ping_answer() : count_idle_frame();
    case NGHTTP2_PRIORITY: return count_idle_frame();
    case NGHTTP2_GOAWAY: return handler_.on_goaway();
    case NGHTTP2_RST_STREAM:
      if (resets_.over(reactor_.now(), limits_.resets_per_second)) flooded(ConnectionLimit::resets);
      return;
    case NGHTTP2_DATA:
      if (frame.hd.length == 0 && !ends) return count_idle_frame();
      break;
    case NGHTTP2_HEADERS: break;
    default: return;
  }
  Channel* channel = find(frame.hd.stream_id);
  if (channel == nullptr) return;
  channel->last_received = reactor_.now();
  if (ends) channel->peer_ended = true;
  if (frame.hd.type == NGHTTP2_HEADERS && !channel->head_complete) {
    channel->head_complete = true;
    handler_.on_head(*channel, ends);
  }
  finish_input(*channel);
}

void Session::count_idle_frame() {
  if (idle_frames_.over(reactor_.now(), limits_.idle_frames_per_second)) flooded(ConnectionLimit::idle_frames);
}

void Session::flooded(ConnectionLimit limit) {
  handler_.on_limit(limit);
  terminate(NGHTTP2_ENHANCE_YOUR_CALM);
}

void Session::data_received(int32_t id, std::string_view piece, bool last) {
  Channel* channel = find(id);
  if (channel != nullptr && !channel->dropped) {
    channel->last_received = reactor_.now();
    if (channel->paused || channel->held_size() > 0) {
      channel->held.append(piece);
      held_ += piece.size();
      // A stream that waits does not stop the others: the connection's window opens again while memory lasts.
      if (held_ <= limits_.held_bytes)
        nghttp2_session_consume_connection(session_, piece.size());
      else
        window_owed_ += piece.size();
      return;
    }
    handler_.on_data(*channel, piece);
  }
  taken_ += piece.size();
  if (!last) nghttp2_session_consume_stream(session_, id, piece.size());
}

void Session::release_held(size_t size) {
  held_ -= size;
  if (window_owed_ == 0 || held_ > limits_.held_bytes) return;
  nghttp2_session_consume_connection(session_, window_owed_);
  window_owed_ = 0;
}

void Session::deliver(Channel& channel) {
  while (!channel.paused && !channel.dropped && channel.held_size() > 0) {
    const std::string_view piece = std::string_view(channel.held).substr(channel.held_begin, most_piece);
    channel.held_begin += piece.size();
    release_held(piece.size());
    handler_.on_data(channel, piece);
    nghttp2_session_consume_stream(session_, channel.id, piece.size());
  }
  if (channel.held_size() == 0) {
    empty(channel.held);
    channel.held_begin = 0;
  }
  finish_input(channel);
}

void Session::drop(Channel& channel) {
  if (channel.dropped) return;
  channel.dropped = true;
  nghttp2_session_consume_stream(session_, channel.id, channel.held_size());
  release_held(channel.held_size());
  channel.held.clear();
  channel.held_begin = 0;
}

void Session::finish_input(Channel& channel) {
  if (!channel.peer_ended || channel.end_told || channel.dropped || channel.held_size() > 0) return;
  channel.end_told = true;
  handler_.on_ended(channel);
}

void Session::stream_closed(int32_t id, uint32_t error) {
  Channel* channel = find(id);
  if (channel == nullptr) return;
  if (channel == reading_head_) reading_head_ = nullptr;
  found_ = nullptr;
  unsent_ -= channel->unsent();
  if (channel->out_blocked) --blocked_;
  channels_[channel->index] = channels_.back();
  channels_[channel->index]->index = channel->index;
  channels_.pop_back();
  handler_.on_stream_closed(*channel, error);
}

}  // namespace barrio::net::http2
