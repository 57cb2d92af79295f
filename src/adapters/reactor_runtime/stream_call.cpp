#include "adapters/reactor_runtime/stream_call.h"

#include <optional>

namespace barrio::adapters {

namespace {

/// On the stack of the fiber that waits. Where that is unwound, its loop has ended and nobody calls back.
class StreamCall final : public net::CallHandler {
 public:
  StreamCall(std::function<bool(int, std::string_view)> take, ports::Signal& ended)
      : take_(std::move(take)), ended_(ended) {}

  void start(net::Client& client, const net::Endpoint& endpoint, const net::Request& request, Time deadline) {
    call_ = &client.start(endpoint, request, deadline, *this);
  }
  /// Ends the call, where it has not ended.
  Result<net::Response> result(const net::Endpoint& endpoint) {
    if (!outcome_) {
      call_->cancel();
      return fail(Code::cancelled, "this process is stopping", endpoint.address.str());
    }
    return std::move(*outcome_);
  }

 private:
  void on_head(const net::ResponseHead& head) override {
    response_.status = head.status;
    for (const net::Header& header : head.headers) response_.headers.emplace_back(header.name, header.value);
  }
  void on_body(std::string_view piece) override {
    if (take_(response_.status, piece)) return;
    call_->cancel();
    finish(fail(Code::cancelled, "the rest of the answer is not wanted"));
  }
  void on_done() override { finish(std::move(response_)); }
  void on_error(net::CallError error) override { finish(fail(std::move(error.error))); }
  void on_writable() override {}
  void finish(Result<net::Response> outcome) {
    outcome_ = std::move(outcome);
    ended_.notify();
  }

  std::function<bool(int, std::string_view)> take_;
  ports::Signal& ended_;
  net::Response response_;
  std::optional<Result<net::Response>> outcome_;
  net::Call* call_ = nullptr;
};

}  // namespace

Result<net::Response> stream(ports::Runtime& runtime, net::Client& client, const net::Endpoint& endpoint,
                             net::Request request, Time deadline,
                             std::function<bool(int status, std::string_view piece)> take) {
  const auto ended = runtime.make_signal();
  StreamCall call(std::move(take), *ended);
  call.start(client, endpoint, request, deadline);
  ended->wait_until(Time::max());
  return call.result(endpoint);
}

}  // namespace barrio::adapters
