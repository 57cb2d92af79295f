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

TEST_CASE("what is packed is unpacked as it was, also with long names, and packing is repeatable") {
  const std::string folder = std::string(90, 'd') + "/" + std::string(60, 'e');
  const std::vector<TarEntry> entries = {{folder, TarEntry::Kind::folder},
                                         {folder + "/run", TarEntry::Kind::file, true, "#!/bin/sh\n"},
                                         {"data", TarEntry::Kind::file, false, ""},
                                         {"again", TarEntry::Kind::link, false, {}, "data"}};
  const auto tar = write_tar(entries);
  REQUIRE(tar);
  CHECK(is_tar(*tar));
  CHECK(*tar == *write_tar(entries));
  const auto read = read_tar(*tar);
  REQUIRE_MESSAGE(read, read.error().text());
  REQUIRE(read->size() == entries.size());
  for (size_t i = 0; i < entries.size(); ++i) {
    CHECK((*read)[i].name == entries[i].name);
    CHECK((*read)[i].kind == entries[i].kind);
    CHECK((*read)[i].executable == entries[i].executable);
    CHECK((*read)[i].content == entries[i].content);
    CHECK((*read)[i].target == entries[i].target);
  }
  CHECK_FALSE(write_tar({{std::string(300, 'x'), TarEntry::Kind::file}}));
  CHECK_FALSE(is_tar("#!/bin/sh\n" + std::string(1000, ' ')));
}

TEST_CASE("an archive that would write outside of its folder, or is damaged, is refused") {
  const auto refused = [](const std::vector<TarEntry>& entries) { return !read_tar(*write_tar(entries)); };
  CHECK(refused({{"../out", TarEntry::Kind::file, false, "x"}}));
  CHECK(refused({{"a/../../out", TarEntry::Kind::file, false, "x"}}));
  CHECK(refused({{"/etc/passwd", TarEntry::Kind::file, false, "x"}}));
  CHECK(refused({{"a", TarEntry::Kind::link, false, {}, ""}}));
  CHECK(refused({{"a", TarEntry::Kind::link, false, {}, "/etc"}, {"a/passwd", TarEntry::Kind::file, false, "x"}}));
  CHECK(refused({{"a/passwd", TarEntry::Kind::file, false, "x"}, {"a", TarEntry::Kind::link, false, {}, "/etc"}}));
  CHECK(refused({{"a", TarEntry::Kind::file, false, "x"}, {"./a", TarEntry::Kind::file, false, "y"}}));
  CHECK_FALSE(refused({{"./", TarEntry::Kind::folder}, {"./a/b/", TarEntry::Kind::folder}}));
  std::string tar = *write_tar({{"a", TarEntry::Kind::file, false, std::string(600, 'x')}});
  CHECK_FALSE(read_tar(tar.substr(0, 700)));
  tar[0] = 'b';  // its checksum does not fit any more
  CHECK_FALSE(read_tar(tar));
  CHECK_FALSE(is_tar(tar));
}

}  // namespace barrio::tar_test
