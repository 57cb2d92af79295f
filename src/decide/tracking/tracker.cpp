#include "decide/tracking/tracker.h"

#include <algorithm>
#include <numeric>

namespace barrio::decide {

namespace {

/// How much of a newly seen speed counts: detectors' boxes jitter.
constexpr double weight_of_newest = 0.5;

}  // namespace

float overlap(const Box& a, const Box& b) {
  const float width = std::min(a.x + a.width, b.x + b.width) - std::max(a.x, b.x);
  const float height = std::min(a.y + a.height, b.y + b.height) - std::max(a.y, b.y);
  if (!(width > 0) || !(height > 0)) return 0;
  const float both = width * height;
  const float either = a.width * a.height + b.width * b.height - both;
  return either > 0 ? std::min(1.0f, both / either) : 0;
}

Box Tracker::moved(const Track& track, Time when) {
  Box box = track.box;
  const double passed = to_seconds(when - track.seen);
  box.x += static_cast<float>(track.speed_x * passed);
  box.y += static_cast<float>(track.speed_y * passed);
  return box;
}

std::vector<Tracker::Pair> Tracker::pairs(std::span<const Detected> found, Time taken) const {
  std::vector<Pair> all;
  for (size_t t = 0; t < tracks_.size(); ++t) {
    const Box expected = moved(tracks_[t], taken);
    for (size_t f = 0; f < found.size(); ++f) {
      const float common = overlap(expected, found[f].box);
      if (common >= limits_.least_overlap) all.push_back({common, t, f});
    }
  }
  // Among equals the older track wins, so that the same input gives the same ids.
  std::sort(all.begin(), all.end(), [](const Pair& a, const Pair& b) {
    if (a.overlap != b.overlap) return a.overlap > b.overlap;
    return a.track != b.track ? a.track < b.track : a.found < b.found;
  });
  return all;
}

void Tracker::follow(Track& track, const Detected& found, Time taken) {
  const double passed = to_seconds(taken - track.seen);
  if (passed > 0) {
    const auto centre = [](float from, float size) {
      return static_cast<double>(from) + static_cast<double>(size) / 2;
    };
    const double x = (centre(found.box.x, found.box.width) - centre(track.box.x, track.box.width)) / passed;
    const double y = (centre(found.box.y, found.box.height) - centre(track.box.y, track.box.height)) / passed;
    const double weight = track.moving ? weight_of_newest : 1;
    track.speed_x += weight * (x - track.speed_x);
    track.speed_y += weight * (y - track.speed_y);
    track.moving = true;
  }
  track.box = found.box;
  track.score = found.score;
  track.seen = taken;
}

void Tracker::start_tracks(std::span<const Detected> found, const std::vector<bool>& taken_up, Time taken) {
  std::vector<size_t> order(found.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return found[a].score > found[b].score; });
  for (const size_t f : order) {
    if (taken_up[f]) continue;
    if (tracks_.size() >= limits_.boxes) return;
    tracks_.push_back({++last_id_, found[f].box, taken, found[f].score});
  }
}

void Tracker::update(std::span<const Detected> found, Time taken) {
  if (taken < last_) return;
  last_ = taken;
  std::erase_if(tracks_, [&](const Track& track) { return taken - track.seen > limits_.unseen; });
  std::vector<bool> track_used(tracks_.size(), false);
  std::vector<bool> found_used(found.size(), false);
  for (const Pair& pair : pairs(found, taken)) {
    if (track_used[pair.track] || found_used[pair.found]) continue;
    track_used[pair.track] = found_used[pair.found] = true;
    follow(tracks_[pair.track], found[pair.found], taken);
  }
  start_tracks(found, found_used, taken);
}

std::vector<TrackedBox> Tracker::at(Time when) const {
  std::vector<TrackedBox> boxes;
  for (const Track& track : tracks_) {
    if (when - track.seen > limits_.unseen) continue;
    boxes.push_back({track.id, moved(track, when), track.score, track.seen == when});
  }
  return boxes;
}

}  // namespace barrio::decide
