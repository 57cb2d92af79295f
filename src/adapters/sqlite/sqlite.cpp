#include "adapters/sqlite/sqlite.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/file_owner.h"
#include "base/owned_descriptor.h"

namespace barrio::adapters::sqlite {

namespace {

/// The state holds the signing key: nobody else may read it. What root makes (an import) is its program's, which runs
/// as the folder's owner. SQLite gives its journal the same mode and owner.
Result<void> make_private_file(const std::string& path) {
  OwnedDescriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (file)
    give_to_owner_of_folder(file.get(), path);
  else
    file = OwnedDescriptor(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file) return fail(Code::unavailable, std::string("cannot open the state file: ") + std::strerror(errno), path);
  return {};
}

}  // namespace

void Database::Close::operator()(sqlite3* handle) const {
  sqlite3_close_v2(handle);
}

Result<Database> Database::open(const std::string& path) {
  TRY_DO(make_private_file(path));
  Database database;
  database.path_ = path;
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &handle,
                                   SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  database.handle_.reset(handle);
  if (code != SQLITE_OK) return fail(database.error(code));
  // A predecessor that was just killed may hold its lock for a moment.
  sqlite3_busy_timeout(handle, 3000);
  return database;
}

Result<void> Database::run(const char* sql) {
  const int code = sqlite3_exec(handle(), sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return fail(error(code));
  return {};
}

Error Database::error(int code) const {
  std::string detail = handle_ ? sqlite3_errmsg(handle()) : sqlite3_errstr(code);
  switch (code & 0xff) {
    case SQLITE_FULL:
      return {Code::exhausted, "the disk is full, or the state has reached its size limit (" + detail + ")", path_};
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {Code::unavailable, "another process uses this state file; end it first (" + detail + ")", path_};
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return {
          Code::unavailable,
          "the state file is damaged (" + detail + "); restore a copy, or move it away to begin with an empty state",
          path_};
    default: return {Code::unavailable, "the state cannot be used (" + detail + ")", path_};
  }
}

void Statement::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

Result<Statement> Statement::prepare(const Database& database, const char* sql) {
  Statement statement;
  statement.database_ = &database;
  sqlite3_stmt* made = nullptr;
  const int code = sqlite3_prepare_v2(database.handle(), sql, -1, &made, nullptr);
  statement.statement_.reset(made);
  if (code != SQLITE_OK) return fail(database.error(code));
  return statement;
}

Statement& Statement::bind(int index, std::string_view bytes) {
  // A null pointer would bind NULL instead of an empty value.
  const char* data = bytes.data() == nullptr ? "" : bytes.data();
  CHECK(sqlite3_bind_blob64(statement_.get(), index, data, bytes.size(), SQLITE_STATIC) == SQLITE_OK);
  return *this;
}

Statement& Statement::bind(int index, int64_t number) {
  CHECK(sqlite3_bind_int64(statement_.get(), index, number) == SQLITE_OK);
  return *this;
}

Result<bool> Statement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return fail(database_->error(code));
}

std::string Statement::bytes(int column) const {
  const void* data = sqlite3_column_blob(statement_.get(), column);
  const auto size = static_cast<size_t>(sqlite3_column_bytes(statement_.get(), column));
  return size == 0 ? std::string() : std::string(static_cast<const char*>(data), size);
}

int64_t Statement::number(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

Result<Transaction> Transaction::begin(Database& database) {
  TRY_DO(database.run("BEGIN IMMEDIATE"));
  return Transaction(database);
}

Transaction::Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}

Transaction::~Transaction() {
  // Some errors roll back by themselves.
  if (database_ == nullptr || sqlite3_get_autocommit(database_->handle()) != 0) return;
  static_cast<void>(database_->run("ROLLBACK"));
}

Result<void> Transaction::commit() {
  return database_->run("COMMIT");
}

}  // namespace barrio::adapters::sqlite
