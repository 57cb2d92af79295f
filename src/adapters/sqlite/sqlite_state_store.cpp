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

// Keys that are leases, so that the next process can end those of a dead one.
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

/// What a process before this one held is over: the file has one owner.
Result<void> end_old_leases(Database& database) {
  TRY(const int64_t left, ask_number(database, "SELECT count(*) FROM leases"));
  if (left == 0) return {};
  TRY(auto transaction, Transaction::begin(database));
  TRY_DO(database.run("DELETE FROM entries WHERE key IN (SELECT key FROM leases)"));
  TRY_DO(database.run("DELETE FROM leases"));
  TRY_DO(database.run("UPDATE store SET revision = revision + 1"));
  return transaction.commit();
}

}  // namespace

Result<std::unique_ptr<SqliteStateStore>> SqliteStateStore::open(ports::Runtime& runtime, SqliteConfig config) {
  TRY(auto database, Database::open(config.path));
  TRY_DO(configure(database, config.most));
  TRY_DO(check_health(database, config.path));
  TRY_DO(make_schema(database, config.path));
  TRY_DO(end_old_leases(database));
  TRY(Revision revision, ask_number(database, "SELECT revision FROM store"));
  return std::unique_ptr<SqliteStateStore>(new SqliteStateStore(runtime, std::move(database), revision));
}

SqliteStateStore::SqliteStateStore(ports::Runtime& runtime, Database database, Revision revision)
    : runtime_(runtime),
      turn_(runtime),
      changed_(runtime.make_signal()),
      database_(std::move(database)),
      revision_(revision) {}

template <class Answer, class Work>
Answer SqliteStateStore::off_loop(Work work) {
  const ports::Turn::Hold turn(turn_);
  std::optional<Answer> answer;
  runtime_.offload([&] { answer.emplace(work()); });
  return std::move(*answer);
}

Result<std::optional<Entry>> SqliteStateStore::get(const std::string& key) {
  TRY_DO(end_leases());
  return off_loop<Result<std::optional<Entry>>>([&] { return read(key); });
}

Result<ports::Listing> SqliteStateStore::list(const ports::KeyRange& range) {
  TRY_DO(end_leases());
  return off_loop<Result<ports::Listing>>([&] { return read_all(range); });
}

Result<Revision> SqliteStateStore::commit(std::vector<ports::Guard> guards, std::vector<ports::Write> writes) {
  TRY_DO(ports::check_size(guards, writes));
  TRY_DO(end_leases());
  return commit_off_loop(guards, writes);
}

Result<Revision> SqliteStateStore::commit_off_loop(const std::vector<ports::Guard>& guards,
                                                   const std::vector<ports::Write>& writes, bool as_lease) {
  auto committed = off_loop<Result<Revision>>([&] { return write(guards, writes, as_lease); });
  if (committed && *committed > revision_) {
    revision_ = *committed;
    for (const ports::Write& one : writes) leases_.forget(one.key);
    changed_->notify();
  }
  return committed;
}

Result<Revision> SqliteStateStore::wait_for_change(Revision seen, Time until) {
  TRY_DO(end_leases());
  while (revision_ <= seen && runtime_.now() < until && !runtime_.stopping()) {
    changed_->wait_until(std::min(until, leases_.next()));
    TRY_DO(end_leases());
  }
  return revision_;
}

Result<ports::Lease> SqliteStateStore::hold(const std::string& key, const std::string& value, Duration ttl,
                                            Revision seen) {
  TRY_DO(end_leases());
  TRY(const Revision revision, commit_off_loop({{key, seen}}, {{key, value}}, true));
  return leases_.add(key, revision, ttl, runtime_.now());
}

Result<void> SqliteStateStore::keep(const ports::Lease& lease) {
  TRY_DO(end_leases());
  if (leases_.keep(lease, runtime_.now())) return {};
  return fail(Code::not_found, "the lease has ended", lease.key);
}

