#pragma once
// Clients of the storage of a World: they put, read, delete and list objects at any of its sites, and the tags of
// buckets, one request of each at a time.

#include "sim/client_desk_test.h"

namespace barrio::sim {

class StorageClients {
 public:
  static constexpr size_t keys = ClientDesk::keys;

  /// `sets_tags`: of buckets, too.
  StorageClients(ClientDesk& desk, std::vector<ClientBucket> buckets, bool sets_tags)
      : desk_(desk), buckets_(std::move(buckets)), sets_tags_(sets_tags) {}

  const std::vector<ClientBucket>& buckets() const { return buckets_; }
  void start(size_t clients) {
    running_ = true;
    for (size_t i = 0; i < clients; ++i) next();
  }
  void stop() { running_ = false; }

  void keep_versions(const ClientBucket& bucket) {
    desk_.ask(bucket.sites.front(),
              {"PUT", "/" + bucket.name.str() + "?versioning",
               "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"},
              [](const Answer&) {});
  }
  /// Reads every object, and the tags of each bucket, at every site that may serve it. `unread`: told of those without
  /// an answer, at the end.
  void read_all(std::set<std::string>& unread) {
    for (const ClientBucket& bucket : buckets_) {
      for (const size_t site : bucket.sites) {
        const auto noted = [&](const std::string& what) -> Done {
          const std::string name = bucket.name.str() + "/" + what + " at " + desk_.site_name(site);
          unread.insert(name);
          return [&unread, name](bool is_answered) {
            if (is_answered) unread.erase(name);
          };
        };
        for (size_t key = 0; key < keys; ++key) get(bucket, key, site, noted(desk_.key_name(key)));
        if (sets_tags_) get_tags(bucket, site, noted(tagging));
      }
    }
  }
  /// Puts every object once more. `unwritten`: told of those that were not acknowledged, at the end.
  void write_all(std::set<std::string>& unwritten) {
    for (const ClientBucket& bucket : buckets_) {
      for (size_t key = 0; key < keys; ++key) {
        const std::string name = bucket.name.str() + "/" + desk_.key_name(key);
        unwritten.insert(name);
        put(bucket, key, desk_.permitted_site(bucket), [&unwritten, name](bool is_done) {
          if (is_done) unwritten.erase(name);
        });
      }
    }
  }
  /// Empty: each object gave answers as one object would.
  std::string impossible() const {
    for (const auto& [name, history] : desk_.histories()) {
      if (!history.is_possible()) return name + " gave answers that one object cannot give:" + history.text();
    }
    return "";
  }
  int64_t acknowledged() const {
    size_t sum = 0;
    for (const auto& [name, history] : desk_.histories()) sum += history.acknowledged();
    return static_cast<int64_t>(sum);
  }

 private:
  using Answer = ClientDesk::Answer;
  using Done = ClientDesk::Done;
  static constexpr const char* tagging = "?tagging";

  void next() {
    desk_.later(600ms, [this] {
      if (running_) begin();
    });
  }

  /// Now and then at a site that must refuse.
  size_t some_site(const ClientBucket& bucket) {
    return desk_.rng().below(20) == 0 ? desk_.rng().below(desk_.world().network().sites.size())
                                      : desk_.permitted_site(bucket);
  }

  void begin() {
    Rng& rng = desk_.rng();
    const ClientBucket& bucket = buckets_[rng.below(buckets_.size())];
    const size_t key = rng.below(keys);
    const size_t site = some_site(bucket);
    const Done done = [this](bool) { next(); };
    const uint64_t what = rng.below(100);
    if (sets_tags_ && rng.below(8) == 0) return what < 30 ? set_tags(bucket, site, done) : get_tags(bucket, site, done);
    if (what < 45) return put(bucket, key, site, done);
    if (what < 55) return remove(bucket, key, site, done);
    if (what < 60) return list(bucket, site, done);
    get(bucket, key, site, done);
  }

  void put(const ClientBucket& bucket, size_t key, size_t site, Done done) {
    const uint64_t number = desk_.new_number();
    std::string body = ClientDesk::body_of(number);
    desk_.know_etag(ClientDesk::etag_of(body), number);
    const std::string sha256 = sha256_hex(body);
    write(bucket, desk_.key_name(key), number, site,
          {"PUT", "/" + bucket.name.str() + "/" + desk_.key_name(key), std::move(body)}, 200,
          [=, this, &bucket](bool is_done) {
            if (is_done) desk_.checker().acknowledged(bucket.name, desk_.key_name(key), sha256);
            done(is_done);
          });
  }

  void remove(const ClientBucket& bucket, size_t key, size_t site, Done done) {
    write(bucket, desk_.key_name(key), RegisterHistory::absent, site,
          {"DELETE", "/" + bucket.name.str() + "/" + desk_.key_name(key)}, 204, std::move(done));
  }

