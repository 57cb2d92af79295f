#include <deque>

#include "api/oip/grpc_infer.h"
#include "engine/grpc_calls.h"
#include "engine/grpc_inference.h"

namespace barrio::engine {

namespace {

/// Answers wait here for those before them; back-pressure of either side stops the reading.
class StreamCall final : public GrpcCall {
 public:
  StreamCall(net::Exchange& exchange, const GrpcParts& parts, RequestFields fields)
      : exchange_(exchange, parts.config.message_bytes), parts_(parts), fields_(std::move(fields)) {
    exchange_.begin();
  }
  ~StreamCall() override {
    for (const Waiting& each : waiting_) {
      if (each->submitted != 0) parts_.service.cancel(each->submitted);
    }
  }

  void on_body(std::string_view piece) override {
    while (!exchange_.over()) {
      const auto complete = exchange_.reader().read(piece);
      if (!complete) return exchange_.fail(grpc_failure(complete.error()));
      if (!*complete) break;
      submit(exchange_.reader().message());
    }
    pace();
  }
  void on_end() override {
    ended_ = true;
    if (exchange_.reader().inside()) {
      return exchange_.fail({.status = api::GrpcStatus::invalid_argument, .what = "the last message is not complete"});
    }
    finish();
  }
  void on_writable() override {
    writable_ = true;
    pace();
  }

 private:
  struct Request {
    uint64_t submitted = 0;
    std::string frame;  // of its answer, once there is one
    bool answered = false;
  };
  using Waiting = std::shared_ptr<Request>;

  void submit(std::string_view message) {
    const auto request = std::make_shared<Request>();
    waiting_.push_back(request);
    // The first message came with the head; each other begins when it arrives.
    const Time arrived = std::exchange(first_, false) ? exchange_.first_byte() : parts_.reactor.now();
    const uint64_t id = submit_grpc(parts_.inference(), message, fields_, arrived, [this, request](GrpcAnswer answer) {
      request->submitted = 0;
      request->answered = true;
      request->frame = GrpcExchange::frame();
      if (answer.failure)
        api::append_grpc_stream_error(answer.failure->what, answer.id, request->frame);
      else
        api::append_grpc_stream_response(std::string_view(answer.frame).substr(api::grpc_prefix_size), request->frame);
      flush();
    });
    if (!request->answered) request->submitted = id;
  }

  void flush() {
    while (!waiting_.empty() && waiting_.front()->answered) {
      writable_ = exchange_.send(std::move(waiting_.front()->frame)) && writable_;
      waiting_.pop_front();
    }
    pace();
    finish();
  }

  /// Reads on exactly while there is room for more requests and answers.
  void pace() {
    const bool room = writable_ && waiting_.size() < parts_.config.stream_requests;
    if (room == reading_) return;
    reading_ = room;
    room ? exchange_.resume() : exchange_.pause();
  }

  void finish() {
    if (ended_ && waiting_.empty()) exchange_.finish();
  }

  GrpcExchange exchange_;
  GrpcParts parts_;
  RequestFields fields_;
  std::deque<Waiting> waiting_;  // in the order of arrival
  bool first_ = true;
  bool ended_ = false;
  bool writable_ = true;
  bool reading_ = true;
};

}  // namespace

std::shared_ptr<GrpcCall> open_grpc_stream(net::Exchange& exchange, const GrpcParts& parts, RequestFields fields) {
  return std::make_shared<StreamCall>(exchange, parts, std::move(fields));
}

}  // namespace barrio::engine
