#include "cli/story.h"

#include <algorithm>

namespace barrio::cli {

void Verdicts::begin(const std::string& scene) {
  scene_ = scene;
  if (stopping_()) return;
  screen_->say("\n== " + scene);
}

void Verdicts::expect(const std::string& text, bool held, const std::string& found) {
  if (stopping_()) return;
  expectations_.push_back({scene_, text, held, found});
  screen_->say(std::string(held ? "  PASS  " : "  FAIL  ") + text + (found.empty() ? "" : ": ") + found);
}

void Verdicts::skip(const std::string& scene, const std::string& why) {
  if (stopping_()) return;
  skipped_.push_back("SKIPPED  " + scene + ": " + why);
  screen_->say("\n== " + skipped_.back());
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
