#include <doctest/doctest.h>
// doctest first: base/check.h leaves its CHECK alone.
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "adapters/sqlite/sqlite_state_store.h"
#include "ports/state_store_contract.h"

namespace barrio::adapters::sqlite_state_store_test {

namespace {

class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "barrio-state-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string file() const { return path_ + "/state.db"; }

 private:
  std::string path_;
};

std::unique_ptr<SqliteStateStore> open_or_fail(ports::Runtime& runtime, SqliteConfig config) {
  auto store = SqliteStateStore::open(runtime, std::move(config));
  REQUIRE_MESSAGE(store, (store ? "" : store.error().text()));
  return std::move(*store);
}

/// Commits for ever and writes each acknowledged number to the pipe.
[[noreturn]] void commit_until_killed(const std::string& file, int acknowledged) {
  ports::InlineRuntime runtime;
  auto store = SqliteStateStore::open(runtime, {file});
  for (int32_t i = 0; store; ++i) {
    if (!(*store)->commit({{"k" + std::to_string(i), 0}}, {{"k" + std::to_string(i), std::to_string(i)}})) break;
    if (::write(acknowledged, &i, sizeof i) != sizeof i) break;
  }
  _exit(1);
}

}  // namespace

TEST_CASE("the store in SQLite keeps the contract of a StateStore") {
  Folder folder;
  ports::check_state_store([&](ports::Runtime& runtime) { return open_or_fail(runtime, {folder.file()}); });
}

TEST_CASE("a store that is opened again has all that it had, at the same revision") {
  Folder folder;
  ports::InlineRuntime runtime;
  auto store = open_or_fail(runtime, {folder.file()});
  const auto revision = store->commit({}, {{"a", "1"}, {"b", "2"}});
  REQUIRE(revision);
  store.reset();
  store = open_or_fail(runtime, {folder.file()});
  CHECK(store->list("")->revision == *revision);
  CHECK((*store->get("b"))->value == "2");
  CHECK(*store->commit({{"a", *revision}}, {{"a", "3"}}) > *revision);
}

TEST_CASE("every commit that was acknowledged before kill -9 is there afterwards") {
  Folder folder;
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) commit_until_killed(folder.file(), ends[1]);
  close(ends[1]);
  int32_t last = -1;
  int32_t number = 0;
  while (::read(ends[0], &number, sizeof number) == sizeof number) {
    last = number;
    if (last == 40) kill(child, SIGKILL);
  }
  close(ends[0]);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
  REQUIRE(last >= 40);
  ports::InlineRuntime runtime;
  auto store = open_or_fail(runtime, {folder.file()});
  for (int32_t i = 0; i <= last; ++i) CHECK(ports::value_of(*store, "k" + std::to_string(i)) == std::to_string(i));
}

TEST_CASE("a full disk is told as such, and nothing of the commit is kept") {
  Folder folder;
  ports::InlineRuntime runtime;
  auto store = open_or_fail(runtime, {folder.file(), kib(256)});
  REQUIRE(store->commit({}, {{"small", "1"}}));
  auto failed = store->commit({}, {{"other", "2"}, {"large", std::string(1 << 20, 'x')}});
  REQUIRE(!failed);
  CHECK(failed.error().code == Code::exhausted);
  CHECK(ports::value_of(*store, "other") == "(none)");
  CHECK(store->commit({}, {{"small", "3"}}));
}

