#pragma once
// Clients of buckets that keep versions: they put, hide, read, lock and delete single versions, and know what must be
// there, what must not, and what may be. Buckets of their own: a key whose newest version is deleted by its id shows an
// older one again, which is no register.

#include "sim/client_desk_test.h"

namespace barrio::sim {

class VersionClients {
 public:
  static constexpr size_t keys = 3;
  /// Between the least and the most that a version is locked for.
  static constexpr auto least_lock = std::chrono::seconds(40);
  static constexpr auto most_lock = std::chrono::seconds(240);
  static constexpr auto longer_lock = std::chrono::seconds(30);
  /// All clocks set on by so much, every lock has ended that no hold keeps.
  static constexpr auto past_all_locks = std::chrono::minutes(10);

  VersionClients(ClientDesk& desk, std::vector<ClientBucket> buckets) : desk_(desk), buckets_(std::move(buckets)) {}

  const std::vector<ClientBucket>& buckets() const { return buckets_; }
  void start(size_t clients) {
    if (buckets_.empty()) return;
    running_ = true;
    for (size_t i = 0; i < clients; ++i) next();
  }
  void stop() { running_ = false; }
  int64_t deleted() const { return deleted_; }
  int64_t kept_locked() const { return kept_locked_; }

  /// `open`: told of the buckets that do not yet, at the end.
  void keep_versions(std::set<std::string>& open) {
    for (const ClientBucket& bucket : buckets_) {
      const std::string name = bucket.name.str();
      if (bucket.object_lock || keeping_.contains(name)) continue;  // with object lock from its begin
      open.insert(name);
      desk_.ask(bucket.sites.front(),
                {"PUT", "/" + name + "?versioning",
                 "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"},
                [this, &open, name](const Answer& answer) {
                  if (!ClientDesk::is_status(answer, 200)) return;
                  open.erase(name);
                  keeping_.insert(name);
                });
    }
  }

  /// Lists each bucket at every site that may serve it, and judges what is listed. `unlisted`: told of those without an
  /// answer, at the end.
  void check_lists(std::set<std::string>& unlisted) {
    for (const ClientBucket& bucket : buckets_) {
      for (const size_t site : bucket.sites) {
        const std::string name = bucket.name.str() + " at " + desk_.site_name(site);
        unlisted.insert(name);
        desk_.ask(site, {"GET", "/" + bucket.name.str() + "?versions"},
                  [this, &bucket, &unlisted, name](const Answer& answer) {
                    const auto xml = desk_.is_status(answer, 200)
                                         ? api::s3::read_xml(answer->body)
                                         : Result<api::s3::XmlElement>(fail(Code::unavailable, ""));
                    if (!xml) return;
                    unlisted.erase(name);
                    judge(bucket, name, *xml);
                  });
      }
    }
  }
  /// Reads all that must be there, everywhere.
  void read_all(std::set<std::string>& unread) {
    for (const ClientBucket& bucket : buckets_) {
      for (auto& [key, versions] : of(bucket)) {
        for (const auto& version : versions.known) {
          if (version->marker || may_be_gone(*version)) continue;
          for (const size_t site : bucket.sites) {
            const std::string name = target(bucket, key, version->id) + " at " + desk_.site_name(site);
            unread.insert(name);
            read(bucket, key, version, site, [&unread, name](bool is_done) {
              if (is_done) unread.erase(name);
            });
          }
        }
      }
    }
  }
  /// Deletes all that is listed, after its time, and ends holds before. `left`: that is still listed.
  void delete_all(std::set<std::string>& left) {
    for (const ClientBucket& bucket : buckets_) {
      const std::string name = bucket.name.str();
      left.insert(name);
      desk_.ask(
          desk_.permitted_site(bucket), {"GET", "/" + name + "?versions"},
          [this, &left, &bucket, name](const Answer& answer) {
            const auto xml = desk_.is_status(answer, 200) ? api::s3::read_xml(answer->body)
                                                          : Result<api::s3::XmlElement>(fail(Code::unavailable, ""));
            if (!xml) return;
            left.erase(name);
            for (const api::s3::XmlElement& one : xml->children) {
              if (one.name != "Version" && one.name != "DeleteMarker") continue;
              const std::string path = "/" + name + "/" + one.text_of("Key");
              const std::string id = one.text_of("VersionId");
              left.insert(path + " " + id);
              const size_t site = desk_.permitted_site(bucket);
              const auto remove = [this, site, path, id] {
                desk_.ask(site, {"DELETE", path + "?versionId=" + id}, [](const Answer&) {});
              };
              if (!bucket.object_lock || one.name == "DeleteMarker") {
                remove();
                continue;
              }
              desk_.ask(site,
                        {"PUT", path + "?legal-hold&versionId=" + id, "<LegalHold><Status>OFF</Status></LegalHold>"},
                        [remove](const Answer&) { remove(); });
            }
          });
    }
  }

