// Barrio's own share of an answered request: what a client on this machine waits, less the model's computing and its
// queue. Open loop: requests are due at fixed instants and their time counts from then, so a slow answer delays no
// count. Half way between two requests a round of the bare chain is due: the same hops with nothing done, in the same
// run. Started by bench/first-light against a running network; prints one JSON object.

#include <cstdio>
#include <string>
#include <vector>

#include "bare_chain.h"
#include "base/text.h"
#include "cli/actions.h"
#include "cli/view.h"
#include "emulation/camera_record.h"
#include "net/thread_priority.h"
#include "report.h"

namespace barrio {
namespace {

constexpr auto body = R"({"inputs":[{"name":"image","shape":[1,1,3,3],"datatype":"FP32","data":[0,0,0,0,1,1,0,1,1]}]})";

struct Load {
  net::SocketAddress gateway;
  std::string token;
  int64_t rate = 0;   // requests a second
  int64_t count = 0;  // in all
};

struct Seen {
  std::vector<double> total_ms;
  std::vector<double> own_ms;
  std::vector<double> bare_ms;
  int64_t failed = 0;
};

class Generator {
 public:
  explicit Generator(Load load) : load_(std::move(load)), client_(reactor_, net::ClientLimits{}), bare_(reactor_) {}

  Seen run() {
    const Time begin = reactor_.fresh_now() + 100ms;
    for (int64_t i = 0; i < load_.count; ++i) {
      const Duration between = Duration(1s) / load_.rate;
      const Time due = begin + i * between;
      reactor_.call_at(due, [this, due] { send(due); });
      const Time bare_due = due + between / 2;
      reactor_.call_at(bare_due, [this, bare_due] { bare_.send(bare_due); });
    }
    net::carry_requests();  // a client has a core of its own
    reactor_.run();
    seen_.bare_ms = std::move(bare_.took_ms());
    return std::move(seen_);
  }

 private:
  void send(Time due) {
    net::Request request{.method = "POST",
                         .target = "/v2/models/sobel/infer",
                         .headers = {{"Authorization", "Bearer " + load_.token}, {"Content-Type", "application/json"}},
                         .body = body,
                         .peer_ip = {}};
    client_.fetch(load_.gateway, std::move(request), due + 5s, [this, due](Result<net::Response> answer) {
      note(due, answer);
      if (++ended_ == load_.count) reactor_.stop();
    });
  }

  void note(Time due, const Result<net::Response>& answer) {
    if (!answer || answer->status != 200) {
      ++seen_.failed;
      return;
    }
    const auto parts = emulation::parse_server_timing(net::find_header(answer->headers, "Server-Timing").value_or(""));
    const double total = to_ms(reactor_.fresh_now() - due);
    seen_.total_ms.push_back(total);
    seen_.own_ms.push_back(total - parts.network_ms - parts.queue_ms - parts.compute_ms);
  }

  Load load_;
  net::Reactor reactor_;
  net::Client client_;
  bench::BareChain bare_;
  Seen seen_;
  int64_t ended_ = 0;
};

/// The first connected site's gateway, and a token of the context "ciudad".
Result<Load> prepare(cli::Session& session, int64_t rate, int64_t seconds) {
  TRY(auto control, session.control(cli::Speaker::tenant));
  Load load{.gateway = {}, .token = {}, .rate = rate, .count = rate * seconds};
  TRY(load.token, control.token());
  TRY(auto sites, control.get("/sites"));
  for (const Json& site : cli::items(sites, "sites")) {
    if (!cli::true_at(site, "connected")) continue;
    TRY(load.gateway, net::SocketAddress::parse(cli::text_at(site, "gateway")));
    return load;
  }
  return fail(Code::unavailable, "no site is connected");
}

int run(const std::string& home, int64_t rate, int64_t seconds) {
  cli::Session session{.global = {.home = home, .as = "ciudad"}, .home = home, .http = {}};
  auto load = prepare(session, rate, seconds);
  if (!load) {
    std::fprintf(stderr, "bench_first_light: %s\n", load.error().text().c_str());
    return 1;
  }
  Seen seen = Generator(std::move(*load)).run();
  JsonArray results;
  const auto spread = [&](const std::string& name, const std::vector<double>& values) {
    results.push_back(bench::figure(name + "_p50", bench::percentile(values, 0.5), "ms", "lower"));
    results.push_back(bench::figure(name + "_p99", bench::percentile(values, 0.99), "ms", "lower"));
  };
  spread("own_share", seen.own_ms);
  spread("bare_chain", seen.bare_ms);
  spread("total", seen.total_ms);
  results.push_back(bench::figure("failed", static_cast<double>(seen.failed), "requests", "lower"));
  bench::print_report("first-light", {{"rate_per_s", rate}, {"seconds", seconds}}, std::move(results));
  return seen.failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace barrio

int main(int argc, char** argv) {
  const auto number = [&](int at) { return argc > at ? barrio::parse_uint(argv[at]).value_or(0) : 0; };
  if (argc != 4 || number(2) == 0 || number(3) == 0) {
    std::fprintf(stderr, "usage: bench_first_light HOME REQUESTS_PER_SECOND SECONDS\n");
    return 2;
  }
  return barrio::run(argv[1], static_cast<int64_t>(number(2)), static_cast<int64_t>(number(3)));
}
