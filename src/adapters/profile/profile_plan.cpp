#include "adapters/profile/profile_plan.h"

#include <cmath>

#include "base/settings_line.h"

namespace barrio::adapters {

namespace {

constexpr Duration longest = 1h;
constexpr uint64_t most_batch = 4096;
constexpr uint64_t most_output = 64u << 20;

Result<void> check_duration(Duration value, const char* key) {
  if (value >= Duration::zero() && value <= longest) return {};
  return fail(Code::invalid, "must be between 0 and " + to_string(longest), key);
}

Result<void> check(const ProfileSettings& settings) {
  TRY_DO(check_duration(settings.a, "a"));
  TRY_DO(check_duration(settings.c, "c"));
  TRY_DO(check_duration(settings.load, "load"));
  TRY_DO(check_duration(settings.spin, "spin"));
  TRY_DO(check_duration(settings.hang, "hang"));
  if (!(settings.jitter >= 0 && settings.jitter <= 1)) return fail(Code::invalid, "must be between 0 and 1", "jitter");
  if (!(settings.slow >= 0 && settings.slow <= 1000)) return fail(Code::invalid, "must be between 0 and 1000", "slow");
  if (settings.max_batch < 1 || settings.max_batch > most_batch)
    return fail(Code::invalid, "must be between 1 and " + std::to_string(most_batch), "max_batch");
  if (settings.output > most_output)
    return fail(Code::invalid, "must be at most " + std::to_string(most_output), "output");
  if (settings.slow_runs > settings.slow_every)
    return fail(Code::invalid, "must be at most slow_every, which is " + std::to_string(settings.slow_every),
                "slow_runs");
  return {};
}

bool is_nth(uint64_t run, uint64_t n) {
  return n > 0 && run % n == 0;
}

}  // namespace

Result<ProfileSettings> ProfileSettings::parse(std::string_view text) {
  TRY(auto given, SettingsLine::parse(text));
  ProfileSettings settings;
  TRY_DO(given.take("a", settings.a));
  TRY_DO(given.take("c", settings.c));
  TRY_DO(given.take("jitter", settings.jitter));
  TRY_DO(given.take("max_batch", settings.max_batch));
  TRY_DO(given.take("seed", settings.seed));
  TRY_DO(given.take("output", settings.output));
  TRY_DO(given.take("load", settings.load));
  TRY_DO(given.take("load_fails", settings.load_fails));
  TRY_DO(given.take("spin", settings.spin));
  TRY_DO(given.take("fail_every", settings.fail_every));
  TRY_DO(given.take("hang_at", settings.hang_at));
  TRY_DO(given.take("hang", settings.hang));
  TRY_DO(given.take("die_at", settings.die_at));
  TRY_DO(given.take("slow_every", settings.slow_every));
  TRY_DO(given.take("slow_runs", settings.slow_runs));
  TRY_DO(given.take("slow", settings.slow));
  TRY_DO(given.finish());
  TRY_DO(check(settings));
  return settings;
}

ProfileRun ProfilePlan::next(size_t batch) {
  ++runs_;
  const Duration exact = settings_.a + settings_.c * static_cast<int64_t>(batch);
  double factor = 1 + settings_.jitter * (2 * rng_.unit() - 1);
  if (settings_.slow_every > 0 && (runs_ - 1) % settings_.slow_every >= settings_.slow_every - settings_.slow_runs)
    factor *= settings_.slow;
  ProfileRun run;
  run.takes = Duration(std::llround(static_cast<double>(exact.count()) * factor));
  if (runs_ == settings_.hang_at) run.takes += settings_.hang;
  if (is_nth(runs_, settings_.fail_every)) run.end = ProfileRun::End::fails;
  if (runs_ == settings_.die_at) run.end = ProfileRun::End::dies;
  return run;
}

}  // namespace barrio::adapters
