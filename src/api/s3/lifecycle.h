#pragma once
// When a bucket's lifecycle configuration ends objects and uploads (S3's LifecycleConfiguration). Pure.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/s3/fault.h"
#include "base/time.h"

namespace barrio::api::s3 {

struct LifecycleRule {
  bool enabled = false;
  std::string prefix;
  std::map<std::string, std::string> tags;  // an object must have all of them
  std::optional<uint64_t> larger_than;      // bytes
  std::optional<uint64_t> smaller_than;
  std::optional<int64_t> days;             // after the object was stored, then at the next midnight (UTC)
  std::optional<WallTime> date;            // from then on
  std::optional<int64_t> abort_days;       // of uploads, after they began
  bool lone_markers = false;               // delete markers that have nothing left to hide
  std::optional<int64_t> noncurrent_days;  // of a version, after another one took its place
  uint64_t kept_noncurrent = 0;            // but for so many of the newest of these
};

/// At most 1000 rules. MalformedXML, InvalidArgument, NotImplemented for what moves objects.
Outcome<std::vector<LifecycleRule>> parse_lifecycle(std::string_view xml);

/// Whether the rule ends an object with this key and size that was stored then, if it has the rule's tags.
bool expires(const LifecycleRule& rule, std::string_view key, uint64_t size, WallTime stored, WallTime now);
/// Whether it ends a version that another one took the place of then, if it has the rule's tags; `newer`: how many
/// versions of its key are newer, the current one not counted.
bool expires_noncurrent(const LifecycleRule& rule, std::string_view key, uint64_t size, WallTime replaced,
                        uint64_t newer, WallTime now);
/// Whether it ends the delete marker that is all there is of this key, and was made then.
bool expires_marker(const LifecycleRule& rule, std::string_view key, WallTime made, WallTime now);
/// Whether the rule ends an upload for this key that began then.
bool aborts(const LifecycleRule& rule, std::string_view key, WallTime began, WallTime now);

}  // namespace barrio::api::s3
