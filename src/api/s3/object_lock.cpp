#include "api/s3/object_lock.h"

#include "api/s3/xml.h"
#include "base/text.h"

namespace barrio::api::s3 {

using ports::Retention;
using ports::RetentionMode;

namespace {

constexpr uint64_t most_lock_days = 100 * 365;
constexpr int64_t days_of_year = 365;

Outcome<XmlElement> root_of(std::string_view xml, std::string_view name) {
  auto root = read_xml(xml);
  if (!root) return refuse("MalformedXML", root.error().text());
  if (root->name != name) return refuse("MalformedXML", "the root must be " + std::string(name));
  return std::move(*root);
}

Outcome<RetentionMode> mode_of(std::string_view text, const char* code) {
  for (const RetentionMode mode : {RetentionMode::governance, RetentionMode::compliance}) {
    if (trim(text) == lock_name(mode)) return mode;
  }
  return refuse(code, "the mode must be GOVERNANCE or COMPLIANCE");
}

Outcome<Retention> retention_of(std::string_view mode, std::string_view until, WallTime now, const char* code) {
  Retention retention;
  S3_TRY(retention.mode, mode_of(mode, code));
  const auto time = parse_wall_time(trim(until));
  if (!time) return refuse(code, "the time must be like 2030-01-01T00:00:00Z");
  if (*time <= now) return refuse("InvalidArgument", "The retain until date must be in the future!");
  retention.until = *time;
  return retention;
}

Outcome<bool> hold_of(std::string_view text, const char* code) {
  if (trim(text) != "ON" && trim(text) != "OFF") return refuse(code, "a legal hold is ON or OFF");
  return trim(text) == "ON";
}

}  // namespace

std::string_view lock_name(RetentionMode mode) {
  return mode == RetentionMode::governance ? "GOVERNANCE" : "COMPLIANCE";
}

Outcome<std::optional<LockDefault>> parse_object_lock(std::string_view xml) {
  S3_TRY(const XmlElement root, root_of(xml, "ObjectLockConfiguration"));
  if (root.text_of("ObjectLockEnabled") != "Enabled") {
    return refuse("MalformedXML", "ObjectLockEnabled must be Enabled");
  }
  const XmlElement* rule = root.find("Rule");
  if (rule == nullptr) return std::optional<LockDefault>();
  const XmlElement* retention = rule->find("DefaultRetention");
  if (retention == nullptr) return refuse("MalformedXML", "a Rule needs a DefaultRetention");
  LockDefault made;
  S3_TRY(made.mode, mode_of(retention->text_of("Mode"), "MalformedXML"));
  const bool has_days = retention->find("Days") != nullptr;
  if (has_days == (retention->find("Years") != nullptr)) {
    return refuse("MalformedXML", "DefaultRetention has Days or Years");
  }
  const auto number = parse_uint(trim(retention->text_of(has_days ? "Days" : "Years")));
  if (!number || *number < 1 || *number > most_lock_days / (has_days ? 1 : days_of_year)) {
    return refuse("InvalidArgument", "a default retention is from 1 day to 100 years");
  }
  made.days = static_cast<int64_t>(*number) * (has_days ? 1 : days_of_year);
  return std::optional(made);
}

Outcome<std::optional<Retention>> parse_retention(std::string_view xml, WallTime now) {
  S3_TRY(const XmlElement root, root_of(xml, "Retention"));
  if (root.children.empty()) return std::optional<Retention>();
  S3_TRY(const Retention retention,
         retention_of(root.text_of("Mode"), root.text_of("RetainUntilDate"), now, "MalformedXML"));
  return std::optional(retention);
}

Outcome<bool> parse_legal_hold(std::string_view xml) {
  S3_TRY(const XmlElement root, root_of(xml, "LegalHold"));
  return hold_of(root.text_of("Status"), "MalformedXML");
}

Outcome<LockWish> lock_wish(const RequestView& request, WallTime now) {
  LockWish wish;
  const auto mode = request.header("x-amz-object-lock-mode");
  const auto until = request.header("x-amz-object-lock-retain-until-date");
  if (mode.has_value() != until.has_value()) {
    return refuse("InvalidArgument",
                  "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied");
  }
  if (mode) {
    S3_TRY(wish.retention, retention_of(*mode, *until, now, "InvalidArgument"));
  }
  if (const auto hold = request.header("x-amz-object-lock-legal-hold")) {
    S3_TRY(wish.held, hold_of(*hold, "InvalidArgument"));
  }
  return wish;
}

Result<void> check_deletion(const ports::ObjectMeta& meta, WallTime now, bool bypasses) {
  if (meta.held.value_or(false)) return fail(Code::denied, "there is a legal hold on this version");
  if (!meta.retention || meta.retention->until <= now) return {};
  if (bypasses && meta.retention->mode == RetentionMode::governance) return {};
  return fail(Code::denied, "this version is locked until " + to_string(meta.retention->until) + " (" +
                                std::string(lock_name(meta.retention->mode)) + ")");
}

Result<void> check_retention(const std::optional<Retention>& has, const std::optional<Retention>& wanted, WallTime now,
                             bool bypasses) {
  if (!has || has->until <= now) return {};
  if (bypasses && has->mode == RetentionMode::governance) return {};
  const bool weaker_mode = wanted && has->mode == RetentionMode::compliance && wanted->mode != has->mode;
  if (wanted && wanted->until >= has->until && !weaker_mode) return {};
  return fail(Code::denied, "this version is locked until " + to_string(has->until) + " (" +
                                std::string(lock_name(has->mode)) + "); it can only be locked for longer");
}

}  // namespace barrio::api::s3
