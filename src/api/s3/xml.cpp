#include "api/s3/xml.h"

#include "base/check.h"
#include "base/text.h"

namespace barrio::api::s3 {

namespace {

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
         c == '.' || c == ':';
}

void append_utf8(std::string& out, uint32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0 | (code >> 6));
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xe0 | (code >> 12));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | (code >> 18));
    out += static_cast<char>(0x80 | ((code >> 12) & 0x3f));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  }
}

class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  Result<XmlElement> document() {
    if (rest_.starts_with("\xef\xbb\xbf")) rest_.remove_prefix(3);
    skip_space();
    if (rest_.starts_with("<?xml")) {
      const size_t end = rest_.find("?>");
      if (end == std::string_view::npos) return bad("the declaration does not end");
      rest_.remove_prefix(end + 2);
    }
    TRY_DO(skip_comments());
    XmlElement root;
    TRY_DO(element(root, 1));
    TRY_DO(skip_comments());
    if (!rest_.empty()) return bad("there is more behind the root element");
    return root;
  }

 private:
  static tl::unexpected<Error> bad(std::string what) { return fail(Code::invalid, std::move(what), "XML"); }

  void skip_space() {
    while (!rest_.empty() && is_space(rest_.front())) rest_.remove_prefix(1);
  }

  Result<void> skip_comments() {
    skip_space();
    while (rest_.starts_with("<!--")) {
      const size_t end = rest_.find("-->", 4);
      if (end == std::string_view::npos) return bad("a comment does not end");
      rest_.remove_prefix(end + 3);
      skip_space();
    }
    return {};
  }

  std::string_view name() {
    size_t size = 0;
    while (size < rest_.size() && is_name(rest_[size])) ++size;
    const std::string_view found = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return found;
  }

  /// The start tag up to its end; true: it is the whole element.
  Result<bool> start_tag(std::string_view& full_name) {
    rest_.remove_prefix(1);
    full_name = name();
    if (full_name.empty()) return bad("an element has no name");
    while (true) {
      skip_space();
      if (rest_.starts_with("/>")) {
        rest_.remove_prefix(2);
        return true;
      }
      if (rest_.starts_with(">")) {
        rest_.remove_prefix(1);
        return false;
      }
      if (name().empty()) return bad("a tag does not end");
      skip_space();
      if (!rest_.starts_with("=")) return bad("an attribute has no value");
      rest_.remove_prefix(1);
      skip_space();
      if (rest_.empty() || (rest_.front() != '"' && rest_.front() != '\'')) return bad("an attribute is not quoted");
      const size_t end = rest_.find(rest_.front(), 1);
      if (end == std::string_view::npos || rest_.substr(0, end).find('<') != std::string_view::npos) {
        return bad("an attribute does not end");
      }
      rest_.remove_prefix(end + 1);
    }
  }

  Result<void> element(XmlElement& into, int depth) {
    if (depth > most_xml_depth) return bad("elements are nested too deeply");
    if (++elements_ > most_xml_elements) return bad("there are too many elements");
    if (!rest_.starts_with("<")) return bad("an element must come here");
    std::string_view full_name;
    TRY(const bool whole, start_tag(full_name));
    const size_t colon = full_name.rfind(':');
    into.name = full_name.substr(colon == std::string_view::npos ? 0 : colon + 1);
    if (into.name.empty()) return bad("an element has no name");
    while (!whole) {
      TRY_DO(character_data(into.text));
      if (rest_.starts_with("<!--")) {
        TRY_DO(skip_comments());
      } else if (rest_.starts_with("</")) {
        rest_.remove_prefix(2);
        if (name() != full_name) return bad("the end of '" + into.name + "' is missing");
        skip_space();
        if (!rest_.starts_with(">")) return bad("an end tag does not end");
        rest_.remove_prefix(1);
        break;
      } else if (rest_.starts_with("<!") || rest_.starts_with("<?") || rest_.empty()) {
        return bad(rest_.empty() ? "the end of '" + into.name + "' is missing" : "only elements and text are taken");
      } else {
        TRY_DO(element(into.children.emplace_back(), depth + 1));
      }
    }
    // Space between elements says nothing.
    if (!into.children.empty() && trim(into.text).empty()) into.text.clear();
    return {};
  }

  Result<void> character_data(std::string& out) {
    while (!rest_.empty() && rest_.front() != '<') {
      if (rest_.front() == '&') {
        TRY_DO(reference(out));
        continue;
      }
      const auto byte = static_cast<unsigned char>(rest_.front());
      if (byte < 0x20 && !is_space(rest_.front())) return bad("there is a control character");
      out += rest_.front();
      rest_.remove_prefix(1);
    }
    return {};
  }

  Result<void> reference(std::string& out) {
    const size_t end = rest_.find(';');
    if (end > 12) return bad("a reference does not end");  // npos, too
    const std::string_view what = rest_.substr(1, end - 1);
    rest_.remove_prefix(end + 1);
    for (const auto& [text, c] :
         {std::pair<std::string_view, char>{"lt", '<'}, {"gt", '>'}, {"amp", '&'}, {"quot", '"'}, {"apos", '\''}}) {
      if (what != text) continue;
      out += c;
      return {};
    }
    uint32_t code = 0;
    const bool hex = what.starts_with("#x");
    const std::string_view digits = what.substr(std::min<size_t>(what.size(), hex ? 2 : 1));
    if (!what.starts_with("#") || digits.empty() || digits.size() > 7) return bad("a reference is not known");
    for (const char c : digits) {
      const std::string_view all = "0123456789abcdef";
      const size_t value = all.find(c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c);
      if (value >= (hex ? 16u : 10u)) return bad("a reference is not a number");
      code = code * (hex ? 16 : 10) + static_cast<uint32_t>(value);
    }
    const bool control = code < 0x20 && code != '\t' && code != '\n' && code != '\r';
    if (control || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return bad("a reference is no character");
    append_utf8(out, code);
    return {};
  }

  std::string_view rest_;
  size_t elements_ = 0;
};

}  // namespace

const XmlElement* XmlElement::find(std::string_view child) const {
  for (const XmlElement& one : children) {
    if (one.name == child) return &one;
  }
  return nullptr;
}

std::string XmlElement::text_of(std::string_view child) const {
  const XmlElement* found = find(child);
  return found == nullptr ? "" : found->text;
}

Result<XmlElement> read_xml(std::string_view text) {
  if (!is_utf8(text)) return fail(Code::invalid, "must be UTF-8", "XML");
  return Reader(text).document();
}

void XmlWriter::open(std::string_view name) {
  text_ += "<" + std::string(name) + ">";
  open_.emplace_back(name);
}

void XmlWriter::open_root(std::string_view name) {
  text_ += "<" + std::string(name) + " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
  open_.emplace_back(name);
}

void XmlWriter::leaf(std::string_view name, std::string_view text) {
  open(name);
  for (const char c : text) {
    switch (c) {
      case '<': text_ += "&lt;"; break;
      case '>': text_ += "&gt;"; break;
      case '&': text_ += "&amp;"; break;
      case '"': text_ += "&quot;"; break;
      case '\r': text_ += "&#13;"; break;
      case '\n': text_ += "&#10;"; break;
      case '\t': text_ += "&#9;"; break;
      // XML 1.0 has no way to write the others; a client that has such keys asks for encoding-type=url.
      default: text_ += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
    }
  }
  close();
}

void XmlWriter::close() {
  CHECK(!open_.empty());
  text_ += "</" + open_.back() + ">";
  open_.pop_back();
}

}  // namespace barrio::api::s3
