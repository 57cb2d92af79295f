#pragma once
// S3's errors: a code that clients know, the status that goes with it, and a sentence.

#include <string>
#include <string_view>

#include "base/result.h"

namespace barrio::api::s3 {

struct Fault {
  std::string code;  // "NoSuchKey"
  std::string message;
};

template <class T>
using Outcome = tl::expected<T, Fault>;

inline tl::unexpected<Fault> refuse(std::string code, std::string message) {
  return tl::unexpected<Fault>(Fault{std::move(code), std::move(message)});
}

/// 500 for a code that is not in S3's list.
int status_of(std::string_view code);
/// As S3's clients read it (application/xml).
std::string error_xml(const Fault& fault, std::string_view resource, std::string_view request_id);

}  // namespace barrio::api::s3

/// As TRY and TRY_DO (base/result.h), for Outcomes.
#define S3_TRY(declaration, expression)                                    \
  auto BARRIO_JOIN(try_, __LINE__) = (expression);                         \
  if (!BARRIO_JOIN(try_, __LINE__)) {                                      \
    return tl::unexpected(std::move(BARRIO_JOIN(try_, __LINE__)).error()); \
  }                                                                        \
  declaration = std::move(*BARRIO_JOIN(try_, __LINE__))
#define S3_TRY_DO(expression)                                                \
  do {                                                                       \
    auto try_outcome = (expression);                                         \
    if (!try_outcome) return tl::unexpected(std::move(try_outcome).error()); \
  } while (false)
