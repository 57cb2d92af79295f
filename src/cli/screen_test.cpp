#include "cli/screen.h"

#include <doctest/doctest.h>

#include <cstdlib>

namespace barrio::cli::screen_test {

namespace {

/// A screen whose output is kept.
struct Shown {
  explicit Shown(TerminalSize of) : size(of) { screen.pause(false); }
  ~Shown() {
    std::fclose(file);
    std::free(text);
  }
  Shown(const Shown&) = delete;
  Shown& operator=(const Shown&) = delete;
  void draw(int64_t now_ms, const std::string& table) {
    screen.draw(now_ms, [&] { return table; });
  }
  /// Since the last call.
  std::string take() {
    std::fflush(file);
    std::string out(text + taken, length - taken);
    taken = length;
    return out;
  }
  TerminalSize size;
  char* text = nullptr;
  size_t length = 0;
  size_t taken = 0;
  std::FILE* file = ::open_memstream(&text, &length);
  Screen screen{file, [this] { return size; }};
};

TEST_CASE("on a terminal, lines of the story stand above the table, which is drawn over itself") {
  Shown shown({.columns = 20, .rows = 10});
  shown.screen.say("started");
  CHECK(shown.take() == "started\n");
  shown.draw(5000, "A B\n1 2\n");
  CHECK(shown.take() == "A B\n1 2\n");
  shown.draw(5999, "A B\n3 4\n");
  CHECK(shown.take().empty());
  shown.draw(6000, "A B\n3 4\n");
  CHECK(shown.take() == "\033[2A\033[JA B\n3 4\n");
  shown.screen.say("PASS");
  CHECK(shown.take() == "\033[2A\033[JPASS\n");
  shown.draw(6001, "A B\n5 6\n");
  CHECK(shown.take() == "A B\n5 6\n");
  shown.screen.pause(true);
  shown.screen.say("ending");
  shown.draw(9000, "A B\n7 8\n");
  CHECK(shown.take() == "ending\n");
}

TEST_CASE("a table that is broken into more lines by a narrow terminal is taken away whole") {
  Shown shown({.columns = 80, .rows = 10});
  shown.draw(0, "ñ234567890\n1\n");
  shown.size.columns = 4;
  CHECK(shown.take() == "ñ234567890\n1\n");
  shown.screen.say("x");
  CHECK(shown.take() == "\033[4A\033[Jx\n");
  CHECK(rows_of("\n", 80) == 1);
}

TEST_CASE("where there is no terminal, or a small one, tables come now and then, and nothing is taken away") {
  for (const TerminalSize size : {TerminalSize{}, TerminalSize{.columns = 80, .rows = 2}}) {
    Shown shown(size);
    shown.draw(0, "A\n1\n");
    shown.draw(9999, "A\n2\n");
    shown.draw(10'000, "A\n3\n");
    shown.screen.say("PASS");
    CHECK(shown.take() == "\nA\n1\n\nA\n3\nPASS\n");
  }
}

}  // namespace
}  // namespace barrio::cli::screen_test
