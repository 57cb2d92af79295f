// CORS, lifecycle and policies of a bucket: whatever was taken answers every question, and a policy that names nobody
// lets nobody in.

#include <algorithm>

#include "api/s3/bucket_policy.h"
#include "api/s3/cors.h"
#include "api/s3/lifecycle.h"
#include "base/check.h"
#include "target.h"

namespace barrio::fuzz {

void run_target(std::string_view input) {
  using namespace api::s3;
  const WallTime now(std::chrono::milliseconds(1'800'000'000'000));
  if (const auto rules = parse_cors(input)) {
    const auto* rule = allowing_rule(*rules, {"https://a.example", "GET", {"x-a"}});
    CHECK(rule == nullptr || std::ranges::find(rule->methods, "GET") != rule->methods.end());
  }
  if (const auto rules = parse_lifecycle(input)) {
    for (const LifecycleRule& rule : *rules) {
      CHECK(rule.enabled || !expires(rule, "tmp/a", 11, {}, now));
      CHECK(!(rule.days && !rule.date) || !expires(rule, "tmp/a", 11, now, now));
      CHECK(!aborts(rule, "tmp/a", now, now));
    }
  }
  if (const auto statements = parse_bucket_policy(input, "pics")) {
    const bool open = std::ranges::any_of(*statements, [](const auto& one) { return one.allows && one.anybody; });
    CHECK(open || access_by(*statements, {"", "s3:GetObject", "a"}) != Access::allowed);
  }
}

}  // namespace barrio::fuzz
