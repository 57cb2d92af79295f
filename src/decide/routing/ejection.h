#pragma once
// Whether one local replica is to be used: three failures in a row eject it for a second, which doubles up to half a
// minute with each probe that fails; after that one request at a time probes it, and one answer brings it back.

#include <algorithm>
#include <cstdint>

#include "base/time.h"

namespace barrio::decide {

class Ejection {
 public:
  static constexpr uint32_t failures_to_eject = 3;
  static constexpr Duration first_back_off = 1s;
  static constexpr Duration longest_back_off = 30s;

  /// In use, or ready for a probe.
  bool usable(Time now) const { return !ejected() || (now >= back_at_ && !probing_); }
  bool ejected() const { return back_off_ > Duration::zero(); }
  uint32_t failures() const { return failures_; }
  Time back_at() const { return back_at_; }

  /// A request is sent there. True: it is the probe; its outcome is told with `probe` set.
  bool sent(Time now) {
    if (!ejected() || now < back_at_ || probing_) return false;
    probing_ = true;
    return true;
  }
  void succeeded() { *this = {}; }
  void failed(bool probe, Time now) {
    failures_ = std::min(failures_ + 1, failures_to_eject);
    if (probe && ejected()) {
      probing_ = false;
      eject(std::min(back_off_ * 2, longest_back_off), now);
    } else if (!ejected() && failures_ >= failures_to_eject) {
      eject(first_back_off, now);
    }
  }
  /// Nobody waited for the outcome.
  void abandoned(bool probe) { probing_ = probing_ && !probe; }

 private:
  void eject(Duration back_off, Time now) {
    back_off_ = back_off;
    back_at_ = now + back_off;
  }

  uint32_t failures_ = 0;  // in a row
  bool probing_ = false;
  Duration back_off_{};
  Time back_at_{};
};

}  // namespace barrio::decide
