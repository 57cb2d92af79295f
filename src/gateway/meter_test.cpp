#include <doctest/doctest.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <memory>
#include <new>

#include "gateway/request_meter.h"

namespace barrio::gateway::meter_test {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif

const WallTime start{std::chrono::seconds(1'800'000'000)};
const AppKey street{TenantId::of("acme"), AppName::of("street")};
const AppKey harbour{TenantId::of("port"), AppName::of("harbour")};

Usage one_request() {
  return {.served = {.requests = 1, .bytes_in = 10, .bytes_out = 20, .compute_us = 3},
          .forwarded = {},
          .noted = {.late = 1}};
}

AppKey numbered(size_t n) {
  return {TenantId::of("acme"), AppName::of("app" + std::to_string(n))};
}

/// Everything that a meter still gives out, journaled as it comes.
std::vector<UsageRecord> drain(Meter& meter, JournaledPeriod journaled, WallTime now = start) {
  std::vector<UsageRecord> all;
  for (auto next = meter.cut(journaled, now); !next.empty(); next = meter.cut(journaled, now)) {
    journaled = {next[0].meter, next[0].period};
    all.push_back(std::move(next[0]));
  }
  return all;
}

Usage sum_of(const std::vector<UsageRecord>& records, const AppKey& app) {
  Usage sum;
  for (const UsageRecord& record : records) {
    for (const UsageLine& line : record.lines) {
      if (line.app == app) sum += line.usage;
    }
  }
  return sum;
}

}  // namespace

TEST_CASE("what was added comes out once, by app, with its period; an idle meter gives nothing") {
  MeterMemory memory(Meter::memory_bytes());
  Meter meter(memory.bytes(), 7, start);
  CHECK(meter.cut({}, start + 1s).empty());
  meter.add(street, one_request());
  meter.add(harbour, one_request());
  meter.add(street, one_request());
  const auto records = meter.cut({}, start + 2s);
  REQUIRE(records.size() == 1);
  CHECK(records[0].meter == 7);
  CHECK(records[0].period == 1);
  CHECK(records[0].from == start + 1s);
  CHECK(records[0].until == start + 2s);
  CHECK(records[0].lines.size() == 2);
  CHECK(sum_of(records, street).served.requests == 2);
  CHECK(sum_of(records, harbour).served.bytes_out == 20);
  CHECK(meter.cut({7, 1}, start + 3s).empty());
}

TEST_CASE("a period is given out unchanged until the journal has it; meanwhile the next one grows") {
  MeterMemory memory(Meter::memory_bytes());
  Meter meter(memory.bytes(), 7, start);
  meter.add(street, one_request());
  const auto first = meter.cut({}, start + 1s);
  meter.add(street, one_request());
  meter.add(harbour, one_request());
  for (int i = 2; i < 5; ++i) {
    const auto again = meter.cut({}, start + i * 1s);
    CHECK(print_json(to_json(again[0])) == print_json(to_json(first[0])));
  }
  const auto second = meter.cut({7, 1}, start + 5s);
  CHECK(second[0].period == 2);
  CHECK(second[0].from == start + 1s);
  CHECK(sum_of(second, street).served.requests == 1);
  CHECK(sum_of(second, harbour).served.requests == 1);
  CHECK(meter.cut({7, 2}, start + 6s).empty());
}

TEST_CASE("a new process goes on where the old one ended: same period, same lines, nothing twice") {
  MeterMemory memory(Meter::memory_bytes());
  auto meter = std::make_unique<Meter>(memory.bytes(), 7, start);
  meter->add(street, one_request());
  CHECK(meter->cut({}, start + 1s).size() == 1);  // and not journaled
  meter->add(street, one_request());
  meter = std::make_unique<Meter>(memory.bytes(), 8, start + 2s);
  meter->add(street, one_request());
  meter->add(harbour, one_request());
  const auto all = drain(*meter, {}, start + 3s);
  REQUIRE(all.size() == 2);
  CHECK(all[0].meter == 7);
  CHECK(all[0].period == 1);
  CHECK(all[1].lines.size() == 2);
  CHECK(sum_of(all, street).served.requests == 3);
  // Whose journal had it all along gives it out no more.
  meter = std::make_unique<Meter>(memory.bytes(), 9, start + 4s);
  CHECK(meter->cut({7, 2}, start + 5s).empty());
}

TEST_CASE("buckets are counted apart: from an app of that name, and by where their bytes went, also after a kill") {
  MeterMemory memory(Meter::memory_bytes());
  const TenantId acme = TenantId::of("acme");
  const UsageKey keys[] = {street, UsageKey(acme, *BucketName::parse("street"), std::nullopt),
                           UsageKey(acme, *BucketName::parse("street"), SiteId::of("mad1")),
                           UsageKey(acme, *BucketName::parse("st.reet"), std::nullopt)};
  const auto add_all = [&](Meter& meter) {
    for (int64_t i = 0; i < 4; ++i) {
      Meter::Account account;
      Usage usage;
      usage.stored.bytes_out = i + 1;
      meter.add(keys[i], account, usage);
    }
  };
  {
    Meter meter(memory.bytes(), 7, start);
    add_all(meter);
  }
  Meter next(memory.bytes(), 8, start);
  add_all(next);
  const auto records = next.cut({}, start + 1s);
  REQUIRE(records.size() == 1);
  REQUIRE(records[0].lines.size() == 4);
  for (size_t i = 0; i < 4; ++i) {
    CHECK(records[0].lines[i].app == keys[i]);
    CHECK(records[0].lines[i].usage.stored.bytes_out == static_cast<int64_t>(i + 1) * 2);
  }
}

TEST_CASE("more apps than lines close a period early; what still finds no line is counted as such, never mixed") {
  MeterMemory memory(Meter::memory_bytes());
  Meter meter(memory.bytes(), 7, start);
  for (size_t i = 0; i < 2 * Meter::most_lines; ++i) meter.add(numbered(i), one_request());
  CHECK(meter.unmetered() == 0);
  meter.add(numbered(99'999), one_request());
  CHECK(meter.unmetered() == 1);
  meter.add(numbered(2 * Meter::most_lines - 1), one_request());  // has a line
  CHECK(meter.unmetered() == 1);
  const auto all = drain(meter, {});
  CHECK(all.size() == 2);
  for (size_t i = 0; i < 2 * Meter::most_lines; ++i) {
    const int64_t wanted = i == 2 * Meter::most_lines - 1 ? 2 : 1;
    if (sum_of(all, numbered(i)).served.requests != wanted) FAIL_CHECK("app " << i);
    if (i % 97 != 0) i += 13;  // summing is slow
  }
  meter.add(numbered(99'999), one_request());
  CHECK(meter.unmetered() == 1);
}

TEST_CASE("a request is counted before its answer leaves, once, as what it was") {
  MeterMemory memory(Meter::memory_bytes());
  Meter meter(memory.bytes(), 7, start);
  JournaledPeriod journaled;
  auto counted = [&] {
    const auto records = drain(meter, journaled);
    if (!records.empty()) journaled = {7, records.back().period};
    return sum_of(records, street);
  };
  RequestMeter request(meter);
  using R = RequestMeter;

  request.begin(street, R::Billed::yes, R::From::device);
  request.body_in(60);
  request.body_in(40);
  CHECK(counted().served.requests == 0);
  request.answer_begins(R::By::replica_here, 200, 30ms, 50ms);
  Usage usage = counted();
  CHECK(usage.served.requests == 1);
  CHECK(usage.served.bytes_in == 100);
  CHECK(usage.served.compute_us == 30'000);
  request.body_out(7);
  request.body_in(5);  // the replica answered early
  request.late();
  usage = counted();
  CHECK(usage.served.requests == 0);
  CHECK(usage.served.bytes_out == 7);
  CHECK(usage.served.bytes_in == 5);
  CHECK(usage.noted.late == 1);

  SUBCASE("passed on: never as served") {
    request.begin(street, R::Billed::yes, R::From::device);
    request.body_in(100);
    request.answer_begins(R::By::other_site, 200, 30ms, 50ms);
    request.body_out(9);
    usage = counted();
    CHECK(usage.served.requests + usage.served.bytes_in + usage.served.bytes_out + usage.served.compute_us == 0);
    CHECK(usage.forwarded.requests == 1);
    CHECK(usage.forwarded.bytes_in == 100);
    CHECK(usage.forwarded.bytes_out == 9);
  }
  SUBCASE("a replica's failure is noted, not billed") {
    request.begin(street, R::Billed::yes, R::From::device);
    request.body_in(100);
    request.answer_begins(R::By::replica_here, 500, 30ms, 50ms);
    request.body_out(9);
    usage = counted();
    CHECK(usage.served.requests + usage.served.bytes_in + usage.served.bytes_out + usage.served.compute_us == 0);
    CHECK(usage.noted.failed == 1);
  }
  SUBCASE("a replica cannot have computed for longer than the request has been here") {
    request.begin(street, R::Billed::yes, R::From::device);
    request.answer_begins(R::By::replica_here, 200, 24h, 50ms);
    CHECK(counted().served.compute_us == 50'000);
  }
  SUBCASE("for another gateway: served here; refusals and lateness are that gateway's to note") {
    request.begin(street, R::Billed::yes, R::From::other_gateway);
    request.answer_begins(R::By::replica_here, 200, 1ms, 2ms);
    request.late();
    request.refused(RefusalReason::overloaded);
    usage = counted();
    CHECK(usage.served.requests == 1);
    CHECK(usage.noted.late + usage.noted.refused == 0);
  }
  SUBCASE("refusals are noted, but not of apps that nobody knows; a question about the model is no request") {
    request.begin(street, R::Billed::yes, R::From::device);
    request.refused(RefusalReason::unknown_app);
    request.refused(RefusalReason::overloaded);
    request.begin(street, R::Billed::no, R::From::device);
    request.answer_begins(R::By::replica_here, 200, 1ms, 2ms);
    request.body_out(9);
    usage = counted();
    CHECK(usage.noted.refused == 1);
    CHECK(usage.served.requests + usage.served.bytes_out == 0);
  }
}

namespace {

constexpr size_t most_journaled = 16;

/// What the process under test shares with its observer.
struct Shared {
  volatile int64_t begun[2];  // adds, by app
  volatile int64_t done[2];
  struct Journaled {
    int64_t period;
    Usage usage[2];
  } journal[most_journaled];
  volatile int64_t journaled;  // entries; the store of it is what makes one durable
};

struct Mapping {
  explicit Mapping(size_t size) : bytes(size) {
    at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(at != MAP_FAILED);
  }
  ~Mapping() { munmap(at, bytes); }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  std::span<std::byte> span() const { return {static_cast<std::byte*>(at), bytes}; }
  size_t bytes;
  void* at;
};

void add_some(Meter& meter, Shared& shared, int adds) {
  for (int i = 0; i < adds; ++i) {
    const size_t app = static_cast<size_t>(i % 2);
    shared.begun[app] = shared.begun[app] + 1;
    meter.add(app == 0 ? street : harbour, one_request());
    shared.done[app] = shared.done[app] + 1;
  }
}

void journal_some(Meter& meter, Shared& shared) {
  const int64_t count = shared.journaled;
  const auto cut = meter.cut({7, count == 0 ? 0 : shared.journal[count - 1].period}, start);
  if (cut.empty()) return;
  shared.journal[count] = {cut[0].period, {sum_of(cut, street), sum_of(cut, harbour)}};
  shared.journaled = count + 1;
}

[[noreturn]] void traced(const Mapping& memory, Shared& shared, int rounds) {
  ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
  raise(SIGSTOP);
  Meter meter(memory.span(), 7, start);
  for (int round = 0; round < rounds; ++round) {
    add_some(meter, shared, 3);
    journal_some(meter, shared);
    add_some(meter, shared, 2);
    if (round % 2 == 0) journal_some(meter, shared);
  }
  _exit(0);
}

/// The traced process uses a few lines at the start of each bank; comparing all of it for each instruction is slow.
bool same_start_of_banks(std::span<std::byte> a, std::span<std::byte> b) {
  constexpr size_t window = 4096;
  const size_t second = a.size() / 2;
  return std::memcmp(a.data(), b.data(), window) == 0 && std::memcmp(&a[second], &b[second], window) == 0;
}

/// What is wrong, if the process under test had been killed at this instruction.
std::string fault_after_kill(std::span<std::byte> memory, const Shared& shared) {
  Meter successor(memory, 8, start);
  const int64_t count = shared.journaled;
  const int64_t meter_id = 7;
  const auto rest = drain(successor, {meter_id, count == 0 ? 0 : shared.journal[count - 1].period});
  for (size_t app = 0; app < 2; ++app) {
    Usage all = sum_of(rest, app == 0 ? street : harbour);
    for (int64_t i = 0; i < count; ++i) all += shared.journal[i].usage[app];
    const int64_t requests = all.served.requests;
    const std::string figures = std::to_string(requests) + " of " + std::to_string(shared.done[app]) + " done and " +
                                std::to_string(shared.begun[app]) + " begun";
    if (requests < shared.done[app]) return "lost: " + figures;
    if (requests > shared.begun[app]) return "doubled: " + figures;
    if (all.served.bytes_in != 10 * requests || all.served.bytes_out != 20 * requests ||
        all.served.compute_us != 3 * requests || all.noted.late != requests) {
      return "torn: " + figures;
    }
  }
  return "";
}

}  // namespace

// Not under a sanitizer: it would step through the sanitizer's instructions, not ours.
TEST_CASE("a kill after any single instruction neither loses nor doubles nor tears anything" *
          doctest::skip(sanitized)) {
  constexpr int rounds = 5;
  const Mapping memory(Meter::memory_bytes());
  const Mapping shared_memory(sizeof(Shared));
  auto& shared = *new (shared_memory.at) Shared();
  Meter(memory.span(), 7, start);  // not traced: a million instructions that zero the memory
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) traced(memory, shared, rounds);

  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFSTOPPED(status));
  MeterMemory last(memory.bytes);  // as after the last instruction
  MeterMemory copy(memory.bytes);
  int64_t checked = 0;
  std::string fault;
  while (WIFSTOPPED(status)) {
    REQUIRE(ptrace(PTRACE_SINGLESTEP, child, nullptr, nullptr) == 0);
    REQUIRE(waitpid(child, &status, 0) == child);
    if (!fault.empty() || same_start_of_banks(last.bytes(), memory.span())) continue;
    std::memcpy(last.bytes().data(), memory.at, memory.bytes);
    std::memcpy(copy.bytes().data(), memory.at, memory.bytes);
    fault = fault_after_kill(copy.bytes(), shared);
    ++checked;
  }
  CHECK(WIFEXITED(status));
  CHECK_MESSAGE(fault.empty(), fault << " (" << checked << " instants were fine)");
  CHECK(checked > 40 * rounds);
  CHECK(shared.journaled > 1);
  CHECK(fault_after_kill(copy.bytes(), shared).empty());
}

}  // namespace barrio::gateway::meter_test