Result<void> SqliteStateStore::release(const ports::Lease& lease) {
  TRY_DO(end_leases());
  if (leases_.holds(lease)) TRY_DO(commit_off_loop({lease.guard()}, {{lease.key, std::nullopt}}));
  return {};
}

Result<void> SqliteStateStore::end_leases() {
  for (const ports::Guard& lease : leases_.ended(runtime_.now())) {
    // A conflict: another call has ended it while this one waited.
    auto ended = commit_off_loop({lease}, {{lease.key, std::nullopt}});
    if (!ended && ended.error().code != Code::conflict) return fail(std::move(ended).error());
  }
  return {};
}

Result<std::optional<Entry>> SqliteStateStore::read(const std::string& key) const {
  TRY(auto statement, Statement::prepare(database_, "SELECT value, revision FROM entries WHERE key = ?1"));
  TRY(bool row, statement.bind(1, key).step());
  if (!row) return std::optional<Entry>();
  return std::optional<Entry>(Entry{key, statement.bytes(0), statement.number(1)});
}

Result<ports::Listing> SqliteStateStore::read_all(const ports::KeyRange& range) const {
  const std::string end = range.end();
  ports::Listing listing;
  TRY(listing.revision, ask_number(database_, "SELECT revision FROM store"));
  TRY(auto statement, Statement::prepare(database_, end.empty() ? "SELECT key, value, revision FROM entries "
                                                                  "WHERE key >= ?1 ORDER BY key"
                                                                : "SELECT key, value, revision FROM entries "
                                                                  "WHERE key >= ?1 AND key < ?2 ORDER BY key"));
  statement.bind(1, range.first());
  if (!end.empty()) statement.bind(2, end);
  while (true) {
    TRY(bool row, statement.step());
    if (!row) return listing;
    listing.entries.push_back({statement.bytes(0), statement.bytes(1), statement.number(2)});
  }
}

Result<Revision> SqliteStateStore::write(const std::vector<ports::Guard>& guards,
                                         const std::vector<ports::Write>& writes, bool as_lease) {
  TRY(auto transaction, Transaction::begin(database_));
  TRY(const Revision present, ask_number(database_, "SELECT revision FROM store"));
  for (const ports::Guard& guard : guards) {
    TRY(auto entry, read(guard.key));
    if ((entry ? entry->revision : 0) != guard.revision) return fail(Code::conflict, "changed meanwhile", guard.key);
  }
  bool changes = false;
  for (const ports::Write& one : writes) {
    TRY(bool changed, apply(one, present + 1));
    changes = changes || changed;
    if (as_lease) TRY_DO(note_lease(one.key));
  }
  if (!changes) return present;
  {
    TRY(auto statement, Statement::prepare(database_, "UPDATE store SET revision = ?1"));
    TRY_DO(statement.bind(1, present + 1).step());
  }
  TRY_DO(transaction.commit());
  return present + 1;
}

Result<void> SqliteStateStore::note_lease(const std::string& key) const {
  TRY(auto statement, Statement::prepare(database_, "INSERT OR REPLACE INTO leases VALUES (?1)"));
  TRY_DO(statement.bind(1, key).step());
  return {};
}

Result<bool> SqliteStateStore::apply(const ports::Write& one, Revision revision) const {
  {
    TRY(auto statement, Statement::prepare(database_, "DELETE FROM leases WHERE key = ?1"));
    TRY_DO(statement.bind(1, one.key).step());
  }
  if (!one.value) {
    TRY(auto statement, Statement::prepare(database_, "DELETE FROM entries WHERE key = ?1 RETURNING 1"));
    return statement.bind(1, one.key).step();
  }
  TRY(auto statement, Statement::prepare(database_, "INSERT OR REPLACE INTO entries VALUES (?1, ?2, ?3)"));
  TRY_DO(statement.bind(1, one.key).bind(2, *one.value).bind(3, revision).step());
  return true;
}

}  // namespace barrio::adapters
