#include "gateway_load_h2.h"

#include <cstdio>

namespace barrio {

void Http2Origin::on_end(net::Exchange& exchange) {
  static const std::string body(200, 'x');
  const net::Header headers[] = {{"Content-Type", "application/grpc"}};
  const net::Header trailers[] = {{"grpc-status", "0"}};
  exchange.begin(200, headers, std::nullopt);
  exchange.write(body);
  exchange.end(trailers);
}

struct Http2Load::One final : net::CallHandler {
  explicit One(Http2Load& owner) : load(owner) {}
  void on_head(const net::ResponseHead& head) override { good = head.status == 200; }
  void on_body(std::string_view piece) override { bytes += piece.size(); }
  void on_trailers(std::span<const net::Header> fields) override {
    ended_well = net::find_header(fields, "grpc-status") == "0";
  }
  void on_done() override { over(good && ended_well && bytes == 200); }
  void on_error(net::CallError error) override {
    if (load.errors == 0) std::fprintf(stderr, "h2: %s\n", error.error.text().c_str());
    over(false);
  }
  void on_writable() override {}
  void over(bool right) {
    ++(right ? load.answered : load.errors);
    --load.open_;
    if (load.running_ && load.errors < 100) load.start(*this);
  }
  Http2Load& load;
  bool good = false;
  bool ended_well = false;
  size_t bytes = 0;
};

Http2Load::Http2Load(net::Reactor& reactor, const net::SocketAddress& target, const std::string& token, int64_t calls,
                     int64_t upload)
    : reactor_(reactor),
      target_(target),
      authorization_("Bearer " + token),
      body_(static_cast<size_t>(upload), 'u'),
      client_(reactor, {}) {
  target_.protocol = net::Protocol::http2;
  for (int64_t i = 0; i < calls; ++i) calls_.push_back(std::make_unique<One>(*this));
}

Http2Load::~Http2Load() = default;

void Http2Load::start(One& one) {
  one.good = one.ended_well = false;
  one.bytes = 0;
  ++open_;
  const net::Header headers[] = {
      {"Host", "bench"}, {"Content-Type", "application/grpc"}, {"Authorization", authorization_}};
  net::Call& call = client_.start(target_,
                                  {.method = "POST",
                                   .target = "/v2/models/app0/infer",
                                   .headers = headers,
                                   .length = std::nullopt,
                                   .deadline = reactor_.now() + 10s,
                                   .takes_trailers = true},
                                  one);
  call.write(body_);
  call.end();
}

void Http2Load::drive(double seconds) {
  answered = errors = 0;
  running_ = true;
  const Time end = reactor_.fresh_now() + from_ms(seconds * 1000);
  for (auto& one : calls_) start(*one);
  while (reactor_.now() < end) reactor_.turn(10ms);
  running_ = false;
  const Time patience = reactor_.fresh_now() + 3s;
  while (open_ > 0 && reactor_.now() < patience) reactor_.turn(10ms);
}

}  // namespace barrio
