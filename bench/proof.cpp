// What the transparency log costs: appends a second on one core into a real folder, the size of a proof at 10^8 leaves,
// and how long verifying one takes. Usage: bench_proof [FOLDER [LEAVES]]. Prints one JSON object.

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <ctime>
#include <filesystem>

#include "adapters/reactor_runtime/reactor_runtime.h"
#include "adapters/tile_log/tile_log.h"
#include "base/base64.h"
#include "decide/proof/proof_file.h"
#include "report.h"

using namespace barrio;

namespace {

constexpr size_t writers = 64;  // fibers that append at the same time, as requests do

double process_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

double wall_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

LogEvent event_of(size_t number) {
  return {.operation = LogOperation::stored,
          .tenant = TenantId::of("tenant-" + std::to_string(number % 50)),
          .subject = "object/frames/" + std::to_string(number),
          .content = std::string(64, 'c'),
          .where = *Jurisdiction::parse("ES-PV"),
          .policy = 3};
}

struct Rates {
  double wall = 0;
  double core = 0;
};

/// Each fiber waits until its leaf is on disk before it appends the next.
Rates append_rate(const std::string& folder, size_t leaves) {
  net::Reactor reactor;
  adapters::ReactorRuntime runtime(reactor, {.offload_threads = 1, .seed = 1});
  auto disk = adapters::open_log_folder(folder);
  if (!disk) return {};
  auto log = adapters::TileLog::open(runtime, std::move(*disk), SiteId::of("bio1"), std::string(32, 's'));
  if (!log) return {};
  size_t next = 0;
  size_t done = 0;
  const double wall = wall_seconds();
  const double core = process_seconds();
  for (size_t i = 0; i < writers; ++i) {
    runtime.spawn("writer", [&] {
      while (next < leaves) {
        const LogEvent event = event_of(next++);
        if (!(*log)->append(std::span(&event, 1))) std::abort();
        ++done;
      }
    });
  }
  while (done < leaves) reactor.turn(100ms);
  return {static_cast<double>(leaves) / (wall_seconds() - wall),
          static_cast<double>(leaves) / (process_seconds() - core)};
}

/// A tree so large that only the path of one leaf is real: what is beside it is made up.
struct LargeTree {
  static constexpr uint64_t size = 100'000'000;
  static constexpr uint64_t index = 77'777'777;
  std::string leaf;
  std::vector<Digest> proof;
  Digest root{};

  LargeTree() {
    const auto salt = decide::TenantSalt(32, 's');
    leaf =
        decide::make_leaf(event_of(7), SiteId::of("bio1"), salt, WallTime(std::chrono::seconds(1'800'000'000))).str();
    proof = *decide::inclusion_proof(index, size, [](int level, uint64_t at) -> Result<Digest> {
      return sha256(std::to_string(level) + "/" + std::to_string(at));
    });
    root = decide::merkle_leaf(leaf);
    uint64_t at = index;
    uint64_t last = size - 1;
    for (const Digest& sibling : proof) {
      while ((at & 1) == 0 && at == last && at != 0) at >>= 1, last >>= 1;
      root = (at & 1) != 0 ? decide::merkle_node(sibling, root) : decide::merkle_node(root, sibling);
      at >>= 1, last >>= 1;
    }
  }
};

}  // namespace

int main(int argc, char** argv) {
  const std::string folder = argc > 1 ? argv[1] : "/tmp/barrio-bench-proof-" + std::to_string(::getpid());
  const size_t leaves = argc > 2 ? std::stoul(argv[2]) : 100'000;
  const Rates rates = append_rate(folder, leaves);
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);

  const LargeTree tree;
  const decide::NoteSigner log("bio1.site.barrio.internal/log/1", decide::NoteKeyKind::log, *Ed25519Key::generate());
  const decide::NoteSigner witness("w.example/1", decide::NoteKeyKind::witness, *Ed25519Key::generate());
  const decide::Checkpoint checkpoint{log.name(), LargeTree::size, tree.root};
  const decide::Note note{checkpoint.text(), {log.sign(checkpoint.text()), witness.sign(checkpoint.text(), 1)}};
  decide::ProvedLeaf proved{static_cast<int64_t>(LargeTree::index), tree.leaf, {}};
  for (const Digest& hash : tree.proof) proved.proof.push_back(base64(text_of(hash)));
  decide::ProofFile file{.format = std::string(decide::ProofFile::version),
                         .tenant = TenantId::of("tenant-7"),
                         .jurisdiction = *Jurisdiction::parse("ES"),
                         .from = WallTime(std::chrono::seconds(1'799'999'999)),
                         .to = WallTime(std::chrono::seconds(1'800'000'001)),
                         .subjects = {"object/frames/7"},
                         .sites = {{SiteId::of("bio1"), note.str(), base64(std::string(32, 's')), {}, {proved}}}};
  const decide::TrustedKeys keys{{log.verifier()}, {witness.verifier()}};
  constexpr int rounds = 300;
  const double begin = process_seconds();
  for (int i = 0; i < rounds; ++i) {
    const auto verdict = decide::verify_proof(file, keys, 1);
    if (!verdict || verdict->sites[0].findings.size() != 1) {
      std::fprintf(stderr, "the proof does not hold: %s\n", verdict ? "nothing found" : verdict.error().text().c_str());
      return 1;
    }
  }
  const double verify_ms = (process_seconds() - begin) / rounds * 1e3;
  constexpr int receipts = 2000;
  const double sign_begin = process_seconds();
  for (int i = 0; i < receipts; ++i) log.sign(std::to_string(i));
  const double sign_us = (process_seconds() - sign_begin) / receipts * 1e6;
  bench::print_report(
      "proof",
      {{"leaves", static_cast<int64_t>(leaves)}, {"writers", static_cast<int64_t>(writers)}, {"folder", folder}},
      {bench::figure("log_append", rates.wall, "1/s", "higher", "5000"),
       bench::figure("log_append_core", rates.core, "1/s of one core", "higher", "5000"),
       bench::figure("leaf_proof_at_1e8", static_cast<double>(print_json(to_json(proved)).size()), "B", "lower",
                     "2048"),
       bench::figure("hashes_at_1e8", static_cast<double>(tree.proof.size()), "", "lower"),
       bench::figure("proof_verify", verify_ms, "ms", "lower", "1"),
       bench::figure("note_sign", sign_us, "us", "lower")});
  return 0;
}
