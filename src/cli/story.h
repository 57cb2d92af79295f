#pragma once
// The outcome of a played story: what was expected, and whether it held.

#include <string>
#include <vector>

namespace barrio::cli {

struct Expectation {
  std::string scene;
  std::string text;
  bool held = false;
  std::string found;  // what was seen, one line
};

class Verdicts {
 public:
  void begin(const std::string& scene);
  /// Prints it at once, too.
  void expect(const std::string& text, bool held, const std::string& found);
  bool all_held() const;
  std::string summary() const;

 private:
  std::string scene_;
  std::vector<Expectation> expectations_;
};

}  // namespace barrio::cli
