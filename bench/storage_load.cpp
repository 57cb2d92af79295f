// The clients of bench/storage: threads that each keep one connection busy with one request after the other, against
// anything that speaks HTTP/1.1. Requests are presigned before the clock runs, so that they cost the same whoever
// answers. Reads one run a line from standard input as JSON, prints its result as one line of JSON; a run with
// `sync_folder` asks the disk alone, one with `store_folder` the store alone, without S3 and log.

#include <fcntl.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <thread>

#include "adapters/local_files/local_medium.h"
#include "adapters/reactor_runtime/reactor_runtime.h"
#include "adapters/sealed_store/sealed_store.h"
#include "api/s3/sigv4.h"
#include "base/check.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/openssl_types.h"
#include "base/rng.h"
#include "base/text.h"
#include "net/address.h"
#include "report.h"

namespace barrio {
namespace {

struct Run {
  std::string target;
  std::string method = "GET";
  std::string path;    // "/bucket/put-": requests are for PATH<number>
  std::string key_id;  // empty: nothing is signed
  std::string secret;
  std::string timestamp;  // of the signatures, "20130524T000000Z"
  int64_t objects = 64;   // that the clients share
  int64_t size = 0;       // of each, in bytes
  int64_t clients = 16;
  int64_t pid = 0;     // of the server, whose CPU time is read
  double seconds = 1;  // 0: until each object was asked for once
  bool tls = false;
  std::string sync_folder;
  std::string store_folder;
  int64_t sync_us =
      0;  // of the disk alone and of the store alone: each sync takes at least so long, as on a slower disk
  static constexpr std::string_view defaulted[] = {"target",    "method",      "path",         "key_id",  "secret",
                                                   "timestamp", "objects",     "size",         "clients", "pid",
                                                   "tls",       "sync_folder", "store_folder", "sync_us"};
};
BARRIO_DESCRIBE(Run, (),
                (target, method, path, key_id, secret, timestamp, objects, size, clients, pid, seconds, tls,
                 sync_folder, store_folder, sync_us))

double wall_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Time on a core of all threads of a process, those that have ended included.
double cpu_seconds(int64_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const auto fields = split(std::string_view(text).substr(std::min(text.size(), text.rfind(')') + 2)), ' ');
  if (fields.size() < 13) return 0;
  return static_cast<double>(parse_uint(fields[11]).value_or(0) + parse_uint(fields[12]).value_or(0)) /
         static_cast<double>(sysconf(_SC_CLK_TCK));
}

/// The head of one request, presigned as S3's clients do it.
std::string request_head(const Run& run, int64_t number) {
  const std::string path = run.path + std::to_string(number);
  std::string target = path;
  if (!run.key_id.empty()) {
    std::string query = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" + run.key_id + "%2F" +
                        run.timestamp.substr(0, 8) + "%2Fbench%2Fs3%2Faws4_request&X-Amz-Date=" + run.timestamp +
                        "&X-Amz-Expires=86400&X-Amz-SignedHeaders=host";
    const api::s3::RequestView view{run.method, path, query, {{"host", run.target}}};
    const auto claim = api::s3::read_claim(view);
    CHECK(claim && *claim);
    target += "?" + query + "&X-Amz-Signature=" + api::s3::signature_of(**claim, view, run.secret);
  }
  std::string head = run.method + " " + target + " HTTP/1.1\r\nHost: " + run.target + "\r\n";
  if (run.method == "PUT") head += "Content-Length: " + std::to_string(run.size) + "\r\n";
  return head + "\r\n";
}

/// One connection, which blocks.
class Connection {
 public:
  Connection(const Run& run, SSL_CTX* context) {
    const auto target = net::SocketAddress::parse(run.target);
    CHECK(target);
    fd_ = ::socket(target->family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd_ >= 0 && ::connect(fd_, target->native(), target->native_length()) == 0);
    if (!run.tls) return;
    tls_.reset(SSL_new(context));
    SSL_set_fd(tls_.get(), fd_);
    CHECK(SSL_connect(tls_.get()) == 1);
  }
  ~Connection() {
    tls_.reset();
    ::close(fd_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const size_t most = std::min<size_t>(bytes.size(), 1 << 20);
      const ssize_t put = tls_ ? SSL_write(tls_.get(), bytes.data(), static_cast<int>(most))
                               : ::send(fd_, bytes.data(), most, MSG_NOSIGNAL);
      if (put <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(put));
    }
    return true;
  }

