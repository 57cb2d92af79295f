#pragma once
// StateStore in one SQLite file (write-ahead log, synchronous FULL: a commit is on the disk before it is answered).
// The file belongs to one process at a time. Calls come from the runtime's fibers; all SQL runs off the loop, one call
// at a time. Leases are of this process and in its memory alone, so that none needs room on the disk: those of the
// process before are over when the file is opened, which writes nothing to one that is there.

#include <map>
#include <memory>
#include <set>
#include <string>

#include "adapters/sqlite/sqlite.h"
#include "base/quantity.h"
#include "ports/lease_table.h"
#include "ports/runtime.h"
#include "ports/state_store.h"
#include "ports/turn.h"

namespace barrio::adapters {

struct SqliteConfig {
  std::string path;
  Bytes most = gib(1);  // the file's size; over it: exhausted
};

class SqliteStateStore final : public ports::StateStore {
 public:
  /// Blocks: called at start, before the loop runs. Errors: unavailable (held by another process, damaged, not ours).
  static Result<std::unique_ptr<SqliteStateStore>> open(ports::Runtime& runtime, SqliteConfig config);
  Result<std::optional<ports::Entry>> get(const std::string& key) override;
  Result<ports::Listing> list(const ports::KeyRange& range) override;
  Result<ports::Revision> commit(std::vector<ports::Guard> guards, std::vector<ports::Write> writes) override;
  Result<ports::Revision> wait_for_change(ports::Revision seen, Time until) override;
  Result<ports::Lease> hold(const std::string& key, const std::string& value, Duration ttl,
                            ports::Revision seen) override;
  Result<void> keep(const ports::Lease& lease) override;
  Result<void> release(const ports::Lease& lease) override;

 private:
  SqliteStateStore(ports::Runtime& runtime, sqlite::Database database, ports::Revision revision,
                   std::set<std::string> gone);
  Result<std::optional<ports::Entry>> read(const std::string& key) const;
  Result<ports::Listing> read_all(const ports::KeyRange& range) const;
  Result<ports::Revision> write(const std::vector<ports::Guard>& guards, const std::vector<ports::Write>& writes);
  Result<void> remove_gone();
  Result<bool> apply(const ports::Write& write, ports::Revision revision) const;
  /// Leases end when somebody looks: before every other call.
  void end_leases();
  void forget_lease(const std::string& key);
  template <class Answer, class Work>
  Answer off_loop(Work work);

  ports::Runtime& runtime_;
  ports::Turn turn_;  // at database_, and at what is in memory of it
  std::unique_ptr<ports::Signal> changed_;
  sqlite::Database database_;
  ports::LeaseTable leases_;
  std::map<std::string, ports::Entry> held_;  // the leases
  std::set<std::string> gone_;                // in the file, and not in the store: the next commit removes them
  ports::Revision revision_;                  // grows with leases, too; the file has that of the last commit
};

}  // namespace barrio::adapters
