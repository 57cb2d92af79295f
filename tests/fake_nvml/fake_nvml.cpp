// Plays libnvidia-ml.so.1 for the tests of adapters/nvml: two devices, of which the second has two MIG slices and
// performance monitors. Built as a shared library; what the tests change, they change through fake_nvml().

#include "adapters/nvml/fake_nvml_test.h"

#include <array>
#include <cstdio>
#include <cstring>

#include "adapters/nvml/nvml_abi.h"

using namespace barrio::adapters::nvml;

namespace {

constexpr int not_supported = 3;
constexpr int timeout = 10;
constexpr int gone = 15;  // NVML_ERROR_GPU_IS_LOST

FakeNvml state;
int taken = 0;  // performance samples so far

/// Devices 0 and 1, slices 2 and 3 of device 1.
std::array<char, 4> handles;

Device handle(size_t index) {
  return reinterpret_cast<Device>(&handles.at(index));
}
size_t index_of(Device device) {
  return static_cast<size_t>(reinterpret_cast<char*>(device) - handles.data());
}
bool is_slice(Device device) {
  return index_of(device) >= 2;
}
int write(char* into, unsigned length, const char* text) {
  std::snprintf(into, length, "%s", text);
  return success;
}

}  // namespace

extern "C" {

FakeNvml* fake_nvml() {
  return &state;
}

int nvmlInit_v2() {
  if (state.init_status == success) ++state.started;
  return state.init_status;
}
int nvmlShutdown() {
  --state.started;
  return success;
}
const char* nvmlErrorString(int status) {
  return status == 18 ? "Driver/library version mismatch" : "Unknown Error";
}
int nvmlDeviceGetCount_v2(unsigned* count) {
  *count = 2;
  return success;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, Device* device) {
  if (index == 0 && state.first_is_lost) return gone;
  *device = handle(index);
  return success;
}
int nvmlDeviceGetUUID(Device device, char* text, unsigned length) {
  constexpr const char* ids[] = {"GPU-1111", "GPU-2222", "MIG-aaaa", "MIG-bbbb"};
  return write(text, length, ids[index_of(device)]);
}
int nvmlDeviceGetName(Device device, char* text, unsigned length) {
  constexpr const char* names[] = {"NVIDIA L4", "NVIDIA H100", "NVIDIA H100 MIG 3g.40gb", "NVIDIA H100 MIG 1g.10gb"};
  return write(text, length, names[index_of(device)]);
}
int nvmlDeviceGetMemoryInfo(Device device, Memory* memory) {
  constexpr unsigned long long gib[] = {24, 80, 40, 10};
  const unsigned long long total = gib[index_of(device)] << 30;
  *memory = {total, total - (1ULL << 30), 1ULL << 30};
  return success;
}
int nvmlDeviceGetPowerUsage(Device device, unsigned* mw) {
  if (is_slice(device)) return not_supported;
  *mw = index_of(device) == 0 ? 31'600 : 310'000;
  return success;
}
int nvmlDeviceGetEnforcedPowerLimit(Device device, unsigned* mw) {
  *mw = index_of(device) == 0 ? 72'000 : 350'000;
  return is_slice(device) ? not_supported : success;
}
int nvmlDeviceGetTotalEnergyConsumption(Device device, unsigned long long* mj) {
  *mj = 5'000'000;
  return index_of(device) == 0 ? success : not_supported;
}
int nvmlDeviceGetTemperature(Device device, unsigned sensor, unsigned* celsius) {
  *celsius = index_of(device) == 0 ? 45 : 83;
  return is_slice(device) || sensor != sensor_gpu ? not_supported : success;
}
int nvmlDeviceGetUtilizationRates(Device device, Utilization* utilization) {
  *utilization = {37, 12};
  return index_of(device) == 0 ? success : not_supported;  // a device with MIG does not tell
}
int nvmlDeviceGetCurrentClocksThrottleReasons(Device device, unsigned long long* bits) {
  *bits = index_of(device) == 0 ? state.reasons : slow_heat_hardware | slow_hardware;
  return is_slice(device) ? not_supported : success;
}
int nvmlDeviceGetMigMode(Device device, unsigned* current, unsigned* pending) {
  *current = *pending = index_of(device) == 1 ? 1 : 0;
  return index_of(device) == 0 ? not_supported : success;
}
int nvmlDeviceGetMaxMigDeviceCount(Device, unsigned* most) {
  *most = 7;
  return success;
}
int nvmlDeviceGetMigDeviceHandleByIndex(Device, unsigned index, Device* device) {
  if (index != 1 && index != 4) return 6;  // NVML_ERROR_NOT_FOUND: this one is not made
  *device = handle(index == 1 ? 2 : 3);
  return success;
}
int nvmlDeviceGetGpuInstanceId(Device device, unsigned* id) {
  *id = static_cast<unsigned>(index_of(device)) + 5;
  return success;
}

int nvmlEventSetCreate(EventSet** set) {
  *set = reinterpret_cast<EventSet*>(&state);
  return success;
}
int nvmlDeviceRegisterEvents(Device, unsigned long long types, EventSet*) {
  return types == event_xid ? success : not_supported;
}
int nvmlEventSetWait_v2(EventSet*, EventData* event, unsigned timeout_ms) {
  if (state.errors == 0 || timeout_ms != 0) return timeout;
  --state.errors;
  *event = {handle(state.errors_of), event_xid, state.xid, 0xffffffff, 0xffffffff};
  return success;
}
int nvmlEventSetFree(EventSet*) {
  return success;
}

int nvmlGpmQueryDeviceSupport(Device device, GpmSupport* support) {
  if (support->version != gpm_version) return not_supported;
  support->supported = index_of(device) == 1 ? 1 : 0;
  return success;
}
int nvmlGpmSampleAlloc(GpmSample* sample) {
  ++state.samples;
  *sample = reinterpret_cast<GpmSample>(new int(0));
  return success;
}
int nvmlGpmSampleFree(GpmSample sample) {
  --state.samples;
  delete reinterpret_cast<int*>(sample);
  return success;
}
int nvmlGpmSampleGet(Device, GpmSample sample) {
  *reinterpret_cast<int*>(sample) = 1000 * ++taken;
  return success;
}
int nvmlGpmMigSampleGet(Device, unsigned gpu_instance, GpmSample sample) {
  *reinterpret_cast<int*>(sample) = 1000 * ++taken + static_cast<int>(gpu_instance);
  return success;
}
/// A device is 25 % busy, a slice as many as its instance has tens.
int nvmlGpmMetricsGet(GpmMetrics* asked) {
  const int from = *reinterpret_cast<int*>(asked->from);
  const int until = *reinterpret_cast<int*>(asked->until);
  if (asked->version != gpm_version || asked->count != 1 || from / 1000 >= until / 1000 || from % 1000 != until % 1000)
    return not_supported;
  asked->metrics[0].status = asked->metrics[0].id == gpm_sm_busy ? success : not_supported;
  asked->metrics[0].value = from % 1000 == 0 ? 25 : from % 1000 * 10;
  return success;
}

}  // extern "C"
