#include "adapters/oip/blocking_client.h"

#include "base/check.h"

namespace barrio::adapters::oip {

namespace {

class Gather final : public net::CallHandler {
 public:
  Gather(net::Reactor& reactor, size_t most) : reactor_(reactor), most_(most) {}

  net::Call* call = nullptr;
  Result<RawAnswer> result = fail(Code::unavailable, "no answer");

 private:
  void on_head(const net::ResponseHead& head) override {
    answer_.status = head.status;
    add(head.headers);
  }
  void on_body(std::string_view piece) override {
    if (answer_.body.size() + piece.size() <= most_) {
      answer_.body += piece;
      return;
    }
    call->cancel();
    result = fail(Code::exhausted, "the answer is longer than " + std::to_string(most_) + " bytes");
    reactor_.stop();
  }
  void on_trailers(std::span<const net::Header> trailers) override { add(trailers); }
  void on_done() override {
    result = std::move(answer_);
    reactor_.stop();
  }
  void on_error(net::CallError error) override {
    result = fail(std::move(error.error));
    reactor_.stop();
  }
  void on_writable() override {}

  void add(std::span<const net::Header> headers) {
    for (const net::Header& header : headers) answer_.headers.emplace_back(header.name, header.value);
  }

  net::Reactor& reactor_;
  size_t most_;
  RawAnswer answer_;
};

}  // namespace

Result<net::Response> BlockingClient::fetch(const net::Endpoint& endpoint, net::Request request, Time deadline,
                                            size_t most) {
  Result<net::Response> result = fail(Code::unavailable, "no answer");
  reactor_.fresh_now();
  client_.fetch(
      endpoint, std::move(request), deadline,
      [&](Result<net::Response> answer) {
        result = std::move(answer);
        reactor_.stop();
      },
      most);
  reactor_.run();
  return result;
}

Result<RawAnswer> BlockingClient::call(const net::Endpoint& endpoint, const net::Request& request, Time deadline,
                                       size_t most) {
  Gather gather(reactor_, most);
  std::vector<net::Header> headers;
  for (const auto& [name, value] : request.headers) headers.push_back({name, value});
  reactor_.fresh_now();
  gather.call = &client_.start(endpoint,
                               {.method = request.method,
                                .target = request.target,
                                .headers = headers,
                                .length = request.body.size(),
                                .deadline = deadline,
                                .takes_trailers = true},
                               gather);
  if (!request.body.empty()) {
    gather.call->write(request.body);
    gather.call->end();
  }
  reactor_.run();
  return std::move(gather.result);
}

}  // namespace barrio::adapters::oip
