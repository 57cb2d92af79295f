#pragma once
// A follower's answers: it passes what needs the leader on to it and gives back what that says, so that callers may ask
// any member. While nobody leads it waits a while, then answers reads from its own state.

#include <functional>
#include <optional>

#include "control/accounts.h"
#include "control/leadership.h"
#include "net/client.h"

namespace barrio::control {

/// One HTTP call to the member at this address that parks the calling fiber; main() binds adapters/reactor_runtime's
/// exchange.
using CallMember =
    std::function<tl::expected<net::Response, net::CallError>(const std::string& address, net::Request, Time deadline)>;

class Forwarding {
 public:
  /// What the leader is told of a caller's certificate, its URI and its key's fingerprint, and the proof that a member
  /// tells it.
  static constexpr const char* certificate = "Barrio-Certificate";
  static constexpr const char* certificate_key = "Barrio-Certificate-Key";
  static constexpr const char* member_token = "Barrio-Member";

  Forwarding(ports::Runtime& runtime, CallMember call, Accounts& accounts, const Leadership& leadership)
      : runtime_(runtime), call_(std::move(call)), accounts_(accounts), leadership_(leadership) {}
  /// None: this member answers, because it leads, or as well as it can.
  std::optional<net::Response> answer(const net::Request& request);
  /// It may be asked for twice: the second time changes nothing and says the same.
  static bool repeatable(const net::Request& request);

 private:
  std::optional<net::Response> ask(const Member& leader, const net::Request& request);

  ports::Runtime& runtime_;
  CallMember call_;
  Accounts& accounts_;
  const Leadership& leadership_;
};

/// In an answer: its member does not lead (any more), and knows of no other that does. With 503, nothing was done; else
/// it is what this member knows, which has not heard of sites.
inline constexpr const char* not_leading = "Barrio-Not-Leading";

}  // namespace barrio::control
