#pragma once
// Bits that rot on the disk of one site, in what is needed of buckets that another member in sync has whole as well. It
// reads the disks by itself: where a record stands, what it refers to, and whether all is whole again.

#include <deque>

#include "adapters/sealed_store/record.h"
#include "sim/storage_checker.h"

namespace barrio::sim {

class BitRot {
 public:
  BitRot(World& world, StorageChecker& checker, size_t site) : world_(world), checker_(checker), site_(site) {}

  int64_t struck() const { return static_cast<int64_t>(rotten_.size()); }
  /// Of those, as what_is_rotten() last saw it: were found and repaired, and not replaced or deleted before.
  int64_t repaired() const { return repaired_; }

  /// A bit rots, if there is one to do so: of a record of the journal, or of a file of content.
  void strike(ports::Folder folder) {
    std::vector<Target> targets;
    if (is_ready(site_)) {
      for (const std::string& id : world_.storage(site_)->copies()->buckets()) add_targets(id, folder, targets);
    }
    if (targets.empty()) return;
    Rng& rng = world_.loop().rng();
    Rotten rotten{std::move(targets[rng.below(targets.size())]), 0, 0, static_cast<char>(1U << rng.below(8))};
    rotten.at = rotten.target.from + rng.below(rotten.target.bytes.size());
    rotten.whole = rotten.target.bytes[rotten.at - rotten.target.from];
    flip(rotten);
    rotten_.push_back(std::move(rotten));
  }
  /// A record that rots, then all that its site remembers, then the other copy: that is more than a bucket of two
  /// copies survives, and which faults come next nobody knows. So the journal of a site that lost power is as it was
  /// written; damage that is found when it is opened is crash()'s.
  void mend_where_down() {
    if (world_.is_up(site_)) return;
    for (const Rotten& one : rotten_) {
      if (one.target.folder == ports::Folder::journal && is_rotten(one)) flip(one);
    }
  }
  /// Records rot, and the site loses power before anybody has seen it. Where all is well but for that.
  void crash(int records) {
    for (int i = 0; i < records; ++i) strike(ports::Folder::journal);
    world_.crash_site(site_);
    world_.boot_site(site_);
  }

  /// Empty: whatever is still needed of what rotted is whole. At rest.
  std::string what_is_rotten() {
    repaired_ = 0;
    for (const Rotten& one : rotten_) {
      const bool is_record = one.target.folder == ports::Folder::journal;
      const std::string_view now = world_.volume(site_).durable(one.target.folder, one.target.file);
      if (is_record ? !is_live(site_, one.target) : now.empty()) continue;
      if (is_record ? !has_record(site_, one.target.bytes) : is_rotten(one)) {
        return world_.network().sites[site_].id.str() + " has not repaired " + one.target.what;
      }
      ++repaired_;
    }
    return "";
  }

 private:
  using RecordKind = adapters::sealed_store::RecordKind;
  struct Target {
    ports::Folder folder = ports::Folder::journal;
    std::string file;
    size_t from = 0;
    std::string bytes;  // of the record, or the file
    std::string bucket;
    std::string name;  // among the bucket's copies
    std::string what;  // for people
  };
  struct Rotten {
    Target target;
    size_t at = 0;
    char whole = 0;
    char mask = 0;
  };

  bool is_ready(size_t site) {
    SiteStorage* there = world_.storage(site);
    return there != nullptr && there->service() != nullptr;
  }
  void flip(const Rotten& one) { world_.volume(site_).flip(one.target.folder, one.target.file, one.at, one.mask); }
  bool is_rotten(const Rotten& one) {
    const std::string_view now = world_.volume(site_).durable(one.target.folder, one.target.file);
    return one.at < now.size() && now[one.at] != one.whole;
  }