TEST_CASE("a file that is full is opened, read and led by its next owner, and takes commits again once there is room") {
  Folder folder;
  ports::InlineRuntime runtime;
  auto store = open_or_fail(runtime, {folder.file(), kib(256)});
  REQUIRE(store->hold("lead", "one", 60s, 0));
  Result<ports::Revision> last = 0;
  ports::Revision acknowledged = 0;
  for (int i = 0; last; ++i) {
    acknowledged = *last;
    last = store->commit({}, {{"k" + std::to_string(i), std::string(8192, 'x')}});
  }
  REQUIRE(last.error().code == Code::exhausted);
  store.reset();
  store = open_or_fail(runtime, {folder.file(), kib(256)});
  CHECK(ports::value_of(*store, "lead") == "(none)");  // over, with the process that held it
  CHECK(store->list("")->revision == acknowledged);
  const auto lease = store->hold("lead", "two", 60s, 0);
  REQUIRE(lease);
  CHECK(lease->revision > acknowledged);
  CHECK(store->list("")->entries.back().value == "two");
  CHECK(store->commit({lease->guard()}, {{"more", std::string(8192, 'x')}}).error().code == Code::exhausted);
  REQUIRE(store->keep(*lease));
  const auto committed = store->commit({lease->guard()}, {{"k0", std::nullopt}});  // which makes room
  REQUIRE(committed);
  CHECK(*committed > lease->revision);
  CHECK(store->commit({lease->guard()}, {{"more", std::string(4096, 'x')}}));
}

TEST_CASE("leases that an earlier program kept in the file are over, and go with the next commit") {
  Folder folder;
  ports::InlineRuntime runtime;
  auto store = open_or_fail(runtime, {folder.file()});
  REQUIRE(store->commit({}, {{"a", "1"}, {"lead", "dead"}}));
  store.reset();
  {
    auto database = sqlite::Database::open(folder.file());
    REQUIRE(database);
    REQUIRE(database->run("INSERT INTO leases VALUES (CAST('lead' AS BLOB))"));
  }
  for (int opened = 0; opened < 2; ++opened) {
    store = open_or_fail(runtime, {folder.file()});
    CHECK(ports::value_of(*store, "lead") == "(none)");
    CHECK(store->list("")->entries.size() == 1);
    store.reset();
  }
  store = open_or_fail(runtime, {folder.file()});
  REQUIRE(store->commit({{"lead", 0}}, {{"lead", "written"}}));
  store = nullptr;
  store = open_or_fail(runtime, {folder.file()});
  CHECK(ports::value_of(*store, "lead") == "written");
}

TEST_CASE("a key that was taken as a lease is gone once that ends, as is what it was before") {
  Folder folder;
  ports::InlineRuntime runtime;
  auto store = open_or_fail(runtime, {folder.file()});
  const auto plain = store->commit({}, {{"lead", "plain"}});
  REQUIRE(store->hold("lead", "held", 1s, *plain));
  CHECK(store->list("")->entries.size() == 1);
  runtime.sleep_for(2s);
  CHECK(ports::value_of(*store, "lead") == "(none)");
  CHECK(store->list("")->entries.empty());
  REQUIRE(store->commit({}, {{"a", "1"}}));
  store.reset();
  store = open_or_fail(runtime, {folder.file()});
  CHECK(ports::value_of(*store, "lead") == "(none)");
}

TEST_CASE("a damaged file is refused with what to do about it") {
  Folder folder;
  std::ofstream(folder.file()) << std::string(8192, 'z');
  ports::InlineRuntime runtime;
  auto store = SqliteStateStore::open(runtime, {folder.file()});
  REQUIRE(!store);
  CHECK(store.error().text().find("damaged") != std::string::npos);
  CHECK(store.error().text().find(folder.file()) != std::string::npos);
}

TEST_CASE("only the owner can read the file, and a missing folder is an error that names it") {
  Folder folder;
  ports::InlineRuntime runtime;
  auto store = open_or_fail(runtime, {folder.file()});
  struct stat about{};
  REQUIRE(stat(folder.file().c_str(), &about) == 0);
  CHECK((about.st_mode & 077) == 0);
  auto nowhere = SqliteStateStore::open(runtime, {folder.file() + "/none/state.db"});
  REQUIRE(!nowhere);
  CHECK(nowhere.error().where == folder.file() + "/none/state.db");
}

}  // namespace barrio::adapters::sqlite_state_store_test
