#pragma once
// Paths of the Open Inference Protocol: /v2/models/NAME[/versions/V]/VERB.

#include <string_view>

namespace barrio::engine {

inline constexpr std::string_view models_path = "/v2/models/";

/// Of a path that begins with models_path. Empty version: none is named.
struct ModelPath {
  std::string_view model;
  std::string_view version;
  std::string_view rest;  // begins with '/', or is empty

  explicit ModelPath(std::string_view path) {
    path.remove_prefix(models_path.size());
    model = path.substr(0, path.find('/'));
    rest = path.substr(model.size());
    constexpr std::string_view versions = "/versions/";
    if (!rest.starts_with(versions)) return;
    version = rest.substr(versions.size());
    version = version.substr(0, version.find('/'));
    rest.remove_prefix(versions.size() + version.size());
  }
};

}  // namespace barrio::engine
