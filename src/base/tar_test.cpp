#include "base/tar.h"

#include <doctest/doctest.h>

#include <string>

namespace barrio::tar_test {

namespace {

std::string entry(const std::string& name, const std::string& content) {
  std::string head(512, '\0');
  head.replace(0, name.size(), name);
  char size[13];
  std::snprintf(size, sizeof size, "%011zo", content.size());
  head.replace(124, 11, size, 11);
  std::string padded = content;
  padded.resize((content.size() + 511) / 512 * 512);
  return head + padded;
}

}  // namespace

TEST_CASE("files are found in a tar archive, and nothing in what is none") {
  const std::string tar = entry("a/first", std::string(700, 'x')) + entry("empty", "") + entry("last", "here");
  CHECK(file_in_tar(tar, "last") == "here");
  CHECK(file_in_tar(tar, "empty") == "");
  CHECK(file_in_tar(tar, "a/first")->size() == 700);
  CHECK_FALSE(file_in_tar(tar, "first"));
  CHECK_FALSE(file_in_tar(tar.substr(0, 1000), "last"));
  std::string broken = entry("other", "1234") + entry("wanted", "x");
  broken[130] = '9';
  CHECK_FALSE(file_in_tar(broken, "wanted"));
}

}  // namespace barrio::tar_test
