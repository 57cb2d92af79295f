#pragma once
// Who asks: a tenant, by a token (Authorization: Bearer JWT) or by an API key (Authorization: Bearer brk_..., or
// x-api-key: brk_...). Verified from the snapshot alone.

#include <span>
#include <variant>

#include "gateway/api_keys.h"
#include "gateway/problem.h"
#include "gateway/token_cache.h"
#include "net/http.h"

namespace barrio::gateway {

class Callers {
 public:
  void set_snapshot(const Snapshot& snapshot);
  /// A tenant that may infer, or why not (401, 403). The identity is valid until the next call.
  std::variant<const api::Identity*, Problem> tenant(std::span<const net::Header> headers, WallTime now);
  /// The same for a token of the operator.
  std::variant<const api::Identity*, Problem> network_operator(std::span<const net::Header> headers, WallTime now);

 private:
  std::variant<const api::Identity*, Problem> anybody(std::span<const net::Header> headers, WallTime now);
  Result<const api::Identity*> verify(std::string_view credential, WallTime now);

  TokenCache tokens_;
  ApiKeys keys_;
};

/// Whether an x-api-key is one of ours: any other belongs to the app.
bool is_api_key(std::string_view credential);

}  // namespace barrio::gateway
