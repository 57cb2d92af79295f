#include "adapters/process/log_file.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/read_file.h"

namespace barrio::adapters::log_file_test {

TEST_CASE("a log is cut to its last part, and what has it open goes on behind that") {
  char name[] = "/tmp/barrio-log-XXXXXX";
  close(mkstemp(name));
  const std::string path = name;
  std::ofstream writer(path, std::ios::app);
  for (int i = 0; i < 100; ++i) writer << "line " << 100 + i << '\n';
  writer.flush();
  trim_log(path, 900);
  CHECK(std::filesystem::file_size(path) == 900);
  trim_log(path, 360);
  CHECK(read_file(path) ==
        "line 190\nline 191\nline 192\nline 193\nline 194\nline 195\nline 196\nline 197\nline 198\nline 199\n");
  writer << "more\n" << std::flush;
  CHECK(*last_lines(path, 2) == std::vector<std::string>{"line 199", "more"});
  std::filesystem::remove(path);
  CHECK(last_lines(path, 2).error().code == Code::not_found);
}

TEST_CASE("a log that seems short and has no end is not read on and on") {
  // As one that its writer makes longer while it is read.
  const auto lines = last_lines("/dev/zero", 10);
  REQUIRE(lines);
  CHECK(lines->empty());
}

}  // namespace barrio::adapters::log_file_test
