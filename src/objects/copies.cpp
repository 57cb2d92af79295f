#include "objects/copies.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/s3/sigv4.h"
#include "base/crypto.h"
#include "base/hash.h"
#include "base/log.h"
#include "decide/residency/buckets.h"

namespace barrio::objects {

namespace {

constexpr Duration write_look = 100ms;
constexpr int most_content_rounds = 3;
constexpr int most_sessions = 3;

}  // namespace

Copies::Copies(Parts parts, CopiesConfig config)
    : parts_(std::move(parts)),
      config_(std::move(config)),
      started_(parts_.runtime.now()),
      run_(hex_of(random_bytes(8))),
      changed_(parts_.runtime.make_signal()) {
  parts_.copies.set_sink(this);
}

Copies::~Copies() {
  parts_.copies.set_sink(nullptr);
}

void Copies::heard_control(Time asked) {
  control_heard_ = std::max(control_heard_, asked);
  pulled_ = true;
}

bool Copies::may_change(const std::string& bucket) const {
  const Bucket* known = parts_.directory.find_id(bucket);
  return known == nullptr || known->home == config_.site;
}

bool Copies::wants(const std::string& bucket) const {
  const Bucket* known = parts_.directory.find_id(bucket);
  return known != nullptr && is_copied(*known);
}

bool Copies::is_copied(const Bucket& bucket) const {
  return bucket.copies > 1 || bucket.epoch > 1 || parts_.copies.epoch(bucket.id) > 1;
}

/// In sync as control has it, or as it may have it: what is acknowledged without one of these can be lost. Before
/// control has answered this process, any follower of its orders may be: an earlier process may have reported so.
std::set<SiteId> Copies::required(const Bucket& bucket, const Role& role) const {
  std::set<SiteId> sites = role.reported;
  for (const Follower& follower : bucket.followers) {
    if (follower.state == CopyState::in_sync || !pulled_) sites.insert(follower.site);
  }
  return sites;
}

std::vector<std::string> Copies::incomplete() const {
  std::vector<std::string> ids;
  for (const Bucket& bucket : parts_.directory.orders().buckets) {
    if (!is_copied(bucket) || !bucket.is_member(config_.site)) continue;
    const Follower* self = bucket.follower(config_.site);
    const bool should_have =
        self != nullptr ? self->state == CopyState::in_sync : bucket.in_sync() > 1;  // a home that others agree with
    const bool misses = !parts_.store.has_bucket(bucket.id) || parts_.copies.is_incomplete(bucket.id);
    if (should_have && misses) ids.push_back(bucket.id);
  }
  return ids;
}

/// Takes up what the orders say of this bucket, once for each epoch: on the disk, before anything is done in it.
Result<void> Copies::take_role(const Bucket& bucket) {
  if (roles_[bucket.id].epoch == bucket.epoch) return {};
  const auto old = [] {
    return fail(Code::unavailable, "this site's orders are older than what it has seen of the bucket");
  };
  if (parts_.copies.epoch(bucket.id) > bucket.epoch) return old();
  if (bucket.home == config_.site) TRY_DO(open_home(bucket));
  const int64_t seen = parts_.copies.epoch(bucket.id);
  wait_for_others(bucket, seen);
  TRY_DO(parts_.copies.raise_epoch(bucket.id, bucket.epoch));
  if (parts_.copies.epoch(bucket.id) > bucket.epoch) return old();
  Role& role = roles_[bucket.id];
  if (role.epoch == bucket.epoch) return {};
  role.reads_until = {};
  role.reported.clear();
  for (auto& [site, link] : role.links) {
    const Follower* follower = bucket.follower(site);
    const bool counts = follower != nullptr && follower->state == CopyState::in_sync;
    if (!counts) role.writes_from = std::max(role.writes_from, link.granted_until);
    if (!counts && !link.live) link.fall_behind();
    if (counts) link.live = false;
  }
  std::erase_if(role.links, [&](const auto& entry) { return bucket.follower(entry.first) == nullptr; });
  role.epoch = bucket.epoch;
  role.taken_at = now();
  changed_->notify();
  return {};
}

/// Before it takes up an epoch: what others may still do under one before. `seen`: the epoch so far. Kept if the epoch
/// cannot be written down, since the next attempt finds it seen.
void Copies::wait_for_others(const Bucket& bucket, int64_t seen) {
  Role& role = roles_[bucket.id];
  const Duration time = config_.lease + config_.margin;
  if (seen != bucket.epoch) {
    // What an earlier process may have promised is over by then, too.
    role.acts_from = std::max(role.acts_from, started_ + time);
    if (role.promised_to != bucket.home) role.acts_from = std::max(role.acts_from, role.promised_until);
  }
  role.writes_from = std::max(role.writes_from, started_ + time);
  // A home that gave way reads on for as long as control's last answer lets it.
  const bool takes_over = bucket.home == config_.site && seen < bucket.handed_over;
  if (takes_over) role.writes_from = std::max(role.writes_from, now() + time);
}

/// A home without the bucket's key begins it, but only where nobody else has what was acknowledged.
Result<void> Copies::open_home(const Bucket& bucket) {
  if (bucket.in_sync() > 1 && (!parts_.store.has_bucket(bucket.id) || parts_.copies.is_incomplete(bucket.id))) {
    parts_.pull_now();
    return fail(Code::unavailable, "the home " + config_.site.str() +
                                       " misses something of the bucket; another site that has it takes its place");
  }
  if (bucket.in_sync() == 1) parts_.copies.set_complete(bucket.id);
  return parts_.store.has_bucket(bucket.id) ? Result<void>() : parts_.store.add_bucket(bucket.id, bucket.tenant);
}

/// No other home reads or writes before: control names none while it hears of this one, and none that follows here acts
/// before what it promised is over.
Time Copies::home_reads_until(const Bucket& bucket, const Role& role) const {
  const Time by_control = pulled_ ? control_heard_ + config_.lease : Time{};
  const auto followers = required(bucket, role);
  // Nobody else could be made the home: nobody was brought in step in the epoch that this site's journal has.
  if (followers.empty()) return Time::max();
  Time by_followers = Time::max();
  for (const SiteId& site : followers) {
    const auto link = role.links.find(site);
    const bool confirmed = link != role.links.end() && link->second.confirmed != Time{};
    by_followers = std::min(by_followers, confirmed ? link->second.confirmed + config_.lease : Time{});
  }
  return std::max(by_control, by_followers);
}

Result<void> Copies::may_read(const Bucket& bucket) {
  TRY_DO(take_role(bucket));
  const Role& role = roles_[bucket.id];
  if (role.epoch != bucket.epoch) return fail(Code::unavailable, "the bucket's copies are changing; try again");
  if (bucket.home != config_.site) {
    const Follower* self = bucket.follower(config_.site);
    if (self != nullptr && self->state == CopyState::in_sync && now() < role.reads_until &&
        !parts_.copies.is_incomplete(bucket.id)) {
      return {};
    }
    return fail(Code::unavailable, "this site's copy has not heard of its home " + bucket.home.str());
  }
  // A new home reads at once: it has all that was acknowledged, and nobody acknowledges anything without it.
  if (now() < home_reads_until(bucket, role)) return {};
  return fail(Code::unavailable,
              "the home hears neither of control nor of the other copies: another site may have "
              "become the home");
}

Result<void> Copies::may_write(const Bucket& bucket) {
  const Time latest = now() + config_.ready_patience;
  const std::string id = bucket.id;
  while (true) {
    const Bucket* found = parts_.directory.find_id(id);
    if (found == nullptr || found->home != config_.site) {
      return fail(Code::unavailable, "the bucket's home is changing; try again");
    }
    const Bucket known = *found;
    const auto taken = take_role(known);
    if (taken && known.in_sync() >= known.acks && now() >= roles_[id].acts_from) return {};
    if (now() >= latest || is_stopping()) {
      TRY_DO(taken);
      return fail(Code::unavailable, fmt::format("{} sites must have each write and {} {} in sync just now", known.acks,
                                                 known.in_sync(), known.in_sync() == 1 ? "is" : "are"));
    }
    changed_->wait_until(std::min(latest, now() + write_look));
  }
}

/// Until every site that counts has it, or control has said that one does not count any more.
Result<void> Copies::copy(const ports::CopiedChange& change) {
  const Time latest = now() + config_.patience;
  std::set<SiteId> has;
  while (true) {
    const Bucket* found = parts_.directory.find_id(change.bucket);
    if (found == nullptr || found->home != config_.site) {
      return fail(Code::unavailable, "this site is not the bucket's home any more; whether the change stays is open");
    }
    const Bucket bucket = *found;
    const auto taken = take_role(bucket);
    if (taken) send_to_all(bucket, change, has);
    const Bucket* still = parts_.directory.find_id(change.bucket);
    const Role& role = roles_[change.bucket];
    if (taken && still != nullptr && still->epoch == bucket.epoch && role.epoch == bucket.epoch) {
      const auto wanted = required(bucket, role);
      const bool all = std::ranges::includes(has, wanted);
      if (all && bucket.in_sync() >= bucket.acks && now() >= role.writes_from && now() >= role.acts_from) {
        return {};
      }
    }
    if (now() >= latest || is_stopping()) {
      return fail(Code::unavailable, "not every copy has the change; whether it stays is open");
    }
    changed_->wait_until(std::min(latest, now() + write_look));
  }
}

/// To all at a time that do not have it; who is being brought in step is sent it, too.
void Copies::send_to_all(const Bucket& bucket, const ports::CopiedChange& change, std::set<SiteId>& has) {
  Role& role = roles_[bucket.id];
  struct Sending {
    size_t left = 0;
    std::set<SiteId> took;
    std::unique_ptr<ports::Signal> done;
    ports::CopiedChange change;
  };
  auto sending = std::make_shared<Sending>();
  sending->change = change;
  sending->done = parts_.runtime.make_signal();
  std::vector<SiteId> targets;
  const auto wanted = required(bucket, role);
  for (const Follower& follower : bucket.followers) {
    const bool is_wanted = wanted.contains(follower.site) || role.links[follower.site].live;
    if (is_wanted && !has.contains(follower.site)) targets.push_back(follower.site);
  }
  sending->left = targets.size();
  for (const SiteId& site : targets) {
    parts_.runtime.spawn("copy to a site", [this, sending, bucket, site] {
      const auto sent = send(bucket, site, sending->change);
      note_sent(bucket.id, site, sent);
      if (sent) sending->took.insert(site);
      --sending->left;
      sending->done->notify();
    });
  }
  while (sending->left > 0) sending->done->wait_until(Time::max());
  has.insert(sending->took.begin(), sending->took.end());
}

void Copies::note_sent(const std::string& bucket, const SiteId& site, const Result<void>& sent) {
  const auto role = roles_.find(bucket);
  if (role == roles_.end()) return;
  Link& link = role->second.links[site];
  if (sent) return link.failing_since.reset();
  link.fall_behind();
  // One that waits for its promise to another home is not lost.
  if (sent.error().code != Code::exhausted && !link.failing_since) link.failing_since = now();
}

/// Neither a key nor a byte goes where the policy does not let it be.
Result<void> Copies::check_target(const Bucket& bucket, const SiteId& site) const {
  const decide::Verdict verdict = decide::may_be_at(bucket, parts_.directory.site(site));
  return verdict.permitted ? Result<void>() : fail(Code::denied, verdict.reason);
}

Result<net::Response> Copies::ask(const SiteId& site, const std::string& target, std::string body, const char* method) {
  TRY(auto response, parts_.peers.ask(site,
                                      {.method = method,
                                       .target = std::string(copies_path) + target,
                                       .headers = {},
                                       .body = std::move(body),
                                       .peer_ip = {}},
                                      config_.call_timeout));
  if (response.status / 100 == 2) return response;
  const Code code = response.status == 404                    ? Code::not_found
                    : response.status == 409                  ? Code::conflict
                    : response.status == 403                  ? Code::denied
                    : response.status == too_early_status     ? Code::exhausted
                    : response.status == other_session_status ? Code::cancelled
                                                              : Code::unavailable;
  return fail(code, "site " + site.str() + ": " + response.body.substr(0, 300));
}

Result<void> Copies::send(const Bucket& bucket, const SiteId& site, const ports::CopiedChange& change) {
  TRY_DO(check_target(bucket, site));
  for (int round = 0; round < most_content_rounds; ++round) {
    TRY(const auto answer, send_record(bucket, site, change.record));
    if (answer.status == 204) return {};
    TRY(const auto json, parse_json(answer.body));
    TRY(const auto wanted, from_json<MissingContent>(json));
    for (const ports::ContentFile& file : wanted.missing) {
      const bool is_ours = std::ranges::find(change.files, file.name, &ports::ContentFile::name) != change.files.end();
      if (!is_ours) return fail(Code::invalid, "site " + site.str() + " asks for other content");
      TRY_DO(send_file(bucket, site, file));
    }
  }
  return fail(Code::unavailable, "site " + site.str() + " asks for the same content again and again");
}

/// Where another session has begun meanwhile, once more in that.
Result<net::Response> Copies::send_record(const Bucket& bucket, const SiteId& site, const std::string& record) {
  for (int tried = 1;; ++tried) {
    TRY(const std::string session, session_with(bucket, site));
    const uint64_t number = ++roles_[bucket.id].links[site].sent;
    auto answer =
        ask(site, fmt::format("{}/change?epoch={}&session={}&number={}", bucket.id, bucket.epoch, session, number),
            record, "POST");
    if (answer) return answer;
    // Also one of which nobody knows what became: it may still be on its way, and must not arrive after what comes
    // next.
    const bool is_open = answer.error().code == Code::exhausted || answer.error().code == Code::conflict;
    Link& link = roles_[bucket.id].links[site];
    if (!is_open && link.session == session) link.session.clear();
    if (answer.error().code != Code::cancelled || tried == most_sessions) return answer;
  }
}

/// The session that the follower takes changes in, and nothing that was sent before it.
Result<std::string> Copies::session_with(const Bucket& bucket, const SiteId& site) {
  while (roles_[bucket.id].links[site].opening) {
    changed_->wait_until(now() + write_look);
    if (is_stopping()) return fail(Code::cancelled, "this site is stopping");
  }
  Link& link = roles_[bucket.id].links[site];
  if (!link.session.empty()) return link.session;
  link.opening = true;
  auto answer = ask(site, bucket.id + "/session?epoch=" + std::to_string(bucket.epoch), {}, "POST");
  Link& opened = roles_[bucket.id].links[site];
  opened.opening = false;
  changed_->notify();
  TRY_DO(answer);
  return opened.session = answer->body;
}

Result<void> Copies::send_file(const Bucket& bucket, const SiteId& site, const ports::ContentFile& file) {
  for (int64_t at = 0; at < file.bytes;) {
    TRY(auto piece, parts_.copies.read_content(file.name, at));
    const int64_t next = at + static_cast<int64_t>(piece.size());
    TRY_DO(ask(site,
               fmt::format("{}/content?epoch={}&file={}&offset={}&last={}", bucket.id, bucket.epoch, file.name, at,
                           next >= file.bytes ? 1 : 0),
               std::move(piece), "POST"));
    at = next;
  }
  return {};
}

Result<void> Copies::drop(const std::string& bucket, const char* why) {
  TRY_DO(parts_.copies.forget_bucket(bucket));
  roles_.erase(bucket);
  log_info("a copy has gone", {{"bucket", bucket}, {"why", why}});
  return {};
}

/// A home has deleted its bucket itself, and only an empty one. What came into it since was acknowledged and stays.
void Copies::drop_deleted(const std::string& bucket, Was was) {
  const bool is_empty = parts_.store.usage(bucket).objects == 0;
  if (was == Was::home && !is_empty) {
    deleted_.erase(bucket);
    return log_error("a bucket that control does not know any more has objects here", {{"bucket", bucket}});
  }
  const auto dropped = was == Was::home ? parts_.store.drop_bucket(bucket) : parts_.copies.forget_bucket(bucket);
  if (dropped || dropped.error().code == Code::not_found) {
    deleted_.erase(bucket);
    roles_.erase(bucket);
    return log_info("what was here of a deleted bucket has gone", {{"bucket", bucket}});
  }
  if (deleted_.emplace(bucket, was).second) {
    log_warning("what is here of a deleted bucket stays for now",
                {{"bucket", bucket}, {"why", dropped.error().text()}});
  }
}

void Copies::drop_left() {
  for (const std::string& id : parts_.copies.buckets()) {
    const Bucket* bucket = parts_.directory.find_id(id);
    if (bucket == nullptr || bucket->is_member(config_.site) || parts_.copies.epoch(id) > bucket->epoch) continue;
    const auto dropped = drop(id, "this site is no longer to keep it");
    if (!dropped) log_warning("a copy that is not to be here stays for now", {{"why", dropped.error().text()}});
  }
  const auto deleted = deleted_;  // this parks
  for (const auto& [id, was] : deleted) {
    if (parts_.directory.find_id(id) == nullptr) {
      drop_deleted(id, was);
    } else if (deleted_.erase(id) != 0) {  // control went back to an earlier state
      parts_.store.reopen_bucket(id);
    }
  }
}

void Copies::follow_orders(const StorageOrders& before) {
  drop_left();
  const std::vector<TenantId> erased = parts_.directory.orders().erased;  // whose keys are written over, elsewhere
  for (const Bucket& earlier : before.buckets) {
    if (parts_.directory.find_id(earlier.id) != nullptr || !parts_.store.has_bucket(earlier.id)) continue;
    if (std::ranges::find(erased, earlier.tenant) != erased.end()) continue;
    if (earlier.is_member(config_.site)) drop_deleted(earlier.id, earlier.home == config_.site ? Was::home : Was::copy);
  }
  changed_->notify();
}

namespace {

/// A record at another member.
class MemberSource final : public ports::CopySource {
 public:
  using Ask = std::function<Result<net::Response>(const std::string& target)>;
  MemberSource(Ask ask, std::string bucket, const std::string& name)
      : ask_(std::move(ask)), bucket_(std::move(bucket)), query_("name=" + api::s3::uri_encode(name, false)) {}
  Result<std::string> record() override {
    TRY(auto answer, ask_(bucket_ + "/record?" + query_));
    return std::move(answer.body);
  }
  Result<std::string> content(const std::string& file, int64_t offset) override {
    TRY(auto answer, ask_(fmt::format("{}/content?{}&file={}&offset={}", bucket_, query_, file, offset)));
    return std::move(answer.body);
  }

