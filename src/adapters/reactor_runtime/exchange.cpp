#include "adapters/reactor_runtime/exchange.h"

#include <optional>

namespace barrio::adapters {
namespace {

using Outcome = tl::expected<net::Response, net::CallError>;

/// Owned by the call while that is open: the fiber that waits may be unwound before.
class ExchangeCall final : public net::CallHandler {
 public:
  ExchangeCall(net::Request request, size_t most, std::function<void(Outcome)> done)
      : request_(std::move(request)), most_(most), done_(std::move(done)) {}

  void start(net::Client& client, const net::Endpoint& endpoint, Time deadline) {
    call_ = &client.start(endpoint, request_, deadline, *this);
    request_.body = {};
  }

 private:
  void on_head(const net::ResponseHead& head) override {
    response_.status = head.status;
    for (const net::Header& header : head.headers) response_.headers.emplace_back(header.name, header.value);
  }
  void on_body(std::string_view piece) override {
    if (response_.body.size() + piece.size() <= most_) {
      response_.body += piece;
      return;
    }
    call_->cancel();
    finish(tl::unexpected(
        net::CallError{{Code::exhausted, "the answer is longer than " + std::to_string(most_) + " bytes"}, true}));
  }
  void on_done() override { finish(std::move(response_)); }
  void on_error(net::CallError error) override { finish(tl::unexpected(std::move(error))); }
  void on_writable() override {}
  /// The last act.
  void finish(Outcome outcome) {
    auto done = std::move(done_);
    delete this;
    done(std::move(outcome));
  }

  net::Request request_;
  net::Response response_;
  const size_t most_;
  std::function<void(Outcome)> done_;
  net::Call* call_ = nullptr;
};

}  // namespace

Outcome exchange(ports::Runtime& runtime, net::Client& client, const net::Endpoint& endpoint, net::Request request,
                 Time deadline, size_t most) {
  struct Waiting {
    std::unique_ptr<ports::Signal> answered;
    std::optional<Outcome> outcome;
  };
  auto waiting = std::make_shared<Waiting>();
  waiting->answered = runtime.make_signal();
  // Ends itself: the client tells each call its end once, by the deadline at the latest.
  auto* call = new ExchangeCall(std::move(request), most, [left = std::weak_ptr<Waiting>(waiting)](Outcome outcome) {
    const auto still = left.lock();
    if (!still) return;
    still->outcome = std::move(outcome);
    still->answered->notify();
  });
  call->start(client, endpoint, deadline);
  waiting->answered->wait_until(Time::max());
  if (waiting->outcome) return std::move(*waiting->outcome);
  return tl::unexpected(net::CallError{{Code::cancelled, "this process is stopping", endpoint.address.str()}, true});
}

}  // namespace barrio::adapters
