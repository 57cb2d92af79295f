// What homes and followers tell each other all the time: who may read and for how long, and who has fallen behind.

#include "base/log.h"
#include "objects/copies.h"

namespace barrio::objects {

void Copies::run() {
  parts_.runtime.spawn("storage copies", [this] {
    while (!is_stopping()) {
      beat_all();
      parts_.runtime.sleep_for(config_.beat);
    }
  });
}

void Copies::beat_all() {
  std::map<SiteId, std::vector<std::string>> by_site;
  for (const Bucket& bucket : parts_.directory.orders().buckets) {
    if (!is_copied(bucket) || bucket.home != config_.site) continue;
    for (const Follower& follower : bucket.followers) by_site[follower.site].push_back(bucket.id);
    look_after(bucket);
  }
  for (const auto& [site, ids] : by_site) {
    if (!beating_.insert(site).second) continue;  // the last one is not answered yet
    parts_.runtime.spawn("storage beat", [this, to = site, of = ids] {
      beat_one(to, of);
      beating_.erase(to);
    });
  }
}

void Copies::beat_one(const SiteId& site, const std::vector<std::string>& ids) {
  const Neighbour neighbour = neighbours_[site];
  CopyBeat beat{neighbour.run, neighbour.token, {}};
  for (const std::string& id : ids) {
    const Bucket* found = parts_.directory.find_id(id);
    if (found == nullptr || found->home != config_.site || found->follower(site) == nullptr) continue;
    const Bucket bucket = *found;
    if (take_role(bucket)) beat.buckets.push_back(beat_item(bucket, site, neighbour));
  }
  const Time asked = now();
  const auto response = ask(site, "beat", print_json(to_json(beat)), "POST");
  if (!response) return;
  const auto json = parse_json(response->body);
  const auto answer = json ? from_json<CopyBeatAnswer>(*json) : Result<CopyBeatAnswer>(fail(json.error()));
  if (answer) take_beat_answer(site, *answer, asked);
}

/// A follower may read as long as the home may, counted from a moment at the follower that was before.
CopyBeat::Item Copies::beat_item(const Bucket& bucket, const SiteId& site, const Neighbour& neighbour) {
  Role& role = roles_[bucket.id];
  Link& link = role.links[site];
  CopyBeat::Item item{bucket.id, bucket.epoch, 0};
  const Follower* follower = bucket.follower(site);
  if (follower == nullptr || follower->state != CopyState::in_sync || link.behind || neighbour.token == 0) return item;
  if (now() < role.acts_from) return item;
  const Time until = home_reads_until(bucket, role);
  if (until <= now()) return item;
  const Duration left = until == Time::max() ? config_.lease : std::min(config_.lease, until - now());
  item.lease = left.count();
  link.granted_until = std::max(link.granted_until, neighbour.token_at + config_.lease + config_.margin);
  return item;
}

void Copies::take_beat_answer(const SiteId& site, const CopyBeatAnswer& answer, Time asked) {
  Neighbour& neighbour = neighbours_[site];
  if (neighbour.run != answer.run) {
    // Its disk may have lost what it had acknowledged.
    for (auto& [id, role] : roles_) role.links[site].fall_behind();
  }
  neighbour = {answer.run, answer.token, now()};
  for (const std::string& id : answer.confirmed) {
    const auto role = roles_.find(id);
    if (role == roles_.end()) continue;
    Link& link = role->second.links[site];
    link.confirmed = std::max(link.confirmed, asked);
  }
  changed_->notify();
}

bool Copies::is_silent(const Role& role, const Link& link) const {
  const bool fails = link.failing_since && now() - *link.failing_since >= config_.silent_after;
  return fails || now() - std::max(link.confirmed, role.taken_at) >= config_.silent_after;
}

/// Starts what a follower of this bucket needs; parks nowhere.
void Copies::look_after(const Bucket& bucket) {
  const auto found = roles_.find(bucket.id);
  if (found == roles_.end() || found->second.epoch != bucket.epoch) return;
  Role& role = found->second;
  for (const Follower& follower : bucket.followers) {
    Link& link = role.links[follower.site];
    const bool is_counted = follower.state == CopyState::in_sync || role.reported.contains(follower.site);
    const auto tell = [&](CopyState state) {
      if (link.reporting) return;
      link.reporting = true;
      parts_.runtime.spawn("storage report", [this, bucket, site = follower.site, state] {
        report(bucket, site, state);
        roles_[bucket.id].links[site].reporting = false;
      });
    };
    if (is_counted && is_silent(role, link)) {
      tell(CopyState::joining);
      continue;
    }
    const bool is_there = now() - neighbours_[follower.site].token_at < 3 * config_.beat + config_.call_timeout;
    if (link.behind && !link.comparing && is_there) {
      link.comparing = true;
      parts_.runtime.spawn("storage compare", [this, id = bucket.id, site = follower.site] {
        bring_in_step(id, site);
        roles_[id].links[site].comparing = false;
      });
    }
    if (!link.behind && !link.comparing && follower.state == CopyState::joining) tell(CopyState::in_sync);
  }
}

void Copies::report(const Bucket& bucket, const SiteId& follower, CopyState state) {
  // From here on control may have it so, whatever is heard of it.
  if (state == CopyState::in_sync) roles_[bucket.id].reported.insert(follower);
  const auto changed = parts_.control.report_copy({bucket.name, bucket.epoch, follower, state});
  if (changed) {
    const Bucket* known = parts_.directory.find_id(bucket.id);
    if (known != nullptr && known->epoch < changed->epoch) parts_.directory.add(*changed);
    log_info("a copy's state", {{"bucket", bucket.name.str()}, {"site", follower.str()}, {"state", to_name(state)}});
  } else if (changed.error().code != Code::conflict) {
    log_warning("control does not take the state of a copy",
                {{"bucket", bucket.name.str()}, {"site", follower.str()}, {"why", changed.error().text()}});
  }
  parts_.pull_now();
  changed_->notify();
}

}  // namespace barrio::objects
