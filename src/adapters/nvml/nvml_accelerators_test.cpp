#include "adapters/nvml/nvml_accelerators.h"

#include <doctest/doctest.h>

#include "adapters/nvml/fresh_fake_nvml_test.h"
#include "adapters/nvml/nvml_abi.h"

namespace barrio::adapters::nvml_accelerators_test {

namespace {

constexpr const char* library = BARRIO_FAKE_NVML;

std::vector<ports::Accelerator> list(NvmlAccelerators& accelerators) {
  auto all = accelerators.list();
  REQUIRE_MESSAGE(all, (all ? "" : all.error().text()));
  return *all;
}

}  // namespace

TEST_CASE("devices are told with what they have, and slices after their device") {
  fresh_fake_nvml();
  NvmlAccelerators accelerators(library);
  const auto all = list(accelerators);
  REQUIRE(all.size() == 4);
  const ports::Accelerator& l4 = all[0];
  CHECK(l4.id == "GPU-1111");
  CHECK(l4.name == "NVIDIA L4");
  CHECK(l4.parent.empty());
  CHECK_FALSE(l4.sliced);
  CHECK(l4.memory == gib(24));
  CHECK(l4.memory_used == gib(1));
  CHECK(l4.power == Watts(32));
  CHECK(l4.power_cap == Watts(72));
  CHECK(l4.energy == Joules(5000));
  CHECK(l4.temperature_c == 45);
  CHECK(l4.busy == 0.37);
  CHECK(l4.throttled.empty());
  const ports::Accelerator& h100 = all[1];
  CHECK(h100.sliced);
  CHECK(h100.throttled == std::vector<std::string>{"heat"});
  CHECK_FALSE(h100.energy);
  for (const size_t i : {size_t{2}, size_t{3}}) {
    CHECK(all[i].parent == "GPU-2222");
    CHECK_FALSE(all[i].power);
    CHECK_FALSE(all[i].temperature_c);
  }
  CHECK(all[2].name == "NVIDIA H100 MIG 3g.40gb");
  CHECK(all[3].memory == gib(10));
}

TEST_CASE("where there are performance monitors, busy is that of the compute units since the last list") {
  FakeNvml& state = fresh_fake_nvml();
  const int before = state.samples;
  {
    NvmlAccelerators accelerators(library);
    CHECK_FALSE(list(accelerators)[1].busy);
    const auto all = list(accelerators);
    CHECK(all[0].busy == 0.37);
    CHECK(all[1].busy == 0.25);
    CHECK(all[2].busy == doctest::Approx(0.7));
    CHECK(all[3].busy == doctest::Approx(0.8));
    for (int i = 0; i < 10; ++i) list(accelerators);
    CHECK(state.samples == before + 3);
  }
  CHECK(state.samples == before);
}

TEST_CASE("critical errors are counted by device") {
  FakeNvml& state = fresh_fake_nvml();
  NvmlAccelerators accelerators(library);
  CHECK(list(accelerators)[1].errors == 0);
  state.errors = 3;
  state.errors_of = 1;
  state.xid = 79;
  auto all = list(accelerators);
  CHECK(all[0].errors == 0);
  CHECK(all[1].errors == 3);
  CHECK(all[1].last_error == 79);
  state.errors = 1;
  all = list(accelerators);
  CHECK(all[1].errors == 4);
}

TEST_CASE("why a device is slow is told in words; that it idles is no reason") {
  FakeNvml& state = fresh_fake_nvml();
  NvmlAccelerators accelerators(library);
  state.reasons = 0x1 | 0x2;  // idle, and clocks that its user set
  CHECK(list(accelerators)[0].throttled.empty());
  state.reasons = adapters::nvml::slow_power_cap | adapters::nvml::slow_power_brake | adapters::nvml::slow_hardware;
  CHECK(list(accelerators)[0].throttled == std::vector<std::string>{"power cap", "power brake"});
  state.reasons = adapters::nvml::slow_hardware;
  CHECK(list(accelerators)[0].throttled == std::vector<std::string>{"hardware"});
}

TEST_CASE("a device that is lost does not hide the others") {
  fresh_fake_nvml().first_is_lost = true;
  NvmlAccelerators accelerators(library);
  const auto all = list(accelerators);
  REQUIRE(all.size() == 3);
  CHECK(all[0].id == "GPU-2222");
}

TEST_CASE("without the library or its driver there are no devices; a driver that does not fit says so") {
  NvmlAccelerators none("/nonexistent/libnvidia-ml.so.1");
  CHECK(list(none).empty());
  FakeNvml& state = fresh_fake_nvml();
  const int started = state.started;
  state.init_status = adapters::nvml::driver_not_loaded;
  NvmlAccelerators unloaded(library);
  CHECK(list(unloaded).empty());
  state.init_status = 18;
  NvmlAccelerators broken(library);
  const auto refused = broken.list();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Code::unavailable);
  CHECK(refused.error().what == "NVML: start: Driver/library version mismatch");
  state.init_status = 0;  // the driver was loaded meanwhile
  CHECK(list(broken).size() == 4);
  {
    NvmlAccelerators another(library);
    list(another);
    CHECK(state.started == started + 2);
  }
  CHECK(state.started == started + 1);
}

}  // namespace barrio::adapters::nvml_accelerators_test
