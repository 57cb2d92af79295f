#pragma once
// Buckets that are kept at several sites, as one of them sees them: which part this site has in each, what it may read,
// and, at a home, what the followers have. docs/storage.md tells the rules, docs/adr/0016 why they are these.
//
// A site acts on the orders that control gave it and on no others' word: a home sends changes of the epoch that it
// knows, a follower takes those of the home and the epoch that it knows. What was promised or granted for a time is
// counted so that whoever relies on it stops first.

#include <map>
#include <set>

#include "objects/object_events.h"
#include "objects/peers.h"
#include "ports/object_copies.h"
#include "ports/storage_control.h"

namespace barrio::objects {

struct CopiesConfig {
  SiteId site;
  Duration lease = 5s;         // a member that heard of the others so recently may read
  Duration margin = 1s;        // clocks of two sites run apart by less while a lease lasts
  Duration beat = 1s;          // homes speak to followers
  Duration silent_after = 3s;  // a follower that fails so long is reported to control
  Duration patience = 20s;     // of a write for its copies
  Duration ready_patience = 8s;
  Duration call_timeout = 5s;
  int64_t bytes_per_second = 32 * 1024 * 1024;  // of one copy that is being brought in step
};

/// From a home to a site that follows some of its buckets.
struct CopyBeat {
  struct Item {
    std::string bucket;  // its id
    int64_t epoch = 0;
    int64_t lease = 0;  // nanoseconds that may be read from when the token was given; 0: not
  };
  std::string run;    // of the follower's last answer ...
  int64_t token = 0;  // ... and its token; 0: none
  std::vector<Item> buckets;
};
BARRIO_DESCRIBE(CopyBeat::Item, (), (bucket, epoch, lease))
BARRIO_DESCRIBE(CopyBeat, (), (run, token, buckets))

struct CopyBeatAnswer {
  std::string run;                     // of this process: a follower that was started again is compared anew
  int64_t token = 0;                   // the time at the follower
  std::vector<std::string> confirmed;  // buckets of which it knows the same home and epoch
};
BARRIO_DESCRIBE(CopyBeatAnswer, (), (run, token, confirmed))

/// A follower's answer to a change: this content comes first.
struct MissingContent {
  std::vector<ports::ContentFile> missing;
};
BARRIO_DESCRIBE(MissingContent, (), (missing))

struct CopyEntryList {
  std::vector<ports::CopyEntry> entries;
};
BARRIO_DESCRIBE(CopyEntryList, (), (entries))

inline constexpr std::string_view copies_path = "/.barrio/copies/";
inline constexpr int too_early_status = 425;      // RFC 8470: a follower waits for what it promised another home
inline constexpr int other_session_status = 412;  // a follower takes a change once, and only of its last session
inline constexpr size_t entries_page = 1000;

class Copies final : public ports::CopySink {
 public:
  struct Parts {
    ports::Runtime& runtime;
    ports::ObjectStore& store;
    ports::ObjectCopies& copies;
    ports::StorageControl& control;
    ObjectEvents& events;
    Directory& directory;
    Peers& peers;
    std::function<void()> pull_now;  // asks control soon
  };
  Copies(Parts parts, CopiesConfig config);
  ~Copies() override;

  /// Fibers that run until the runtime is stopping.
  void run();

  /// Control has answered what was asked at this time.
  void heard_control(Time asked);
  /// What this site is to tell control of: buckets of which it misses something.
  std::vector<std::string> incomplete() const;
  /// New orders came after `before`: what this site is not to keep any more goes, and so does what was deleted.
  void follow_orders(const StorageOrders& before);
  /// What this site is not to keep any more goes, and what was deleted and could not go at once.
  void drop_left();
  /// A bucket with its home here was deleted, and its key could not be erased.
  void drop_later(const std::string& bucket) { deleted_.emplace(bucket, Was::home); }
  /// Something of buckets that were deleted is still here.
  bool has_deleted_left() const { return !deleted_.empty(); }

  /// Of a copied bucket that has its home here or is followed here: what is here is what was last acknowledged.
  /// `bucket` is a copy of the caller's, since orders may come while this parks. Errors: unavailable, with the reason.
  Result<void> may_read(const Bucket& bucket);
  /// Of a copied bucket that has its home here: waits a while for as many sites as it asks for. Errors: unavailable.
  Result<void> may_write(const Bucket& bucket);
  /// From a member that has the same record; `name`: among the bucket's copies. Errors: those of ObjectCopies::repair.
  Result<void> repair(const Bucket& bucket, const std::string& name);
  /// The record of this name, and those of the parts of an upload that are damaged.
  Result<void> repair_all(const Bucket& bucket, const std::string& name);

  /// Whether others have, or had, what this bucket has: who reads and writes it heeds epochs and leases. One that had
  /// copies once goes on doing so, as a site that has not heard that it keeps none may still read.
  bool is_copied(const Bucket& bucket) const;

  bool may_change(const std::string& bucket) const override;
  bool wants(const std::string& bucket) const override;
  Result<void> copy(const ports::CopiedChange& change) override;

  /// A request of another site (copy_calls.cpp).
  struct PeerRequest {
    SiteId peer;
    std::string method;
    std::string path;  // behind /.barrio/copies/
    std::function<std::string(const char*)> parameter;
    std::string body;
  };
  net::Response answer(PeerRequest request);

