#include "sim/shared_store.h"

#include "control/leadership.h"

namespace barrio::sim {
namespace {

constexpr Duration polled = 100ms;
constexpr Duration lost_after = 1s;

tl::unexpected<Error> store_full() {
  return fail(Code::exhausted, "the store has reached its size limit");
}

const std::string& leader_key() {
  static const std::string key = std::string(SharedStore::state) + control::key::leader;
  return key;
}

}  // namespace

Result<ports::Revision> SharedStore::commit(std::vector<ports::Guard> guards, std::vector<ports::Write> writes) {
  if (full_) return store_full();
  ports::Revision fence = 0;
  for (const ports::Guard& guard : guards) {
    if (guard.key == leader_key()) fence = guard.revision;
  }
  const auto lead = inner_->get(leader_key());
  const ports::Revision present = *lead ? (*lead)->revision : 0;
  auto committed = inner_->commit(std::move(guards), writes);
  if (!committed) {
    refused_stale_ += fence != 0 && fence != present ? 1 : 0;
    return committed;
  }
  if (fence == 0) violations_.emplace_back("a commit without a fence");
  if (fence != present) violations_.emplace_back("a commit of one who does not lead");
  if (fence < last_fence_) violations_.emplace_back("a commit of an earlier leader after one of a later");
  last_fence_ = fence;
  committed_(writes);
  return committed;
}

Result<ports::Lease> SharedStore::hold(const std::string& key, const std::string& value, Duration ttl,
                                       ports::Revision seen) {
  if (full_) return store_full();
  auto held = inner_->hold(key, value, ttl, seen);
  terms_ += held ? 1 : 0;
  return held;
}

template <class Call>
auto ReachedStore::over(Call&& call) -> decltype(call()) {
  const auto lost = [this]() -> decltype(call()) {
    runtime_.sleep_for(lost_after);
    return fail(Code::unavailable, "no answer");
  };
  travel();
  if (reach_.cut_to) return lost();
  auto answer = call();
  travel();
  if (reach_.cut_from) return lost();
  return answer;
}

void ReachedStore::travel() {
  runtime_.sleep_for(from_ms(1 + 8 * runtime_.rng().unit()));
  runtime_.sleep_until(reach_.paused_until);
}

Result<std::optional<ports::Entry>> ReachedStore::get(const std::string& key) {
  return over([&] { return inner_.get(key); });
}

Result<ports::Listing> ReachedStore::list(const ports::KeyRange& range) {
  return over([&] { return inner_.list(range); });
}

Result<ports::Revision> ReachedStore::commit(std::vector<ports::Guard> guards, std::vector<ports::Write> writes) {
  runtime_.sleep_until(reach_.stuck_until);  // decided on before, and arrives after
  return over([&] { return inner_.commit(std::move(guards), std::move(writes)); });
}

Result<ports::Revision> ReachedStore::wait_for_change(ports::Revision seen, Time until) {
  while (true) {
    auto present = over([&] { return inner_.wait_for_change(0, runtime_.now()); });
    if (runtime_.now() >= until || (present && *present > seen)) return present;
    runtime_.sleep_for(polled);
  }
}

Result<ports::Lease> ReachedStore::hold(const std::string& key, const std::string& value, Duration ttl,
                                        ports::Revision seen) {
  return over([&] { return inner_.hold(key, value, ttl, seen); });
}

Result<void> ReachedStore::keep(const ports::Lease& lease) {
  return over([&] { return inner_.keep(lease); });
}

Result<void> ReachedStore::release(const ports::Lease& lease) {
  return over([&] { return inner_.release(lease); });
}

}  // namespace barrio::sim
