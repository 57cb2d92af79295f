#include "emulation/wan_connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "net/proxy_protocol.h"

namespace barrio::emulation {

namespace {

constexpr size_t read_size = 64 * 1024;
/// What a slow reader leaves unsent in our own buffer before the relay stops taking more for it.
constexpr size_t most_unsent = 256 * 1024;

}  // namespace

Time WanDirection::in_order(Time arrival) {
  return last_ = std::max(last_, arrival);
}

void WanDirection::add(std::string_view bytes, Time arrival) {
  chunks_.push_back({in_order(arrival), std::string(bytes)});
  bytes_ += bytes.size();
}

void WanDirection::add_end(Time arrival) {
  end_seen_ = true;
  chunks_.push_back({in_order(arrival), {}});
}

void WanDirection::deliver(net::Stream& to) {
  while (!chunks_.empty() && chunks_.front().arrival <= reactor_.now() && to.unsent() < most_unsent) {
    const Chunk chunk = std::move(chunks_.front());
    chunks_.pop_front();
    bytes_ -= chunk.bytes.size();
    if (chunk.bytes.empty())
      finished_ = true;
    else
      to.unsent_text().append(chunk.bytes);
  }
  if (chunks_.empty() || chunks_.front().arrival <= reactor_.now() || timer_ != 0) return;
  timer_ = reactor_.call_at(chunks_.front().arrival, [this] {
    timer_ = 0;
    due_();
  });
}

WanConnection::WanConnection(net::Reactor& reactor, const WanLink& link, const std::string& from, uint64_t seed,
                             int client, std::function<void(WanConnection&)> over)
    : reactor_(reactor),
      link_(link),
      rng_(seed),
      over_(std::move(over)),
      client_(reactor, *this, [this] { forward(client_, server_); }),
      server_(reactor, *this, [this] { forward(server_, client_); }),
      opened_(reactor.now()) {
  client_.stream.open(client, true);
  client_.connected = true;
  connect(from);
}

WanConnection::~WanConnection() {
  reactor_.cancel(end_);
}

Time WanConnection::arrival() {
  const auto jitter = static_cast<uint64_t>(link_.jitter.count());
  const Duration extra(jitter == 0 ? 0 : static_cast<Duration::rep>(rng_.below(jitter + 1)));
  return reactor_.now() + link_.one_way + extra;
}

void WanConnection::connect(const std::string& from) {
  const auto source = net::SocketAddress::parse(from.find(':') == std::string::npos ? from + ":0" : "[" + from + "]:0");
  const int fd = ::socket(link_.to.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const bool bound = fd >= 0 && source && ::bind(fd, source->native(), source->native_length()) == 0;
  const int result = bound ? ::connect(fd, link_.to.native(), link_.to.native_length()) : -1;
  if (!bound || (result != 0 && errno != EINPROGRESS)) {
    if (fd >= 0) ::close(fd);
    return finish(opened_ + 2 * link_.one_way);
  }
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  server_.stream.open(fd, false);
  const auto port = std::to_string(link_.listen.port());
  const bool v6 = link_.device.find(':') != std::string::npos;
  const auto device = net::SocketAddress::parse(v6 ? "[" + link_.device + "]:" + port : link_.device + ":" + port);
  // The header is the relay's own word, so the path does not delay it.
  server_.stream.unsent_text() = net::proxy_header(device.value_or(net::SocketAddress()), link_.to);
}

void WanConnection::ready(Side& side, uint32_t events) {
  Side& other = &side == &client_ ? server_ : client_;
  side.stream.note(events);
  if (&side == &server_ && !side.connected) {
    int error = 0;
    socklen_t length = sizeof(error);
    ::getsockopt(side.stream.fd(), SOL_SOCKET, SO_ERROR, &error, &length);
    // The refusal travels back: the client learns of it after a round trip.
    if (error != 0) return finish(opened_ + 2 * link_.one_way);
    side.connected = true;
    side.stream.connected();
  }
  if (end_ != 0) return;
  if ((events & EPOLLOUT) && !side.stream.flush()) return finish(reactor_.now());
  if ((events & EPOLLIN) && !side.outward.full() && !side.outward.ended())
    receive(side);
  else if (events & EPOLLERR)
    return finish(arrival());
  if (end_ != 0) return;
  forward(other, side);
}

void WanConnection::receive(Side& side) {
  std::array<char, read_size> buffer;
  std::string_view got;
  // A handshake takes a round trip before the client's first byte can leave.
  const Duration handshake = &side == &client_ ? 2 * link_.one_way : Duration(0);
  const Time when = std::max(arrival(), opened_ + handshake + link_.one_way);
  switch (side.stream.read(buffer, got)) {
    case net::Stream::Got::nothing: return;
    case net::Stream::Got::broken: return finish(when);
    case net::Stream::Got::end: side.outward.add_end(when); break;
    case net::Stream::Got::data: side.outward.add(got, when); break;
  }
  forward(side, &side == &client_ ? server_ : client_);
}

void WanConnection::forward(Side& from, Side& to) {
  if (end_ != 0) return;
  if (to.connected) {
    from.outward.deliver(to.stream);
    if (!to.stream.flush()) return finish(reactor_.now());
  }
  settle(from, to);
}

/// Reads on where there is room, and passes on an end that has arrived.
void WanConnection::settle(Side& from, Side& to) {
  from.stream.arm_read(!from.outward.full() && !from.outward.ended());
  if (from.outward.finished() && to.stream.unsent() == 0 && !to.shut) {
    to.shut = true;
    to.stream.shutdown_write();
  }
  if (client_.shut && server_.shut) finish(reactor_.now());
}

void WanConnection::finish(Time when) {
  if (end_ != 0) return;
  end_ = reactor_.call_at(when, [this] {
    const auto over = std::move(over_);  // it destroys this
    over(*this);
  });
  // Nobody reads any more; only the client still sees an open connection until then.
  server_.stream.close();
  client_.stream.arm_read(false);
}

}  // namespace barrio::emulation
