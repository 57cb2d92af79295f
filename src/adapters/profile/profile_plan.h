#pragma once
// What an emulated device does in each of its runs: how long it takes, and which fault it has. Pure: the same settings
// and seed give the same runs, so a scheduler's test can tell to the nanosecond what must happen.
//
// Settings (LoadSpec::builtin), all optional: "a=5ms,c=1ms,jitter=0.05,max_batch=32"
//   a, c            a run of b requests takes a + c*b
//   jitter          times 1 + u, u uniform in [-jitter, jitter); 0..1
//   max_batch       requests in one run
//   seed            of the jitter
//   output          bytes of the answer; 0: as many as the input has
//   load            how long loading takes
//   load_fails      1: it cannot be loaded
//   spin            the last part of a run that is waited for by spinning: exact where the kernel wakes late, and costs
//                   a core for that long
//   fail_every      every n-th run fails as a whole (unavailable)
//   hang_at, hang   the n-th run takes `hang` more (1h)
//   die_at          the n-th run kills its process (SIGKILL)
//   slow_every, slow_runs, slow
//                   of every `slow_every` runs, the last `slow_runs` take `slow` times as long

#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "base/rng.h"
#include "base/time.h"

namespace barrio::adapters {

struct ProfileSettings {
  Duration a = 5ms;
  Duration c = 1ms;
  double jitter = 0;
  uint64_t max_batch = 32;
  uint64_t seed = 1;
  uint64_t output = 0;
  Duration load{};
  uint64_t load_fails = 0;
  Duration spin{};
  uint64_t fail_every = 0;
  uint64_t hang_at = 0;
  Duration hang = 1h;
  uint64_t die_at = 0;
  uint64_t slow_every = 0;
  uint64_t slow_runs = 0;
  double slow = 1;

  /// Errors: invalid, naming the setting.
  static Result<ProfileSettings> parse(std::string_view text);
};

struct ProfileRun {
  enum class End { answers, fails, dies };
  Duration takes{};
  End end = End::answers;
};

class ProfilePlan {
 public:
  explicit ProfilePlan(const ProfileSettings& settings) : settings_(settings), rng_(settings.seed) {}
  /// The next run, of `batch` requests.
  ProfileRun next(size_t batch);

 private:
  ProfileSettings settings_;
  Rng rng_;
  uint64_t runs_ = 0;
};

}  // namespace barrio::adapters
