#pragma once
// What `barrio up` shows: lines that stay, told at once, and what is live. On a terminal that stands below the lines
// and is drawn over itself; elsewhere, and where it does not fit, it comes now and then as lines of its own.

#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>
#include <string_view>

namespace barrio::cli {

struct TerminalSize {
  size_t columns = 0;
  size_t rows = 0;  // 0: no terminal
};
TerminalSize size_of(std::FILE* out);

/// Lines of the terminal that a text takes which ends with a line.
size_t rows_of(std::string_view text, size_t columns);

class Screen {
 public:
  Screen(std::FILE* out, std::function<TerminalSize()> size) : out_(out), size_(std::move(size)) {}
  /// One line or several, without the last one's end.
  void say(const std::string& text);
  /// `made` is asked when it is time to draw: each second on a terminal, otherwise each ten.
  void draw(int64_t now_ms, const std::function<std::string()>& made);
  /// Nothing is drawn until it goes on; what stands there stays.
  void pause(bool paused);

 private:
  void take_away();

  std::FILE* out_;
  std::function<TerminalSize()> size_;
  std::string live_;  // what stands below the lines
  bool paused_ = true;
  int64_t next_ms_ = 0;
};

}  // namespace barrio::cli