  /// A record says something there: of an object, of a setting, of an upload that is open.
  bool is_live(size_t site, const Target& record) {
    if (!is_ready(site)) return true;
    const uint64_t stamp = adapters::sealed_store::stamp_of(record.bytes);
    for (const auto& entry : world_.storage(site)->copies()->entries(record.bucket, "", 100'000)) {
      const bool is_upload = entry.name.starts_with("u/");
      if (is_upload ? entry.name == record.name : entry.stamp == stamp) return true;
    }
    return false;
  }
  bool has_record(size_t site, const std::string& record) {
    const Volume& volume = world_.volume(site);
    return std::ranges::any_of(volume.files(ports::Folder::journal), [&](const std::string& file) {
      return volume.durable(ports::Folder::journal, file).find(record) != std::string_view::npos;
    });
  }

  /// Members of the bucket in sync that are up, without this site; none where that is not in sync itself.
  std::vector<size_t> others_in_sync(const std::string& bucket) {
    std::vector<size_t> sites;
    const Bucket* known = checker_.bucket_of_id(bucket);
    if (known == nullptr) return sites;
    bool is_in_sync = false;
    const auto add = [&](const SiteId& id) {
      const size_t site = world_.index(id);
      is_in_sync = is_in_sync || site == site_;
      if (site != site_ && is_ready(site)) sites.push_back(site);
    };
    add(known->home);
    for (const Follower& follower : known->followers) {
      if (follower.state == CopyState::in_sync) add(follower.site);
    }
    return is_in_sync ? sites : std::vector<size_t>();
  }

  /// Whole here and at another member.
  void add_targets(const std::string& bucket, ports::Folder folder, std::vector<Target>& targets) {
    const auto others = others_in_sync(bucket);
    const auto key = world_.storage(site_)->copies()->give_key(bucket);
    if (others.empty() || !key) return;
    for (const auto& [record, body] : records_of(bucket, *key)) {
      const auto has = [&](size_t site) { return has_record(site, record.bytes); };
      if (!is_live(site_, record) || std::ranges::none_of(others, has)) continue;
      if (folder == ports::Folder::journal) {
        targets.push_back(record);
        continue;
      }
      for (const auto& extent : body.extents) add_content(extent.file, record, others, targets);
    }
  }

  void add_content(const std::string& file, const Target& record, const std::vector<size_t>& others,
                   std::vector<Target>& targets) {
    constexpr auto content = ports::Folder::content;
    const std::string bytes(world_.volume(site_).durable(content, file));
    const auto has = [&](size_t site) { return world_.volume(site).durable(content, file) == bytes; };
    if (bytes.empty() || std::ranges::none_of(others, has)) return;
    targets.push_back({content, file, 0, bytes, record.bucket, record.name, "content of " + record.what});
  }

  std::vector<std::pair<Target, adapters::sealed_store::RecordBody>> records_of(const std::string& bucket,
                                                                                const std::string& key) {
    using namespace adapters::sealed_store;
    std::vector<std::pair<Target, RecordBody>> found;
    for (const std::string& file : world_.volume(site_).files(ports::Folder::journal)) {
      const std::string_view bytes = world_.volume(site_).durable(ports::Folder::journal, file);
      for (size_t at = bytes.find("BRO1"); at != std::string_view::npos; at = bytes.find("BRO1", at + 1)) {
        const auto head = read_record_head(bytes.substr(at));
        if (!head || head->bucket != bucket) continue;
        const std::string record(bytes.substr(at, record_header_bytes + head->sealed_bytes));
        auto opened = open_record(record, key);
        if (!opened) continue;
        const bool is_of_upload = head->kind == RecordKind::upload || head->kind == RecordKind::part;
        const bool is_of_object = head->kind == RecordKind::put || head->kind == RecordKind::setting;
        if (!is_of_upload && !is_of_object) continue;
        const std::string name = is_of_upload ? "u/" + opened->body.upload : "";
        const std::string what = is_of_upload ? "an upload" : "'" + opened->body.meta.key + "'";
        found.emplace_back(Target{ports::Folder::journal, file, at, record, bucket, name, what},
                           std::move(opened->body));
      }
    }
    return found;
  }

  World& world_;
  StorageChecker& checker_;
  const size_t site_;
  std::deque<Rotten> rotten_;
  int64_t repaired_ = 0;
};

}  // namespace barrio::sim
