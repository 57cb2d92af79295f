#include "sim/storage_checker.h"

#include <algorithm>

namespace barrio::sim {

namespace {

/// A home may go on for so long by orders that control has replaced.
constexpr Duration old_orders_last = 60s;

std::string object_name(const std::string& bucket, const std::string& key, const std::string& sha256) {
  return bucket + "/" + key + " " + sha256;
}

}  // namespace

StorageChecker::StorageChecker(World& world) : world_(world) {
  world.watch_commits([this](const auto& writes) { committed(writes); });
  world.watch_objects([this](const objects::ObjectEvent& event) { noted(event); });
  world.http().watch([this](size_t from, size_t to, const std::string& target) { passed(from, to, target); });
}

void StorageChecker::committed(const std::vector<ports::Write>& writes) {
  static const std::string prefix = std::string(SharedStore::state) + "bucket/";
  for (const ports::Write& write : writes) {
    if (!write.key.starts_with(prefix)) continue;
    if (!write.value) {
      known_.erase(write.key.substr(prefix.size()));
      continue;
    }
    const auto json = parse_json(*write.value);
    const auto bucket = json ? from_json<Bucket>(*json) : Result<Bucket>(fail(json.error()));
    if (bucket)
      take(*bucket);
    else
      violated("control's store has a bucket that cannot be read: " + bucket.error().text());
  }
}

void StorageChecker::take(const Bucket& bucket) {
  const std::string name = bucket.name.str();
  names_[bucket.id] = name;
  Known& known = known_[name];
  if (!known.bucket.home.empty() && known.bucket.home != bucket.home) ++takeovers_;
  known.bucket = bucket;
  known.acks.emplace_back(world_.loop().now(), bucket.acks);
  const auto check = [&](const SiteId& site) {
    check_site(name, world_.network().sites[world_.index(site)], "control wants a copy");
  };
  check(bucket.home);
  for (const Follower& follower : bucket.followers) check(follower.site);
}

const Bucket* StorageChecker::bucket(const BucketName& name) const {
  const auto found = known_.find(name.str());
  return found == known_.end() ? nullptr : &found->second.bucket;
}

const Bucket* StorageChecker::bucket_of_id(const std::string& id) const {
  const auto name = names_.find(id);
  const auto found = name == names_.end() ? known_.end() : known_.find(name->second);
  return found == known_.end() || found->second.bucket.id != id ? nullptr : &found->second.bucket;
}

void StorageChecker::check_site(const std::string& bucket, const Site& site, const std::string& what) {
  ++checked_;
  const auto policy = policies_.find(bucket);
  if (policy != policies_.end() && Checker::allows(policy->second, site)) return;
  violated(what + " of bucket " + bucket + " at " + site.id.str() + ", which its policy forbids");
}

/// Bytes of a bucket leave one site for another, in a request or in an answer.
void StorageChecker::passed(size_t from, size_t to, const std::string& target) {
  std::string bucket = target.substr(0, target.find('?'));
  const bool is_copy = bucket.starts_with(objects::copies_path);
  bucket.erase(0, is_copy ? objects::copies_path.size() : 1);
  bucket = bucket.substr(0, bucket.find('/'));
  if (is_copy) {
    const auto name = names_.find(bucket);
    if (name == names_.end()) return;  // a beat, which is of many
    bucket = name->second;
  }
  for (const size_t site : {from, to}) check_site(bucket, world_.network().sites[site], "bytes");
}

void StorageChecker::noted(const objects::ObjectEvent& event) {
  const std::string& id = event.bucket.id;
  if (event.act != objects::ObjectAct::deleted) {
    sites_with_[object_name(event.bucket.name.str(), event.key, event.sha256)].insert(event.site);
  }
  SiteStorage* there = world_.storage(world_.index(event.site));
  const Bucket* now = there->service()->directory().find_id(id);
  if (now == nullptr || now->home != event.site || event.act == objects::ObjectAct::copied) return;
  ++checked_;
  Acknowledging& last = last_acknowledged_[id];
  const bool is_other = !last.home.empty() && last.home != event.site;
  if (is_other && now->epoch <= last.epoch) {
    violated("bucket " + event.bucket.name.str() + " has two homes that acknowledge: " + event.site.str() +
             " does in epoch " + std::to_string(now->epoch) + " after " + last.home.str() + " did in epoch " +
             std::to_string(last.epoch));
  }
  if (now->epoch >= last.epoch) last = {now->epoch, event.site};
}

/// What the home may have taken for the bucket's acks.
int StorageChecker::fewest_acks(const Known& known) const {
  const Time since = world_.loop().now() - old_orders_last;
  int fewest = known.bucket.acks;
  for (auto at = known.acks.rbegin(); at != known.acks.rend(); ++at) {
    fewest = std::min(fewest, at->second);
    if (at->first < since) break;
  }
  return fewest;
}

void StorageChecker::acknowledged(const BucketName& bucket, const std::string& key, const std::string& sha256) {
  ++checked_;
  const auto known = known_.find(bucket.str());
  if (known == known_.end()) return violated("an object of a bucket that control does not know was acknowledged");
  const auto& sites = sites_with_[object_name(bucket.str(), key, sha256)];
  const int fewest = fewest_acks(known->second);
  if (sites.size() >= static_cast<size_t>(fewest)) return;
  violated("an object of " + bucket.str() + " was acknowledged that " + std::to_string(sites.size()) + " of " +
           std::to_string(fewest) + " sites have");
}

void StorageChecker::check_keys() {
  for (size_t site = 0; site < world_.network().sites.size(); ++site) {
    SiteStorage* there = world_.storage(site);
    if (there == nullptr || there->copies() == nullptr) continue;
    for (const std::string& id : there->copies()->buckets()) {
      const auto name = names_.find(id);
      if (name == names_.end()) {
        violated("a site has the key of a bucket that control never had");
      } else {
        check_site(name->second, world_.network().sites[site], "the key");
      }
    }
  }
}

}  // namespace barrio::sim
