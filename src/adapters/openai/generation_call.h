#pragma once
// One call to a server of OpenAI's API: sends the body, hands out the events of a stream or the whole answer. Ends
// itself in one of on_end and on_failure; destroyed before, it closes its connection, which is how the server hears of
// a cancel.

#include <functional>
#include <memory>

#include "adapters/openai/event_stream.h"
#include "net/client.h"
#include "ports/generation_backend.h"

namespace barrio::adapters::openai {

struct CallSpec {
  net::Endpoint endpoint;
  std::string target;
  std::string body;
  std::string key;  // empty: none
  bool stream = false;
  Time deadline{};
};

/// All on the loop. A call may be destroyed in any of these.
struct CallEvents {
  /// False: no more until resume().
  std::function<bool(std::string_view json)> piece;
  std::function<void()> end;
  std::function<void(ports::GenerationFailure)> failure;
};

class GenerationCall final : public net::CallHandler {
 public:
  GenerationCall(net::Client& client, CallSpec spec, CallEvents events);
  ~GenerationCall();
  GenerationCall(const GenerationCall&) = delete;
  GenerationCall& operator=(const GenerationCall&) = delete;
  void resume();
  /// What has come of an answer in one piece. Empty: nothing, or it is no such answer.
  std::string_view whole_so_far() const { return status_ == 200 && !spec_.stream ? body_ : std::string_view(); }

 private:
  void on_head(const net::ResponseHead& head) override;
  void on_body(std::string_view piece) override;
  void on_done() override;
  void on_error(net::CallError error) override;
  void on_writable() override {}

  void read_events(std::string_view piece);
  void fail_with(ports::GenerationFailure failure);
  ports::GenerationFailure refused() const;

  CallSpec spec_;
  CallEvents events_;
  net::Call* call_ = nullptr;  // null: over
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  int status_ = 0;
  Duration retry_after_{};
  bool is_stream_ = false;
  bool complete_ = false;  // [DONE] was read
  EventStream events_in_;
  std::string body_;
};

}  // namespace barrio::adapters::openai
