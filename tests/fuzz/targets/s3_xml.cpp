// XML of S3 requests: what is read is written and read again as the same.

#include "api/s3/xml.h"
#include "base/check.h"
#include "target.h"

namespace barrio::fuzz {

namespace {

void write(api::s3::XmlWriter& xml, const api::s3::XmlElement& element) {
  if (element.children.empty()) return xml.leaf(element.name, element.text);
  xml.open(element.name);
  for (const auto& child : element.children) write(xml, child);
  xml.close();
}

bool same(const api::s3::XmlElement& a, const api::s3::XmlElement& b) {
  if (a.name != b.name || a.children.size() != b.children.size()) return false;
  if (a.children.empty() && a.text != b.text) return false;
  for (size_t i = 0; i < a.children.size(); ++i) {
    if (!same(a.children[i], b.children[i])) return false;
  }
  return true;
}

}  // namespace

void run_target(std::string_view input) {
  const auto first = api::s3::read_xml(input);
  if (!first) return;
  api::s3::XmlWriter xml;
  write(xml, *first);
  const auto second = api::s3::read_xml(xml.text());
  CHECK(second.has_value());
  CHECK(same(*first, *second));
}

}  // namespace barrio::fuzz
