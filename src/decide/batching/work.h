#pragma once
// What a device is asked to do, and what becomes of it.

#include <cstdint>
#include <optional>
#include <vector>

#include "base/time.h"

namespace barrio::decide {

/// hard: what is admitted is kept, whatever comes later; soft: may be given up for others under overload; best_effort:
/// runs in what the others leave, and at least once in a while.
enum class Urgency { hard, soft, best_effort };

/// What an engine takes off every deadline: from a run's end to its answer being with whoever asked.
inline constexpr Duration answer_margin = 500us;

using WorkId = uint64_t;
using ModelIndex = uint32_t;  // small numbers, chosen by the caller

struct Work {
  WorkId id = 0;  // unique among those that are not over
  ModelIndex model = 0;
  Time arrived{};                  // its first byte
  std::optional<Time> deadline{};  // of its run's end: what later steps need is already taken off. None: best effort
  Urgency urgency = Urgency::soft;
  uint32_t tenant = 0;  // a small number
  double weight = 1;    // of that tenant; more than 0
};

/// Not taken. Nothing is kept of it.
struct Decline {
  enum class Why {
    too_late,    // could not make it even on an idle device
    overloaded,  // would not be finished in time behind what is already there
    queue_full,  // the bound on waiting work
    unknown_model,
  };
  Why why = Why::overloaded;
  /// When it would be finished, were it taken; also the earliest deadline that would be accepted now.
  Time predicted_finish{};
  /// A request with the same time to its deadline would be taken about this much later, if nothing else came.
  Duration retry_after{};
};

struct Accepted {
  Time predicted_finish{};
};

/// Was admitted, and will not run.
struct Dropped {
  enum class Why {
    late,        // cannot make it any more: a run took longer than its profile
    sacrificed,  // given up, so that more others make it
    displaced,   // given up for a tenant that had less than its share, or for a hard one
    removed,     // its model was taken off the device
  };
  WorkId id = 0;
  ModelIndex model = 0;
  Why why = Why::late;
};

}  // namespace barrio::decide
