// What a session sends.

#include <algorithm>
#include <charconv>

#include "base/check.h"
#include "net/fields.h"
#include "net/http1_writer.h"
#include "net/http2_callbacks.h"
#include "net/http2_session.h"

namespace barrio::net::http2 {

namespace {

/// Pieces from this size go from the stream's buffer to the socket without a copy; smaller ones leave together.
constexpr size_t direct_size = 16 * 1024;

/// Every so many heads fleeting fields are remembered all the same: with them their names, which need not be written
/// out with each value then. What recurs is pushed out by that once in hundreds of heads.
constexpr uint64_t heads_per_name = 64;

nghttp2_nv pair_of(std::string_view name, std::string_view value, bool remember = true) {
  auto* bytes_of_name = reinterpret_cast<uint8_t*>(const_cast<char*>(name.data()));
  auto* bytes_of_value = reinterpret_cast<uint8_t*>(const_cast<char*>(value.data()));
  unsigned flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE;
  if (!remember) flags |= NGHTTP2_NV_FLAG_NO_INDEX;
  return {bytes_of_name, bytes_of_value, name.size(), value.size(), static_cast<uint8_t>(flags)};
}

nghttp2_data_provider provider_of(Channel& channel) {
  nghttp2_data_provider provider{};
  provider.source.ptr = &channel;
  provider.read_callback = Callbacks::read_body;
  return provider;
}

}  // namespace

bool Session::pump() {
  // When the socket took all, no event would tell that there is room for what the bound kept back.
  do {
    held_back_ = false;
    if (!fill_socket() || !socket_.flush()) return false;
  } while (held_back_ && socket_.unsent() <= limits_.write_buffer_bytes);
  return true;
}

bool Session::fill_socket() {
  while (socket_.unsent() <= limits_.write_buffer_bytes) {
    const uint8_t* data = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_, &data);
    if (size <= 0) return size == 0;
    socket_.unsent_text().append(reinterpret_cast<const char*>(data), static_cast<size_t>(size));
  }
  held_back_ = true;
  return true;
}

bool Session::tell_writable() {
  if (blocked_ == 0 || unsent_ > limits_.held_bytes) return false;
  bool told = false;
  // A handler may add or end streams, but none leaves `channels_` outside receive() and pump().
  for (size_t i = 0; i < channels_.size(); ++i) {
    Channel& channel = *channels_[i];
    if (!channel.out_blocked || channel.unsent() > room_to_resume()) continue;
    channel.out_blocked = false;
    --blocked_;
    told = true;
    handler_.on_writable(channel);
  }
  return told;
}

void Session::answer(Channel& channel, int status, std::span<const Header> headers, std::optional<uint64_t> length,
                     bool has_body) {
  std::array<char, 20> status_text{};
  std::array<char, 20> length_text{};
  auto print = [](std::array<char, 20>& text, uint64_t number) {
    const char* end = std::to_chars(text.data(), text.data() + text.size(), number).ptr;
    return std::string_view(text.data(), static_cast<size_t>(end - text.data()));
  };
  FieldBlock& fields = channel.out_head;
  fields.clear();
  fields.add(":status", print(status_text, static_cast<uint64_t>(status)));
  for (const Header& header : headers) {
    if (may_send(header) && header.field != Field::date) fields.add_small(header);
  }
  if (length) fields.add("content-length", print(length_text, *length));
  fields.add("date", http1::http_date());
  hand_over_head(fields);
  const nghttp2_data_provider provider = provider_of(channel);
  nghttp2_submit_response(session_, channel.id, fields_.data(), fields_.size(), has_body ? &provider : nullptr);
}

void Session::interim(Channel& channel, int status) {
  CHECK(status == 100);
  const nghttp2_nv field = pair_of(":status", "100");
  nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, channel.id, nullptr, &field, 1, nullptr);
}

void Session::hand_over_head(const FieldBlock& block) {
  hand_over(block, heads_++ % heads_per_name == 0);
}

void Session::hand_over(const FieldBlock& block, bool remember_all) {
  fields_.clear();
  block.each([&](auto name, auto value, bool fleeting) {
    fields_.push_back(pair_of(name, value, remember_all || !fleeting));
  });
}

bool Session::request(Channel& channel, bool has_body) {
  hand_over_head(channel.out_head);
  const nghttp2_data_provider provider = provider_of(channel);
  const int32_t id = nghttp2_submit_request(session_, nullptr, fields_.data(), fields_.size(),
                                            has_body ? &provider : nullptr, &channel);
  if (id < 0) return false;
  channel.id = id;
  adopt(channel);
  return true;
}

bool Session::write(Channel& channel, std::string_view piece) {
  if (channel.unsent() == 0) channel.last_progress = reactor_.now();
  channel.append(piece);
  unsent_ += piece.size();
  wake(channel);
  if (channel.unsent() <= limits_.write_buffer_bytes && unsent_ <= limits_.held_bytes) return true;
  if (!std::exchange(channel.out_blocked, true)) ++blocked_;
  return false;
}

