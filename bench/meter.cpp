// What counting costs: one request's adds to the meter, over 200 apps, in thread CPU time. Prints one JSON object.

#include <ctime>

#include "gateway/request_meter.h"
#include "report.h"

using namespace barrio;

namespace {

double thread_ns() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

}  // namespace

int main() {
  constexpr int requests = 2'000'000;
  const WallTime start{std::chrono::seconds(1'800'000'000)};
  gateway::MeterMemory memory(gateway::Meter::memory_bytes());
  gateway::Meter meter(memory.bytes(), 7, start);
  std::vector<AppKey> apps;
  for (int i = 0; i < 200; ++i) apps.push_back({TenantId::of("acme"), AppName::of("app-" + std::to_string(i))});
  gateway::RequestMeter request(meter);
  auto one = [&](const AppKey& app) {
    request.begin(app, gateway::RequestMeter::Billed::yes, gateway::RequestMeter::From::device);
    request.body_in(200);
    request.answer_begins(gateway::RequestMeter::By::replica_here, 200, std::chrono::microseconds(30),
                          std::chrono::microseconds(50));
    request.body_out(200);
  };
  for (const AppKey& app : apps) one(app);
  const double begin = thread_ns();
  for (int i = 0; i < requests; ++i) one(apps[static_cast<size_t>(i) * 7 % apps.size()]);
  const double took = thread_ns() - begin;
  bench::print_report("meter", {}, {bench::figure("meter_request", took / requests, "ns", "lower")});
  return 0;
}
