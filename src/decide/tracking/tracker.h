#pragma once
// Boxes that keep their names from frame to frame. A detector is dear and looks at a few frames a second; between them
// each box moves on as it did. Association by overlap (intersection over union, best pairs first), constant velocity of
// the centre. Pure: times are arguments.

#include <cstdint>
#include <span>
#include <vector>

#include "base/time.h"

namespace barrio::decide {

/// In pixels of the frame; x, y: the upper left corner.
struct Box {
  float x = 0;
  float y = 0;
  float width = 0;
  float height = 0;
};

/// Area of the intersection over area of the union, 0 to 1; 0 for a box without an area.
float overlap(const Box& a, const Box& b);

struct Detected {
  Box box;
  float score = 0;
};

struct TrackedBox {
  uint64_t id = 0;  // from 1; never used again by the same tracker
  Box box;
  float score = 0;       // of the last detection
  bool detected = true;  // false: where it should be, since no detector looked or it did not find it
};

struct TrackerLimits {
  float least_overlap = 0.2f;  // below it, two boxes are two things
  Duration unseen = 1s;        // a box that was not found for longer is forgotten
  size_t boxes = 256;          // at a time; the weakest detections over it start no track
};

class Tracker {
 public:
  explicit Tracker(TrackerLimits limits = {}) : limits_(limits) {}
  /// What the detector found in the frame of time `taken`. A frame older than the last one is ignored.
  void update(std::span<const Detected> found, Time taken);
  /// All living boxes as they should be at `when`, in the order of their ids. Right after update(), with the same time:
  /// those found are where they were found.
  std::vector<TrackedBox> at(Time when) const;

 private:
  struct Track {
    uint64_t id;
    Box box;  // where it was last found
    Time seen;
    float score;
    double speed_x = 0;  // pixels a second
    double speed_y = 0;
    bool moving = false;  // found at least twice: the speed means something
  };
  struct Pair {
    float overlap;
    size_t track;
    size_t found;
  };
  static Box moved(const Track& track, Time when);
  std::vector<Pair> pairs(std::span<const Detected> found, Time taken) const;
  static void follow(Track& track, const Detected& found, Time taken);
  void start_tracks(std::span<const Detected> found, const std::vector<bool>& taken_up, Time taken);

  TrackerLimits limits_;
  std::vector<Track> tracks_;  // by id
  uint64_t last_id_ = 0;
  Time last_{};
};

}  // namespace barrio::decide
