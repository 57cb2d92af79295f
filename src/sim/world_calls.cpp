// How a site's processes ask control, and what a site's storage stands on.

#include "sim/world.h"

namespace barrio::sim {

namespace {

constexpr Duration call_timeout = 2s;
constexpr Duration connect_refused_after = 5ms;

}  // namespace

/// A call that is under way. Outlives the caller, whose site may crash before the answer comes.
struct World::Exchange {
  size_t site = 0;
  size_t member = 0;
  std::unique_ptr<ports::Signal> answered;
  std::optional<Reply> reply;
};

/// Asks the member that answered last, and each other one when that has no answer.
Result<World::Reply> World::call_control(size_t site, ports::Runtime& caller, const Ask& ask) {
  size_t& member = sites_[site].member;
  auto reply = call_member(site, member, caller, ask);
  for (size_t tried = 1; tried < members_.size() && (!reply || reply->has_failed); ++tried) {
    member = (member + 1) % members_.size();
    reply = call_member(site, member, caller, ask);
  }
  return reply;
}

Result<World::Reply> World::call_member(size_t site, size_t member, ports::Runtime& caller, const Ask& ask) {
  auto exchange = std::make_shared<Exchange>(Exchange{site, member, caller.make_signal(), std::nullopt});
  const Time deadline = caller.now() + call_timeout;
  const bool lost = happens(config_.loss);
  if (happens(config_.doubled)) loop_.after(some_seconds(), [=, this] { arrive(exchange, ask); });
  caller.sleep_for(rtt(site, at_control) / 2);
  const bool hears = !is_cut(site, at_control) && !is_cut(at_control, site);
  if (hears && !listens(member)) {
    caller.sleep_for(connect_refused_after);
    return fail(Code::unavailable, "control: connection refused");
  }
  if (!lost) arrive(exchange, ask);
  exchange->answered->wait_until(deadline);
  if (!exchange->reply) return fail(Code::timed_out, "control did not answer");
  return *exchange->reply;
}

void World::arrive(const std::shared_ptr<Exchange>& exchange, const Ask& ask) {
  if (!listens(exchange->member) || is_cut(exchange->site, at_control)) return;
  in_member(exchange->member, [this, exchange, ask](control::Control& member) { answer(exchange, ask(member)); });
}

/// The first answer that comes counts.
void World::answer(const std::shared_ptr<Exchange>& exchange, const Reply& reply) {
  auto send = [this, exchange, reply](Duration later) {
    const Duration travels = later + rtt(exchange->site, at_control) / 2;
    loop_.after(travels, [this, exchange, reply, gone = happens(config_.loss)] {
      if (gone || exchange->reply || is_cut(at_control, exchange->site)) return;
      exchange->reply = reply;
      exchange->answered->notify();
    });
  };
  send({});
  if (happens(config_.doubled)) send(some_seconds());
}

std::unique_ptr<SiteStorage> World::storage_at(size_t site, SimRuntime& runtime) {
  SimSite& at = sites_[site];
  return std::make_unique<SiteStorage>(SiteStorage::Parts{.world = *this,
                                                          .network = http_,
                                                          .site = site,
                                                          .id = config_.network.sites[site].id,
                                                          .runtime = runtime,
                                                          .volume = at.volume,
                                                          .disk = at.disk,
                                                          .open = config_.open_store,
                                                          .watch = [this](const objects::ObjectEvent& event) {
                                                            if (object_watch_) object_watch_(event);
                                                          }});
}

}  // namespace barrio::sim
