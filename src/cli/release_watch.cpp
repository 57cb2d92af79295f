#include "cli/release_watch.h"

#include "cli/view.h"

namespace barrio::cli {

void ReleaseWatch::read_decision(const Json& decision) {
  const std::string site = text_at(decision, "site");
  if (!true_at(decision, "placed")) {
    asleep_ = asleep_ || text_at(decision, "reason") == "enough";
    if (text_at(decision, "reason") != "not_active") refusal_ = site + ": " + text_at(decision, "detail");
    return;
  }
  ++placed_;
  if (text_at(decision, "phase") == "ready") ++ready_;
  // What the release before left behind there says nothing of this one.
  if (text_at(decision, "phase") != "failed" || text_at(decision, "generation") != generation_) return;
  failed_at_.insert(site);
  last_failure_ = site + ": " + text_at(decision, "detail");
}

std::optional<std::string> ReleaseWatch::read(const Json& explanation) {
  const auto before = std::tuple(placed_, ready_, failed_at_.size());
  if (text_at(explanation, "release.generation") != generation_) failed_at_.clear();
  generation_ = text_at(explanation, "release.generation");
  state_ = text_at(explanation, "release.state");
  detail_ = text_at(explanation, "release.detail");
  placed_ = ready_ = 0;
  asleep_ = false;
  for (const Json& decision : items(explanation, "decisions")) read_decision(decision);
  if (is_done() || before == std::tuple(placed_, ready_, failed_at_.size())) return std::nullopt;
  std::string line = app_ + ", release " + generation_ + ": " + std::to_string(ready_) + " of " +
                     std::to_string(placed_) + " replicas ready";
  if (!failed_at_.empty()) line += ", failed at " + std::to_string(failed_at_.size());
  // Said at once, and once: the other sites mostly say the same.
  if (std::get<2>(before) == 0 && !failed_at_.empty()) line += ": " + last_failure_;
  return line;
}

bool ReleaseWatch::is_done() const {
  if (state_ != "done") return false;
  return placed_ == 0 ? asleep_ : ready_ == placed_;
}

std::optional<Error> ReleaseWatch::failure() const {
  if (state_ == "stopped") return Error{Code::unavailable, "the release was stopped: " + detail_, app_};
  if (state_ == "replaced") return Error{Code::conflict, "another release took its place", app_};
  const bool fails = state_ == "rolling" && !detail_.empty();
  if (!fails || ready_ > 0 || placed_ == 0 || failed_at_.size() < placed_) return std::nullopt;
  return Error{Code::unavailable, "all its replicas failed, at " + detail_, app_};
}

Error ReleaseWatch::given_up() const {
  if (last_failure_.empty()) return {Code::timed_out, "no replica became ready in time", app_};
  return {Code::unavailable, "its replica failed at " + last_failure_, app_};
}

}  // namespace barrio::cli