  /// Whether the answer was a 200; `length`: of its body.
  bool receive(int64_t& length) {
    std::string head;
    size_t end = std::string::npos;
    while (end == std::string::npos) {
      const ssize_t got = read();
      if (got <= 0) return false;
      head.append(buffer_.data(), static_cast<size_t>(got));
      end = head.find("\r\n\r\n");
    }
    const std::string lower = to_lower(head.substr(0, end));
    const size_t field = lower.find("\r\ncontent-length: ");
    const size_t digits = field + 18;
    length =
        field == std::string::npos
            ? 0
            : static_cast<int64_t>(parse_uint(lower.substr(digits, lower.find('\r', digits) - digits)).value_or(0));
    for (auto left = length - static_cast<int64_t>(head.size() - end - 4); left > 0;) {
      const ssize_t got = read();
      if (got <= 0) return false;
      left -= got;
    }
    if (head.substr(9, 3) != "200") std::fprintf(stderr, "%s\n", head.substr(0, 1000).c_str());
    return head.substr(9, 3) == "200";
  }

 private:
  ssize_t read() {
    return tls_ ? SSL_read(tls_.get(), buffer_.data(), static_cast<int>(buffer_.size()))
                : ::recv(fd_, buffer_.data(), buffer_.size(), 0);
  }

  int fd_ = -1;
  OpensslPtr<SSL, SSL_free> tls_;
  std::string buffer_ = std::string(256 * 1024, '\0');
};

struct Tally {
  std::vector<double> latencies_ms;
  int64_t bytes = 0;
  int64_t errors = 0;
};

/// One client until the time is up; what it began it finishes.
void ask(const Run& run, SSL_CTX* context, const std::vector<std::string>& heads, const std::string& body,
         std::atomic<size_t>& next, double until, Tally& tally) {
  Connection connection(run, context);
  while (true) {
    const double begin = wall_seconds();
    const size_t number = next++;
    if (run.seconds == 0 ? number >= heads.size() : begin >= until) return;
    const std::string& head = heads[number % heads.size()];
    int64_t length = 0;
    // A small request is one write, as with any client.
    const bool sent =
        body.size() <= 64 * 1024 ? connection.send(head + body) : connection.send(head) && connection.send(body);
    if (!sent || !connection.receive(length) || (run.method == "GET" && length != run.size)) {
      ++tally.errors;
      return;
    }
    tally.bytes += run.method == "PUT" ? run.size : length;
    tally.latencies_ms.push_back((wall_seconds() - begin) * 1000);
  }
}

JsonObject measure(const Run& run, SSL_CTX* context) {
  std::vector<std::string> heads;
  for (int64_t i = 0; i < run.objects; ++i) heads.push_back(request_head(run, i));
  std::string body(run.method == "PUT" ? static_cast<size_t>(run.size) : 0, '\0');
  Rng rng(1);
  for (char& c : body) c = static_cast<char>(rng.next());
  std::vector<Tally> tallies(static_cast<size_t>(run.clients));
  std::atomic<size_t> next = 0;
  const double cpu = cpu_seconds(run.pid);
  const double begin = wall_seconds();
  {
    std::vector<std::jthread> clients;
    for (Tally& tally : tallies) {
      clients.emplace_back([&] { ask(run, context, heads, body, next, begin + run.seconds, tally); });
    }
  }
  const double wall = wall_seconds() - begin;
  Tally all;
  for (const Tally& tally : tallies) {
    all.latencies_ms.insert(all.latencies_ms.end(), tally.latencies_ms.begin(), tally.latencies_ms.end());
    all.bytes += tally.bytes;
    all.errors += tally.errors;
  }
  const auto requests = static_cast<double>(all.latencies_ms.size());
  return {{"requests", requests},
          {"errors", all.errors},
          {"per_s", requests / wall},
          {"mb_per_s", static_cast<double>(all.bytes) / wall / 1e6},
          {"cpu_us", (cpu_seconds(run.pid) - cpu) * 1e6 / std::max(1.0, requests)},
          {"p50_ms", bench::percentile(all.latencies_ms, 0.5)},
          {"p99_ms", bench::percentile(all.latencies_ms, 0.99)}};
}

/// Sleeps for what is left of a sync that began then.
void finish_sync(double begin, int64_t least_us) {
  const double left = begin + static_cast<double>(least_us) / 1e6 - wall_seconds();
  if (left > 0) std::this_thread::sleep_for(std::chrono::duration<double>(left));
}

/// 4 KiB appended to one file and synced, one after the other.
JsonObject measure_syncs(const Run& run) {
  const std::string path = run.sync_folder + "/syncs";
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  CHECK(fd >= 0);
  const std::string block(4096, 'b');
  int64_t done = 0;
  const double begin = wall_seconds();
  while (wall_seconds() < begin + run.seconds) {
    CHECK(::pwrite(fd, block.data(), block.size(), done * 4096) == 4096);
    const double sync_begin = wall_seconds();
    CHECK(::fdatasync(fd) == 0);
    finish_sync(sync_begin, run.sync_us);
    ++done;
  }
  const double wall = wall_seconds() - begin;
  ::close(fd);
  std::filesystem::remove(path);
  return {{"per_s", static_cast<double>(done) / wall}, {"errors", 0}};
}

class CountingDisk final : public adapters::local_files::Disk {
 public:
  explicit CountingDisk(int64_t least_us) : least_us_(least_us) {}
  Result<void> sync(const adapters::local_files::OpenFile& file) override {
    ++syncs;
    const double begin = wall_seconds();
    auto done = Disk::sync(file);
    finish_sync(begin, least_us_);
    return done;
  }
  std::atomic<int64_t> syncs = 0;

