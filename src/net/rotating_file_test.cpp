#include "net/rotating_file.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace barrio::net::rotating_file_test {
namespace {

struct Folder {
  std::string path = "/tmp/barrio-rotating-" + std::to_string(::getpid());
  Folder() { std::filesystem::create_directory(path); }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string read(const std::string& name) const {
    std::ifstream in(path + "/" + name);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
  }
  size_t files() const { return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(path), {})); }
};

TEST_CASE("a full file is set aside, and the oldest goes") {
  Folder folder;
  RotatingFile file(folder.path + "/log", {.bytes = 10, .files = 3});
  for (const char* line : {"one one\n", "two\n", "three\n", "four\n", "five\n", "six\n"}) REQUIRE(file.append(line));
  CHECK(folder.read("log") == "six\n");
  CHECK(folder.read("log.1") == "four\nfive\n");
  CHECK(folder.read("log.2") == "two\nthree\n");
  CHECK(folder.files() == 3);
}

TEST_CASE("one file alone starts anew when it is full") {
  Folder folder;
  RotatingFile file(folder.path + "/log", {.bytes = 10, .files = 1});
  REQUIRE(file.append("0123456\n"));
  REQUIRE(file.append("abc\n"));
  CHECK(folder.read("log") == "abc\n");
  CHECK(folder.files() == 1);
}

TEST_CASE("two writers of one file lose no line when either rotates") {
  Folder folder;
  RotatingFile a(folder.path + "/log", {.bytes = 100, .files = 50});
  RotatingFile b(folder.path + "/log", {.bytes = 100, .files = 50});
  for (int i = 0; i < 100; ++i) {
    REQUIRE(a.append("a" + std::to_string(1000 + i) + "\n"));
    REQUIRE(b.append("b" + std::to_string(1000 + i) + "\n"));
  }
  std::string all = folder.read("log");
  for (int i = 1; i < 50; ++i) all += folder.read("log." + std::to_string(i));
  CHECK(all.size() == 200 * 6);
  for (int i = 0; i < 100; ++i) CHECK(all.find("b" + std::to_string(1000 + i) + "\n") != std::string::npos);
}

TEST_CASE("a file that was taken away is made again, and a folder that is not there is an error") {
  Folder folder;
  RotatingFile file(folder.path + "/log", {});
  REQUIRE(file.append("one\n"));
  std::filesystem::rename(folder.path + "/log", folder.path + "/kept");
  REQUIRE(file.append("two\n"));
  CHECK(folder.read("log") == "two\n");
  RotatingFile nowhere(folder.path + "/none/log", {});
  const auto written = nowhere.append("x\n");
  REQUIRE(!written);
  CHECK(written.error().code == Code::unavailable);
}

}  // namespace
}  // namespace barrio::net::rotating_file_test
