#pragma once
// SQLite as values that close themselves and as Results. Blocks; one thread at a time.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace barrio::adapters::sqlite {

class Database {
 public:
  Database() = default;
  /// Makes the file, readable by its owner only, if it is not there. Errors: unavailable, with what to do.
  static Result<Database> open(const std::string& path);
  Result<void> run(const char* sql);
  /// What the last failed call on it means. exhausted: disk full; unavailable: everything else.
  Error error(int code) const;
  sqlite3* handle() const { return handle_.get(); }

 private:
  struct Close {
    void operator()(sqlite3* handle) const;
  };
  std::unique_ptr<sqlite3, Close> handle_;
  std::string path_;
};

class Statement {
 public:
  static Result<Statement> prepare(const Database& database, const char* sql);
  /// Parameters and columns count as SQLite's do: parameters from 1, columns from 0. Text must outlive the steps.
  Statement& bind(int index, std::string_view bytes);
  Statement& bind(int index, int64_t number);
  /// True: there is a row.
  Result<bool> step();
  std::string bytes(int column) const;
  int64_t number(int column) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  const Database* database_ = nullptr;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

/// Rolls back unless committed.
class Transaction {
 public:
  static Result<Transaction> begin(Database& database);
  ~Transaction();
  Transaction(Transaction&& other) noexcept;
  Transaction& operator=(Transaction&&) = delete;
  Result<void> commit();

 private:
  explicit Transaction(Database& database) : database_(&database) {}
  Database* database_;
};

}  // namespace barrio::adapters::sqlite
