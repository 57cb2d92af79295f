// Bounded load on a real gateway and a replica for a long time, in pieces; prints one JSON object: what was asked and
// answered in each piece, and the memory and descriptors of the site once it is quiet again. Both must be flat.
// Usage: bench_soak SECONDS [PIECES]. Exit code 1: an answer was wrong, or something grew.

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "base/rng.h"
#include "base/text.h"
#include "net/client.h"
#include "net/raw_client_test.h"
#include "report.h"
#include "soak_site.h"

namespace barrio::soak {
namespace {

constexpr size_t workers = 16;
constexpr Duration pause_between = 10ms;  // of one worker: at most 1600 requests a second in all
/// Pools of connections may end one piece a little fuller than another; a leak of one in 10 000 requests shows.
constexpr int64_t most_descriptor_growth = 16;
/// After a stall all workers ask at once, and the pools have as many connections for their idle time (30 s,
/// net/client.h) and a sweep; what leaked stays.
constexpr Duration pools_empty_after = 45s;
constexpr int64_t most_rss_growth_kib = 8 * 1024;

struct Count {
  int64_t requests = 0;
  int64_t errors = 0;  // another answer than the right one
  int64_t left = 0;    // gone in the middle, on purpose
};

/// What a worker does next, and the answer that is right.
struct Act {
  const char* target;
  size_t body_bytes;
  bool authorized;
  int status;
};
constexpr Act acts[] = {{"/v2/models/street/infer", 200, true, 200},
                        {"/v2/models/street/infer", 1'000, true, 200},
                        {"/v2/models/street/infer", 100'007, true, 200},  // a large answer
                        {"/v2/models/street/infer", 200, false, 401},
                        {"/v2/models/strasse/infer", 200, true, 404},
                        {"/nowhere", 200, true, 404}};

class Load {
 public:
  Load(const SiteProcess& site, uint64_t seed) : site_(site), rng_(seed) {}

  /// Asks for `length`, and then waits for what is open.
  Count run(Duration length) {
    count_ = {};
    end_ = reactor_.fresh_now() + length;
    working_ = workers;
    for (size_t i = 0; i < workers; ++i) reactor_.call_after(i * 1ms, [this] { next(); });
    while (working_ > 0) reactor_.turn(10ms);
    return count_;
  }
  /// Long enough for the site to see that this side's connections are gone.
  void quiet(Duration length = 500ms) {
    const Time until = reactor_.fresh_now() + length;
    while (reactor_.fresh_now() < until) reactor_.turn(10ms);
  }

 private:
  void next() {
    if (reactor_.now() >= end_) {
      --working_;
      return;
    }
    if (rng_.below(8) == 0) return leave_in_the_middle();
    const Act& act = acts[static_cast<size_t>(rng_.below(std::size(acts)))];
    ++count_.requests;
    client_.fetch(site_.gateway(), request(act), reactor_.now() + 10s,
                  [this, status = act.status](Result<net::Response> answer) {
                    if (!answer || answer->status != status) ++count_.errors;
                    pause();
                  });
  }

  net::Request request(const Act& act) {
    net::Request made;
    made.method = "POST";
    made.target = act.target;
    made.headers = {{"Authorization", act.authorized ? "Bearer " + site_.token() : "Bearer x"}};
    made.body = std::string(act.body_bytes, 'q');
    return made;
  }

  /// A device that connects, sends a part of a request or all of it, and is gone, in order or not.
  void leave_in_the_middle() {
    ++count_.left;
    net::test::RawClient device(site_.gateway());
    const std::string body(207, 'q');  // would have a large answer
    const std::string text = "POST /v2/models/street/infer HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " +
                             site_.token() + "\r\nContent-Length: 207\r\n\r\n" + body;
    device.send(std::string_view(text).substr(0, static_cast<size_t>(rng_.below(text.size() + 1))));
    if (rng_.below(2) == 0) device.reset();
    pause();
  }

  void pause() {
    reactor_.call_after(pause_between, [this] { next(); });
  }

  const SiteProcess& site_;
  Rng rng_;
  net::Reactor reactor_;
  net::Client client_{reactor_, {}};
  Count count_;
  Time end_{};
  size_t working_ = 0;
};

struct Piece {
  Count count;
  Footprint after;
};

Json to_view(const Piece& piece) {
  return JsonObject{{"requests", piece.count.requests},
                    {"errors", piece.count.errors},
                    {"left_in_the_middle", piece.count.left},
                    {"rss_kib", piece.after.rss_kib},
                    {"descriptors", piece.after.descriptors}};
}

/// True: all answers were right, and nothing grew after the first piece, which warms caches and pools.
bool report(const std::vector<Piece>& pieces, const Footprint& at_start, Duration length) {
  int64_t errors = 0;
  JsonArray views;
  for (const Piece& piece : pieces) {
    errors += piece.count.errors;
    views.push_back(to_view(piece));
  }
  const Footprint& warm = pieces.front().after;
  const Footprint& last = pieces.back().after;
  const int64_t rss_growth = last.rss_kib - warm.rss_kib;
  const int64_t descriptor_growth = last.descriptors - warm.descriptors;
  const auto result = [](const char* name, int64_t value, const char* unit) {
    return bench::figure(name, static_cast<double>(value), unit, "lower");
  };
  bench::print_report(
      "soak",
      {{"seconds", std::chrono::duration_cast<std::chrono::seconds>(length).count()},
       {"rss_at_start_kib", at_start.rss_kib},
       {"descriptors_at_start", at_start.descriptors},
       {"pieces", std::move(views)}},
      {result("rss_growth", rss_growth, "KiB"), result("descriptor_growth", descriptor_growth, "descriptors"),
       result("errors", errors, "requests")});
  return errors == 0 && rss_growth <= most_rss_growth_kib && descriptor_growth <= most_descriptor_growth;
}

/// Of the last piece: when its pools are no fuller than after the first one, or had the time to empty.
Footprint settled(const SiteProcess& site, const std::vector<Piece>& before) {
  const int64_t most = before.front().after.descriptors + most_descriptor_growth;
  Footprint found = site.footprint();
  for (Duration waited{}; found.descriptors > most && waited < pools_empty_after; waited += 1s) {
    Load(site, 0).quiet(1s);
    found = site.footprint();
  }
  return found;
}

int run(Duration length, size_t count) {
  const auto site = SiteProcess::start();
  if (!site) {
    std::fprintf(stderr, "bench_soak: %s\n", site.error().text().c_str());
    return 1;
  }
  const Footprint at_start = site->footprint();
  std::vector<Piece> pieces;
  for (size_t i = 0; i < count; ++i) {
    Piece piece;
    {
      Load load(*site, i);
      piece.count = load.run(length / static_cast<int64_t>(count));
      load.quiet();
    }
    if (!site->alive()) {
      std::fprintf(stderr, "bench_soak: the site died in piece %zu\n", i);
      return 1;
    }
    piece.after = i + 1 == count ? settled(*site, pieces) : site->footprint();
    std::fprintf(stderr, "piece %zu of %zu: %s\n", i + 1, count, print_json(to_view(piece)).c_str());
    pieces.push_back(piece);
  }
  return report(pieces, at_start, length) ? 0 : 1;
}

}  // namespace
}  // namespace barrio::soak

int main(int argc, char** argv) {
  const auto number = [&](int at) { return argc > at ? barrio::parse_uint(argv[at]).value_or(0) : 0; };
  const uint64_t pieces = argc > 2 ? number(2) : 6;
  if (argc < 2 || argc > 3 || number(1) == 0 || pieces < 2 || pieces > 10'000) {
    std::fprintf(stderr, "usage: bench_soak SECONDS [PIECES, at least 2]\n");
    return 2;
  }
  return barrio::soak::run(std::chrono::seconds(number(1)), static_cast<size_t>(pieces));
}
