#pragma once
// The outcome of a played story: what was expected, and whether it held.

#include <functional>
#include <string>
#include <vector>

#include "cli/screen.h"

namespace barrio::cli {

struct Expectation {
  std::string scene;
  std::string text;
  bool held = false;
  std::string found;  // what was seen, one line
};

class Verdicts {
 public:
  /// `stopping`: whether the story was interrupted; what it expects from then on counts neither way, and is not told.
  Verdicts(Screen& screen, std::function<bool()> stopping) : screen_(&screen), stopping_(std::move(stopping)) {}
  void begin(const std::string& scene);
  /// Prints it at once, too.
  void expect(const std::string& text, bool held, const std::string& found);
  /// What this machine cannot show; it stands in the summary, and counts neither way.
  void skip(const std::string& scene, const std::string& why);
  bool all_held() const;
  std::string summary() const;

 private:
  Screen* screen_;  // outlives it
  std::function<bool()> stopping_;
  std::string scene_;
  std::vector<Expectation> expectations_;
  std::vector<std::string> skipped_;
};

}  // namespace barrio::cli
