#pragma once
// Errors of /barrio/v1 and of the gateway: problem details, RFC 9457 (application/problem+json).

#include <optional>
#include <string>

#include "base/json.h"
#include "model/refusal.h"

namespace barrio::api {

inline constexpr std::string_view problem_content_type = "application/problem+json";

struct Problem {
  std::string type = "about:blank";
  std::string title;  // of the status, as RFC 9457 section 4.2.1 asks for about:blank
  int status = 500;
  std::string detail;                  // one sentence for a person
  std::optional<std::string> where;    // the field that it is about
  std::optional<std::string> reason;   // a RefusalReason
  std::optional<std::string> nearest;  // what would work
};
BARRIO_DESCRIBE(Problem, (), (type, title, status, detail, where, reason, nearest))

/// The HTTP status that an error of ours becomes.
int status_of(Code code);
Problem problem(int status, std::string detail);
Problem problem(const Error& error);
Problem problem(int status, const Refusal& refusal);

}  // namespace barrio::api
