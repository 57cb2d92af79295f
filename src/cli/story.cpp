#include "cli/story.h"

#include <algorithm>
#include <cstdio>

namespace barrio::cli {

void Verdicts::begin(const std::string& scene) {
  scene_ = scene;
  std::printf("\n== %s\n", scene.c_str());
  std::fflush(stdout);
}

void Verdicts::expect(const std::string& text, bool held, const std::string& found) {
  expectations_.push_back({scene_, text, held, found});
  std::printf("  %s  %s%s%s\n", held ? "PASS" : "FAIL", text.c_str(), found.empty() ? "" : ": ", found.c_str());
  std::fflush(stdout);
}

void Verdicts::skip(const std::string& scene, const std::string& why) {
  skipped_.push_back("SKIPPED  " + scene + ": " + why);
  std::printf("\n== %s\n", skipped_.back().c_str());
  std::fflush(stdout);
}

bool Verdicts::all_held() const {
  return std::all_of(expectations_.begin(), expectations_.end(), [](const Expectation& e) { return e.held; });
}

std::string Verdicts::summary() const {
  std::string out = "\nSummary\n";
  std::string scene;
  for (const Expectation& e : expectations_) {
    if (e.scene != scene) out += e.scene + "\n";
    scene = e.scene;
    out += std::string("  ") + (e.held ? "PASS  " : "FAIL  ") + e.text + (e.held ? "" : " (" + e.found + ")") + "\n";
  }
  for (const std::string& skipped : skipped_) out += skipped + "\n";
  const auto held =
      std::count_if(expectations_.begin(), expectations_.end(), [](const Expectation& e) { return e.held; });
  return out + std::to_string(held) + " of " + std::to_string(expectations_.size()) + " expectations held\n";
}

}  // namespace barrio::cli
