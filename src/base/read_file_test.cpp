#include "base/read_file.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "base/crypto.h"

namespace barrio::read_file_test {

TEST_CASE("a file is read whole, and one that should be another is told apart") {
  const std::string path = std::filesystem::temp_directory_path() / ("barrio-read-" + hex_of(random_bytes(8)));
  CHECK(read_file(path).error().code == Code::not_found);
  CHECK(read_file(path).error().where == path);
  std::string content(200'000, 'x');
  content += '\0';
  std::ofstream(path, std::ios::binary) << content;
  CHECK(*read_file(path) == content);
  CHECK(*read_verified_file(path, sha256_hex(content)) == content);
  CHECK(read_verified_file(path, sha256_hex("another")).error().code == Code::denied);
  CHECK(read_verified_file(path + "-", sha256_hex(content)).error().code == Code::not_found);
  CHECK(read_file(std::filesystem::temp_directory_path()).error().code == Code::unavailable);
  std::filesystem::remove(path);
}

}  // namespace barrio::read_file_test
