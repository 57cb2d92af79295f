#include "objects/answers.h"

#include <fmt/format.h>

#include "api/s3/object_lock.h"
#include "base/http_time.h"
#include "base/text.h"

namespace barrio::objects {

std::string iso_time(WallTime time) {
  return to_string(time);
}

std::string quoted(const std::string& etag) {
  return "\"" + etag + "\"";
}

std::string_view unquoted(std::string_view etag) {
  etag = trim(etag);
  if (etag.starts_with("W/")) etag.remove_prefix(2);
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"') etag = etag.substr(1, etag.size() - 2);
  return etag;
}

void write_owner(api::s3::XmlWriter& xml, const char* name, const TenantId& tenant) {
  xml.open(name);
  xml.leaf("ID", tenant.str());
  xml.leaf("DisplayName", tenant.str());
  xml.close();
}

net::OwnedHeaders describe(const ports::ObjectMeta& meta, bool with_checksum) {
  net::OwnedHeaders headers = {{"ETag", quoted(meta.etag)},
                               {"Last-Modified", http_time(meta.modified)},
                               {"Accept-Ranges", "bytes"},
                               {"x-amz-server-side-encryption", "AES256"}};
  for (const auto& [name, value] : meta.fields) headers.emplace_back(name, value);
  if (!meta.tags.empty()) headers.emplace_back("x-amz-tagging-count", std::to_string(meta.tags.size()));
  if (meta.retention) {
    headers.emplace_back("x-amz-object-lock-mode", api::s3::lock_name(meta.retention->mode));
    headers.emplace_back("x-amz-object-lock-retain-until-date", iso_time(meta.retention->until));
  }
  if (meta.held) headers.emplace_back("x-amz-object-lock-legal-hold", *meta.held ? "ON" : "OFF");
  if (with_checksum && meta.checksum) {
    headers.emplace_back("x-amz-checksum-" + to_lower(meta.checksum->algorithm), meta.checksum->value);
    headers.emplace_back("x-amz-checksum-type", meta.checksum->type);
  }
  return headers;
}

}  // namespace barrio::objects