 private:
  using Answer = ClientDesk::Answer;
  using Done = ClientDesk::Done;

  struct Deletion {
    WallTime begin;
    WallTime end = WallTime::max();
    bool bypasses = false;
    bool is_done = false;
  };
  struct Version {
    std::string id;
    uint64_t number = 0;
    bool marker = false;
    Time begin;
    Time end;
    bool complies = false;            // else it is governed, where it is locked
    std::optional<WallTime> until{};  // it is locked for sure
    bool held = false;
    std::vector<std::shared_ptr<Deletion>> deletions = {};
  };
  using VersionRef = std::shared_ptr<Version>;
  struct Versions {
    std::vector<VersionRef> known;   // acknowledged, in the order of their answers
    std::set<std::string> may_come;  // etags of puts without an answer
    size_t markers_may_come = 0;
  };
  /// In which a change that nobody heard of is done, or never.
  static constexpr auto latest_effect =
      std::chrono::duration_cast<std::chrono::milliseconds>(RegisterHistory::latest_effect);

  std::map<size_t, Versions>& of(const ClientBucket& bucket) { return versions_[bucket.name.str()]; }
  static std::string path(const ClientBucket& bucket, size_t key) {
    return "/" + bucket.name.str() + "/" + ClientDesk::key_name(key);
  }
  static std::string target(const ClientBucket& bucket, size_t key, const std::string& version) {
    return path(bucket, key) + "?versionId=" + version;
  }

  void next() {
    desk_.later(1200ms, [this] {
      if (running_) begin();
    });
  }

  void begin() {
    Rng& rng = desk_.rng();
    const ClientBucket& bucket = buckets_[rng.below(buckets_.size())];
    const size_t key = rng.below(keys);
    const size_t site = desk_.permitted_site(bucket);
    Versions& versions = of(bucket)[key];
    const Done done = [this](bool) { next(); };
    const uint64_t what = rng.below(100);
    if (versions.known.empty() || what < 30) return put(bucket, key, site);
    if (what < 40) return hide(bucket, key, site);
    const VersionRef& version = versions.known[rng.below(versions.known.size())];
    if (what < 65) return remove(bucket, key, version, site);
    if (what < 75 && version->until) return lock_longer(bucket, key, version, site);
    if (what < 80 && version->until) return weaken(bucket, key, version, site);
    if (version->marker) return next();
    read(bucket, key, version, site, done);
  }

  void put(const ClientBucket& bucket, size_t key, size_t site) {
    Rng& rng = desk_.rng();
    auto version = std::make_shared<Version>();
    version->number = desk_.new_number();
    version->begin = desk_.now();
    std::string body = ClientDesk::body_of(version->number);
    const std::string etag = ClientDesk::etag_of(body);
    const std::string sha256 = sha256_hex(body);
    desk_.know_etag(etag, version->number);
    of(bucket)[key].may_come.insert(etag);
    objects::Ask wanted{"PUT", path(bucket, key), std::move(body)};
    if (bucket.object_lock && rng.below(3) != 0) {
      version->complies = rng.below(2) == 0;
      const auto range = static_cast<uint64_t>((most_lock - least_lock).count());
      version->until = desk_.right_time() + least_lock + std::chrono::seconds(rng.below(range));
      wanted.headers = {{"x-amz-object-lock-mode", version->complies ? "COMPLIANCE" : "GOVERNANCE"},
                        {"x-amz-object-lock-retain-until-date", to_string(*version->until)}};
    }
    if (bucket.object_lock && rng.below(6) == 0) {
      version->held = true;
      wanted.headers.emplace_back("x-amz-object-lock-legal-hold", "ON");
    }
    desk_.ask(site, std::move(wanted), [=, this, &bucket](const Answer& answer) {
      Versions& versions = of(bucket)[key];
      if (desk_.is_status(answer, 200)) {
        desk_.checker().acknowledged(bucket.name, ClientDesk::key_name(key), sha256);
        note(versions, version, *answer);
      }
      if (desk_.is_status(answer, 200) || desk_.is_refused(answer)) versions.may_come.erase(etag);
      next();
    });
  }

