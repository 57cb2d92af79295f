#pragma once
// When a frame was taken. Cameras do not say; but they send at the pace of their own clock, so of the frames that have
// come, the one that came soonest after its timestamp sets the offset between the two clocks, and a frame that comes
// later than that has waited on its way. Pure.

#include <algorithm>
#include <optional>

#include "base/time.h"

namespace barrio::adapters::libav {

class FrameClock {
 public:
  /// `stamp`: by the stream's own clock; none: it has none. Never later than `arrived`.
  Time taken(Time arrived, std::optional<Duration> stamp) {
    if (!stamp) return arrived;
    const bool jumped = last_ && (*stamp - *last_ > jump || *last_ - *stamp > jump);
    const Duration offset = arrived.time_since_epoch() - *stamp;
    if (!last_ || jumped) {
      present_ = before_ = offset;
      turned_ = arrived;
    } else if (arrived - turned_ > window) {
      // Two windows in turn, so that clocks that drift apart are followed.
      before_ = present_;
      present_ = offset;
      turned_ = arrived;
    }
    last_ = *stamp;
    present_ = std::min(present_, offset);
    return Time(*stamp + std::min(present_, before_));
  }

 private:
  static constexpr Duration window = 10s;
  static constexpr Duration jump = 10s;  // of the stamps: another recording, or a clock that was set
  std::optional<Duration> last_;
  Duration present_{};  // the least offset in the present window
  Duration before_{};   // and in the one before
  Time turned_{};
};

}  // namespace barrio::adapters::libav
