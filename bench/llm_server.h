#pragma once
// An emulated server of a language model in virtual time, in the manner of vLLM: continuous batching with chunked
// prefill, first come first served without a bound, a KV cache that admission waits for and that preempts the youngest
// where it runs out. It computes nothing; its steps take the time that its figures say.

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "base/time.h"

namespace barrio::bench {

/// Defaults: about an 8-billion-parameter model on one 80 GB device.
struct LlmServerSpec {
  double step_ms = 8;  // each step: the weights are read once
  double prefill_ms_per_token = 0.04;
  double decode_ms_per_request = 0.03;
  double kv_ms_per_1k_tokens = 0.02;  // each step, of what is in the cache
  uint64_t step_tokens = 2048;        // prompt and answer tokens in one step
  size_t running = 256;
  uint64_t kv_tokens = 400'000;
};

class LlmServer {
 public:
  explicit LlmServer(const LlmServerSpec& spec) : spec_(spec) {}

  struct Event {
    uint64_t id;
    bool first_token;
    bool finished;
  };

  void submit(uint64_t id, uint64_t prompt, uint64_t output, Time now) {
    waiting_.push_back({id, prompt, std::max<uint64_t>(output, 1), 0, 0});
    if (!ends_) begin(now);
  }
  void cancel(uint64_t id) {
    const auto is = [&](const Request& request) { return request.id == id; };
    std::erase_if(waiting_, is);
    std::erase_if(running_, is);
  }
  /// When the step that runs ends; none: idle.
  std::optional<Time> next() const { return ends_; }
  /// At next(): what came of the step; then the next one begins.
  std::vector<Event> step() {
    const Time now = *ends_;
    std::vector<Event> events;
    for (Request& request : running_) advance(request, events);
    std::erase_if(running_, is_over);
    begin(now);
    return events;
  }
  size_t waiting() const { return waiting_.size(); }
  size_t running() const { return running_.size(); }
  double kv_usage() const { return static_cast<double>(kv_used()) / static_cast<double>(spec_.kv_tokens); }
  uint64_t preemptions() const { return preemptions_; }

 private:
  struct Request {
    uint64_t id;
    uint64_t prompt;
    uint64_t output;
    uint64_t read;       // of the prompt, and of what a preemption threw away
    uint64_t generated;  // tokens of the answer
    uint64_t chunk = 0;  // in this step: prompt tokens to read
    bool decodes = false;
    bool began = false;  // its first token has been told
  };

  uint64_t kv_used() const {
    uint64_t tokens = 0;
    for (const Request& request : running_) tokens += held(request);
    return tokens;
  }

  static bool is_over(const Request& request) { return request.generated >= request.output; }
  /// The cache is taken for the whole prompt at admission, then token by token.
  static uint64_t held(const Request& request) { return request.prompt + request.generated; }

  static void advance(Request& request, std::vector<Event>& events) {
    request.read += request.chunk;
    const bool reads_last = request.chunk > 0 && request.read >= request.prompt + request.generated;
    if (!request.decodes && !reads_last) return;
    ++request.generated;
    ++request.read;
    const bool first = !std::exchange(request.began, true);
    if (first || is_over(request)) events.push_back({request.id, first, is_over(request)});
  }

  void begin(Time now) {
    uint64_t budget = spec_.step_tokens;
    uint64_t decodes = 0;
    uint64_t prefill = 0;
    make_room();
    for (Request& request : running_) {
      request.chunk = 0;
      request.decodes = request.read >= request.prompt + request.generated && request.generated > 0;
      if (!request.decodes) continue;
      ++decodes;
      budget -= std::min<uint64_t>(budget, 1);
    }
    for (Request& request : running_) prefill += take_chunk(request, budget);
    uint64_t kv = kv_used();
    while (!waiting_.empty() && budget > 0 && running_.size() < spec_.running &&
           kv + held(waiting_.front()) + running_.size() < spec_.kv_tokens) {
      running_.push_back(waiting_.front());
      waiting_.pop_front();
      kv += held(running_.back());
      prefill += take_chunk(running_.back(), budget);
    }
    // What no cache could ever hold is given up, so that it does not block all others.
    if (running_.empty() && !waiting_.empty()) {
      waiting_.pop_front();
      begin(now);
      return;
    }
    ends_.reset();
    if (running_.empty()) return;
    const double ms = spec_.step_ms + spec_.prefill_ms_per_token * static_cast<double>(prefill) +
                      spec_.decode_ms_per_request * static_cast<double>(decodes) +
                      spec_.kv_ms_per_1k_tokens * static_cast<double>(kv) / 1000;
    ends_ = now + from_ms(ms);
  }

  static uint64_t take_chunk(Request& request, uint64_t& budget) {
    if (request.decodes) return 0;
    request.chunk = std::min(budget, request.prompt + request.generated - request.read);
    budget -= request.chunk;
    return request.chunk;
  }

  /// Each that decodes needs one more token; where there is none, the youngest starts again later.
  void make_room() {
    while (running_.size() > 1 && kv_used() + running_.size() > spec_.kv_tokens) {
      Request youngest = running_.back();
      running_.pop_back();
      youngest.read = 0;
      youngest.decodes = false;
      waiting_.push_front(youngest);
      ++preemptions_;
    }
  }

  LlmServerSpec spec_;
  std::deque<Request> waiting_;
  std::vector<Request> running_;
  std::optional<Time> ends_;
  uint64_t preemptions_ = 0;
};

}  // namespace barrio::bench
