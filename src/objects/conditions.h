#pragma once
// Conditions and ranges of requests for an object (RFC 9110 sections 13 and 14), pure.

#include <optional>

#include "api/s3/sigv4.h"
#include "ports/object_store.h"

namespace barrio::objects {

enum class Wanted { answer, not_modified };

/// If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since, in RFC 9110's order; `prefix` is
/// "x-amz-copy-source-" for the source of a copy. PreconditionFailed.
api::s3::Outcome<Wanted> check_conditions(const api::s3::RequestView& request, const ports::ObjectMeta& meta,
                                          const std::string& prefix = "");

struct ByteRange {
  uint64_t from = 0;
  uint64_t until = 0;  // behind its last byte
};
/// Of "bytes=0-9", "bytes=5-", "bytes=-5". None: there is none that is understood, so the whole is meant. InvalidRange.
api::s3::Outcome<std::optional<ByteRange>> range_of(std::string_view header, uint64_t size);

/// Of a change: If-None-Match: * and If-Match. NotImplemented for others.
api::s3::Outcome<ports::WriteCondition> write_condition(const api::s3::RequestView& request);

/// "a=b&c=d", decoded, S3's limits kept. InvalidTag.
api::s3::Outcome<std::map<std::string, std::string>> tags_of(std::string_view header);
/// Of a Tagging document; S3's limits are not checked. MalformedXML, InvalidTag.
api::s3::Outcome<std::map<std::string, std::string>> tags_in(std::string_view xml);
api::s3::Outcome<void> check_tags(const std::map<std::string, std::string>& tags);

/// Fields that ask for something that this version does not do: better said than left out. NotImplemented.
api::s3::Outcome<void> refuse_unbuilt(const api::s3::RequestView& request);

/// What is kept of a request's fields for the object's answers. MetadataTooLarge, NotImplemented for what would change
/// how the object is kept and is not built.
api::s3::Outcome<std::map<std::string, std::string>> fields_of(const api::s3::RequestView& request);

}  // namespace barrio::objects