 private:
  const int64_t least_us_;
};

/// Small objects put by so many fibers; `group`: how many share a sync.
JsonObject measure_store(const Run& run) {
  const std::string folder = run.store_folder + "/store";
  net::Reactor reactor;
  adapters::ReactorRuntime runtime(reactor, {.offload_threads = 4, .seed = 1});
  CountingDisk disk(run.sync_us);
  auto opened = adapters::SealedStore::open(
      runtime, {std::make_unique<adapters::LocalMedium>(folder, &disk), std::string(32, 's')});
  CHECK(opened);
  ports::ObjectStore& store = **opened;
  const std::string bucket(32, 'a');
  const std::string body(static_cast<size_t>(run.size), 'b');
  int64_t done = 0;
  int64_t left = run.clients;
  bool ready = false;
  runtime.spawn("bucket", [&] {
    CHECK(store.add_bucket(bucket, TenantId::of("acme")));
    ready = true;
  });
  while (!ready) reactor.turn(10ms);
  const int64_t syncs_before = disk.syncs;
  const double begin = wall_seconds();
  for (int64_t client = 0; client < run.clients; ++client) {
    runtime.spawn("client", [&, key = "client " + std::to_string(client)] {
      while (wall_seconds() < begin + run.seconds) {
        auto writer = store.writer(bucket);
        CHECK(writer && (*writer)->write(body) && (*writer)->finish());
        CHECK(store.put(bucket, {.key = key, .size = run.size, .etag = "e"}, std::move(*writer)));
        ++done;
      }
      --left;
    });
  }
  while (left > 0) reactor.turn(10ms);
  const double wall = wall_seconds() - begin;
  const auto syncs = static_cast<double>(disk.syncs - syncs_before);
  opened->reset();
  std::filesystem::remove_all(folder);
  return {{"per_s", static_cast<double>(done) / wall},
          {"syncs_per_s", syncs / wall},
          {"group", static_cast<double>(done) / syncs},
          {"errors", 0}};
}

JsonObject result_of(const Run& run, SSL_CTX* context) {
  if (!run.sync_folder.empty()) return measure_syncs(run);
  if (!run.store_folder.empty()) return measure_store(run);
  return measure(run, context);
}

int serve() {
  const OpensslPtr<SSL_CTX, SSL_CTX_free> context(SSL_CTX_new(TLS_client_method()));
  std::string line;
  while (std::getline(std::cin, line)) {
    const auto json = parse_json(line);
    const auto run = json ? from_json<Run>(*json) : Result<Run>(fail(json.error()));
    if (!run) {
      std::fprintf(stderr, "bench_storage_load: %s\n", run.error().text().c_str());
      return 2;
    }
    std::printf("%s\n", print_json(result_of(*run, context.get())).c_str());
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace
}  // namespace barrio

int main() {
  return barrio::serve();
}
