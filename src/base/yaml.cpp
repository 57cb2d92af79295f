#include "base/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <optional>
#include <sstream>

#include "base/text.h"

namespace barrio {

namespace {

constexpr int max_depth = 32;

class Converter {
 public:
  explicit Converter(YamlDocument& document) : document_(document) {}

  Result<Json> convert(const YAML::Node& node, const std::string& path, int depth) {
    document_.lines[path] = node.Mark().line + 1;
    if (depth > max_depth) return fail(Code::invalid, "is nested too deeply", path);
    switch (node.Type()) {
      case YAML::NodeType::Null:
      case YAML::NodeType::Undefined: return Json(nullptr);
      case YAML::NodeType::Scalar: return scalar(node);
      case YAML::NodeType::Sequence: return sequence(node, path, depth);
      case YAML::NodeType::Map: return map(node, path, depth);
    }
    return Json(nullptr);
  }

 private:
  static Json scalar(const YAML::Node& node) {
    const std::string& text = node.Scalar();
    if (node.Tag() == "!") return Json(boost::json::string(text));  // quoted
    if (text == "true") return Json(true);
    if (text == "false") return Json(false);
    const bool negative = text.size() > 1 && text[0] == '-';
    if (auto whole = parse_uint(negative ? std::string_view(text).substr(1) : std::string_view(text));
        whole && *whole < (1ULL << 62)) {
      const auto number = static_cast<int64_t>(*whole);
      return Json(negative ? -number : number);
    }
    if (text.find_first_not_of("0123456789.eE+-") == std::string::npos) {
      if (auto number = parse_double(text)) return Json(*number);
    }
    return Json(boost::json::string(text));
  }

  Result<Json> sequence(const YAML::Node& node, const std::string& path, int depth) {
    JsonArray array;
    for (size_t i = 0; i < node.size(); ++i) {
      TRY(auto item, convert(node[i], path + "[" + std::to_string(i) + "]", depth + 1));
      array.push_back(std::move(item));
    }
    return Json(std::move(array));
  }

  Result<Json> map(const YAML::Node& node, const std::string& path, int depth) {
    JsonObject object;
    for (const auto& item : node) {
      if (!item.first.IsScalar()) return fail(Code::invalid, "keys must be plain text", path);
      const std::string& key = item.first.Scalar();
      const std::string inner = json_detail::join(path, key);
      TRY(auto value, convert(item.second, inner, depth + 1));
      document_.lines[inner] = item.first.Mark().line + 1;
      if (object.contains(key)) return fail(Code::invalid, "key '" + key + "' stands twice", inner);
      object[key] = std::move(value);
    }
    return Json(std::move(object));
  }

  YamlDocument& document_;
};

/// Finds the first anchor or alias, and counts documents. Aliases could make a small file huge, so they are refused
/// before the tree is built.
class Survey final : public YAML::EventHandler {
 public:
  std::optional<int> anchor_line() const { return line_; }
  int documents() const { return documents_; }

  void OnDocumentStart(const YAML::Mark&) override { ++documents_; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { saw(mark, anchor); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override { saw(mark, anchor); }
  void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor, const std::string&) override {
    saw(mark, anchor);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    saw(mark, anchor);
  }
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    saw(mark, anchor);
  }
  void OnMapEnd() override {}

 private:
  void saw(const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor != YAML::NullAnchor && !line_) line_ = mark.line + 1;
  }
  std::optional<int> line_;
  int documents_ = 0;
};

/// Stops at the second document: on some text, the parser finds empty documents for ever.
Survey survey(const std::string& text) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  Survey found;
  while (!found.anchor_line() && found.documents() < 2 && parser.HandleNextDocument(found)) {
  }
  return found;
}

}  // namespace

Error YamlDocument::locate(Error error) const {
  // The nearest enclosing path that the file has: a missing key is reported where its parent stands.
  std::string path = error.where;
  auto found = lines.find(path);
  while (found == lines.end() && !path.empty()) {
    const size_t cut = path.find_last_of(".[");
    path = cut == std::string::npos ? std::string() : path.substr(0, cut);
    found = lines.find(path);
  }
  const int line = found == lines.end() ? 1 : found->second;
  error.where = file + ":" + std::to_string(line) + (error.where.empty() ? "" : ": " + error.where);
  return error;
}

Result<YamlDocument> parse_yaml(std::string_view text, std::string file) {
  YamlDocument document{.value = {}, .file = std::move(file), .lines = {}};
  if (!is_utf8(text)) return fail(Code::invalid, "is not UTF-8 text", document.file);
  try {
    const Survey found = survey(std::string(text));
    if (const auto line = found.anchor_line()) {
      return fail(Code::invalid, "anchors and aliases (& and *) are not allowed",
                  document.file + ":" + std::to_string(*line));
    }
    if (found.documents() != 1) return fail(Code::invalid, "must hold exactly one YAML document", document.file);
    auto value = Converter(document).convert(YAML::Load(std::string(text)), "", 0);
    if (!value) return fail(document.locate(std::move(value).error()));
    document.value = std::move(*value);
  } catch (const YAML::Exception& e) {
    return fail(Code::invalid, "not YAML: " + e.msg, document.file + ":" + std::to_string(e.mark.line + 1));
  }
  return document;
}

}  // namespace barrio
