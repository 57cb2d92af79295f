#pragma once
// The little XML that S3 speaks: elements and text. No DTDs, no processing instructions but the declaration, no CDATA;
// attributes are read over. Bounded: what S3's own limits do not need is refused.

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace barrio::api::s3 {

struct XmlElement {
  std::string name;  // without a prefix
  std::string text;  // of itself, without that of its children
  std::vector<XmlElement> children;

  /// The first child of this name; null: none.
  const XmlElement* find(std::string_view child) const;
  /// Its text; empty: it is not there.
  std::string text_of(std::string_view child) const;
};

inline constexpr size_t most_xml_elements = 60'000;
inline constexpr int most_xml_depth = 8;

/// The root element. Errors: invalid.
Result<XmlElement> read_xml(std::string_view text);

class XmlWriter {
 public:
  XmlWriter() : text_("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n") {}
  void open(std::string_view name);
  /// With S3's namespace: of the root of an answer.
  void open_root(std::string_view name);
  void leaf(std::string_view name, std::string_view text);
  void leaf(std::string_view name, int64_t number) { leaf(name, std::to_string(number)); }
  void flag(std::string_view name, bool value) { leaf(name, value ? "true" : "false"); }
  void close();
  std::string text() const { return text_; }

 private:
  std::string text_;
  std::vector<std::string> open_;
};

}  // namespace barrio::api::s3
