#pragma once
// Text tables whose columns line up, also with accents in the cells.

#include <string>
#include <vector>

namespace barrio::cli {

class Table {
 public:
  explicit Table(std::vector<std::string> heads) : rows_{std::move(heads)} {}
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  std::string text() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

/// Characters, not bytes, of UTF-8 text without wide ones.
size_t display_width(std::string_view text);
/// "12.3".
std::string one_decimal(double value);

}  // namespace barrio::cli
