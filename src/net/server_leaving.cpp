// A client that has shut down its side has left, or has said all that it will and waits for its answer. TCP tells both
// in the same way, until something is sent: who has left answers that with a reset. So the client is sent the first
// bytes of what it gets anyway, one at a time. All heads of answers begin the same; the size of a chunk may begin with
// zeros (RFC 9112 7.1). Where neither comes next, in a body of known length, its next piece shows it.

#include <algorithm>
#include <utility>

#include "net/server_connection.h"

namespace barrio::net {

namespace {

/// Short answers are there before it.
constexpr Duration first_pause = 20ms;
/// Nine probes, each pause four times the one before, are half an hour.
constexpr int longer = 4;
constexpr std::string_view start_of_all_heads = "HTTP/1.1 ";
constexpr int most_probes = 9;
static_assert(most_probes <= start_of_all_heads.size());

}  // namespace

/// Nothing is on its way that would show it, and somebody still works for this client.
bool ServerConnection::may_probe() const {
  const bool reads = phase_ != Phase::answer && !(phase_ == Phase::body && paused_);
  if (!answering() || reads || probes_ == most_probes || stream_.unsent() > 0) return false;
  return begun_ ? mode_ == BodyMode::chunked : !wants_continue_;
}

Time ServerConnection::probe_due() const {
  if (client_ended_ == Time::max() || !may_probe()) return Time::max();
  Duration pause = first_pause;
  for (int i = 0; i < probes_; ++i) pause *= longer;
  return std::max(client_ended_, last_sent_) + pause;
}

void ServerConnection::probe() {
  ++probes_;
  last_sent_ = core_.reactor_.now();
  const std::string_view byte = begun_ ? "0" : start_of_all_heads.substr(head_probed_++, 1);
  if (!stream_.send({byte})) abort();
}

/// A head has been written from here on, of which something was sent before.
void ServerConnection::drop_probed(size_t head_begins) {
  if (head_probed_ > 0) stream_.unsent_text().erase(head_begins, std::exchange(head_probed_, 0));
}

}  // namespace barrio::net