  void note(Versions& versions, const VersionRef& version, const net::Response& answer) {
    version->id = std::string(net::find_header(answer.headers, "x-amz-version-id").value_or(""));
    version->end = desk_.now();
    for (const VersionRef& other : versions.known) {
      if (other->id == version->id) desk_.checker().violated("two versions of one key have the id " + version->id);
    }
    versions.known.push_back(version);
  }

  /// A delete marker comes.
  void hide(const ClientBucket& bucket, size_t key, size_t site) {
    auto version = std::make_shared<Version>();
    version->marker = true;
    version->begin = desk_.now();
    ++of(bucket)[key].markers_may_come;
    desk_.ask(site, {"DELETE", path(bucket, key)}, [=, this, &bucket](const Answer& answer) {
      Versions& versions = of(bucket)[key];
      const bool is_done = desk_.is_status(answer, 204);
      if (is_done) note(versions, version, *answer);
      if (is_done || desk_.is_refused(answer)) --versions.markers_may_come;
      next();
    });
  }

  void remove(const ClientBucket& bucket, size_t key, const VersionRef& version, size_t site) {
    auto deletion = std::make_shared<Deletion>();
    deletion->begin = desk_.right_time();
    objects::Ask wanted{"DELETE", target(bucket, key, version->id)};
    if (desk_.rng().below(3) == 0) {
      deletion->bypasses = true;
      wanted.headers = {{"x-amz-bypass-governance-retention", "true"}};
    }
    const bool may_have_gone = may_be_gone(*version);
    const bool was_locked = is_locked(*version, deletion->begin, deletion->bypasses);
    version->deletions.push_back(deletion);
    desk_.ask(site, std::move(wanted), [=, this, &bucket](const Answer& answer) {
      deletion->end = desk_.right_time();
      if (desk_.is_refused(answer)) {
        std::erase(version->deletions, deletion);
      } else if (desk_.is_status(answer, 204)) {
        deletion->is_done = true;
        ++deleted_;
        // Whoever deletes what has gone is answered the same.
        if (!may_have_gone && was_locked && is_locked(*version, deletion->end, deletion->bypasses)) {
          desk_.checker().violated("a locked version was deleted: " + target(bucket, key, version->id));
        }
      }
      next();
    });
  }

  static bool is_locked(const Version& version, WallTime at, bool bypasses) {
    if (version.held) return true;
    return version.until && *version.until > at && (version.complies || !bypasses);
  }
  bool may_take(const Version& version, const Deletion& deletion) {
    return deletion.is_done ||
           !is_locked(version, std::min(deletion.begin + latest_effect, desk_.right_time()), deletion.bypasses);
  }
  bool may_be_gone(const Version& version) {
    return std::ranges::any_of(version.deletions, [&](const auto& one) { return may_take(version, *one); });
  }
  static bool is_gone(const Version& version) {
    return std::ranges::any_of(version.deletions, [](const auto& one) { return one->is_done; });
  }

  void lock_longer(const ClientBucket& bucket, size_t key, const VersionRef& version, size_t site) {
    const WallTime until = *version->until + longer_lock;
    retain(bucket, key, version, site, version->complies ? "COMPLIANCE" : "GOVERNANCE", until,
           [version, until](const Answer& answer) {
             if (ClientDesk::is_status(answer, 200)) version->until = std::max(*version->until, until);
           });
  }

  /// Must be refused.
  void weaken(const ClientBucket& bucket, size_t key, const VersionRef& version, size_t site) {
    const WallTime sooner = desk_.right_time() + std::chrono::seconds(1);
    if (!version->complies || sooner >= *version->until) return next();
    retain(bucket, key, version, site, "COMPLIANCE", sooner, [=, this, &bucket](const Answer& answer) {
      if (desk_.is_status(answer, 200) && *version->until > desk_.right_time()) {
        desk_.checker().violated("a lock was weakened: " + target(bucket, key, version->id));
      }
    });
  }

  void retain(const ClientBucket& bucket, size_t key, const VersionRef& version, size_t site, const std::string& mode,
              WallTime until, std::function<void(const Answer&)> then) {
    desk_.ask(
        site,
        {"PUT",
         path(bucket, key) + "?retention&versionId=" + version->id,
         "<Retention><Mode>" + mode + "</Mode><RetainUntilDate>" + to_string(until) + "</RetainUntilDate></Retention>",
         {{"x-amz-bypass-governance-retention", "true"}}},
        [this, then = std::move(then)](const Answer& answer) {
          then(answer);
          next();
        });
  }

