#pragma once
// Following a log of which only the last lines can be had.

#include <string>
#include <vector>

namespace barrio::cli {

class LogTail {
 public:
  /// Of the last lines as they are now, those that came since the call before; the first time, all of them. Lines need
  /// not differ and need not have a time: what both have in common tells where the new ones begin. (Where all that can
  /// be had is one line again and again, that is nowhere.)
  std::vector<std::string> news(std::vector<std::string> lines);

 private:
  std::vector<std::string> before_;
};

}  // namespace barrio::cli
