#include "decide/batching/lane.h"

#include <algorithm>

namespace barrio::decide {

namespace {

constexpr size_t compact_at = 64;

/// Erases [from, from + count) of what begins at `first`, cheaply at the front.
void erase_of(std::vector<Waiting>& entries, size_t& first, size_t from, size_t count) {
  if (from == 0) {
    first += count;
    if (first >= compact_at && first * 2 >= entries.size()) {
      entries.erase(entries.begin(), entries.begin() + static_cast<std::ptrdiff_t>(first));
      first = 0;
    }
    return;
  }
  const auto at = entries.begin() + static_cast<std::ptrdiff_t>(first + from);
  entries.erase(at, at + static_cast<std::ptrdiff_t>(count));
}

}  // namespace

void Lane::set_profile(Profile profile) {
  profile_ = std::move(profile);
  weigh();
}

void Lane::weigh() {
  const size_t best = std::max<size_t>(1, profile_.best_within(usual_));
  worth_ = 1e9 / profile_.per_second(best);
}

void Lane::offered(Time deadline, Time now) {
  arrivals_.arrived(now);
  const Duration time = std::max(Duration::zero(), deadline - now);
  // Falls at once and rises slowly: the tightest of several kinds of callers counts.
  usual_ = time < usual_ ? time : usual_ + (time - usual_) / 64;
}

size_t Lane::insert(const Waiting& entry) {
  const auto begin = entries_.begin() + static_cast<std::ptrdiff_t>(first_);
  const auto at = std::upper_bound(begin, entries_.end(), entry.deadline,
                                   [](Time deadline, const Waiting& other) { return deadline < other.deadline; });
  const auto index = static_cast<size_t>(at - begin);
  entries_.insert(at, entry);
  return index;
}

void Lane::insert_spare(const Waiting& entry) {
  spare_.push_back(entry);
}

void Lane::erase(size_t from, size_t count) {
  erase_of(entries_, first_, from, count);
}

void Lane::erase_spare(size_t from, size_t count) {
  erase_of(spare_, spare_first_, from, count);
}

Window best_window(const Profile& profile, std::span<const Waiting> waiting, const WindowAsk& ask) {
  Window best;
  double best_value = 0;
  for (size_t skip = 0; skip < waiting.size(); ++skip) {
    const size_t left = std::min(waiting.size() - skip, ask.most);
    const size_t take = std::min(left, profile.largest_within(waiting[skip].deadline - ask.start));
    if (take > 0) {
      const double value = (static_cast<double>(take) - ask.cost_of_skipping * static_cast<double>(skip)) /
                           static_cast<double>(profile.of(take).count());
      if (best.take == 0 || value > best_value) {
        best = {skip, take};
        best_value = value;
      }
    }
    // Nothing further on can take more, or what is left behind may not be.
    if (take == left || take == profile.max_batch() || waiting[skip].kept) break;
  }
  return best;
}

}  // namespace barrio::decide
