#include "engine/device_gauges.h"

#include <doctest/doctest.h>

#include "adapters/nvml/fresh_fake_nvml_test.h"
#include "adapters/nvml/nvml_accelerators.h"
#include "engine/fake_model_test.h"

namespace barrio::engine::device_gauges_test {

namespace {

DeviceSpec gpu(const std::string& name, std::vector<std::string> accelerators) {
  return {.name = name, .is_cpu = false, .memory = {}, .accelerators = std::move(accelerators)};
}

struct World {
  explicit World(std::vector<DeviceSpec> devices)
      : engine(reactor, {{"fake", &backend}}, {.devices = devices}, registry),
        gauges(reactor, engine, devices, &machine, registry) {}
  ~World() { backend.release(); }

  void until(const std::function<bool()>& done) {
    const Time limit = reactor.fresh_now() + 10s;
    while (!done() && reactor.now() < limit) reactor.turn(100ms);
    REQUIRE(done());
  }
  void look() {
    const uint64_t before = gauges.told();
    gauges.look();
    until([&] { return gauges.told() > before; });
  }
  void load() {
    bool loaded = false;
    engine.load("m", {.builtin = "batch"}, [&](Result<void> result) { loaded = result.has_value(); });
    until([&] { return loaded; });
  }
  std::shared_ptr<bool> submit(char value) {
    auto answered = std::make_shared<bool>(false);
    Submission asked;
    asked.model = "m";
    asked.arrived = reactor.fresh_now();
    asked.request.inputs = {{"x", ports::DataType::UINT8, {1}, std::string(1, value)}};
    engine.submit(std::move(asked), [answered](Served served) { *answered = !served.outputs.empty(); });
    return answered;
  }
  void ask() {
    const auto answered = submit(1);
    until([&] { return *answered; });
  }
  /// The line of the exposition that begins so, behind it.
  std::string told(const std::string& series) const {
    const std::string text = registry.text();
    const size_t at = text.find("\n" + series + " ");
    if (at == std::string::npos) return "none";
    const size_t begin = at + series.size() + 2;
    return text.substr(begin, text.find('\n', begin) - begin);
  }

