#pragma once
// Clients of the storage of a World: they put, read, delete and list objects at any of its sites, one request of each
// at a time, and remember what they were answered.

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
  std::vector<size_t> sites = {};  // that its policy permits
};

class StorageClients {
 public:
  static constexpr size_t keys = 5;  // of each bucket
  static constexpr Duration patience = 25s;

  StorageClients(World& world, StorageChecker& checker, std::vector<ClientBucket> buckets)
      : world_(world), checker_(checker), buckets_(std::move(buckets)), right_time_(world.loop(), "clients") {}

  void set_key(S3Key key) { key_ = std::move(key); }
  const std::vector<ClientBucket>& buckets() const { return buckets_; }
  void start(size_t clients) {
    running_ = true;
    for (size_t i = 0; i < clients; ++i) next();
  }
  void stop() { running_ = false; }
  int64_t asked() const { return asked_; }
  int64_t answered() const { return answered_; }

  void keep_versions(const ClientBucket& bucket) {
    ask(bucket.sites.front(),
        {"PUT", "/" + bucket.name.str() + "?versioning",
         "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"},
        [](const Answer&) {});
  }
  /// Reads every object at every site that may serve it. `unread`: told of those without an answer, at the end.
  void read_all(std::set<std::string>& unread) {
    for (const ClientBucket& bucket : buckets_) {
      for (size_t key = 0; key < keys; ++key) {
        for (const size_t site : bucket.sites) {
          const std::string name =
              bucket.name.str() + "/" + key_name(key) + " at " + world_.network().sites[site].id.str();
          unread.insert(name);
          get(bucket, key, site, [&unread, name](bool is_answered) {
            if (is_answered) unread.erase(name);
          });
        }
      }
    }
  }
  /// Puts every object once more. `unwritten`: told of those that were not acknowledged, at the end.
  void write_all(std::set<std::string>& unwritten) {
    for (const ClientBucket& bucket : buckets_) {
      for (size_t key = 0; key < keys; ++key) {
        const std::string name = bucket.name.str() + "/" + key_name(key);
        unwritten.insert(name);
        put(bucket, key, bucket.sites[rng().below(bucket.sites.size())], [&unwritten, name](bool is_done) {
          if (is_done) unwritten.erase(name);
        });
      }
    }
  }
  /// Empty: each object gave answers as one object would.
  std::string impossible() const {
    for (const auto& [name, history] : histories_) {
      if (!history.is_possible()) return name + " gave answers that one object cannot give:" + history.text();
    }
    return "";
  }
  int64_t acknowledged() const {
    size_t sum = 0;
    for (const auto& [name, history] : histories_) sum += history.acknowledged();
    return static_cast<int64_t>(sum);
  }

 private:
  using Answer = Result<net::Response>;
  using Done = std::function<void(bool is_answered)>;

  Rng& rng() { return world_.loop().rng(); }
  Time now() const { return world_.loop().now(); }
  static std::string key_name(size_t key) { return "k" + std::to_string(key); }
  RegisterHistory& history(const ClientBucket& bucket, size_t key) {
    return histories_[bucket.name.str() + "/" + key_name(key)];
  }
  static std::string body_of(uint64_t number) {
    const uint64_t lot = mix(number, 7) % 40;
    const size_t bytes = lot == 0 ? 300'000 : lot < 4 ? 20'000 : 30 + lot * 10;
    std::string text = std::to_string(number) + ":";
    const size_t head = text.size();
    text.resize(bytes);
    for (size_t i = head; i < bytes; ++i) text[i] = static_cast<char>('a' + (number + i / 997) % 26);
    return text;
  }

  void next() {
    world_.loop().after(from_ms(20 + 600 * rng().unit()), [this] {
      if (running_) begin();
    });
  }

  /// Now and then at a site that must refuse.
  size_t some_site(const ClientBucket& bucket) {
    return rng().below(20) == 0 ? rng().below(world_.network().sites.size())
                                : bucket.sites[rng().below(bucket.sites.size())];
  }

  void begin() {
    const ClientBucket& bucket = buckets_[rng().below(buckets_.size())];
    const size_t key = rng().below(keys);
    const size_t site = some_site(bucket);
    const Done done = [this](bool) { next(); };
    const uint64_t what = rng().below(100);
    if (what < 45) return put(bucket, key, site, done);
    if (what < 55) return remove(bucket, key, site, done);
    if (what < 60) return list(bucket, site, done);
    get(bucket, key, site, done);
  }

  void ask(size_t site, objects::Ask wanted, std::function<void(const Answer&)> done) {
    ++asked_;
    wanted.key = key_;
    world_.http().ask(site, objects::signed_request(std::move(wanted), right_time_.wall()), patience,
                      [this, done = std::move(done)](const Answer& answer) {
                        answered_ += answer ? 1 : 0;
                        done(answer);
                      });
  }

