// What other sites ask this one about buckets that both keep.

#include <charconv>

#include "base/hash.h"
#include "base/text.h"
#include "decide/residency/buckets.h"
#include "objects/copies.h"

namespace barrio::objects {

namespace {

constexpr Duration orders_patience = 2s;  // for orders that another site has already
constexpr Duration look = 100ms;

/// Counts itself while it is there.
class UnderWay {
 public:
  UnderWay(int& count, ports::Signal& ended) : count_(++count), ended_(ended) {}
  ~UnderWay() {
    --count_;
    ended_.notify();
  }
  UnderWay(const UnderWay&) = delete;
  UnderWay& operator=(const UnderWay&) = delete;

 private:
  int& count_;
  ports::Signal& ended_;
};

net::Response with_status(int status, std::string body = {}) {
  net::Response response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

net::Response refusal(const Error& error) {
  switch (error.code) {
    case Code::not_found: return with_status(404, error.text());
    case Code::conflict: return with_status(409, error.text());
    case Code::denied: return with_status(403, error.text());
    case Code::invalid: return with_status(400, error.text());
    case Code::exhausted: return with_status(507, error.text());
    default: return with_status(503, error.text());
  }
}

Result<int64_t> number(const Copies::PeerRequest& request, const char* name) {
  const auto value = parse_uint(request.parameter(name));
  if (!value || *value > INT64_MAX) return fail(Code::invalid, "must be a number", name);
  return static_cast<int64_t>(*value);
}

}  // namespace

net::Response Copies::answer(PeerRequest request) {
  if (request.path == "beat" && request.method == "POST") return take_beat(request);
  const size_t slash = request.path.find('/');
  if (slash == std::string::npos) return with_status(404, "there is no such path");
  const std::string id = request.path.substr(0, slash);
  const std::string what = request.path.substr(slash + 1);
  Result<net::Response> answered = fail(Code::not_found, "");
  if (request.method == "GET" && what != "entries") {
    answered = for_member(request, id, what);
  } else {
    const auto bucket = followed(request, id);
    answered = bucket ? of_home(*bucket, what, std::move(request)) : Result<net::Response>(fail(bucket.error()));
  }
  return answered ? std::move(*answered) : refusal(answered.error());
}

net::Response Copies::take_beat(const PeerRequest& request) {
  const auto json = parse_json(request.body);
  const auto beat = json ? from_json<CopyBeat>(*json) : Result<CopyBeat>(fail(json.error()));
  if (!beat) return refusal(beat.error());
  CopyBeatAnswer answer{run_, now().time_since_epoch().count(), {}};
  for (const CopyBeat::Item& item : beat->buckets) {
    if (confirms(*beat, item, request.peer)) answer.confirmed.push_back(item.bucket);
  }
  return with_status(200, print_json(to_json(answer)));
}

/// Knows the same home and epoch, on the disk; then no other home acts with this site for a while.
bool Copies::confirms(const CopyBeat& beat, const CopyBeat::Item& item, const SiteId& home) {
  const Bucket* found = parts_.directory.find_id(item.bucket);
  if (found == nullptr || found->epoch < item.epoch) parts_.pull_now();
  if (found == nullptr || found->epoch != item.epoch || found->home != home) return false;
  const Bucket bucket = *found;
  const Follower* self = bucket.follower(config_.site);
  if (self == nullptr || !parts_.store.has_bucket(bucket.id) || !take_role(bucket)) return false;
  // Orders may have come while it was taken up.
  found = parts_.directory.find_id(item.bucket);
  Role& role = roles_[item.bucket];
  if (found == nullptr || found->epoch != item.epoch || role.epoch != item.epoch) return false;
  role.promised_to = home;
  role.promised_until = now() + config_.lease + config_.margin;
  const Time token(Duration(beat.token));
  const bool is_ours = beat.run == run_ && beat.token > 0 && token <= now();
  if (item.lease > 0 && is_ours && self->state == CopyState::in_sync) {
    role.reads_until = std::max(role.reads_until, token + std::min(config_.lease, Duration(item.lease)));
  }
  return true;
}

/// The bucket, if that site leads it and this one follows, both at the epoch of the request. Errors: conflict (another
/// epoch), denied.
Result<Bucket> Copies::followed(const PeerRequest& request, const std::string& id) {
  TRY(const int64_t epoch, number(request, "epoch"));
  const Time latest = now() + orders_patience;
  const Bucket* found = parts_.directory.find_id(id);
  while ((found == nullptr || found->epoch < epoch) && now() < latest && !is_stopping()) {
    parts_.pull_now();
    parts_.runtime.sleep_for(50ms);
    found = parts_.directory.find_id(id);
  }
  if (found == nullptr || found->epoch != epoch) {
    return fail(Code::conflict, found == nullptr ? "the bucket is not known here"
                                                 : "the bucket has epoch " + std::to_string(found->epoch) + " here");
  }
  if (found->home != request.peer || found->follower(config_.site) == nullptr) {
    return fail(Code::denied, "this site does not follow " + request.peer.str() + " in this bucket");
  }
  TRY_DO(check_target(*found, config_.site));
  return *found;
}

Result<net::Response> Copies::of_home(const Bucket& bucket, const std::string& what, PeerRequest request) {
  if (what == "session") return take_session(bucket);
  if (what == "key") {
    TRY_DO(take_key(bucket, request.body));
    return with_status(204);
  }
  if (!parts_.store.has_bucket(bucket.id)) return fail(Code::not_found, "this site does not have the bucket's key");
  if (what == "change") return take_change(bucket, std::move(request));
  if (what == "content") {
    TRY(const int64_t offset, number(request, "offset"));
    TRY_DO(parts_.copies.take_content(bucket.id, request.parameter("file"), offset, request.body,
                                      request.parameter("last") == "1"));
    return with_status(204);
  }
  if (what == "entries") {
    const CopyEntryList list{parts_.copies.entries(bucket.id, request.parameter("after"), entries_page)};
    return with_status(200, print_json(to_json(list)));
  }
  if (what == "complete") return take_complete(bucket, request);
  return fail(Code::not_found, "there is no such path");
}

Copies::Taking& Copies::taking_of(const std::string& bucket) {
  auto& taking = taking_[bucket];
  if (!taking) taking = std::make_unique<Taking>();
  return *taking;
}

bool Copies::Taking::take(uint64_t number) {
  if (number <= floor || !numbers.insert(number).second) return false;
  if (numbers.size() > most_numbers) {
    floor = *numbers.begin();
    numbers.erase(numbers.begin());
  }
  return true;
}

/// From now on nothing of an earlier one is taken; what was being written of it is there when this is answered.
Result<net::Response> Copies::take_session(const Bucket& bucket) {
  Taking& taking = taking_of(bucket.id);
  const std::string made = run_ + "-" + std::to_string(++taking.sessions);
  taking.session = made;
  taking.numbers.clear();
  taking.floor = 0;
  const Time latest = now() + config_.call_timeout;
  while (taking.under_way != 0) {
    if (now() >= latest || is_stopping())
      return with_status(too_early_status, "earlier changes are still being written");
    changed_->wait_until(std::min(latest, now() + look));
  }
  return with_status(200, made);
}

Result<net::Response> Copies::take_complete(const Bucket& bucket, const PeerRequest& request) {
  if (request.parameter("session") != taking_of(bucket.id).session) {
    return with_status(other_session_status, "another session has begun");
  }
  if (parts_.copies.is_incomplete(bucket.id)) {
    parts_.copies.set_complete(bucket.id);
    // Control must not take it for incomplete once the home has reported it.
    const Time asked = now();
    TRY(const auto answer,
        parts_.control.pull({.version = parts_.directory.orders().version, .address = {}, .incomplete = incomplete()}));
    // Newer orders are taken where they are followed; no lease comes of what was not.
    answer.orders ? parts_.pull_now() : heard_control(asked);
  }
  return with_status(204);
}

Result<void> Copies::take_key(const Bucket& bucket, const std::string& key) {
  const auto bytes = bytes_of_hex(key);
  if (!bytes || bytes->size() != 32) return fail(Code::invalid, "is no key", "key");
  const auto present = parts_.copies.give_key(bucket.id);
  if (present && *present != *bytes && bucket.follower(config_.site)->state == CopyState::in_sync) {
    return fail(Code::denied, "this site has everything of the bucket, under another key");
  }
  return parts_.copies.take_key(bucket.id, bucket.tenant, *bytes);
}

Result<net::Response> Copies::take_change(const Bucket& bucket, PeerRequest request) {
  TRY(const int64_t sent, number(request, "number"));
  TRY_DO(take_role(bucket));
  if (now() < roles_[bucket.id].acts_from) return with_status(too_early_status, "another home may still be read");
  Taking& taking = taking_of(bucket.id);
  if (request.parameter("session") != taking.session || !taking.take(static_cast<uint64_t>(sent))) {
    return with_status(other_session_status, "the change is not of this session, or came before");
  }
  const UnderWay under_way(taking.under_way, *changed_);
  TRY(const auto accepted, parts_.copies.accept(bucket.id, bucket.epoch, std::move(request.body)));
  if (!accepted.missing.empty()) return with_status(200, print_json(to_json(MissingContent{accepted.missing})));
  using Act = ports::AcceptedCopy::Act;
  if (accepted.act != Act::other) {
    TRY_DO(parts_.events.note({accepted.act == Act::put ? ObjectAct::copied : ObjectAct::deleted, bucket, accepted.key,
                               accepted.sha256, accepted.bytes, config_.site}));
  }
  return with_status(204);
}

/// For another member whose copy is damaged.
Result<net::Response> Copies::for_member(const PeerRequest& request, const std::string& id, const std::string& what) {
  const Bucket* found = parts_.directory.find_id(id);
  if (found == nullptr || !found->is_member(request.peer) || !found->is_member(config_.site)) {
    return fail(Code::denied, "this bucket is not kept by both sites");
  }
  TRY_DO(check_target(*found, request.peer));
  const std::string name = request.parameter("name");
  if (what == "record") {
    TRY(auto record, parts_.copies.give_record(id, name));
    return with_status(200, std::move(record));
  }
  if (what != "content") return fail(Code::not_found, "there is no such path");
  TRY(const int64_t offset, number(request, "offset"));
  TRY(auto bytes, parts_.copies.give_content(id, name, request.parameter("file"), offset));
  return with_status(200, std::move(bytes));
}

}  // namespace barrio::objects