  void set_tags(const ClientBucket& bucket, size_t site, Done done) {
    const std::string target = "/" + bucket.name.str() + tagging;
    if (desk_.rng().below(4) == 0) {
      return write(bucket, tagging, RegisterHistory::absent, site, {"DELETE", target}, 204, std::move(done));
    }
    const uint64_t number = desk_.new_number();
    write(bucket, tagging, number, site,
          {"PUT", target,
           "<Tagging><TagSet><Tag><Key>number</Key><Value>" + std::to_string(number) +
               "</Value></Tag></TagSet></Tagging>"},
          204, std::move(done));
  }

  void write(const ClientBucket& bucket, const std::string& name, uint64_t value, size_t site, objects::Ask wanted,
             int success, Done done) {
    const size_t write = desk_.history(bucket, name).begin_write(desk_.now(), value);
    desk_.ask(site, std::move(wanted), [=, this, &bucket, done = std::move(done)](const Answer& answer) {
      desk_.check_permitted(bucket, site, answer);
      const bool is_done = desk_.is_status(answer, success);
      if (is_done)
        desk_.history(bucket, name).written(write, desk_.now());
      else if (desk_.is_refused(answer))
        desk_.history(bucket, name).refused(write);
      done(is_done);
    });
  }

  void get(const ClientBucket& bucket, size_t key, size_t site, Done done) {
    read(
        bucket, desk_.key_name(key), site, {"GET", "/" + bucket.name.str() + "/" + desk_.key_name(key)}, "NoSuchKey",
        [this, &bucket](const std::string& body) { return desk_.number_of(bucket, body); }, std::move(done));
  }

  void get_tags(const ClientBucket& bucket, size_t site, Done done) {
    read(
        bucket, tagging, site, {"GET", "/" + bucket.name.str() + tagging}, "NoSuchTagSet",
        [this](const std::string& body) -> uint64_t {
          const size_t at = body.find("<Value>");
          const size_t end = body.find("</Value>");
          const auto number = end == std::string::npos ? std::nullopt : parse_uint(body.substr(at + 7, end - at - 7));
          if (!number) desk_.checker().violated("tags of a bucket were read that nobody put");
          return number.value_or(RegisterHistory::absent);
        },
        std::move(done));
  }

  void read(const ClientBucket& bucket, const std::string& name, size_t site, objects::Ask wanted,
            const std::string& absent_code, std::function<uint64_t(const std::string& body)> value_of, Done done) {
    const size_t read = desk_.history(bucket, name).begin_read(desk_.now());
    desk_.ask(site, std::move(wanted),
              [=, this, &bucket, value_of = std::move(value_of), done = std::move(done)](const Answer& answer) {
                desk_.check_permitted(bucket, site, answer);
                const bool is_absent = desk_.is_status(answer, 404) && objects::code_of(*answer) == absent_code;
                const bool is_there = desk_.is_status(answer, 200);
                RegisterHistory& history = desk_.history(bucket, name);
                if (is_absent || is_there) {
                  history.read(read, desk_.now(), is_there ? value_of(answer->body) : RegisterHistory::absent);
                } else {
                  history.refused(read);
                }
                done(is_absent || is_there);
              });
  }

  /// One read of each of its objects.
  void list(const ClientBucket& bucket, size_t site, Done done) {
    std::vector<size_t> reads;
    for (size_t key = 0; key < keys; ++key) reads.push_back(desk_.history(bucket, key).begin_read(desk_.now()));
    desk_.ask(site, {"GET", "/" + bucket.name.str() + "?list-type=2"}, [=, this, &bucket](const Answer& answer) {
      desk_.check_permitted(bucket, site, answer);
      const auto xml = answer && answer->status == 200 ? api::s3::read_xml(answer->body)
                                                       : Result<api::s3::XmlElement>(fail(Code::unavailable, ""));
      std::map<std::string, std::string> listed;
      for (size_t i = 0; xml && i < xml->children.size(); ++i) {
        const api::s3::XmlElement& one = xml->children[i];
        if (one.name == "Contents") listed[one.text_of("Key")] = one.text_of("ETag");
      }
      for (size_t key = 0; key < keys; ++key) {
        if (!xml) {
          desk_.history(bucket, key).refused(reads[key]);
          continue;
        }
        const auto found = listed.find(desk_.key_name(key));
        uint64_t number = RegisterHistory::absent;
        if (found != listed.end()) {
          const auto known = desk_.number_of_etag(found->second);
          if (!known) desk_.checker().violated("an object is listed that nobody put");
          if (known) number = *known;
        }
        desk_.history(bucket, key).read(reads[key], desk_.now(), number);
      }
      done(answer.has_value());
    });
  }

  ClientDesk& desk_;
  const std::vector<ClientBucket> buckets_;
  const bool sets_tags_;
  bool running_ = false;
};

}  // namespace barrio::sim