  void check_permitted(const ClientBucket& bucket, size_t site, const Answer& answer) {
    if (!answer || answer->status / 100 != 2 || std::ranges::find(bucket.sites, site) != bucket.sites.end()) return;
    checker_.violated("site " + world_.network().sites[site].id.str() + " serves bucket " + bucket.name.str() +
                      ", whose policy forbids it");
  }

  /// Nothing was done: the request is refused for what it is.
  static bool is_refused(const Answer& answer) { return answer && answer->status / 100 == 4; }

  void put(const ClientBucket& bucket, size_t key, size_t site, Done done) {
    const uint64_t number = ++numbers_;
    std::string body = body_of(number);
    Md5 md5;
    md5.add(body);
    by_etag_[hex_of(md5.finish())] = number;
    const std::string sha256 = sha256_hex(body);
    const size_t write = history(bucket, key).begin_write(now(), number);
    ask(site, {"PUT", "/" + bucket.name.str() + "/" + key_name(key), std::move(body)},
        [=, this, &bucket](const Answer& answer) {
          check_permitted(bucket, site, answer);
          if (answer && answer->status == 200) {
            history(bucket, key).written(write, now());
            checker_.acknowledged(bucket.name, key_name(key), sha256);
          } else if (is_refused(answer)) {
            history(bucket, key).refused(write);
          }
          done(answer && answer->status == 200);
        });
  }

  void remove(const ClientBucket& bucket, size_t key, size_t site, Done done) {
    const size_t write = history(bucket, key).begin_write(now(), RegisterHistory::absent);
    ask(site, {"DELETE", "/" + bucket.name.str() + "/" + key_name(key)}, [=, this, &bucket](const Answer& answer) {
      check_permitted(bucket, site, answer);
      if (answer && answer->status == 204)
        history(bucket, key).written(write, now());
      else if (is_refused(answer))
        history(bucket, key).refused(write);
      done(answer.has_value());
    });
  }

  void get(const ClientBucket& bucket, size_t key, size_t site, Done done) {
    const size_t read = history(bucket, key).begin_read(now());
    ask(site, {"GET", "/" + bucket.name.str() + "/" + key_name(key)}, [=, this, &bucket](const Answer& answer) {
      check_permitted(bucket, site, answer);
      const bool is_absent = answer && answer->status == 404 && objects::code_of(*answer) == "NoSuchKey";
      const bool is_there = answer && answer->status == 200;
      if (is_absent || is_there) {
        history(bucket, key).read(read, now(), is_there ? number_of(bucket, answer->body) : RegisterHistory::absent);
      } else {
        history(bucket, key).refused(read);
      }
      done(is_absent || is_there);
    });
  }

  uint64_t number_of(const ClientBucket& bucket, const std::string& body) {
    const auto number = parse_uint(body.substr(0, body.find(':')));
    if (number && *number != 0 && *number <= numbers_ && body == body_of(*number)) return *number;
    checker_.violated("an object of " + bucket.name.str() + " was read that nobody put");
    return RegisterHistory::absent;
  }

  /// One read of each of its objects.
  void list(const ClientBucket& bucket, size_t site, Done done) {
    std::vector<size_t> reads;
    for (size_t key = 0; key < keys; ++key) reads.push_back(history(bucket, key).begin_read(now()));
    ask(site, {"GET", "/" + bucket.name.str() + "?list-type=2"}, [=, this, &bucket](const Answer& answer) {
      check_permitted(bucket, site, answer);
      const auto xml = answer && answer->status == 200 ? api::s3::read_xml(answer->body)
                                                       : Result<api::s3::XmlElement>(fail(Code::unavailable, ""));
      std::map<std::string, std::string> listed;
      for (size_t i = 0; xml && i < xml->children.size(); ++i) {
        const api::s3::XmlElement& one = xml->children[i];
        if (one.name == "Contents") listed[one.text_of("Key")] = one.text_of("ETag");
      }
      for (size_t key = 0; key < keys; ++key) {
        if (!xml) {
          history(bucket, key).refused(reads[key]);
          continue;
        }
        const auto found = listed.find(key_name(key));
        uint64_t number = RegisterHistory::absent;
        if (found != listed.end()) {
          const auto known = by_etag_.find(found->second.substr(1, found->second.size() - 2));
          if (known == by_etag_.end()) checker_.violated("an object is listed that nobody put");
          if (known != by_etag_.end()) number = known->second;
        }
        history(bucket, key).read(reads[key], now(), number);
      }
      done(answer.has_value());
    });
  }

  World& world_;
  StorageChecker& checker_;
  const std::vector<ClientBucket> buckets_;
  SimRuntime right_time_;
  S3Key key_;
  bool running_ = false;
  uint64_t numbers_ = 0;
  int64_t asked_ = 0;
  int64_t answered_ = 0;
  std::map<std::string, uint64_t> by_etag_;
  std::map<std::string, RegisterHistory> histories_;  // by bucket and key
};

}  // namespace barrio::sim