void Session::end(Channel& channel, std::span<const Header> trailers) {
  each_trailer(trailers, [&](const Header& header) { channel.out_trailers.add_small(header); });
  channel.out_ended = true;
  wake(channel);
}

void Session::wake(Channel& channel) {
  if (!std::exchange(channel.out_deferred, false)) return;
  nghttp2_session_resume_data(session_, channel.id);
}

ssize_t Session::next_piece(Channel& channel, size_t most, uint32_t& flags) {
  const size_t size = std::min(most, channel.unsent());
  if (size == 0 && !channel.out_ended) {
    channel.out_deferred = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (channel.out_ended && size == channel.unsent()) {
    flags |= NGHTTP2_DATA_FLAG_EOF;
    if (!channel.out_trailers.empty()) {
      flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      submit_trailers(channel);
    }
  }
  return static_cast<ssize_t>(size);
}

void Session::submit_trailers(Channel& channel) {
  hand_over(channel.out_trailers, true);
  nghttp2_submit_trailer(session_, channel.id, fields_.data(), fields_.size());
}

int Session::send_data(Channel& channel, std::string_view frame_head, size_t size) {
  held_back_ = socket_.unsent() > limits_.write_buffer_bytes;
  if (held_back_) return NGHTTP2_ERR_WOULDBLOCK;
  const std::string_view piece = std::string_view(channel.out).substr(channel.out_begin, size);
  CHECK(piece.size() == size);
  if (size >= direct_size) {
    if (!socket_.send({frame_head, piece})) return NGHTTP2_ERR_CALLBACK_FAILURE;
  } else {
    socket_.unsent_text().append(frame_head).append(piece);
  }
  channel.out_begin += size;
  unsent_ -= size;
  channel.last_progress = reactor_.now();
  return 0;
}

void Session::frame_begins(const nghttp2_frame& frame) {
  if (frame.hd.type != NGHTTP2_HEADERS) return;
  Channel* channel = find(frame.hd.stream_id);
  if (channel == nullptr || channel->head_sent) return;
  channel->head_sent = true;
  channel->begins_at = position();
}

void Session::frame_sent(const nghttp2_frame& frame) {
  if (frame.hd.type == NGHTTP2_RST_STREAM) {
    // Streams that a peer makes us reset cost what those cost that it resets.
    const uint32_t error = frame.rst_stream.error_code;
    const bool fault = error == NGHTTP2_PROTOCOL_ERROR || error == NGHTTP2_FLOW_CONTROL_ERROR ||
                       error == NGHTTP2_STREAM_CLOSED || error == NGHTTP2_FRAME_SIZE_ERROR;
    if (fault) handler_.on_limit(ConnectionLimit::malformed);
    if (error == NGHTTP2_REFUSED_STREAM) handler_.on_limit(ConnectionLimit::streams);
    if (fault && resets_.over(reactor_.now(), limits_.resets_per_second)) flooded(ConnectionLimit::resets);
    return;
  }
  if (frame.hd.type == NGHTTP2_GOAWAY) {
    const uint32_t error = frame.goaway.error_code;
    if (error != NGHTTP2_NO_ERROR && error != NGHTTP2_ENHANCE_YOUR_CALM) handler_.on_limit(ConnectionLimit::malformed);
    return;
  }
  const bool ends = (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  if (!ends || (frame.hd.type != NGHTTP2_DATA && frame.hd.type != NGHTTP2_HEADERS)) return;
  Channel* channel = find(frame.hd.stream_id);
  if (channel == nullptr) return;
  channel->ends_at = position();
  channel->last_progress = reactor_.now();
  if (side_ == Side::server && !channel->peer_ended) handler_.on_early_answer(*channel);
}

/// A head that is too long for nghttp2, or comes too late. Nothing else would end the stream.
void Session::frame_not_sent(const nghttp2_frame& frame) {
  Channel* channel = frame.hd.type == NGHTTP2_HEADERS ? find(frame.hd.stream_id) : nullptr;
  if (channel != nullptr) reset(*channel, NGHTTP2_INTERNAL_ERROR);
}

void Session::reset(Channel& channel, uint32_t error) {
  drop(channel);
  if (std::exchange(channel.was_reset, true)) return;
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, channel.id, error);
}

void Session::ping() {
  nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
}

void Session::shutdown_notice() {
  nghttp2_submit_shutdown_notice(session_);
}

void Session::go_away(uint32_t error) {
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(session_), error, nullptr,
                        0);
}

void Session::terminate(uint32_t error) {
  nghttp2_session_terminate_session(session_, error);
}

}  // namespace barrio::net::http2
