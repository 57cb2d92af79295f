#include "adapters/etcd/etcd_state_store.h"

#include <algorithm>
#include <map>

namespace barrio::adapters {

using etcd::nonsense;
using ports::Entry;
using ports::Guard;
using ports::Lease;
using ports::Listing;
using ports::Revision;
using ports::Write;

namespace {

constexpr int64_t first_page = 512;  // entries; fewer where they are large
constexpr int most_restarts = 3;     // of a listing whose revision was compacted away
constexpr Duration before_again = 50ms;

/// At most one of a key, the last: etcd takes no more.
std::vector<Write> one_each(std::vector<Write> writes) {
  std::map<std::string, size_t> last;
  for (size_t i = 0; i < writes.size(); ++i) last[writes[i].key] = i;
  std::vector<Write> kept;
  for (size_t i = 0; i < writes.size(); ++i) {
    if (last[writes[i].key] == i) kept.push_back(std::move(writes[i]));
  }
  return kept;
}

/// Done once, its guards fail: so it may be asked for again.
bool shuts_itself_out(const std::vector<Guard>& guards, const std::vector<Write>& writes) {
  return std::ranges::any_of(writes, [&](const Write& write) {
    const auto guard = std::ranges::find(guards, write.key, &Guard::key);
    return guard != guards.end() && (write.value || guard->revision != 0);
  });
}

}  // namespace

struct EtcdStateStore::Page {
  std::string from;  // the key it begins with
  std::string end;
  int64_t limit = first_page;
  bool more = true;
};

EtcdStateStore::EtcdStateStore(ports::Runtime& runtime, etcd::CallEtcd call, EtcdConfig config)
    : runtime_(runtime),
      config_(std::move(config)),
      members_(runtime, std::move(call), config_.endpoints, config_.call_timeout) {}

Result<JsonObject> EtcdStateStore::read(const std::string& path, const JsonObject& body) {
  auto answer = members_.until(runtime_.now() + config_.patience, path, body);
  if (!answer) return fail(std::move(answer.error().error));
  return std::move(*answer);
}

/// An entry of revision 0: it is not there.
Result<etcd::KeyValue> EtcdStateStore::find(const std::string& key) {
  TRY(const auto answer, read("/kv/range", {{"key", name(key)}}));
  TRY_DO(etcd::revision_of(answer));
  TRY(const auto found, etcd::list_at(answer, "kvs"));
  if (found.empty()) return etcd::KeyValue{};
  TRY(auto entry, etcd::key_value(found[0], config_.prefix));
  if (found.size() != 1 || entry.entry.key != key) return nonsense("another key than the one asked for");
  return entry;
}

Result<std::optional<Entry>> EtcdStateStore::get(const std::string& key) {
  TRY(auto found, find(key));
  if (found.entry.revision == 0) return std::optional<Entry>();
  return std::optional<Entry>(std::move(found.entry));
}

Result<Listing> EtcdStateStore::list(const ports::KeyRange& range) {
  const ports::KeyRange all = range.within(config_.prefix);
  for (int restarts = 0;; ++restarts) {
    Listing listing;
    Page page{.from = all.first(), .end = all.end()};
    Result<void> got;
    while (got && page.more) got = read_page(listing, page);
    if (got) return listing;
    if (got.error().code != Code::conflict || restarts == most_restarts) {
      if (got.error().code == Code::conflict) return fail(Code::unavailable, got.error().what, "etcd");
      return fail(std::move(got).error());
    }
  }
}

/// Errors: conflict (the listing's revision is not kept any more), and those of list().
Result<void> EtcdStateStore::read_page(Listing& listing, Page& page) {
  const std::string end = page.end.empty() ? std::string(1, '\0') : page.end;  // to etcd: up to the last key
  JsonObject body{{"key", base64(page.from)}, {"range_end", base64(end)}, {"limit", page.limit}};
  if (listing.revision != 0) body["revision"] = std::to_string(listing.revision);
  auto answer = members_.until(runtime_.now() + config_.patience, "/kv/range", body);
  if (!answer && answer.error().compacted) return fail(Code::conflict, answer.error().error.what);
  if (!answer && answer.error().error.code == Code::exhausted && page.limit > 1) {
    page.limit = std::max<int64_t>(1, page.limit / 8);  // its entries are large
    return {};
  }
  if (!answer) return fail(std::move(answer.error().error));
  TRY(const Revision now, etcd::revision_of(*answer));
  if (listing.revision == 0) listing.revision = now;
  TRY(const auto found, etcd::list_at(*answer, "kvs"));
  for (const Json& item : found) {
    TRY(auto one, etcd::key_value(item, config_.prefix));
    const std::string full = config_.prefix + one.entry.key;
    if (full < page.from || (!page.end.empty() && full >= page.end) || one.entry.revision > listing.revision) {
      return nonsense("an entry that was not asked for");
    }
    page.from = full + '\0';
    listing.entries.push_back(std::move(one.entry));
  }
  page.more = etcd::true_at(*answer, "more");
  if (page.more && found.empty()) return nonsense("more entries, and none of them");
  if (listing.entries.size() <= config_.most_listed) return {};
  return fail(Code::exhausted, "more than " + std::to_string(config_.most_listed) + " entries", "etcd");
}

Result<Revision> EtcdStateStore::revision() {
  TRY(const auto answer, read("/kv/range", {{"key", name("")}, {"count_only", true}}));
  return etcd::revision_of(answer);
}

Result<Revision> EtcdStateStore::wait_for_change(Revision seen, Time until) {
  while (true) {
    auto present = revision();
    const Time now = runtime_.now();
    if (now >= until || runtime_.stopping() || (present && *present > seen)) return present;
    runtime_.sleep_until(std::min(until, now + config_.look_period));
  }
}

JsonObject EtcdStateStore::transaction(const Guards& guards, const Writes& writes, int64_t lease) const {
  JsonArray compare;
  JsonArray failed;  // to see which guard it was
  for (const Guard& guard : guards) {
    compare.push_back(JsonObject{{"key", name(guard.key)},
                                 {"target", "MOD"},
                                 {"result", "EQUAL"},
                                 {"mod_revision", std::to_string(guard.revision)}});
    failed.push_back(JsonObject{{"request_range", JsonObject{{"key", name(guard.key)}, {"keys_only", true}}}});
  }
  JsonArray done;
  for (const Write& write : writes) {
    if (!write.value) {
      done.push_back(JsonObject{{"request_delete_range", JsonObject{{"key", name(write.key)}}}});
      continue;
    }
    JsonObject put{{"key", name(write.key)}, {"value", base64(*write.value)}};
    if (lease != 0) put["lease"] = std::to_string(lease);
    done.push_back(JsonObject{{"request_put", std::move(put)}});
  }
  return {{"compare", std::move(compare)}, {"success", std::move(done)}, {"failure", std::move(failed)}};
}

Result<Revision> EtcdStateStore::outcome(const JsonObject& answer, const Guards& guards) const {
  TRY(const Revision now, etcd::revision_of(answer));
  if (etcd::true_at(answer, "succeeded")) return now;
  TRY(const auto ranges, etcd::list_at(answer, "responses"));
  for (size_t i = 0; i < guards.size() && i < ranges.size(); ++i) {
    const JsonObject* item = ranges[i].if_object();
    const JsonObject* range = item == nullptr ? nullptr : etcd::object_at(*item, "response_range");
    if (range == nullptr) continue;
    TRY(const auto found, etcd::list_at(*range, "kvs"));
    Revision present = 0;
    if (!found.empty()) {
      TRY(const auto entry, etcd::key_value(found[0], config_.prefix));
      present = entry.entry.revision;
    }
    if (present != guards[i].revision) return fail(Code::conflict, "changed meanwhile", guards[i].key);
  }
  return fail(Code::conflict, "changed meanwhile", guards.empty() ? "" : guards.front().key);
}

/// The revision at which exactly these writes were done; none: they are not what is there.
Result<std::optional<Revision>> EtcdStateStore::done_before(const Writes& writes, int64_t lease) {
  Revision at = 0;
  for (const Write& write : writes) {
    TRY(const auto found, find(write.key));
    const bool there = found.entry.revision != 0;
    if (there != write.value.has_value()) return std::optional<Revision>();
    if (!there) continue;
    if (found.entry.value != *write.value || found.lease != lease) return std::optional<Revision>();
    if (at != 0 && at != found.entry.revision) return std::optional<Revision>();
    at = found.entry.revision;
  }
  if (at != 0) return std::optional<Revision>(at);
  TRY(const Revision now, revision());
  return std::optional<Revision>(now);
}

Result<Revision> EtcdStateStore::transact(const Guards& guards, const Writes& writes, int64_t lease) {
  const JsonObject body = transaction(guards, writes, lease);
  const bool may_repeat = shuts_itself_out(guards, writes);
  const Time latest = runtime_.now() + config_.patience;
  bool unknown = false;  // an earlier try may have been carried out
  while (true) {
    auto answer = members_.once("/kv/txn", body);
    if (answer) {
      auto committed = outcome(*answer, guards);
      if (committed || !unknown || committed.error().code != Code::conflict) return committed;
      TRY(const auto before, done_before(writes, lease));
      if (before) return *before;
      return committed;
    }
    const etcd::CallFailure& failure = answer.error();
    const bool final = failure.error.code != Code::unavailable;
    unknown = unknown || failure.unknown;
    if (final && !unknown) return fail(failure.error);
    const bool over = runtime_.now() + before_again >= latest || runtime_.stopping();
    if (final || over || (unknown && !may_repeat)) {
      return fail(Code::unavailable, failure.error.text() + (unknown ? "; whether it was written is not known" : ""),
                  "etcd");
    }
    runtime_.sleep_for(before_again);
  }
}

Result<Revision> EtcdStateStore::commit(Guards guards, Writes writes) {
  TRY_DO(ports::check_size(guards, writes));
  return transact(guards, one_each(std::move(writes)), 0);
}

Result<Lease> EtcdStateStore::hold(const std::string& key, const std::string& value, Duration ttl, Revision seen) {
  TRY(const auto present, find(key));  // leases are granted only to who may have the key
  if (present.entry.revision != seen) return fail(Code::conflict, "changed meanwhile", key);
  const int64_t seconds = std::chrono::ceil<std::chrono::seconds>(ttl).count();
  TRY(const auto granted, read("/lease/grant", {{"TTL", std::to_string(seconds)}}));
  TRY(const int64_t id, etcd::number_at(granted, "ID"));
  if (id == 0) return nonsense("a lease without an id");
  auto written = transact({{key, seen}}, {{key, value}}, id);
  if (written) return Lease{key, *written, id};
  static_cast<void>(release({key, 0, id}));  // it would end by itself, too
  return fail(std::move(written).error());
}

Result<void> EtcdStateStore::keep(const Lease& lease) {
  TRY(const auto kept, read("/lease/keepalive", {{"ID", std::to_string(lease.id)}}));
  TRY(const int64_t ttl, etcd::number_at(kept, "TTL"));
  TRY(const auto present, find(lease.key));
  if (ttl > 0 && present.entry.revision == lease.revision) return {};
  return fail(Code::not_found, "the lease has ended", lease.key);
}

Result<void> EtcdStateStore::release(const Lease& lease) {
  auto revoked = read("/lease/revoke", {{"ID", std::to_string(lease.id)}});
  if (!revoked && revoked.error().code != Code::not_found) return fail(std::move(revoked).error());
  return {};
}

}  // namespace barrio::adapters
