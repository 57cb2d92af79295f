#include "adapters/sqlite/sqlite_state_store.h"

#include <algorithm>

namespace barrio::adapters {

using ports::Entry;
using ports::Revision;
using sqlite::Database;
using sqlite::Statement;
using sqlite::Transaction;

namespace {

constexpr int64_t schema_version = 2;
constexpr int64_t page_bytes = 4096;

// Keys of entries that are not there any more, as an earlier program left them: its leases were entries of the file.
constexpr const char* leases_schema = R"(
  CREATE TABLE leases (key BLOB PRIMARY KEY) WITHOUT ROWID;
  PRAGMA user_version = 2;
)";

constexpr const char* entries_schema = R"(
  CREATE TABLE entries (key BLOB PRIMARY KEY, value BLOB NOT NULL, revision INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE store (revision INTEGER NOT NULL);
  INSERT INTO store VALUES (0);
)";

Result<int64_t> ask_number(const Database& database, const char* sql) {
  TRY(auto statement, Statement::prepare(database, sql));
  TRY(bool row, statement.step());
  return row ? statement.number(0) : 0;
}

Result<void> configure(Database& database, Bytes most) {
  TRY_DO(database.run("PRAGMA locking_mode = EXCLUSIVE"));
  TRY_DO(database.run("PRAGMA journal_mode = WAL"));
  TRY_DO(database.run("PRAGMA synchronous = FULL"));
  const std::string limit =
      "PRAGMA max_page_count = " + std::to_string(std::max<int64_t>(most.count() / page_bytes, 16));
  return database.run(limit.c_str());
}

Result<void> check_health(const Database& database, const std::string& path) {
  TRY(auto statement, Statement::prepare(database, "PRAGMA quick_check(1)"));
  TRY(bool row, statement.step());
  const std::string verdict = row ? statement.bytes(0) : "no answer";
  if (verdict == "ok") return {};
  return fail(
      Code::unavailable,
      "the state file is damaged (" + verdict + "); restore a copy, or move it away to begin with an empty state",
      path);
}

Result<void> make_schema(Database& database, const std::string& path) {
  TRY(int64_t version, ask_number(database, "PRAGMA user_version"));
  if (version == schema_version) return {};
  if (version < 0 || version > schema_version) {
    return fail(Code::unsupported,
                "the state file has version " + std::to_string(version) + ", this program knows 1 and 2", path);
  }
  TRY(auto transaction, Transaction::begin(database));
  if (version == 0) TRY_DO(database.run(entries_schema));
  TRY_DO(database.run(leases_schema));
  return transaction.commit();
}

/// Of a process before this one that kept its leases in the file: they are over, for the file has one owner.
Result<std::set<std::string>> old_leases(const Database& database) {
  std::set<std::string> keys;
  TRY(auto statement, Statement::prepare(database, "SELECT key FROM leases"));
  while (true) {
    TRY(bool row, statement.step());
    if (!row) return keys;
    keys.insert(statement.bytes(0));
  }
}

}  // namespace

Result<std::unique_ptr<SqliteStateStore>> SqliteStateStore::open(ports::Runtime& runtime, SqliteConfig config) {
  TRY(auto database, Database::open(config.path));
  TRY_DO(configure(database, config.most));
  TRY_DO(check_health(database, config.path));
  TRY_DO(make_schema(database, config.path));
  TRY(auto gone, old_leases(database));
  TRY(Revision revision, ask_number(database, "SELECT revision FROM store"));
  return std::unique_ptr<SqliteStateStore>(
      new SqliteStateStore(runtime, std::move(database), revision, std::move(gone)));
}

SqliteStateStore::SqliteStateStore(ports::Runtime& runtime, Database database, Revision revision,
                                   std::set<std::string> gone)
    : runtime_(runtime),
      turn_(runtime),
      changed_(runtime.make_signal()),
      database_(std::move(database)),
      gone_(std::move(gone)),
      revision_(revision) {}

/// In the caller's turn.
template <class Answer, class Work>
Answer SqliteStateStore::off_loop(Work work) {
  std::optional<Answer> answer;
  runtime_.offload([&] { answer.emplace(work()); });
  return std::move(*answer);
}

Result<std::optional<Entry>> SqliteStateStore::get(const std::string& key) {
  end_leases();
  const ports::Turn::Hold turn(turn_);
  return off_loop<Result<std::optional<Entry>>>([&] { return read(key); });
}

Result<ports::Listing> SqliteStateStore::list(const ports::KeyRange& range) {
  end_leases();
  const ports::Turn::Hold turn(turn_);
  return off_loop<Result<ports::Listing>>([&] { return read_all(range); });
}

Result<Revision> SqliteStateStore::commit(std::vector<ports::Guard> guards, std::vector<ports::Write> writes) {
  TRY_DO(ports::check_size(guards, writes));
  end_leases();
  const ports::Turn::Hold turn(turn_);
  TRY(const Revision committed, off_loop<Result<Revision>>([&] { return write(guards, writes); }));
  if (committed == revision_) return committed;
  revision_ = committed;
  gone_.clear();
  for (const ports::Write& one : writes) forget_lease(one.key);
  changed_->notify();
  return committed;
}

