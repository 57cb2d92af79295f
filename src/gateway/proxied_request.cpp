#include "gateway/proxied_request.h"

#include <array>

#include "base/text.h"
#include "gateway/deadlines.h"
#include "gateway/headers.h"
#include "gateway/request_metrics.h"

namespace barrio::gateway {

namespace {

/// In `views`, for as long as `trailers` lives.
std::span<const net::Header> views_of(const net::OwnedHeaders& trailers, std::vector<net::Header>& views) {
  views.clear();
  for (const auto& [name, value] : trailers) views.push_back({name, value});
  return views;
}

}  // namespace

void ProxiedRequest::start(net::Exchange& exchange, RequestStart&& start) {
  exchange_ = &exchange;
  exchange.context = this;
  start_ = std::move(start);
  call_ = nullptr;
  ticket_ = 0;
  answering_ = ended_ = false;
  ended_at_ = exchange.first_byte();
  received_ = 0;
  paused_at_ = Time::max();
  paused_for_ = Duration::zero();
  keeping_ = exchange.request().content_length.value_or(0) <= most_kept_body;
  taken_.reset();
  kept_.clear();
  request_trailers_.clear();
  answer_trailers_.clear();
  // Any other protocol in a tunnel would go past what is checked here.
  upgrade_ = net::same_name(exchange.request().upgrade, "websocket") ? exchange.request().upgrade : std::string_view();
  if (!upgrade_.empty()) start_.infer = false;
  timings_ = {};
  declined_for_ = 0;
  declined_earliest_.clear();
  status_ = 0;
  receipt_.clear();
  body_digest_.reset();
  if (wants_receipt()) body_digest_.emplace();
  // The gateway that the device reached says it.
  cors_ = start_.forwarded ? CorsGrant() : cors_of(start_.known, exchange.request());
  meter_.begin(start_.app, start_.infer || start_.route.used ? RequestMeter::Billed::yes : RequestMeter::Billed::no,
               start_.forwarded ? RequestMeter::From::other_gateway : RequestMeter::From::device);
  sight_ = parts_.observer.begin(exchange.request(), parts_.reactor.now());
  const Arrival arrival{.app = &start_.app,
                        .known = start_.known,
                        .device = start_.device,
                        .location = start_.location ? &*start_.location : nullptr,
                        .measured = start_.infer || start_.route.used,
                        .forwarded = start_.forwarded,
                        .repeatable = start_.repeatable,
                        .first_byte = exchange.first_byte(),
                        .deadline = start_.deadline};
  act(parts_.dispatcher.arrived(arrival, parts_.reactor.fresh_now()));
}

void ProxiedRequest::act(Decision decision) {
  // Each turn either sends, or refuses, or reports a failure, of which the dispatcher allows two.
  for (;;) {
    ticket_ = decision.ticket;
    deadline_ = decision.deadline;
    parts_.limits.leave_peer(start_.hold);
    Failure failure = Failure::connect;
    if (const auto* no = std::get_if<Refuse>(&decision.act)) return refuse(*no);
    if (const auto* local = std::get_if<Local>(&decision.act)) {
      site_ = parts_.self;
      const net::Endpoint* replica = parts_.endpoints.find(local->endpoint);
      if (replica != nullptr && send_to(*replica, false, local->way)) return;
    } else {
      site_ = std::get<Forward>(decision.act).site;
      const net::Endpoint* peer = parts_.peers.endpoint(site_);
      // That this tenant has its share there says nothing against the site.
      const bool room = parts_.limits.enter_peer(site_, start_.hold, parts_.reactor.now());
      if (!room) failure = Failure::refused;
      if (room && peer != nullptr && send_to(*peer, true, parts_.dispatcher.rtt(site_) / 2)) return;
    }
    decision = parts_.dispatcher.failed(ticket_, failure, false, parts_.reactor.now());
  }
}

/// `way`: what is taken off the time that is left for it.
bool ProxiedRequest::send_to(const net::Endpoint& where, bool to_gateway, Duration way) {
  to_gateway_ = to_gateway;
  sent_at_ = parts_.reactor.now();
  const net::RequestHead& head = exchange_->request();
  outgoing_.write({.from = &head,
                   .app = &start_.app,
                   .route = start_.route,
                   .device_ip = exchange_->device_ip(),
                   .secure = exchange_->tls() != nullptr,
                   .from_peer = start_.forwarded,
                   .to_gateway = to_gateway,
                   .left = deadline_ - sent_at_ - way,
                   .self = parts_.self.str(),
                   .peer_secret = parts_.peer_secret});
  if (to_gateway) parts_.metrics.forwarded_to(site_);
  parts_.observer.pass_on(sight_, outgoing_.fields(), parts_.reactor.now());
  const net::CallStart call{.method = head.method,
                            .target = outgoing_.target(),
                            .headers = outgoing_.headers(),
                            .length = head.has_body ? head.content_length : std::optional<uint64_t>(0),
                            .deadline = start_.streams ? exchange_->first_byte() + longest_stream : deadline_,
                            .upgrade = upgrade_,
                            .takes_trailers = head.takes_trailers,
                            .keeps_body = true};
  const net::Protocol protocol = protocol_to(to_gateway);
  if (protocol == where.protocol) {
    call_ = &parts_.client.start(where, call, *this);
  } else {
    net::Endpoint other = where;
    other.protocol = protocol;
    call_ = &parts_.client.start(other, call, *this);
  }
  bool room = true;
  if (!kept().empty()) room = call_->write(kept());
  if (ended_ && head.has_body) call_->end(views_of(request_trailers_, headers_));
  if (!room) pause_device();
  set_begin_timer();
  return true;
}

/// A request that streams has its deadline, of the answer's head, from its own end on; until then its body has to come.
void ProxiedRequest::set_begin_timer() {
  if (!start_.streams) return;
  // What is not complete yet mostly is in this very turn: then the timer only finds out that it is moved.
  begin_timer_.set(ended_ ? deadline_ + (ended_at_ - exchange_->first_byte()) : std::min(deadline_, body_due()));
}

void ProxiedRequest::pause_device() {
  paused_at_ = std::min(paused_at_, parts_.reactor.now());
  exchange_->pause();
}

/// Not the device's is the time in which what serves takes nothing.
Time ProxiedRequest::body_due() const {
  const Duration paused = paused_for_ + std::max(Duration::zero(), parts_.reactor.now() - paused_at_);
  return exchange_->first_byte() + paused + parts_.limits.body_time(received_);
}

/// gRPC's streams are conversations, whose pauses may be long, before their answer begins, too.
void ProxiedRequest::look_at_body() {
  if (is_grpc(exchange_->request().headers)) return;
  if (const Time due = body_due(); parts_.reactor.now() < due) return begin_timer_.set(due);
  give_up(408, "body_too_slow");
  reply_problem(*exchange_, parts_.limits.body_too_slow(), cors_);
}

void ProxiedRequest::not_begun() {
  if (exchange_ == nullptr || call_ == nullptr || answering_) return;
  if (!ended_) return look_at_body();
  call_->cancel();
  call_ = nullptr;
  retry_or_refuse(Failure::timed_out, true);
}

/// Gateways speak HTTP/2 to each other, and replicas HTTP/1.1 but for gRPC. An upgrade is HTTP/1.1's.
net::Protocol ProxiedRequest::protocol_to(bool gateway) const {
  if (!upgrade_.empty()) return net::Protocol::http1;
  const net::RequestHead& head = exchange_->request();
  return gateway || (head.major_version == 2 && is_grpc(head.headers)) ? net::Protocol::http2 : net::Protocol::http1;
}

void ProxiedRequest::keep(std::string_view piece) {
  if (!keeping_) return;
  // Often all of it came in one read.
  const bool first = received_ == piece.size();
  auto taken = first && piece.size() >= least_taken_body ? exchange_->take(piece) : nullptr;
  const size_t held = taken ? net::ReadBlocks::block_bytes : piece.size();
  keeping_ = received_ <= most_kept_body && parts_.limits.keep(start_.hold, held);
  if (!keeping_) return forget_body();
  if (taken) {
    taken_ = std::move(taken);
    in_taken_ = piece;
    return;
  }
  // In one piece where it is of usual size; what is only announced takes no more than that.
  if (kept_.empty())
    kept_.reserve(std::min<uint64_t>(exchange_->request().content_length.value_or(0), most_spare_body));
  if (taken_) kept_.append(in_taken_);
  taken_.reset();
  kept_.append(piece);
}

std::optional<std::string_view> ProxiedRequest::kept_body() const {
  return keeping_ ? std::optional<std::string_view>(kept()) : std::nullopt;
}

/// Nothing that was kept is of use without the rest.
void ProxiedRequest::forget_body() {
  parts_.limits.give_back(start_.hold);
  taken_.reset();
  kept_.clear();
  if (kept_.capacity() > most_spare_body) kept_.shrink_to_fit();
}

void ProxiedRequest::on_device_body(std::string_view piece) {
  sight_.bytes_in += piece.size();
  received_ += piece.size();
  meter_.body_in(piece.size());
  if (upgrade_.empty() && received_ > start_.most_body) return body_too_long();
  keep(piece);
  if (body_digest_) body_digest_->add(piece);
  if (call_ != nullptr && !call_->write(piece)) pause_device();
}

void ProxiedRequest::give_up(int status, std::string_view reason) {
  if (call_ != nullptr) call_->cancel();
  call_ = nullptr;
  if (ticket_ != 0) parts_.dispatcher.abandoned(ticket_, parts_.reactor.now());
  ticket_ = 0;
  if (!answering_) seen(status, reason);
}

void ProxiedRequest::body_too_long() {
  give_up(413, to_name(RefusalReason::body_too_long));
  if (answering_) return exchange_->abort();
  parts_.metrics.refused(start_.app, RefusalReason::body_too_long);
  meter_.refused(RefusalReason::body_too_long);
  reply_problem(*exchange_, parts_.limits.body_too_long(start_.app, parts_.dispatcher.find_app(start_.app)), cors_);
}

void ProxiedRequest::on_device_end() {
  ended_ = true;
  ended_at_ = parts_.reactor.now();
  if (call_ == nullptr) return;
  if (exchange_->request().has_body) call_->end(views_of(request_trailers_, headers_));
  set_begin_timer();
}

void ProxiedRequest::on_device_trailers(std::span<const net::Header> trailers) {
  std::vector<net::Header> passed;
  pass_request_headers(trailers, to_gateway_, passed);
  for (const net::Header& header : passed) request_trailers_.emplace_back(header.name, header.value);
}

void ProxiedRequest::on_device_tunnel_end() {
  if (call_ != nullptr) call_->end();
}

void ProxiedRequest::on_writable() {
  if (paused_at_ != Time::max()) paused_for_ += parts_.reactor.now() - paused_at_;
  paused_at_ = Time::max();
  exchange_->resume();
}

void ProxiedRequest::on_device_writable() {
  if (call_ != nullptr) call_->resume();
}

void ProxiedRequest::on_device_closed() {
  if (call_ != nullptr) call_->cancel();
  if (ticket_ != 0) {
    parts_.dispatcher.abandoned(ticket_, parts_.reactor.now());
    parts_.metrics.broken(start_.app, RequestMetrics::Left::device);
    seen(answering_ ? status_ : 0, "device_left");
  }
  call_ = nullptr;
  ticket_ = 0;
  exchange_ = nullptr;
  begin_timer_.clear();
  forget_body();
  parts_.limits.leave(start_.hold);
}

/// Answers that mean "not here, perhaps elsewhere": a model server that is full or declines, or a gateway that says no
/// by itself. Any other error is the app's answer and goes to the device.
std::optional<Failure> ProxiedRequest::cannot_serve(const net::ResponseHead& head) const {
  const int status = head.status;
  if (!to_gateway_) {
    if (start_.route.used) return std::nullopt;
    if (status == 429) return Failure::declined;
    if (status != 503) return std::nullopt;
    return net::find_header(head.headers, "Barrio-Refused") ? Failure::declined : Failure::refused;
  }
  const auto refused = net::find_header(head.headers, "Barrio-Refused");
  if (!refused) return std::nullopt;
  if (status == 504) return Failure::timed_out;
  // A limit of the tenant's, which is a 429, too, holds everywhere.
  if (status == 429 && *refused == to_name(RefusalReason::overloaded)) return Failure::declined;
  const bool elsewhere = status == 404 || status == 421 || status == 502 || status == 503;
  return elsewhere ? std::optional(Failure::refused) : std::nullopt;
}

/// None: the answer does not say how much of its time was spent there, or came before the request was whole.
std::optional<Duration> ProxiedRequest::way(Time now) const {
  if (to_gateway_ || start_.route.used || !ended_ || !timings_.compute) return std::nullopt;
  return now - std::max(ended_at_, sent_at_) - *timings_.compute - timings_.queue.value_or(Duration::zero());
}

void ProxiedRequest::note_declined(const net::ResponseHead& head) {
  constexpr uint64_t most_seconds = 3600;
  const auto seconds = parse_uint(net::find_header(head.headers, "Retry-After").value_or(""));
  declined_for_ = static_cast<int64_t>(std::min(seconds.value_or(1), most_seconds));
  declined_earliest_ = net::find_header(head.headers, "Barrio-Earliest-Ms").value_or("");
  // An engine that declines at arrival: all of its time was the way's.
  if (!declined_earliest_.empty()) timings_.compute = Duration::zero();
  timings_.way = way(parts_.reactor.fresh_now());
  parts_.dispatcher.heard(ticket_, timings_, parts_.reactor.now());
}

void ProxiedRequest::on_head(const net::ResponseHead& head) {
  timings_ = read_timings(head.headers);
  status_ = head.status;
  if (const auto failure = cannot_serve(head)) {
    if (*failure == Failure::declined)
      note_declined(head);
    else if (to_gateway_)
      parts_.dispatcher.heard(ticket_, timings_, parts_.reactor.now());
    // 502 and 504 are what a gateway says of a request that it had sent on.
    const bool sent = head.status == 502 || head.status == 504;
    call_->cancel();
    call_ = nullptr;
    return retry_or_refuse(*failure, sent);
  }
  note_begun(head);
  const std::string& timing = server_timing(timings_, parts_.reactor.fresh_now());
  timings_.way = way(parts_.reactor.now());
  answer_headers(head.headers, timing);
  // An answer to HEAD tells the length of the body that it does not have.
  const bool tells = head.has_body || exchange_->request().method == "HEAD";
  exchange_->begin(head.status, headers_, tells ? head.content_length : std::optional<uint64_t>(0));
}

void ProxiedRequest::answer_headers(std::span<const net::Header> from, const std::string& timing) {
  headers_.clear();
  pass_answer_headers(from, start_.forwarded, headers_);
  add_cors(cors_, headers_);
  // Of a gateway's own refusal; that an app does not say so is seen to where it is reached.
  const auto refused = to_gateway_ ? net::find_header(from, "Barrio-Refused") : std::nullopt;
  if (refused) headers_.push_back(net::checked({net::Field::other, "Barrio-Refused", *refused}));
  headers_.push_back(net::checked(net::fleeting({net::Field::server_timing, "Server-Timing", timing})));
  const Site* site = parts_.dispatcher.find_site(site_);
  headers_.push_back(net::checked({net::Field::other, "Barrio-Served-By", site_.str()}));
  if (site != nullptr) {
    headers_.push_back(net::checked({net::Field::other, "Barrio-Processed-In", site->jurisdiction.str()}));
  }
  if (body_digest_) add_receipt(from, site);
  answering_ = true;
  meter_.answer_begins(to_gateway_ ? RequestMeter::By::other_site : RequestMeter::By::replica_here, status_,
                       timings_.compute.value_or(Duration::zero()), parts_.reactor.now() - exchange_->first_byte());
  keeping_ = false;  // no second attempt from here on
  forget_body();
}

void ProxiedRequest::on_upgraded(const net::ResponseHead& head) {
  status_ = head.status;
  begin_timer_.clear();
  const std::string& timing = server_timing(timings_, parts_.reactor.fresh_now());
  answer_headers(head.headers, timing);
  exchange_->upgrade(headers_);
}

void ProxiedRequest::on_tunnel_end() {
  exchange_->end();
}

/// A streamed answer is as fast as it began.
void ProxiedRequest::note_begun(const net::ResponseHead& head) {
  timings_.failed = head.status >= 500;
  if (!start_.route.used) return;
  begin_timer_.clear();
  const Time now = parts_.reactor.now();
  timings_.begun_at = now;
  if (!timings_.compute) timings_.compute = ended_ ? now - std::max(ended_at_, sent_at_) : Duration::zero();
}

void ProxiedRequest::on_body(std::string_view piece) {
  meter_.body_out(piece.size());
  sight_.bytes_out += piece.size();
  if (!exchange_->write(piece)) call_->pause();
}

void ProxiedRequest::on_trailers(std::span<const net::Header> trailers) {
  headers_.clear();
  pass_answer_headers(trailers, start_.forwarded, headers_);
  for (const net::Header& header : headers_) answer_trailers_.emplace_back(header.name, header.value);
}

void ProxiedRequest::on_done() {
  call_ = nullptr;
  const Time now = parts_.reactor.fresh_now();
  const Served served = parts_.dispatcher.answered(ticket_, timings_, now);
  ticket_ = 0;
  const bool late = served.late && (start_.infer || start_.route.used);
  parts_.metrics.answered(start_.app, {.status = status_,
                                       .took = now - exchange_->first_byte(),
                                       .late = late,
                                       .bytes_in = sight_.bytes_in,
                                       .bytes_out = sight_.bytes_out});
  if (late) meter_.late();
  seen(status_, {}, late);
  exchange_->end(views_of(answer_trailers_, headers_));
}

void ProxiedRequest::on_error(net::CallError error) {
  call_ = nullptr;
  if (answering_) {
    parts_.dispatcher.abandoned(ticket_, parts_.reactor.now());
    ticket_ = 0;
    parts_.metrics.broken(start_.app, RequestMetrics::Left::server);
    seen(status_, "broken_answer");
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
  begin_timer_.clear();
  Decision next = parts_.dispatcher.failed(ticket_, failure, sent, parts_.reactor.now());
  if (std::holds_alternative<Refuse>(next.act) || keeping_) {
    if (next.ticket != 0) {
      parts_.metrics.retries.add();
      sight_.retried = true;
    }
    return act(std::move(next));
  }
  // Part of the body is gone: it cannot be sent again.
  parts_.dispatcher.abandoned(next.ticket, parts_.reactor.now());
  ticket_ = 0;
  refuse({503,
          {RefusalReason::unavailable,
           "site " + site_.str() + " failed, and the body was too long to keep for a second attempt",
           "the same request again"}});
}

void ProxiedRequest::refuse(const Refuse& refuse) {
  ticket_ = 0;
  parts_.metrics.refused(start_.app, refuse.refusal.reason);
  meter_.refused(refuse.refusal.reason);
  seen(refuse.status, to_name(refuse.refusal.reason));
  Problem problem = problem_of(refuse.status, refuse.refusal);
  problem.retry_after = std::chrono::ceil<std::chrono::seconds>(refuse.retry_after).count();
  if (refuse.status == 429) {
    problem.retry_after = declined_for_;
    if (parse_double(declined_earliest_)) problem.nearest = "Barrio-Timeout-Ms: " + declined_earliest_ + ", or later";
  }
  reply_problem(*exchange_, problem, cors_);
}

/// `gateway` is what Barrio itself took: all since the request was complete but the path between sites, queue and
/// compute.
const std::string& ProxiedRequest::server_timing(const Timings& timings, Time now) {
  const Duration queue = timings.queue.value_or(Duration::zero());
  const Duration compute = timings.compute.value_or(Duration::zero());
  const Duration between = to_gateway_ ? parts_.dispatcher.rtt(site_) : Duration::zero();
  const Duration access = parts_.dispatcher.access(start_.location ? &*start_.location : nullptr);
  const Duration own = std::max(Duration::zero(), now - ended_at_ - queue - compute - between);
  sight_.network = access + between;
  sight_.own = own;
  sight_.queue = timings.queue.value_or(RequestRecord::unknown);
  sight_.compute = timings.compute.value_or(RequestRecord::unknown);
  constexpr size_t most_name = 14;
  std::array<char, 4 * (most_name + most_ms_text)> text{};
  char* end = text.data();
  const auto add = [&end](std::string_view name, Duration part) {
    end = write_ms(end + name.copy(end, most_name), part);
  };
  add("network;dur=", access + between);
  add(", gateway;dur=", own);
  add(", queue;dur=", queue);
  add(", compute;dur=", compute);
  timing_text_.assign(text.data(), end);
  return timing_text_;
}

void ProxiedRequest::seen(int status, std::string_view reason, bool late) {
  const Ending ending{.status = status,
                      .reason = reason,
                      .tenant = start_.app.tenant.str(),
                      .app = start_.app.name.str(),
                      .served_by = site_.str(),
                      .place = start_.location ? std::string_view(start_.location->place) : std::string_view(),
                      .forwarded = start_.forwarded,
                      .to_gateway = to_gateway_,
                      .late = late};
  parts_.observer.end(sight_, *exchange_, ending, parts_.reactor.now());
}

}  // namespace barrio::gateway
