#pragma once
// Small files of the command line and the supervisor: configuration, contexts, secrets.

#include <sys/types.h>
#include <string>

#include "base/read_file.h"
#include "base/yaml.h"

namespace barrio::cli {

/// Whole or not at all (temporary file, rename). What root writes into another user's folder is that user's, here and
/// in make_folder(). Errors: unavailable.
Result<void> write_file(const std::string& path, std::string_view content, mode_t mode = 0644);
/// With parents, as mkdir -p. Errors: unavailable.
Result<void> make_folder(const std::string& path, mode_t mode = 0755);
/// Removes a folder and everything in it; one that is not there is fine.
Result<void> remove_folder(const std::string& path);
/// The folder part of a path; "." if it has none.
std::string folder_of(const std::string& path);

/// YAML in block style that parse_yaml reads back to the same value.
std::string print_yaml(const Json& value);

template <class T>
Result<T> read_yaml(const std::string& path) {
  TRY(auto text, read_file(path));
  return from_yaml<T>(text, path);
}
template <class T>
Result<void> write_yaml(const std::string& path, const T& value, mode_t mode = 0644) {
  return write_file(path, print_yaml(to_json(value)), mode);
}

}  // namespace barrio::cli
