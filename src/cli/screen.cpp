#include "cli/screen.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

#include "base/text.h"
#include "cli/table.h"

namespace barrio::cli {

TerminalSize size_of(std::FILE* out) {
  winsize size{};
  const int fd = ::fileno(out);
  if (::isatty(fd) != 1 || ::ioctl(fd, TIOCGWINSZ, &size) != 0) return {};
  return {.columns = size.ws_col, .rows = size.ws_row};
}

size_t rows_of(std::string_view text, size_t columns) {
  size_t rows = 0;
  if (text.ends_with('\n')) text.remove_suffix(1);
  for (const std::string_view line : split(text, '\n')) {
    rows += columns == 0 ? 1 : std::max<size_t>(1, (display_width(line) + columns - 1) / columns);
  }
  return rows;
}

void Screen::say(const std::string& text) {
  take_away();
  std::fprintf(out_, "%s\n", text.c_str());
  std::fflush(out_);
}

/// With the size of now: a terminal that was made narrower has broken the lines anew.
void Screen::take_away() {
  if (live_.empty()) return;
  std::fprintf(out_, "\033[%zuA\033[J", rows_of(live_, size_().columns));
  live_.clear();
  next_ms_ = 0;
}

void Screen::draw(int64_t now_ms, const std::function<std::string()>& made) {
  if (paused_ || now_ms < next_ms_) return;
  const std::string text = made();
  const TerminalSize size = size_();
  take_away();
  const bool in_place = rows_of(text, size.columns) < size.rows;
  std::fprintf(out_, "%s%s", in_place ? "" : "\n", text.c_str());
  std::fflush(out_);
  if (in_place) live_ = text;
  next_ms_ = now_ms + (in_place ? 1000 : 10'000);
}

void Screen::pause(bool paused) {
  paused_ = paused;
  live_.clear();
}

}  // namespace barrio::cli