  FakeNvml& nvml = fresh_fake_nvml();
  adapters::NvmlAccelerators machine{BARRIO_FAKE_NVML};
  FakeBackend backend;
  net::Reactor reactor;
  Registry registry;
  Engine engine;
  DeviceGauges gauges;
};

std::string series(const std::string& name, const std::string& labels) {
  return "barrio_engine_accelerator_" + name + "{" + labels + "}";
}

constexpr const char* l4 = R"(device="gpu0",accelerator="GPU-1111",name="NVIDIA L4")";
constexpr const char* h100 = R"(device="gpu0",accelerator="GPU-2222",name="NVIDIA H100")";
constexpr const char* slice = R"(device="gpu0",accelerator="MIG-aaaa",name="NVIDIA H100 MIG 3g.40gb")";

}  // namespace

TEST_CASE("a device tells its goodput beside the most that it could be") {
  World world({{.name = "gpu0", .slots = 1, .is_cpu = false}});
  world.load();
  world.look();
  for (int i = 0; i < 30; ++i) world.ask();
  world.look();
  const double limit = std::stod(world.told(R"(barrio_engine_limit_per_second{model="m"})"));
  CHECK(limit > 0);
  const double share = std::stod(world.told(R"(barrio_engine_device_goodput_share{device="gpu0"})"));
  CHECK(share > 0);
  world.look();
  CHECK(std::stod(world.told(R"(barrio_engine_device_goodput_share{device="gpu0"})")) == 0);
}

TEST_CASE("what NVML tells of a device's accelerator is in the metrics") {
  World world({gpu("gpu0", {"GPU-1111"})});
  world.nvml.reasons = 0x4;  // power cap
  world.look();
  CHECK(world.told(series("memory_bytes", l4)) == std::to_string(24LL << 30));
  CHECK(world.told(series("memory_used_bytes", l4)) == std::to_string(1LL << 30));
  CHECK(world.told(series("power_watts", l4)) == "32");
  CHECK(world.told(series("power_cap_watts", l4)) == "72");
  CHECK(world.told(series("temperature_celsius", l4)) == "45");
  CHECK(world.told(series("busy_share", l4)) == "0.37");
  CHECK(world.told(series("throttled", std::string(l4) + R"(,reason="power cap")")) == "1");
  CHECK(world.told(series("errors_total", l4)) == "0");
  CHECK(world.registry.text().find("GPU-2222") == std::string::npos);
  world.nvml.reasons = 0;
  world.nvml.errors = 2;
  world.nvml.errors_of = 0;
  world.nvml.xid = 79;
  world.look();
  world.look();
  CHECK(world.told(series("throttled", std::string(l4) + R"(,reason="power cap")")) == "0");
  CHECK(world.told(series("errors_total", l4)) == "2");
  CHECK(world.told(series("last_error", l4)) == "79");
}

TEST_CASE("a slice has its own memory, and its device's temperature, throttling and errors, but not its power") {
  World world({gpu("gpu0", {"MIG-aaaa"})});
  world.nvml.errors = 1;
  world.nvml.errors_of = 1;
  world.look();
  CHECK(world.told(series("memory_bytes", slice)) == std::to_string(40LL << 30));
  CHECK(world.told(series("temperature_celsius", slice)) == "83");
  CHECK(world.told(series("throttled", std::string(slice) + R"(,reason="heat")")) == "1");
  CHECK(world.told(series("errors_total", slice)) == "1");
  CHECK(world.told(series("power_watts", slice)) == "none");
  world.load();
  world.look();
  world.ask();
  world.look();
  CHECK(world.told(R"(barrio_engine_device_joules_per_on_time{device="gpu0"})") == "none");
}

TEST_CASE("energy is told for each answer on time, from power where it is not counted") {
  World world({gpu("gpu0", {"GPU-2222"})});  // counts no energy
  world.load();
  world.look();
  const std::string joules = R"(barrio_engine_device_joules_per_on_time{device="gpu0"})";
  CHECK(world.told(joules) == "none");
  world.look();
  CHECK(world.told(joules) == "nan");
  world.ask();
  world.look();
  CHECK(world.told(R"(barrio_engine_device_on_time_total{device="gpu0"})") == "1");
  CHECK(std::stod(world.told(joules)) > 0);
  CHECK(world.told(series("power_watts", h100)) == "310");
}

TEST_CASE("an accelerator that is lost is told as not known") {
  World world({gpu("gpu0", {"GPU-1111"})});
  world.look();
  world.nvml.first_is_lost = true;
  world.look();
  CHECK(world.told(series("power_watts", l4)) == "nan");
  CHECK(world.told(series("memory_bytes", l4)) == "nan");
}

TEST_CASE("the only device that is no CPU is all accelerators that run something; of several, each names its own") {
  std::vector<ports::Accelerator> machine(3);
  machine[0].id = "GPU-1";
  machine[1].id = "GPU-2";
  machine[1].sliced = true;
  machine[2].id = "MIG-3";
  using Ids = std::vector<std::vector<std::string>>;
  CHECK(accelerators_of({gpu("gpu0", {}), {}}, machine) == Ids{{"GPU-1", "MIG-3"}, {}});
  CHECK(accelerators_of({gpu("gpu0", {"MIG-3"})}, machine) == Ids{{"MIG-3"}});
  CHECK(accelerators_of({gpu("gpu0", {}), gpu("gpu1", {"GPU-1"})}, machine) == Ids{{}, {"GPU-1"}});
}

TEST_CASE("of a CPU the share of its slots in use is told, runs in progress included, and NVML is not asked") {
  World world({{.name = "cpu", .slots = 2}});
  const std::string busy = R"(barrio_engine_device_busy_share{device="cpu"})";
  world.load();
  world.gauges.look();
  CHECK(world.nvml.started == 0);
  CHECK(world.told(busy) == "0");
  constexpr char waits = 7;  // for the gate
  const auto answered = world.submit(waits);
  world.gauges.look();
  const Time until = world.reactor.fresh_now() + 5ms;
  while (world.reactor.fresh_now() < until) world.reactor.turn(1ms);
  world.gauges.look();
  CHECK(std::stod(world.told(busy)) == doctest::Approx(0.5).epsilon(0.01));
  world.backend.release();
  world.until([&] { return *answered; });
}

}  // namespace barrio::engine::device_gauges_test
