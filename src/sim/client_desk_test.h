#pragma once
// What the clients of a World's storage share: how they ask, and what is remembered of what they were told.

#include <map>
#include <set>

#include "base/md5.h"
#include "objects/s3_client_test.h"
#include "sim/register_history.h"
#include "sim/storage_checker.h"

namespace barrio::sim {

struct ClientBucket {
  BucketName name;
  Policy policy;
  int copies = 1;
  bool keeps_versions = false;
  bool object_lock = false;
  std::vector<size_t> sites = {};  // that its policy permits
};

class ClientDesk {
 public:
  using Answer = Result<net::Response>;
  /// `is_done`: what was asked was answered.
  using Done = std::function<void(bool is_done)>;
  static constexpr Duration patience = 25s;
  static constexpr size_t keys = 5;  // of each bucket

  ClientDesk(World& world, StorageChecker& checker)
      : world_(world), checker_(checker), right_time_(world.loop(), "clients") {}

  void set_key(S3Key key) { key_ = std::move(key); }
  StorageChecker& checker() { return checker_; }
  World& world() { return world_; }
  Rng& rng() { return world_.loop().rng(); }
  Time now() const { return world_.loop().now(); }
  WallTime right_time() { return right_time_.wall(); }
  int64_t asked() const { return asked_; }
  int64_t answered() const { return answered_; }
  static std::string key_name(size_t key) { return "k" + std::to_string(key); }
  std::string site_name(size_t site) const { return world_.network().sites[site].id.str(); }
  size_t permitted_site(const ClientBucket& bucket) { return bucket.sites[rng().below(bucket.sites.size())]; }

  void ask(size_t site, objects::Ask wanted, std::function<void(const Answer&)> done) {
    ++asked_;
    wanted.key = key_;
    world_.http().ask(site, objects::signed_request(std::move(wanted), right_time_.wall()), patience,
                      [this, done = std::move(done)](const Answer& answer) {
                        answered_ += answer ? 1 : 0;
                        done(answer);
                      });
  }
  void later(Duration most, std::function<void()> act) {
    world_.loop().after(from_ms(20 + to_ms(most) * rng().unit()), std::move(act));
  }
  void check_permitted(const ClientBucket& bucket, size_t site, const Answer& answer) {
    if (!answer || answer->status / 100 != 2 || std::ranges::find(bucket.sites, site) != bucket.sites.end()) return;
    checker_.violated("site " + site_name(site) + " serves bucket " + bucket.name.str() + ", whose policy forbids it");
  }
  /// Nothing was done: the request is refused for what it is.
  static bool is_refused(const Answer& answer) { return answer && answer->status / 100 == 4; }
  static bool is_status(const Answer& answer, int status) { return answer && answer->status == status; }

  /// Of an object, or a setting ("?tagging").
  RegisterHistory& history(const ClientBucket& bucket, const std::string& name) {
    return histories_[bucket.name.str() + "/" + name];
  }
  RegisterHistory& history(const ClientBucket& bucket, size_t key) { return history(bucket, key_name(key)); }
  const std::map<std::string, RegisterHistory>& histories() const { return histories_; }

  /// Of a content that one put alone has.
  uint64_t new_number() { return ++numbers_; }
  static std::string body_of(uint64_t number) {
    const uint64_t lot = mix(number, 7) % 40;
    const size_t bytes = lot == 0 ? 300'000 : lot < 4 ? 20'000 : 30 + lot * 10;
    std::string text = std::to_string(number) + ":";
    const size_t head = text.size();
    text.resize(bytes);
    for (size_t i = head; i < bytes; ++i) text[i] = static_cast<char>('a' + (number + i / 997) % 26);
    return text;
  }
  static std::string etag_of(std::string_view body) {
    Md5 md5;
    md5.add(body);
    return hex_of(md5.finish());
  }
  /// That this content has where it is listed.
  void know_etag(const std::string& etag, uint64_t number) { by_etag_[etag] = number; }
  /// `quoted`: as it is listed. None: nobody put it.
  std::optional<uint64_t> number_of_etag(const std::string& quoted) const {
    const auto known = quoted.size() < 2 ? by_etag_.end() : by_etag_.find(quoted.substr(1, quoted.size() - 2));
    return known == by_etag_.end() ? std::nullopt : std::optional(known->second);
  }
  uint64_t number_of(const ClientBucket& bucket, const std::string& body) {
    const auto number = parse_uint(body.substr(0, body.find(':')));
    if (number && *number != 0 && *number <= numbers_ && body == body_of(*number)) return *number;
    checker_.violated("an object of " + bucket.name.str() + " was read that nobody put");
    return RegisterHistory::absent;
  }

 private:
  World& world_;
  StorageChecker& checker_;
  SimRuntime right_time_;
  S3Key key_;
  uint64_t numbers_ = 0;
  int64_t asked_ = 0;
  int64_t answered_ = 0;
  std::map<std::string, uint64_t> by_etag_;
  std::map<std::string, RegisterHistory> histories_;  // by bucket and name
};

}  // namespace barrio::sim
