#pragma once
// YAML files (network, app, configuration) become JSON values plus the line of every path, so that one mapper
// (base/json.h) reads both and its errors can name file and line.

#include <map>
#include <string>
#include <string_view>

#include "base/json.h"

namespace barrio {

struct YamlDocument {
  Json value;
  std::string file;
  std::map<std::string, int> lines;  // path as in from_json -> line, from 1

  /// The same error with "file:line: path" as where.
  Error locate(Error error) const;
};

/// One document, no anchors or aliases (a file of a stranger must not expand). Plain true/false, null and numbers are
/// typed; everything else is text. Errors: invalid with file and line.
Result<YamlDocument> parse_yaml(std::string_view text, std::string file);

/// Reads a described struct from YAML text; errors name file, line and path.
template <class T>
Result<T> from_yaml(std::string_view text, const std::string& file) {
  TRY(auto document, parse_yaml(text, file));
  auto result = from_json<T>(document.value);
  if (!result) return fail(document.locate(std::move(result).error()));
  return result;
}

}  // namespace barrio
