#include <doctest/doctest.h>
// doctest first: base/check.h leaves its CHECK alone.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>

#include "adapters/mapped_file/mapped_file.h"

namespace barrio::adapters::mapped_file_test {
namespace {

struct Folder {
  Folder() { REQUIRE(mkdtemp(path.data()) != nullptr); }
  ~Folder() { std::filesystem::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string file() const { return path + "/live"; }
  std::string path = (std::filesystem::temp_directory_path() / "barrio-map-XXXXXX").string();
};

TEST_CASE("what a killed process stored is there for the next one") {
  const Folder folder;
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    auto file = MappedFile::open(folder.file(), 10'000);
    if (!file) _exit(1);
    file->memory()[9'999] = std::byte{42};
    kill(getpid(), SIGKILL);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
  const auto file = MappedFile::open(folder.file(), 10'000);
  REQUIRE(file);
  CHECK(file->kept());
  CHECK(file->memory()[9'999] == std::byte{42});
}

TEST_CASE("after another boot only a file that was closed in order is trusted") {
  const Folder folder;
  {
    auto file = MappedFile::open(folder.file(), 10'000, "first boot");
    REQUIRE(file);
    CHECK_FALSE(file->kept());
    CHECK(file->memory().size() >= 10'000);
    CHECK(reinterpret_cast<uintptr_t>(file->memory().data()) % 4096 == 0);
    file->memory()[0] = std::byte{42};
  }
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    auto file = MappedFile::open(folder.file(), 10'000, "second boot");
    const bool good = file && file->kept() && file->memory()[0] == std::byte{42};
    if (good) kill(getpid(), SIGKILL);
    _exit(1);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
  const auto file = MappedFile::open(folder.file(), 10'000, "third boot");
  REQUIRE(file);
  CHECK_FALSE(file->kept());
  CHECK(std::ranges::all_of(file->memory(), [](std::byte byte) { return byte == std::byte{0}; }));
}

TEST_CASE("one process has it; a file of another size begins anew; a folder that is not there is an error") {
  const Folder folder;
  {
    const auto file = MappedFile::open(folder.file(), 10'000);
    REQUIRE(file);
    file->memory()[0] = std::byte{42};
    const auto second = MappedFile::open(folder.file(), 10'000);
    REQUIRE_FALSE(second);
    CHECK(second.error().code == Code::conflict);
  }
  const auto larger = MappedFile::open(folder.file(), 20'000);
  REQUIRE(larger);
  CHECK_FALSE(larger->kept());
  CHECK(larger->memory()[0] == std::byte{0});
  CHECK(MappedFile::open(folder.path + "/none/live", 10).error().code == Code::unavailable);
}

}  // namespace
}  // namespace barrio::adapters::mapped_file_test