 private:
  const Ask ask_;
  const std::string bucket_;
  const std::string query_;  // which record
};

}  // namespace

Result<void> Copies::repair(const Bucket& bucket, const std::string& name) {
  std::vector<SiteId> others;
  if (bucket.home != config_.site) others.push_back(bucket.home);
  // Also who has fallen behind: a record that has the same stamp is the same.
  for (const Follower& follower : bucket.followers) {
    if (follower.site != config_.site) others.push_back(follower.site);
  }
  Result<void> repaired = fail(Code::unavailable, "there is no other copy to repair it from");
  for (const SiteId& site : others) {
    MemberSource source([&](const std::string& target) { return ask(site, target, {}, "GET"); }, bucket.id, name);
    repaired = parts_.copies.repair(bucket.id, name, source);
    if (!repaired) continue;
    ++repaired_;
    log_info("what was damaged was repaired from another copy",
             {{"bucket", bucket.name.str()}, {"from", site.str()}, {"repaired", std::to_string(repaired_)}});
    return {};
  }
  return repaired;
}

Result<void> Copies::repair_all(const Bucket& bucket, const std::string& name) {
  auto repaired = repair(bucket, name);
  for (ports::Scrubbed at{bucket.id, name};;) {
    TRY(const auto next, parts_.store.scrub_after(at));
    if (!next || next->bucket != bucket.id || !next->name.starts_with(name + '\0')) return repaired;
    if (next->damage) repaired = repair(bucket, next->name);
    at = *next;
  }
}

}  // namespace barrio::objects