  void read(const ClientBucket& bucket, size_t key, const VersionRef& version, size_t site, Done done) {
    const bool was_gone = is_gone(*version);
    desk_.ask(site, {"GET", target(bucket, key, version->id)}, [=, this, &bucket](const Answer& answer) {
      const bool is_there = desk_.is_status(answer, 200);
      const bool is_absent = desk_.is_status(answer, 404) && objects::code_of(*answer) == "NoSuchVersion";
      const std::string name = target(bucket, key, version->id);
      if (is_there && desk_.number_of(bucket, answer->body) != version->number) {
        desk_.checker().violated(name + " has the content of another version");
      }
      if (is_there && was_gone) desk_.checker().violated(name + " was read after its deletion was acknowledged");
      if (is_absent && !may_be_gone(*version)) desk_.checker().violated(name + " was put and is not there");
      done(is_there || is_absent);
    });
  }

  /// At rest.
  void judge(const ClientBucket& bucket, const std::string& where, const api::s3::XmlElement& xml) {
    std::map<std::string, std::vector<const api::s3::XmlElement*>> listed;  // from newest to oldest
    for (const api::s3::XmlElement& one : xml.children) {
      if (one.name == "Version" || one.name == "DeleteMarker") listed[one.text_of("Key")].push_back(&one);
    }
    for (size_t key = 0; key < keys; ++key) {
      const std::string why = wrong_with(of(bucket)[key], listed[ClientDesk::key_name(key)]);
      if (!why.empty()) desk_.checker().violated(where + ": " + ClientDesk::key_name(key) + ": " + why);
    }
  }

  std::string wrong_with(const Versions& versions, const std::vector<const api::s3::XmlElement*>& listed) {
    std::map<std::string, size_t> place;  // by id
    size_t unknown_markers = 0;
    std::set<std::string> unknown;
    for (size_t i = 0; i < listed.size(); ++i) {
      const api::s3::XmlElement& one = *listed[i];
      const std::string id = one.text_of("VersionId");
      place[id] = i;
      if ((one.text_of("IsLatest") == "true") != (i == 0)) return "which is the latest is not told right";
      const auto known = std::ranges::find(versions.known, id, [](const VersionRef& version) { return version->id; });
      if (known != versions.known.end()) {
        if ((*known)->marker != (one.name == "DeleteMarker")) return id + " is of another kind";
        if (!(*known)->marker && desk_.number_of_etag(one.text_of("ETag")) != (*known)->number)
          return id + " has another ETag";
      } else if (one.name == "DeleteMarker") {
        ++unknown_markers;
      } else if (!versions.may_come.contains(objects_etag(one)) || !unknown.insert(objects_etag(one)).second) {
        return "a version is listed that nobody put: " + id;
      }
    }
    if (unknown_markers > versions.markers_may_come) return "there are delete markers that nobody made";
    return misses(versions, place);
  }

  static std::string objects_etag(const api::s3::XmlElement& one) {
    const std::string quoted = one.text_of("ETag");
    return quoted.size() < 2 ? "" : quoted.substr(1, quoted.size() - 2);
  }

  std::string misses(const Versions& versions, const std::map<std::string, size_t>& place) {
    for (const VersionRef& version : versions.known) {
      const auto found = place.find(version->id);
      if (found == place.end() && !may_be_gone(*version)) return version->id + " was put and is not there";
      if (found != place.end() && is_gone(*version)) return version->id + " is there after its deletion";
      if (found == place.end()) continue;
      if (is_locked(*version, desk_.right_time(), false)) ++kept_locked_;
      for (const VersionRef& other : versions.known) {
        const auto its = place.find(other->id);
        if (its != place.end() && version->end < other->begin && found->second < its->second) {
          return other->id + " was put after " + version->id + " and stands behind it";
        }
      }
    }
    return "";
  }

  ClientDesk& desk_;
  const std::vector<ClientBucket> buckets_;
  bool running_ = false;
  std::set<std::string> keeping_;  // buckets that keep versions
  int64_t deleted_ = 0;
  int64_t kept_locked_ = 0;
  std::map<std::string, std::map<size_t, Versions>> versions_;  // by bucket and key
};

}  // namespace barrio::sim
