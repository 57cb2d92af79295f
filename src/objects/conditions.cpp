#include "objects/conditions.h"

#include <algorithm>

#include "api/s3/xml.h"
#include "base/http_time.h"
#include "base/text.h"
#include "objects/answers.h"

namespace barrio::objects {

using api::s3::Outcome;
using api::s3::refuse;
using api::s3::RequestView;

namespace {

constexpr size_t most_metadata_bytes = 2048;
constexpr size_t most_tags = 10;

bool names(std::string_view list, const std::string& etag) {
  const auto items = split(list, ',');
  return std::ranges::any_of(items, [&](std::string_view one) { return trim(one) == "*" || unquoted(one) == etag; });
}

std::string without_aws_chunked(std::string_view encodings) {
  std::string kept;
  for (const std::string_view one : split(encodings, ',')) {
    if (trim(one).empty() || to_lower(trim(one)) == "aws-chunked") continue;
    kept += (kept.empty() ? "" : ", ") + std::string(trim(one));
  }
  return kept;
}

}  // namespace

Outcome<void> refuse_unbuilt(const RequestView& request) {
  for (const auto& [header, value] : request.headers) {
    const std::string name = to_lower(header);
    const bool unbuilt = name.starts_with("x-amz-grant-") || name.starts_with("x-amz-server-side-encryption-") ||
                         name == "x-amz-website-redirect-location" || name == "x-amz-write-offset-bytes" ||
                         (name == "x-amz-server-side-encryption" && value != "AES256") ||
                         (name == "x-amz-storage-class" && value != "STANDARD") ||
                         (name == "x-amz-acl" && value != "private" && value != "bucket-owner-full-control");
    if (unbuilt)
      return refuse("NotImplemented", "this is not built: " + name + ": " + std::string(value.substr(0, 80)));
  }
  return {};
}

Outcome<Wanted> check_conditions(const RequestView& request, const ports::ObjectMeta& meta, const std::string& prefix) {
  const auto header = [&](const char* name) { return request.header(prefix + name); };
  // Times of HTTP have no fractions.
  const auto modified = std::chrono::floor<std::chrono::seconds>(meta.modified);
  const auto failed = refuse("PreconditionFailed", "At least one of the preconditions did not hold.");
  if (const auto match = header("if-match")) {
    if (!names(*match, meta.etag)) return failed;
  } else if (const auto unmodified = header("if-unmodified-since")) {
    const auto since = parse_http_time(*unmodified);
    if (since && modified > *since) return failed;
  }
  const bool copies = !prefix.empty();
  if (const auto none = header("if-none-match")) {
    if (!names(*none, meta.etag)) return Wanted::answer;
    return copies ? Outcome<Wanted>(failed) : Outcome<Wanted>(Wanted::not_modified);
  }
  const auto since = parse_http_time(header("if-modified-since").value_or(""));
  if (!since || modified > *since) return Wanted::answer;
  return copies ? Outcome<Wanted>(failed) : Outcome<Wanted>(Wanted::not_modified);
}

Outcome<std::optional<ByteRange>> range_of(std::string_view header, uint64_t size) {
  constexpr std::string_view unit = "bytes=";
  const std::optional<ByteRange> whole;
  if (!header.starts_with(unit) || header.find(',') != std::string_view::npos) return whole;
  header.remove_prefix(unit.size());
  const size_t dash = header.find('-');
  if (dash == std::string_view::npos) return whole;
  const std::string_view first = trim(header.substr(0, dash));
  const std::string_view last = trim(header.substr(dash + 1));
  const auto from = parse_uint(first);
  const auto to = parse_uint(last);
  if ((!first.empty() && !from) || (!last.empty() && !to) || (first.empty() && last.empty())) return whole;
  if (from && to && *from > *to) return whole;
  const auto outside = refuse("InvalidRange", "The requested range is not satisfiable.");
  if (!from) {
    if (*to == 0 || size == 0) return outside;
    return std::optional(ByteRange{size - std::min(size, *to), size});
  }
  if (*from >= size) return outside;
  return std::optional(ByteRange{*from, to ? std::min(size, *to + 1) : size});
}

Outcome<ports::WriteCondition> write_condition(const RequestView& request) {
  ports::WriteCondition condition;
  if (const auto none = request.header("if-none-match")) {
    if (trim(*none) != "*") return refuse("NotImplemented", "If-None-Match of a change must be *");
    condition.if_absent = true;
  }
  if (const auto match = request.header("if-match")) {
    if (trim(*match) == "*" || match->find(',') != std::string_view::npos) {
      return refuse("NotImplemented", "If-Match of a change must be one ETag");
    }
    condition.if_etag = std::string(unquoted(*match));
  }
  return condition;
}

Outcome<void> check_tags(const std::map<std::string, std::string>& tags) {
  if (tags.size() > most_tags) return refuse("InvalidTag", "an object has at most 10 tags");
  for (const auto& [name, value] : tags) {
    if (name.empty() || name.size() > 128 || value.size() > 256 || !is_utf8(name) || !is_utf8(value)) {
      return refuse("InvalidTag", "a tag has a name of 1 to 128 and a value of at most 256 bytes");
    }
  }
  return {};
}

Outcome<std::map<std::string, std::string>> tags_in(std::string_view xml) {
  const auto root = api::s3::read_xml(xml);
  const api::s3::XmlElement* set = root ? root->find("TagSet") : nullptr;
  if (set == nullptr) return refuse("MalformedXML", "the root must be Tagging with a TagSet");
  std::map<std::string, std::string> tags;
  for (const auto& tag : set->children) {
    if (!tags.emplace(tag.text_of("Key"), tag.text_of("Value")).second) {
      return refuse("InvalidTag", "a tag is there twice");
    }
  }
  return tags;
}

Outcome<std::map<std::string, std::string>> tags_of(std::string_view header) {
  std::map<std::string, std::string> tags;
  for (const std::string_view item : split(header, '&')) {
    if (item.empty()) continue;
    const size_t equals = item.find('=');
    const auto name = api::s3::uri_decode(item.substr(0, equals));
    const auto value =
        api::s3::uri_decode(equals == std::string_view::npos ? std::string_view() : item.substr(equals + 1));
    if (!name || !value || !tags.emplace(*name, *value).second)
      return refuse("InvalidTag", "x-amz-tagging must be a=b&c=d");
  }
  S3_TRY_DO(check_tags(tags));
  return tags;
}

Outcome<std::map<std::string, std::string>> fields_of(const RequestView& request) {
  static constexpr std::string_view kept[] = {"cache-control",    "content-disposition", "content-encoding",
                                              "content-language", "content-type",        "expires"};
  S3_TRY_DO(refuse_unbuilt(request));
  std::map<std::string, std::string> fields;
  size_t metadata = 0;
  for (const auto& [header, value] : request.headers) {
    const std::string name = to_lower(header);
    const bool own = name.starts_with("x-amz-meta-");
    if (!own && std::ranges::find(kept, name) == std::ranges::end(kept)) continue;
    if (!is_utf8(value)) return refuse("InvalidArgument", "the header " + name + " must be UTF-8");
    if (own) metadata += name.size() - std::string_view("x-amz-meta-").size() + value.size();
    std::string text = name == "content-encoding" ? without_aws_chunked(value) : std::string(value);
    if (name == "content-encoding" && text.empty()) continue;
    std::string& field = fields[name];
    field += (field.empty() ? "" : ",") + text;
  }
  if (metadata > most_metadata_bytes) return refuse("MetadataTooLarge", "x-amz-meta-... have at most 2 KiB together");
  fields.try_emplace("content-type", "binary/octet-stream");
  return fields;
}

}  // namespace barrio::objects
