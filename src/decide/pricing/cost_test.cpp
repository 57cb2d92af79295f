#include "decide/pricing/cost.h"

#include <doctest/doctest.h>

#include <limits>

#include "base/rng.h"

namespace barrio::decide::cost_test {

namespace {

Prices some_prices() {
  return {.per_1000_requests = *Euros::parse("0.40EUR"),
          .per_1000_frames = *Euros::parse("0.10EUR"),
          .per_million_tokens_in = *Euros::parse("0.15EUR"),
          .per_million_tokens_out = *Euros::parse("0.60EUR"),
          .per_device_hour = *Euros::parse("1.80EUR"),
          .per_gb_in = *Euros::parse("0.01EUR"),
          .per_gb_out = *Euros::parse("0.05EUR"),
          .per_gb_passed_on = *Euros::parse("0.02EUR"),
          .per_gb_hour_stored = *Euros::parse("0.00003EUR"),
          .per_1000_reads = *Euros::parse("0.0004EUR"),
          .per_1000_writes = *Euros::parse("0.005EUR")};
}

Prices of_requests(Euros per_1000) {
  Prices prices;
  prices.per_1000_requests = per_1000;
  return prices;
}

Euros cost_of(const Usage& usage, const Prices& prices) {
  Cost cost;
  cost.add(usage, prices);
  return cost.total();
}

}  // namespace

TEST_CASE("each kind costs what its price says, and what is only noted costs nothing") {
  const Prices prices = some_prices();
  const auto text = [&](const Usage& usage) { return cost_of(usage, prices).str(); };
  CHECK(text({.served = {.requests = 2500}}) == "1.00EUR");
  CHECK(text({.served = {.compute_us = 1'800'000'000}}) == "0.90EUR");
  CHECK(text({.served = {.frames = 500}}) == "0.05EUR");
  CHECK(text({.served = {.tokens_in = 1'000'000}}) == "0.15EUR");
  CHECK(text({.served = {.tokens_out = 1}}) == "0.0000006EUR");
  CHECK(text({.served = {.bytes_in = 3'000'000'000}}) == "0.03EUR");
  CHECK(text({.served = {.bytes_out = 500'000'000}}) == "0.025EUR");
  CHECK(text({.forwarded = {.requests = 1000, .bytes_in = 1'000'000'000, .bytes_out = 2'000'000'000}}) == "0.06EUR");
  CHECK(text({.noted = {.refused = 1000, .failed = 1000, .late = 1000}}) == "0.00EUR");
  CHECK(text({.stored = {.byte_hours = 720'000'000'000}}) == "0.0216EUR");  // a GB for a month
  CHECK(text({.stored = {.reads = 1000, .writes = 1000, .lists = 1000, .deletes = 1000}}) == "0.0154EUR");
  CHECK(text({.stored = {.bytes_in = 1'000'000'000, .bytes_out = 1'000'000'000, .passed_back = 1'000'000'000}}) ==
        "0.08EUR");
  CHECK(cost_of({.served = {.requests = 2500}}, {}).nanos() == 0);
}

TEST_CASE("a sum is rounded once: how usage is cut into parts changes nothing") {
  Rng rng(7);
  const Prices prices = some_prices();
  for (int round = 0; round < 100; ++round) {
    Usage all;
    Cost parts;
    for (int part = 0; part < 50; ++part) {
      const auto few = [&] { return static_cast<int64_t>(rng.below(1000)); };
      const Usage one{.served = {.requests = few(), .bytes_in = few(), .bytes_out = few(), .compute_us = few()},
                      .stored = {.byte_hours = few(), .reads = few(), .writes = few()}};
      all += one;
      Cost cost;
      cost.add(one, prices);
      parts += cost;
    }
    CHECK(parts.total() == cost_of(all, prices));
  }
  // A third of a nano-euro, three times.
  const Prices tiny = of_requests(Euros::of_nanos(333));
  CHECK(cost_of({.served = {.requests = 1}}, tiny).nanos() == 0);
  CHECK(cost_of({.served = {.requests = 3}}, tiny).nanos() == 1);
  CHECK(cost_of({.served = {.requests = 1}}, of_requests(Euros::of_nanos(500))).nanos() == 1);
  CHECK(cost_of({.served = {.requests = 1}}, of_requests(Euros::of_nanos(499))).nanos() == 0);
}

TEST_CASE("amounts that nobody reaches cost the most that can be told, and not less") {
  constexpr int64_t most = std::numeric_limits<int64_t>::max();
  Prices dear = of_requests(*Euros::parse("1000000EUR"));
  dear.per_gb_out = dear.per_1000_requests;
  CHECK(cost_of({.served = {.requests = most, .bytes_out = most}}, dear).nanos() == most);
}

TEST_CASE("the list of an hour is the last that began by then") {
  const WallTime noon = *parse_wall_time("2026-11-24T12:00:00Z");
  const std::vector<PriceList> lists = {{noon, {}}, {noon + 24h, some_prices()}};
  CHECK(list_at(lists, noon - 1h) == nullptr);
  CHECK(list_at(lists, noon) == &lists[0]);
  CHECK(list_at(lists, noon + 23h) == &lists[0]);
  CHECK(list_at(lists, noon + 24h) == &lists[1]);
  CHECK(list_at({}, noon) == nullptr);
}

}  // namespace barrio::decide::cost_test
