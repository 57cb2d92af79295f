#pragma once
// A call with whole messages: sends a Request, gathers the Response. Owned by the ClientCore; ends itself.

#include <functional>

#include "net/client.h"
#include "net/client_connection.h"

namespace barrio::net {

class FetchCall final : public CallHandler {
 public:
  FetchCall(ClientCore& core, Request request, std::function<void(Result<Response>)> done, size_t most)
      : core_(core), request_(std::move(request)), done_(std::move(done)), most_(most) {}

  void start(const Endpoint& endpoint, Time deadline) {
    call_ = &core_.start(endpoint, request_, deadline, *this);
    request_.body = {};
  }

 private:
  void on_head(const ResponseHead& head) override {
    response_.status = head.status;
    for (const Header& header : head.headers) response_.headers.emplace_back(header.name, header.value);
    if (head.has_body && head.content_length.value_or(0) > most_) too_long();
  }
  void on_body(std::string_view piece) override {
    if (response_.body.size() + piece.size() > most_) return too_long();
    response_.body += piece;
  }
  void on_done() override { finish(std::move(response_)); }
  void on_error(CallError error) override { finish(barrio::fail(std::move(error.error))); }
  void on_writable() override {}

  void too_long() {
    call_->cancel();
    finish(barrio::fail(Code::exhausted, "the answer is longer than " + std::to_string(most_) + " bytes"));
  }
  /// The last act: the call is gone before its owner hears of it.
  void finish(Result<Response> result) {
    auto done = std::move(done_);
    core_.fetches_.erase(this);
    delete this;
    done(std::move(result));
  }

  ClientCore& core_;
  Request request_;
  Response response_;
  std::function<void(Result<Response>)> done_;
  size_t most_;
  Call* call_ = nullptr;
};

}  // namespace barrio::net
