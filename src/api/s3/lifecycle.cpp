#include "api/s3/lifecycle.h"

#include <algorithm>
#include <chrono>

#include "api/s3/xml.h"
#include "base/text.h"

namespace barrio::api::s3 {

namespace {

constexpr size_t most_lifecycle_rules = 1000;
constexpr uint64_t most_days = 100 * 366;
constexpr uint64_t most_kept_noncurrent = 100;

Outcome<int64_t> days_of(const XmlElement& parent, const char* name) {
  const auto days = parse_uint(trim(parent.text_of(name)));
  if (!days || *days < 1 || *days > most_days) {
    return refuse("InvalidArgument", std::string(name) + " must be a number of days, at least 1");
  }
  return static_cast<int64_t>(*days);
}

Outcome<void> take_filter(const XmlElement& filter, LifecycleRule& rule) {
  for (const XmlElement& child : filter.children) {
    if (child.name == "And") {
      S3_TRY_DO(take_filter(child, rule));
    } else if (child.name == "Prefix") {
      rule.prefix = child.text;
    } else if (child.name == "Tag") {
      if (child.text_of("Key").empty() || !rule.tags.emplace(child.text_of("Key"), child.text_of("Value")).second) {
        return refuse("MalformedXML", "a Tag of a Filter needs a Key, each once");
      }
    } else if (child.name == "ObjectSizeGreaterThan" || child.name == "ObjectSizeLessThan") {
      const auto size = parse_uint(trim(child.text));
      if (!size) return refuse("MalformedXML", child.name + " must be a number of bytes");
      (child.name == "ObjectSizeGreaterThan" ? rule.larger_than : rule.smaller_than) = size;
    } else {
      return refuse("MalformedXML", "a Filter has no " + child.name);
    }
  }
  return {};
}

Outcome<void> take_expiration(const XmlElement& expiration, LifecycleRule& rule) {
  const std::string markers = expiration.text_of("ExpiredObjectDeleteMarker");
  const bool has_days = expiration.find("Days") != nullptr;
  if (markers == "true") {
    rule.lone_markers = true;
    const bool has_more = has_days || expiration.find("Date") != nullptr;
    return has_more ? refuse("MalformedXML", "ExpiredObjectDeleteMarker goes without Days and Date") : Outcome<void>();
  }
  if (!markers.empty() && markers != "false") {
    return refuse("MalformedXML", "ExpiredObjectDeleteMarker must be true or false");
  }
  if (has_days == (expiration.find("Date") != nullptr)) return refuse("MalformedXML", "Expiration has Days or Date");
  if (has_days) {
    S3_TRY(rule.days, days_of(expiration, "Days"));
    return {};
  }
  const auto date = parse_wall_time(trim(expiration.text_of("Date")));
  if (!date) return refuse("InvalidArgument", "Date must be like 2030-01-01T00:00:00Z");
  rule.date = *date;
  return {};
}

Outcome<void> take_noncurrent(const XmlElement& expiration, LifecycleRule& rule) {
  S3_TRY(rule.noncurrent_days, days_of(expiration, "NoncurrentDays"));
  if (expiration.find("NewerNoncurrentVersions") == nullptr) return {};
  const auto kept = parse_uint(trim(expiration.text_of("NewerNoncurrentVersions")));
  if (!kept || *kept < 1 || *kept > most_kept_noncurrent) {
    return refuse("InvalidArgument", "NewerNoncurrentVersions must be from 1 to 100");
  }
  rule.kept_noncurrent = *kept;
  return {};
}

Outcome<LifecycleRule> parse_lifecycle_rule(const XmlElement& element) {
  LifecycleRule rule;
  bool acts = false;
  for (const XmlElement& child : element.children) {
    if (child.name == "ID") continue;
    if (child.name == "Status") {
      if (child.text != "Enabled" && child.text != "Disabled") {
        return refuse("MalformedXML", "Status must be Enabled or Disabled");
      }
      rule.enabled = child.text == "Enabled";
    } else if (child.name == "Prefix") {
      rule.prefix = child.text;
    } else if (child.name == "Filter") {
      S3_TRY_DO(take_filter(child, rule));
    } else if (child.name == "Expiration") {
      acts = true;
      S3_TRY_DO(take_expiration(child, rule));
    } else if (child.name == "NoncurrentVersionExpiration") {
      acts = true;
      S3_TRY_DO(take_noncurrent(child, rule));
    } else if (child.name == "AbortIncompleteMultipartUpload") {
      acts = true;
      S3_TRY(rule.abort_days, days_of(child, "DaysAfterInitiation"));
    } else {
      return refuse("NotImplemented", "a lifecycle rule's " + child.name + " is not built");
    }
  }
  if (!acts)
    return refuse("InvalidRequest",
                  "a Rule needs an Expiration, a NoncurrentVersionExpiration or an "
                  "AbortIncompleteMultipartUpload");
  if (element.find("Status") == nullptr) return refuse("MalformedXML", "a Rule needs a Status");
  if (rule.abort_days && (!rule.tags.empty() || rule.larger_than || rule.smaller_than)) {
    return refuse("InvalidRequest", "AbortIncompleteMultipartUpload goes with a Prefix alone");
  }
  if (rule.lone_markers && !rule.tags.empty()) {
    return refuse("InvalidRequest", "ExpiredObjectDeleteMarker goes without tags");
  }
  return rule;
}

bool is_meant(const LifecycleRule& rule, std::string_view key, uint64_t size) {
  if (!rule.enabled || !key.starts_with(rule.prefix)) return false;
  return (!rule.larger_than || size > *rule.larger_than) && (!rule.smaller_than || size < *rule.smaller_than);
}

/// S3 counts days to the midnight that follows.
WallTime after_days(WallTime since, int64_t days) {
  const auto whole = std::chrono::ceil<std::chrono::days>(since) + std::chrono::days(days);
  return std::chrono::time_point_cast<WallTime::duration>(whole);
}

}  // namespace

Outcome<std::vector<LifecycleRule>> parse_lifecycle(std::string_view xml) {
  const auto root = read_xml(xml);
  if (!root || (root->name != "LifecycleConfiguration" && root->name != "BucketLifecycleConfiguration")) {
    return refuse("MalformedXML", root ? "the root must be LifecycleConfiguration" : root.error().text());
  }
  std::vector<LifecycleRule> rules;
  for (const XmlElement& element : root->children) {
    if (element.name != "Rule") return refuse("MalformedXML", "a LifecycleConfiguration has no " + element.name);
    S3_TRY(LifecycleRule rule, parse_lifecycle_rule(element));
    rules.push_back(std::move(rule));
  }
  if (rules.empty() || rules.size() > most_lifecycle_rules) {
    return refuse("MalformedXML", "a LifecycleConfiguration has from 1 to 1000 rules");
  }
  return rules;
}

bool expires(const LifecycleRule& rule, std::string_view key, uint64_t size, WallTime stored, WallTime now) {
  if (!is_meant(rule, key, size)) return false;
  if (rule.date) return now >= *rule.date;
  return rule.days && now >= after_days(stored, *rule.days);
}

bool expires_noncurrent(const LifecycleRule& rule, std::string_view key, uint64_t size, WallTime replaced,
                        uint64_t newer, WallTime now) {
  return rule.noncurrent_days && is_meant(rule, key, size) && newer >= rule.kept_noncurrent &&
         now >= after_days(replaced, *rule.noncurrent_days);
}

bool expires_marker(const LifecycleRule& rule, std::string_view key, WallTime made, WallTime now) {
  if (!rule.enabled || !key.starts_with(rule.prefix)) return false;
  return rule.lone_markers || (rule.tags.empty() && rule.days && now >= after_days(made, *rule.days));
}

bool aborts(const LifecycleRule& rule, std::string_view key, WallTime began, WallTime now) {
  return rule.enabled && rule.abort_days && key.starts_with(rule.prefix) && now >= after_days(began, *rule.abort_days);
}

}  // namespace barrio::api::s3
