#include "control/leadership.h"

#include "base/log.h"

namespace barrio::control {

Result<void> Leadership::step() {
  if (lease_ && !leads()) lose("it was not renewed in time");
  return lease_ ? keep() : take();
}

void Leadership::run() {
  while (!runtime_.stopping()) {
    if (auto done = step(); !done) log_warning("leadership", {{"why", done.error().text()}});
    // Stopping may have begun while the store was asked, and then ends no sleep that begins after it.
    if (!runtime_.stopping()) runtime_.sleep_for(lease_ ? config_.lasts / 3 : config_.lasts / 12);
  }
  if (lease_) static_cast<void>(state_.release(*lease_));  // else it ends by itself
  lease_.reset();
}

Result<void> Leadership::keep() {
  const ports::Lease lease = *lease_;
  const Time asked = runtime_.now();
  auto kept = state_.keep(lease);
  if (!lease_ || lease_->id != lease.id) return {};  // fenced meanwhile
  if (kept) {
    until_ = asked + config_.lasts;
    return {};
  }
  if (kept.error().code != Code::not_found) return kept;
  lose("the store ended it");
  return {};
}

Result<void> Leadership::take() {
  TRY(const auto present, state_.get(key::leader));
  leader_.reset();
  if (present) {
    auto json = parse_json(present->value);
    auto member = json ? from_json<Member>(*json) : Result<Member>(fail(json.error()));
    if (!member) return fail(Code::unavailable, member.error().text(), key::leader);
    leader_ = std::move(*member);
    if (leader_->name != config_.self.name) return {};
  }
  const Time asked = runtime_.now();
  auto held =
      state_.hold(key::leader, print_json(to_json(config_.self)), config_.lasts, present ? present->revision : 0);
  if (!held && held.error().code == Code::conflict) return {};  // somebody was faster
  if (!held) return fail(std::move(held).error());
  lease_ = std::move(*held);
  until_ = asked + config_.lasts;
  leader_ = config_.self;
  ++figures_.taken;
  log_info("leads", {{"member", config_.self.name}, {"revision", std::to_string(lease_->revision)}});
  return {};
}

void Leadership::fenced() {
  ++figures_.fenced;
  if (lease_) lose("another member leads");
}

void Leadership::lose(const char* why) {
  log_warning("leads no more", {{"member", config_.self.name}, {"why", why}});
  lease_.reset();
  leader_.reset();
}

}  // namespace barrio::control
