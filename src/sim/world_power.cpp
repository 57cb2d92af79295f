// The power of a World's sites, feeders and racks: how it changes, and until when sites have to heed it.

#include <algorithm>

#include "base/check.h"
#include "control/desired.h"
#include "sim/world.h"

namespace barrio::sim {
namespace {

constexpr int heeded_after = 10;  // seconds: a report or two may be lost

}  // namespace

void take_power(Site& site, const Site& from) {
  site.power = from.power;
  if (site.feeders) {
    for (size_t i = 0; i < site.feeders->size(); ++i) (*site.feeders)[i].power = from.feeders->at(i).power;
  }
  if (site.racks) {
    for (size_t i = 0; i < site.racks->size(); ++i) (*site.racks)[i].power = from.racks->at(i).power;
  }
}

/// None: control has not begun.
std::optional<control::Desired> World::stored() {
  const auto listing = control::Section(store_.inner(), SharedStore::state).list("");
  auto desired = control::read_desired(*listing, documents_);
  if (!desired || desired->revision_of(control::key::network) == 0) return std::nullopt;
  return std::move(*desired);
}

/// Written together with what makes the members decide anew, and makes a decision that is under way void.
void World::change_power(size_t site, const std::function<void(Site&)>& change) {
  const auto desired = stored();
  const Site* present = desired ? desired->network.find(config_.network.sites[site].id) : nullptr;
  if (present == nullptr || store_.is_full()) return;
  Site wanted = *present;
  change(wanted);
  CHECK(control::Section(store_.inner(), SharedStore::state)
            .commit(
                {},
                {control::write_site(*desired, wanted), {control::key::placement, "{}"}, {control::key::changed, ""}}));
  if (checker_.powered(wanted)) wait_until_heeded(site);
}

void World::ask_for_power(size_t site, const std::function<void(Site&)>& change) {
  const auto desired = stored();
  const Site* present = desired ? desired->network.find(config_.network.sites[site].id) : nullptr;
  if (present == nullptr || !control_is_up()) return;
  Site wanted = *present;
  change(wanted);
  in_control([wanted](control::Control& control) { static_cast<void>(control.set_site(wanted)); });
}

void World::committed(const std::vector<ports::Write>& writes) {
  checker_.committed(writes);
  if (commit_watch_) commit_watch_(writes);
  static const std::string prefix = std::string(SharedStore::state) + "site/";
  for (const ports::Write& write : writes) {
    if (!write.key.starts_with(prefix) || !write.value) continue;
    const auto document = parse_json(*write.value);
    const auto site = from_json<Site>(document->at("site"));
    CHECK(site);
    if (checker_.powered(*site)) wait_until_heeded(index(site->id));
  }
}

void World::wait_until_heeded(size_t site) {
  sites_[site].settled_for = 0;
  if (!std::exchange(sites_[site].watched, true)) watch_power(site);
}

void World::watch_power(size_t site) {
  loop_.after(1s, [this, site] {
    int& settled_for = sites_[site].settled_for;
    settled_for = is_troubled(site) ? 0 : settled_for + 1;
    if (settled_for < heeded_after) return watch_power(site);
    sites_[site].watched = false;
    checker_.heeded(config_.network.sites[site].id);
  });
}

bool World::is_troubled(size_t site) const {
  const Disk& disk = sites_[site].disk;
  const bool cut_off = is_cut(site, at_control) || is_cut(at_control, site);
  if (!is_up(site) || cut_off || disk.full || disk.write_takes > Disk::usual_write) return true;
  if (store_.is_full() || !leader()) return true;
  return std::ranges::any_of(members_, [this](const auto& member) {
    const Reach& reach = member->reach;
    const Time now = loop_.now();
    return !member->life || reach.cut_to || reach.cut_from || reach.paused_until > now || reach.stuck_until > now;
  });
}

}  // namespace barrio::sim
