// CORS, lifecycle, policies and object lock of a bucket: whatever was taken answers every question, a policy that names
// nobody lets nobody in, and what was given a retention is not deleted before.

#include <algorithm>

#include "api/s3/bucket_policy.h"
#include "api/s3/cors.h"
#include "api/s3/lifecycle.h"
#include "api/s3/object_lock.h"
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
      CHECK(!expires_noncurrent(rule, "tmp/a", 11, now, 1'000, now));
      CHECK(rule.lone_markers || !expires_marker(rule, "tmp/a", now, now));
    }
  }
  if (const auto given = parse_object_lock(input); given && *given) CHECK((*given)->days >= 1);
  if (const auto retention = parse_retention(input, now); retention && *retention) {
    ports::ObjectMeta meta;
    meta.retention = **retention;
    CHECK(!check_deletion(meta, now, false));
    CHECK(check_retention(std::nullopt, *retention, now, false));
  }
  static_cast<void>(parse_legal_hold(input));
  if (const auto statements = parse_bucket_policy(input, "pics")) {
    const bool open = std::ranges::any_of(*statements, [](const auto& one) { return one.allows && one.anybody; });
    CHECK(open || access_by(*statements, {"", "s3:GetObject", "a"}) != Access::allowed);
  }
}

}  // namespace barrio::fuzz
