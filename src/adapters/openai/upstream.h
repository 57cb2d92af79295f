#pragma once
// One model at one server: who waits, who is being answered, and what the server says of its load. Lives on the loop.

#include <map>
#include <memory>

#include "adapters/openai/generation_call.h"
#include "adapters/openai/openai_settings.h"
#include "adapters/openai/server_figures.h"
#include "adapters/openai/token_count.h"

namespace barrio::adapters::openai {

class Upstream {
 public:
  Upstream(net::Reactor& reactor, net::Client& client, OpenaiSettings settings);
  ~Upstream();
  Upstream(const Upstream&) = delete;
  Upstream& operator=(const Upstream&) = delete;

  const OpenaiSettings& settings() const { return settings_; }
  /// As GenerationBackend's; the caller chooses the number.
  void start(uint64_t id, ports::GenerationRequest request, ports::GenerationSink& sink);
  ports::Tokens cancel(uint64_t id);
  void resume(uint64_t id);
  /// It answered when it was last asked; before that, nobody knows.
  bool ready() const { return ready_; }

 private:
  struct Request {
    ports::GenerationRequest request;
    ports::GenerationSink* sink = nullptr;
    std::optional<Time> first_token;  // the budget, where it brings none
    bool began = false;               // a piece has been handed on
    net::TimerId timer = 0;
    std::unique_ptr<GenerationCall> call;  // null: it waits
    TokenCount tokens;
  };

  uint64_t tokens_of(const ports::GenerationRequest& request) const;
  Result<std::string> body_of(Request& request) const;
  void act();
  void send(uint64_t id);
  void expect_read(uint64_t id, Request& request);
  void watch(uint64_t id, Request& request);
  void ran_out(uint64_t id);
  bool on_piece(uint64_t id, std::string_view json);
  void learn(const Request& request);
  /// What was used of an answer that is over, or that nobody waits for any more, and was not counted yet.
  static ports::Tokens rest_of(Request& request);
  /// Takes it out; nobody is told.
  std::optional<Request> remove(uint64_t id);
  void finish(uint64_t id, std::optional<ports::GenerationFailure> failure);
  void ask_metrics();
  void got_metrics(const Result<net::Response>& answer);

  net::Reactor& reactor_;
  net::Client& client_;
  const OpenaiSettings settings_;
  decide::FirstTokenQueue queue_;
  std::map<uint64_t, Request> requests_;
  double bytes_per_token_ = 4;  // of English text; learnt from what answers say
  ServerFigures figures_;
  bool ready_ = false;
  net::TimerId metrics_timer_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace barrio::adapters::openai
