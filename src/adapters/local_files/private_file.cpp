#include "adapters/local_files/private_file.h"

#include <sys/stat.h>

#include <filesystem>

#include "adapters/local_files/disk.h"
#include "base/hash.h"
#include "base/seal.h"
#include "base/text.h"

namespace barrio::adapters::local_files {

Result<std::string> read_private_file(const std::string& path, const std::string& field) {
  struct stat found{};
  if (::stat(path.c_str(), &found) != 0) return fail(Code::not_found, "there is no file " + path, field);
  if ((found.st_mode & 077) != 0) {
    return fail(Code::denied, "others may read " + path + ": its mode must be 0600 or 0400", field);
  }
  return read_whole(path);
}

Result<std::string> read_site_key(const std::string& path, const std::string& data_folder) {
  std::error_code problem;
  const auto file = std::filesystem::weakly_canonical(path, problem);
  const auto folder = std::filesystem::weakly_canonical(data_folder, problem);
  const auto relative = file.lexically_relative(folder);
  if (!relative.empty() && *relative.begin() != "..") {
    return fail(Code::invalid, "must lie outside of the data folder " + data_folder + ": a stolen disk would have both",
                "storage.key_file");
  }
  TRY(auto text, read_private_file(path, "storage.key_file"));
  auto key = bytes_of_hex(trim(text));
  if (!key || key->size() != seal_key_bytes) {
    return fail(Code::invalid, "must hold 64 hexadecimal digits; 'openssl rand -hex 32' makes them",
                "storage.key_file");
  }
  return std::move(*key);
}

}  // namespace barrio::adapters::local_files
