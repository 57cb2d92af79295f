#pragma once
// Admission to a server of a language model: when would the first token come, and does that still help? Such servers
// batch by themselves (vLLM: continuous batching) and queue without a bound, so beyond their capacity every answer is
// late. Here a request is refused on arrival where its first token is predicted too late, what is admitted waits here
// rather than there, and goes out in order, only so much at a time as the server reads in its next steps.
//
// The prediction is (prompt tokens ahead + its own) / rate. The rate is what the server was seen to read while it had
// something to read: decoding beside it, a full KV cache and everything else that slows it down are in it. Pure: `now`
// is an argument; one object per server, fed with what happens.

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "base/time.h"

namespace barrio::decide {

struct FirstTokenLimits {
  uint64_t unread_tokens = 8192;    // of prompts sent and not read; one prompt goes out alone, however long it is
  size_t running = 256;             // requests sent and not over
  size_t waiting = 1024;            // requests held here
  double margin = 1.1;              // by which a prediction must be better than needed
  double kv_full = 0.97;            // the server's cache is this full: it is given nothing more, it could only queue it
  std::optional<double> rate = {};  // prompt tokens per second, until it has been seen; none: all is admitted till then
};

/// How fast prompts are read: tokens over the time in which some were unread, older ones forgotten by half every 7 s of
/// that time.
class ReadingRate {
 public:
  void sent(Time now);
  /// `tokens` were read; `left`: some are still unread.
  void read(uint64_t tokens, bool left, Time now);
  /// Nothing is unread any more, and nobody saw when the last was read: this time does not count.
  void forget() { since_.reset(); }
  /// Tokens per second; `unread` of them are out now: if they take longer than usual, the rate is lower already.
  std::optional<double> at(uint64_t unread, Time now) const;

 private:
  double tokens_ = 0;
  double seconds_ = 0;
  std::optional<Time> since_;  // something has been unread since, or the last was read then
};

/// Prompt tokens to read before the first token, at `rate` per second.
Duration predicted_first_token(uint64_t tokens, double rate);

/// What a server says of itself (its /metrics); other clients than we may use it.
struct ServerReport {
  double waiting = 0;
  double running = 0;
  std::optional<double> kv_usage;              // 0..1
  std::optional<Duration> recent_first_token;  // mean of those since the last report
};

class FirstTokenQueue {
 public:
  explicit FirstTokenQueue(const FirstTokenLimits& limits) : limits_(limits) {}

  struct Refused {
    std::optional<Duration> predicted;  // from now; none: too many wait
    Duration retry_after{};
  };
  /// None: it waits, until step() says what becomes of it. `until`: when its first token must be there; none: whenever.
  std::optional<Refused> offer(uint64_t id, uint64_t tokens, std::optional<Time> until, Time now);

  struct Step {
    std::vector<uint64_t> send;
    std::vector<uint64_t> drop;  // it would be too late
  };
  /// What is to be done now: after every call that changes something.
  Step step(Time now);

  /// The first token of one that was sent is there, or is taken as read (`seen` false: nobody saw when).
  enum class Seen { yes, no };
  void first_token(uint64_t id, Seen seen, Time now);
  /// Over, or given up; also one that still waits.
  void finished(uint64_t id, Time now);
  void reported(const ServerReport& report);

  /// From now, of a prompt of `tokens` behind all that wait; none: nothing has been seen yet.
  std::optional<Duration> predict(uint64_t tokens, Time now) const;
  /// From now until all that is out now has been read.
  std::optional<Duration> predict_read(Time now) const { return predict_behind(unread_, 0, now); }
  size_t waiting() const { return waiting_.size(); }
  size_t running() const { return sent_.size(); }
  uint64_t unread_tokens() const { return unread_; }

 private:
  struct Waiting {
    uint64_t id;
    uint64_t tokens;
    std::optional<Time> until;
  };
  struct Sent {
    uint64_t tokens;
    bool unread;
  };
  std::optional<Duration> predict_behind(uint64_t ahead, uint64_t tokens, Time now) const;
  double foreign_tokens() const;
  bool has_room(const Waiting& next) const;

  FirstTokenLimits limits_;
  ReadingRate rate_;
  std::deque<Waiting> waiting_;
  std::map<uint64_t, Sent> sent_;
  uint64_t waiting_tokens_ = 0;
  uint64_t unread_ = 0;
  size_t unread_count_ = 0;
  double mean_tokens_ = 0;  // of prompts, recent ones more
  ServerReport report_;
};

}  // namespace barrio::decide
