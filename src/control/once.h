#pragma once
// Requests that their sender may repeat without harm: with an Idempotency-Key
// (draft-ietf-httpapi-idempotency-key-header), a change is made once, and who asks again is told the same. The record
// is written by the commit that makes the change, the answer right after it; an answer with a secret in it is never
// kept.

#include <optional>
#include <string>

#include "net/http.h"
#include "ports/state_store.h"

namespace barrio::control {

inline constexpr auto once_kept_for = std::chrono::hours(24);

struct OnceRecord {
  std::string asked;  // sha256 of method, target and body
  WallTime at;
  int64_t status = 0;  // of the answer; 0: it was not kept
  std::string body;
  static constexpr std::string_view defaulted[] = {"status", "body"};
};
BARRIO_DESCRIBE(OnceRecord, (), (asked, at, status, body))

/// One request with a key, and what the store knows of it.
struct Once {
  std::string key;
  std::string asked;
  ports::Revision revision = 0;          // of a record that is there; 0: none
  std::optional<OnceRecord> known = {};  // not too old

  /// Nothing: the request has no key, or changes nothing. Errors: invalid (the key), unavailable.
  static Result<std::optional<Once>> find(ports::StateStore& store, const net::Request& request,
                                          const std::string& subject, WallTime now);
  ports::Guard guard() const { return {key, revision}; }
  ports::Write write(WallTime at, const net::Response* answer = nullptr) const;
  /// To who asks again.
  net::Response again() const;
};

/// Removes some that are older than they are kept for; how many.
Result<size_t> forget_once(ports::StateStore& store, WallTime now);

}  // namespace barrio::control
