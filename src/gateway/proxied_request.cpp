#include "gateway/proxied_request.h"

#include <fmt/format.h>

#include "gateway/headers.h"
#include "gateway/request_metrics.h"

namespace barrio::gateway {

void ProxiedRequest::start(net::Exchange& exchange, RequestStart start) {
  exchange_ = &exchange;
  exchange.context = this;
  start_ = std::move(start);
  call_ = nullptr;
  ticket_ = 0;
  answering_ = ended_ = false;
  ended_at_ = exchange.first_byte();
  keeping_ = exchange.request().content_length.value_or(0) <= most_kept_body;
  kept_.clear();
  timings_ = {};
  status_ = 0;
  const Arrival arrival{.app = &start_.app,
                        .device = start_.device,
                        .location = start_.location ? &*start_.location : nullptr,
                        .measured = start_.infer,
                        .forwarded = start_.forwarded,
                        .first_byte = exchange.first_byte(),
                        .deadline = start_.deadline};
  act(parts_.dispatcher.arrived(arrival, parts_.reactor.now()));
}

void ProxiedRequest::act(Decision decision) {
  // Each turn either sends, or refuses, or reports a failure, of which the dispatcher allows two.
  for (;;) {
    ticket_ = decision.ticket;
    deadline_ = decision.deadline;
    if (const auto* no = std::get_if<Refuse>(&decision.act)) return refuse(*no);
    if (const auto* local = std::get_if<Local>(&decision.act)) {
      site_ = parts_.self;
      const auto address = net::SocketAddress::parse(local->endpoint);
      if (address && send_to(*address, false)) return;
    } else {
      site_ = std::get<Forward>(decision.act).site;
      const net::Endpoint* peer = parts_.peers.endpoint(site_);
      if (peer != nullptr && send_to(*peer, true)) return;
    }
    decision = parts_.dispatcher.failed(ticket_, Failure::connect, false, parts_.reactor.now());
  }
}

bool ProxiedRequest::send_to(const net::Endpoint& endpoint, bool to_gateway) {
  to_gateway_ = to_gateway;
  const net::RequestHead& head = exchange_->request();
  headers_.clear();
  pass_request_headers(head.headers, to_gateway, headers_);
  // The answer must travel back as well.
  const Duration way_back = to_gateway ? parts_.dispatcher.rtt(site_) / 2 : Duration::zero();
  const Duration left = deadline_ - parts_.reactor.now() - way_back;
  const std::string left_text = fmt::format("{:.1f}", std::max(0.1, to_ms(left)));
  headers_.push_back({"Barrio-Deadline-Ms", left_text});
  if (to_gateway) {
    if (!parts_.peer_secret.empty()) headers_.push_back({"Barrio-Peer", parts_.peer_secret});
    headers_.push_back({"Barrio-Forwarded-By", parts_.self.str()});
    parts_.metrics.forwards.add();
  }
  const net::CallStart call{.method = head.method,
                            .target = head.target,
                            .headers = headers_,
                            .length = head.has_body ? head.content_length : std::optional<uint64_t>(0),
                            .deadline = deadline_};
  call_ = &parts_.client.start(endpoint, call, *this);
  bool room = true;
  if (!kept_.empty()) room = call_->write(kept_);
  if (ended_ && head.has_body) call_->end();
  if (!room) exchange_->pause();
  return true;
}

void ProxiedRequest::keep(std::string_view piece) {
  if (!keeping_) return;
  keeping_ = kept_.size() + piece.size() <= most_kept_body;
  if (keeping_) kept_.append(piece);
}

void ProxiedRequest::on_device_body(std::string_view piece) {
  keep(piece);
  if (call_ != nullptr && !call_->write(piece)) exchange_->pause();
}

void ProxiedRequest::on_device_end() {
  ended_ = true;
  ended_at_ = parts_.reactor.now();
  if (call_ != nullptr && exchange_->request().has_body) call_->end();
}

void ProxiedRequest::on_writable() {
  exchange_->resume();
}

void ProxiedRequest::on_device_writable() {
  if (call_ != nullptr) call_->resume();
}

void ProxiedRequest::on_device_closed() {
  if (call_ != nullptr) call_->cancel();
  if (ticket_ != 0) parts_.dispatcher.abandoned(ticket_, parts_.reactor.now());
  call_ = nullptr;
  ticket_ = 0;
  exchange_ = nullptr;
}

/// Answers that mean "not here, perhaps elsewhere". A replica's other errors are about the request and go to the
/// device.
bool ProxiedRequest::cannot_serve(int status) const {
  if (!to_gateway_) return status == 503;
  return status == 404 || status == 421 || status == 502 || status == 503;
}

void ProxiedRequest::on_head(const net::ResponseHead& head) {
  timings_ = read_timings(head.headers);
  status_ = head.status;
  if (cannot_serve(head.status)) {
    call_->cancel();
    call_ = nullptr;
    return retry_or_refuse(Failure::refused, true);
  }
  headers_.clear();
  pass_answer_headers(head.headers, start_.forwarded, headers_);
  const std::string timing = server_timing(timings_, parts_.reactor.fresh_now());
  headers_.push_back({"Server-Timing", timing});
  const Site* site = parts_.dispatcher.find_site(site_);
  headers_.push_back({"Barrio-Served-By", site_.str()});
  if (site != nullptr) headers_.push_back({"Barrio-Processed-In", site->jurisdiction.str()});
  answering_ = true;
  exchange_->begin(head.status, headers_, head.has_body ? head.content_length : std::optional<uint64_t>(0));
}

void ProxiedRequest::on_body(std::string_view piece) {
  if (!exchange_->write(piece)) call_->pause();
}

void ProxiedRequest::on_done() {
  call_ = nullptr;
  const Time now = parts_.reactor.fresh_now();
  const Served served = parts_.dispatcher.answered(ticket_, timings_, now);
  ticket_ = 0;
  parts_.metrics.answered(start_.app, status_, now - exchange_->first_byte());
  if (served.late && start_.infer) parts_.metrics.late.add();
  exchange_->end();
}

void ProxiedRequest::on_error(net::CallError error) {
  call_ = nullptr;
  if (answering_) {
    parts_.dispatcher.abandoned(ticket_, parts_.reactor.now());
    ticket_ = 0;
    return exchange_->abort();
  }
  Failure failure = error.sent ? Failure::broken : Failure::connect;
  if (error.error.code == Code::timed_out) failure = Failure::timed_out;
  if (error.error.code == Code::exhausted) failure = Failure::refused;
  // A connection that could not be made in time leaves time to try elsewhere.
  if (failure == Failure::timed_out && !error.sent && parts_.reactor.now() < deadline_) failure = Failure::connect;
  retry_or_refuse(failure, error.sent);
}

void ProxiedRequest::retry_or_refuse(Failure failure, bool sent) {
  Decision next = parts_.dispatcher.failed(ticket_, failure, sent, parts_.reactor.now());
  if (std::holds_alternative<Refuse>(next.act) || keeping_) {
    if (next.ticket != 0) parts_.metrics.retries.add();
    return act(std::move(next));
  }
  // Part of the body is gone: it cannot be sent again.
  parts_.dispatcher.abandoned(next.ticket, parts_.reactor.now());
  ticket_ = 0;
  refuse({503,
          {RefusalReason::unavailable, "site " + site_.str() + " failed, and a body over 1 MiB is not sent twice",
           "the same request again"}});
}

void ProxiedRequest::refuse(const Refuse& refuse) {
  ticket_ = 0;
  parts_.metrics.refused(refuse.refusal.reason);
  reply_problem(*exchange_, problem_of(refuse.status, refuse.refusal));
}

/// `gateway` is what Barrio itself took: all since the request was complete but the path between sites, queue and
/// compute.
std::string ProxiedRequest::server_timing(const Timings& timings, Time now) const {
  const Duration queue = timings.queue.value_or(Duration::zero());
  const Duration compute = timings.compute.value_or(Duration::zero());
  const Duration between = to_gateway_ ? parts_.dispatcher.rtt(site_) : Duration::zero();
  const Duration access = parts_.dispatcher.access(start_.location ? &*start_.location : nullptr);
  const Duration own = std::max(Duration::zero(), now - ended_at_ - queue - compute - between);
  return fmt::format("network;dur={:.3f}, gateway;dur={:.3f}, queue;dur={:.3f}, compute;dur={:.3f}",
                     to_ms(access + between), to_ms(own), to_ms(queue), to_ms(compute));
}

}  // namespace barrio::gateway