Result<Revision> SqliteStateStore::wait_for_change(Revision seen, Time until) {
  end_leases();
  while (revision_ <= seen && runtime_.now() < until && !runtime_.stopping()) {
    changed_->wait_until(std::min(until, leases_.next()));
    end_leases();
  }
  return revision_;
}

Result<ports::Lease> SqliteStateStore::hold(const std::string& key, const std::string& value, Duration ttl,
                                            Revision seen) {
  end_leases();
  const ports::Turn::Hold turn(turn_);
  TRY(const auto present, off_loop<Result<std::optional<Entry>>>([&] { return read(key); }));
  if ((present ? present->revision : 0) != seen) return fail(Code::conflict, "changed meanwhile", key);
  gone_.insert(key);
  held_[key] = {key, value, ++revision_};
  changed_->notify();
  return leases_.add(key, revision_, ttl, runtime_.now());
}

Result<void> SqliteStateStore::keep(const ports::Lease& lease) {
  end_leases();
  if (leases_.keep(lease, runtime_.now())) return {};
  return fail(Code::not_found, "the lease has ended", lease.key);
}

Result<void> SqliteStateStore::release(const ports::Lease& lease) {
  end_leases();
  const ports::Turn::Hold turn(turn_);
  if (!leases_.holds(lease)) return {};
  forget_lease(lease.key);
  ++revision_;
  changed_->notify();
  return {};
}

void SqliteStateStore::end_leases() {
  if (leases_.next() > runtime_.now()) return;
  const ports::Turn::Hold turn(turn_);
  const auto ended = leases_.ended(runtime_.now());
  if (ended.empty()) return;  // by another call, while this one waited
  for (const ports::Guard& lease : ended) forget_lease(lease.key);
  ++revision_;
  changed_->notify();
}

void SqliteStateStore::forget_lease(const std::string& key) {
  leases_.forget(key);
  held_.erase(key);
}

Result<std::optional<Entry>> SqliteStateStore::read(const std::string& key) const {
  if (const auto held = held_.find(key); held != held_.end()) return std::optional<Entry>(held->second);
  if (gone_.contains(key)) return std::optional<Entry>();
  TRY(auto statement, Statement::prepare(database_, "SELECT value, revision FROM entries WHERE key = ?1"));
  TRY(bool row, statement.bind(1, key).step());
  if (!row) return std::optional<Entry>();
  return std::optional<Entry>(Entry{key, statement.bytes(0), statement.number(1)});
}

Result<ports::Listing> SqliteStateStore::read_all(const ports::KeyRange& range) const {
  const std::string end = range.end();
  ports::Listing listing{revision_, {}};
  TRY(auto statement, Statement::prepare(database_, end.empty() ? "SELECT key, value, revision FROM entries "
                                                                  "WHERE key >= ?1 ORDER BY key"
                                                                : "SELECT key, value, revision FROM entries "
                                                                  "WHERE key >= ?1 AND key < ?2 ORDER BY key"));
  statement.bind(1, range.first());
  if (!end.empty()) statement.bind(2, end);
  while (true) {
    TRY(bool row, statement.step());
    if (!row) break;
    std::string key = statement.bytes(0);
    if (!gone_.contains(key)) listing.entries.push_back({std::move(key), statement.bytes(1), statement.number(2)});
  }
  for (auto held = held_.lower_bound(range.first()); held != held_.end() && (end.empty() || held->first < end);
       ++held) {
    listing.entries.insert(std::ranges::lower_bound(listing.entries, held->first, {}, &Entry::key), held->second);
  }
  return listing;
}

Result<Revision> SqliteStateStore::write(const std::vector<ports::Guard>& guards,
                                         const std::vector<ports::Write>& writes) {
  TRY(auto transaction, Transaction::begin(database_));
  for (const ports::Guard& guard : guards) {
    TRY(auto entry, read(guard.key));
    if ((entry ? entry->revision : 0) != guard.revision) return fail(Code::conflict, "changed meanwhile", guard.key);
  }
  TRY_DO(remove_gone());
  const Revision next = revision_ + 1;
  bool changes = false;
  for (const ports::Write& one : writes) {
    TRY(bool changed, apply(one, next));
    changes = changes || changed || held_.contains(one.key);
  }
  if (!changes) return revision_;
  {
    TRY(auto statement, Statement::prepare(database_, "UPDATE store SET revision = ?1"));
    TRY_DO(statement.bind(1, next).step());
  }
  TRY_DO(transaction.commit());
  return next;
}

Result<void> SqliteStateStore::remove_gone() {
  if (gone_.empty()) return {};
  for (const std::string& key : gone_) {
    TRY(auto statement, Statement::prepare(database_, "DELETE FROM entries WHERE key = ?1"));
    TRY_DO(statement.bind(1, key).step());
  }
  return database_.run("DELETE FROM leases");
}

Result<bool> SqliteStateStore::apply(const ports::Write& one, Revision revision) const {
  if (!one.value) {
    TRY(auto statement, Statement::prepare(database_, "DELETE FROM entries WHERE key = ?1 RETURNING 1"));
    return statement.bind(1, one.key).step();
  }
  TRY(auto statement, Statement::prepare(database_, "INSERT OR REPLACE INTO entries VALUES (?1, ?2, ?3)"));
  TRY_DO(statement.bind(1, one.key).bind(2, *one.value).bind(3, revision).step());
  return true;
}

}  // namespace barrio::adapters
