// A follower is brought in step: what it has is compared with what its home has, name by name, and what differs is sent
// while changes go to it as well. So it ends with what the home has, gone objects gone.

#include <algorithm>

#include "api/s3/sigv4.h"
#include "base/hash.h"
#include "base/log.h"
#include "objects/copies.h"

namespace barrio::objects {

namespace {

/// Names up to `end` that are not the same on both sides.
std::vector<std::string> differing(const std::vector<ports::CopyEntry>& ours,
                                   const std::vector<ports::CopyEntry>& theirs, const std::optional<std::string>& end) {
  std::map<std::string, std::pair<std::optional<uint64_t>, std::optional<uint64_t>>> all;
  for (const auto& entry : ours) all[entry.name].first = entry.stamp;
  for (const auto& entry : theirs) all[entry.name].second = entry.stamp;
  std::vector<std::string> names;
  for (const auto& [name, stamps] : all) {
    if (stamps.first != stamps.second && (!end || name <= *end)) names.push_back(name);
  }
  return names;
}

}  // namespace

void Copies::bring_in_step(const std::string& bucket, const SiteId& follower) {
  const uint64_t marks = roles_[bucket].links[follower].marks;
  const auto compared = compare(bucket, follower);
  Link& link = roles_[bucket].links[follower];
  if (compared && link.marks == marks) {
    link.behind = false;
    link.failing_since.reset();
  } else {
    link.fall_behind();
    if (!compared) {
      log_warning("a copy cannot be brought in step just now",
                  {{"site", follower.str()}, {"why", compared.error().text()}});
    }
  }
  changed_->notify();
}

/// The bucket as long as this site leads it and that one follows.
Result<Bucket> Copies::led(const std::string& bucket, const SiteId& follower) const {
  const Bucket* found = parts_.directory.find_id(bucket);
  if (found == nullptr || found->home != config_.site || found->follower(follower) == nullptr) {
    return fail(Code::cancelled, "it is no follower of this site any more");
  }
  TRY_DO(check_target(*found, follower));
  return *found;
}

Result<void> Copies::compare(const std::string& bucket, const SiteId& follower) {
  // What was sent before is there by now, or never comes.
  roles_[bucket].links[follower].session.clear();
  TRY(const auto begun, led(bucket, follower));
  TRY(const std::string session, session_with(begun, follower));
  auto theirs = entries_at(bucket, follower, "");
  if (!theirs && theirs.error().code == Code::not_found) {
    TRY_DO(send_key(bucket, follower));
    theirs = entries_at(bucket, follower, "");
  }
  TRY_DO(theirs);
  // Whatever changes from now on it is sent, too; so what is read of both sides may be old by a change that comes.
  roles_[bucket].links[follower].live = true;
  const uint64_t marks = roles_[bucket].links[follower].marks;
  for (std::string after;;) {
    const auto ours = parts_.copies.entries(bucket, after, entries_page);
    TRY(const auto page, entries_at(bucket, follower, after));
    std::optional<std::string> end;
    for (const auto* side : {&ours, &page}) {
      if (side->size() == entries_page) end = end ? std::min(*end, side->back().name) : side->back().name;
    }
    for (const std::string& name : differing(ours, page, end)) {
      TRY_DO(resend(bucket, follower, name));
      if (roles_[bucket].links[follower].marks != marks) return fail(Code::unavailable, "a change did not reach it");
    }
    if (!end) break;
    after = *end;
  }
  TRY(const auto known, led(bucket, follower));
  TRY_DO(ask(follower, bucket + "/complete?epoch=" + std::to_string(known.epoch) + "&session=" + session, {}, "POST"));
  return {};
}

/// Paced, so that clients and the link are left some room.
Result<void> Copies::resend(const std::string& bucket, const SiteId& follower, const std::string& name) {
  bool is_damaged = false;
  auto sent = resend_once(bucket, follower, name, is_damaged);
  if (!sent && is_damaged) {
    // Another member may have it whole: the scrub would find it, but that may take days.
    TRY(const auto known, led(bucket, follower));
    const auto repaired = repair_all(known, name);
    if (repaired) sent = resend_once(bucket, follower, name, is_damaged);
  }
  TRY(const int64_t bytes, sent);
  parts_.runtime.sleep_for(Duration(std::chrono::nanoseconds(
      static_cast<int64_t>(static_cast<double>(bytes) * 1e9 / static_cast<double>(config_.bytes_per_second)))));
  return is_stopping() ? Result<void>(fail(Code::cancelled, "this site is stopping")) : Result<void>();
}

/// Returns how many bytes were sent. `is_damaged`: it could not be read here.
Result<int64_t> Copies::resend_once(const std::string& bucket, const SiteId& follower, const std::string& name,
                                    bool& is_damaged) {
  int64_t bytes = 0;
  is_damaged = true;
  TRY_DO(parts_.copies.resend(bucket, name, [&](const ports::CopiedChange& change) -> Result<void> {
    is_damaged = false;
    bytes += static_cast<int64_t>(change.record.size());
    for (const auto& file : change.files) bytes += file.bytes;
    TRY(const auto known, led(bucket, follower));
    return send(known, follower, change);
  }));
  return bytes;
}

Result<std::vector<ports::CopyEntry>> Copies::entries_at(const std::string& bucket, const SiteId& follower,
                                                         const std::string& after) {
  TRY(const auto known, led(bucket, follower));
  TRY(const auto answer,
      ask(follower,
          bucket + "/entries?epoch=" + std::to_string(known.epoch) + "&after=" + api::s3::uri_encode(after, false), {},
          "GET"));
  TRY(const auto json, parse_json(answer.body));
  TRY(auto list, from_json<CopyEntryList>(json));
  return std::move(list.entries);
}

Result<void> Copies::send_key(const std::string& bucket, const SiteId& follower) {
  TRY(const auto known, led(bucket, follower));
  TRY(const auto key, parts_.copies.give_key(bucket));
  TRY_DO(ask(follower, bucket + "/key?epoch=" + std::to_string(known.epoch), hex_of(key), "POST"));
  return {};
}

}  // namespace barrio::objects
