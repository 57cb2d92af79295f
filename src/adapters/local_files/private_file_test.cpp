#include "adapters/local_files/private_file.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <fstream>

#include "adapters/local_files/folder_test.h"

namespace barrio::adapters::local_files::private_file_test {

namespace {

void write_file(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

}  // namespace

TEST_CASE("a site's key comes from a file of its own that others cannot read") {
  const TestFolder folder;
  const TestFolder elsewhere;
  const std::string good = elsewhere.path() + "/site.key";
  write_file(good, std::string(64, 'a') + "\n");
  ::chmod(good.c_str(), 0600);
  CHECK(read_site_key(good, folder.path())->size() == 32);
  CHECK(read_site_key(good, elsewhere.path()).error().code == Code::invalid);
  ::chmod(good.c_str(), 0644);
  CHECK(read_site_key(good, folder.path()).error().code == Code::denied);
  ::chmod(good.c_str(), 0600);
  write_file(good, "short");
  CHECK(read_site_key(good, folder.path()).error().code == Code::invalid);
  CHECK(read_site_key(good + "x", folder.path()).error().code == Code::not_found);
}

}  // namespace barrio::adapters::local_files::private_file_test
