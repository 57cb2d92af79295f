// The same on a real disk: a process that counts and journals is killed (SIGKILL) again and again at instants of
// chance, and each time what it left says exactly what it had counted. gateway/meter_test.cpp does the same after every
// single instruction of the meter; here the file, the journal and the kernel take part.
#include <doctest/doctest.h>
// doctest first: base/check.h leaves its CHECK alone.
#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "adapters/mapped_file/mapped_file.h"
#include "agent/usage_ledger.h"
#include "gateway/meter.h"
#include "ports/inline_runtime.h"

namespace barrio::usage_kill_test {

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kills = 50;
#else
constexpr int kills = 2000;
#endif
constexpr int64_t adds_per_period = 40;
constexpr size_t mapped_header = 4096;  // adapters/mapped_file

const AppKey apps[] = {{TenantId::of("acme"), AppName::of("street")}, {TenantId::of("port"), AppName::of("harbour")}};

/// Adds of the process under test; its observer reads along.
struct Adds {
  volatile int64_t begun;
  volatile int64_t done;
};

struct Folder {
  Folder() { REQUIRE(mkdtemp(path.data()) != nullptr); }
  ~Folder() { std::filesystem::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string path = (std::filesystem::temp_directory_path() / "barrio-kill-XXXXXX").string();
};

Usage one_request() {
  return {.served = {.requests = 1, .bytes_in = 10, .bytes_out = 20, .compute_us = 3}, .forwarded = {}, .noted = {}};
}

/// As a site does all the time, much faster.
[[noreturn]] void count_until_killed(const std::string& folder, Adds& adds) {
  ports::InlineRuntime runtime;
  agent::DiskSiteFiles files(runtime, folder);
  agent::UsageLedger ledger(runtime, files, {.appended_bytes = 8000});
  auto mapped = adapters::MappedFile::open(folder + "/live", gateway::Meter::memory_bytes());
  if (!mapped || !ledger.load()) _exit(1);
  gateway::Meter meter(mapped->memory(), 7, runtime.wall());
  while (true) {
    adds.begun = adds.begun + 1;
    meter.add(apps[static_cast<size_t>(adds.begun % 2)], one_request());
    adds.done = adds.done + 1;
    if (adds.done % adds_per_period != 0) continue;
    auto cut = meter.cut(journaled_of(meter.id(), ledger.journaled()), runtime.wall());
    if (!cut.empty() && !ledger.add(std::move(cut.front()))) _exit(1);
  }
}

/// All that the next process would ship, read without touching what is there.
Usage left_behind(const std::string& folder) {
  ports::InlineRuntime runtime;
  agent::DiskSiteFiles files(runtime, folder);
  agent::UsageLedger ledger(runtime, files);
  REQUIRE(ledger.load());
  Usage all;
  if (const auto shipment = ledger.shipment()) {
    for (const UsageRow& row : shipment->rows) all += row.usage;
  }
  gateway::MeterMemory copy(gateway::Meter::memory_bytes());
  std::ifstream live(folder + "/live", std::ios::binary);
  live.seekg(mapped_header);
  live.read(reinterpret_cast<char*>(copy.bytes().data()), static_cast<std::streamsize>(gateway::Meter::memory_bytes()));
  gateway::Meter meter(copy.bytes(), 8, runtime.wall());
  JournaledPeriod journaled = journaled_of(meter.id(), ledger.journaled());
  for (auto cut = meter.cut(journaled, runtime.wall()); !cut.empty(); cut = meter.cut(journaled, runtime.wall())) {
    journaled = {cut[0].meter, cut[0].period};
    for (const UsageLine& line : cut[0].lines) all += line.usage;
  }
  return all;
}

/// Empty: as it should be.
std::string kill_once(const std::string& folder, Adds& adds, int64_t after) {
  const int64_t until = adds.done + after;
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) count_until_killed(folder, adds);
  int status = 0;
  while (adds.done < until && waitpid(child, &status, WNOHANG) == 0) sched_yield();
  kill(child, SIGKILL);
  waitpid(child, &status, 0);
  if (!WIFSIGNALED(status)) return "the process ended by itself";
  const Usage all = left_behind(folder);
  const int64_t requests = all.served.requests;
  if (requests < adds.done || requests > adds.begun) {
    return "counted " + std::to_string(adds.done) + " to " + std::to_string(adds.begun) + ", left " +
           std::to_string(requests);
  }
  if (all.served.bytes_in != 10 * requests || all.served.bytes_out != 20 * requests ||
      all.served.compute_us != 3 * requests) {
    return "a request was counted in part";
  }
  adds.begun = requests;
  adds.done = requests;
  return "";
}

}  // namespace

TEST_CASE("kill -9 at any instant, thousands of times, on a real disk: all is counted, once") {
  const Folder folder;
  void* memory = mmap(nullptr, sizeof(Adds), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  REQUIRE(memory != MAP_FAILED);
  auto& adds = *new (memory) Adds();
  Rng rng(5);
  std::string fault;
  int killed = 0;
  for (; killed < kills && fault.empty(); ++killed) {
    fault = kill_once(folder.path, adds, 1 + static_cast<int64_t>(rng.below(3 * adds_per_period)));
  }
  CHECK_MESSAGE(fault.empty(), fault << " at kill " << killed);
  CHECK(adds.done > kills * adds_per_period / 2);
  munmap(memory, sizeof(Adds));
}

}  // namespace barrio::usage_kill_test