 private:
  /// A home's view of one follower.
  struct Link {
    bool behind = true;      // not compared since this process or that one began, or a change did not reach it
    uint64_t marks = 0;      // how often it was found to be
    bool comparing = false;  // a fiber does
    bool reporting = false;  // a fiber tells control of it
    bool live = false;       // it is sent changes though nobody waits for it yet
    std::string session;     // that it takes changes in; empty: one is to be opened
    bool opening = false;    // a fiber does
    uint64_t sent = 0;       // changes, to tell them apart
    Time confirmed;          // asked at
    Time granted_until;      // it may read until then
    std::optional<Time> failing_since;
    void fall_behind() {
      behind = true;
      live = false;
      ++marks;
    }
  };
  /// This site's part in a bucket.
  struct Role {
    int64_t epoch = 0;  // taken up, on the disk; 0: none in this process
    Time taken_at;
    Time acts_from;    // as home or for it: another home may read until then
    Time writes_from;  // as home: followers that no longer count may read until then
    SiteId promised_to;
    Time promised_until;
    Time reads_until;  // as follower
    std::map<SiteId, Link> links;
    std::set<SiteId> reported;  // to be in sync: control may have it so, though it was not heard to say it
  };
  /// A follower's view of what it takes of a bucket's home. A change that was sent long ago may still arrive, when its
  /// home has given it up and has sent others since: it is not of the last session then. One that arrives twice is
  /// taken once.
  struct Taking {
    static constexpr size_t most_numbers = 4096;
    bool take(uint64_t number);
    std::string session;
    uint64_t sessions = 0;
    std::set<uint64_t> numbers;  // of this session, that came
    uint64_t floor = 0;          // up to here nobody knows any more
    int under_way = 0;           // changes that are being written
  };
  struct Neighbour {
    std::string run;
    int64_t token = 0;
    Time token_at;
  };

  Time now() const { return parts_.runtime.now(); }
  bool is_stopping() const { return parts_.runtime.stopping(); }
  Result<void> drop(const std::string& bucket, const char* why);
  enum class Was { home, copy };
  void drop_deleted(const std::string& bucket, Was was);
  void wait_for_others(const Bucket& bucket, int64_t seen);
  Result<void> take_role(const Bucket& bucket);
  Result<void> open_home(const Bucket& bucket);
  Time home_reads_until(const Bucket& bucket, const Role& role) const;
  std::set<SiteId> required(const Bucket& bucket, const Role& role) const;
  Result<void> check_target(const Bucket& bucket, const SiteId& site) const;
  Result<net::Response> ask(const SiteId& site, const std::string& target, std::string body, const char* method);
  Result<void> send(const Bucket& bucket, const SiteId& site, const ports::CopiedChange& change);
  Result<net::Response> send_record(const Bucket& bucket, const SiteId& site, const std::string& record);
  Result<std::string> session_with(const Bucket& bucket, const SiteId& site);
  Result<void> send_file(const Bucket& bucket, const SiteId& site, const ports::ContentFile& file);
  void send_to_all(const Bucket& bucket, const ports::CopiedChange& change, std::set<SiteId>& has);
  void note_sent(const std::string& bucket, const SiteId& site, const Result<void>& sent);

  // copies_beat.cpp
  void beat_all();
  void beat_one(const SiteId& site, const std::vector<std::string>& ids);
  CopyBeat::Item beat_item(const Bucket& bucket, const SiteId& site, const Neighbour& neighbour);
  void take_beat_answer(const SiteId& site, const CopyBeatAnswer& answer, Time asked);
  void look_after(const Bucket& bucket);
  bool is_silent(const Role& role, const Link& link) const;
  void report(const Bucket& bucket, const SiteId& follower, CopyState state);
  // copies_compare.cpp
  void bring_in_step(const std::string& bucket, const SiteId& follower);
  Result<void> compare(const std::string& bucket, const SiteId& follower);
  Result<Bucket> led(const std::string& bucket, const SiteId& follower) const;
  Result<void> resend(const std::string& bucket, const SiteId& follower, const std::string& name);
  Result<int64_t> resend_once(const std::string& bucket, const SiteId& follower, const std::string& name,
                              bool& is_damaged);
  Result<std::vector<ports::CopyEntry>> entries_at(const std::string& bucket, const SiteId& follower,
                                                   const std::string& after);
  Result<void> send_key(const std::string& bucket, const SiteId& follower);
  // copy_calls.cpp
  net::Response take_beat(const PeerRequest& request);
  bool confirms(const CopyBeat& beat, const CopyBeat::Item& item, const SiteId& home);
  Result<Bucket> followed(const PeerRequest& request, const std::string& id);
  Result<net::Response> of_home(const Bucket& bucket, const std::string& what, PeerRequest request);
  Result<net::Response> take_session(const Bucket& bucket);
  Result<net::Response> take_change(const Bucket& bucket, PeerRequest request);
  Result<net::Response> take_complete(const Bucket& bucket, const PeerRequest& request);
  Taking& taking_of(const std::string& bucket);
  Result<void> take_key(const Bucket& bucket, const std::string& key);
  Result<net::Response> for_member(const PeerRequest& request, const std::string& id, const std::string& what);

  const Parts parts_;
  const CopiesConfig config_;
  const Time started_;
  const std::string run_;
  Time control_heard_;  // asked at
  bool pulled_ = false;
  std::map<std::string, Role> roles_;                      // by the bucket's id
  std::map<std::string, std::unique_ptr<Taking>> taking_;  // by the bucket's id; each stays where it is
  std::map<SiteId, Neighbour> neighbours_;
  std::set<SiteId> beating_;
  std::map<std::string, Was> deleted_;      // buckets that are gone, and whose keys are still here
  std::unique_ptr<ports::Signal> changed_;  // anything that a write may wait for
  uint64_t repaired_ = 0;
};

}  // namespace barrio::objects
