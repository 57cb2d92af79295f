#include "adapters/nvml/nvml_library.h"

#include <dlfcn.h>

#include <cstring>

namespace barrio::adapters::nvml {

namespace {

constexpr const char* file_name = "libnvidia-ml.so.1";

/// The first of the names that the library has.
template <class Function, class... Names>
void take(void* library, Function& into, Names... names) {
  void* found = nullptr;
  for (const char* name : {names...}) {
    if (found == nullptr) found = dlsym(library, name);
  }
  static_assert(sizeof(Function) == sizeof(void*));
  std::memcpy(static_cast<void*>(&into), static_cast<const void*>(&found), sizeof(found));
}

Api read_table(void* library) {
  Api api{};
  take(library, api.init, "nvmlInit_v2");
  take(library, api.shutdown, "nvmlShutdown");
  take(library, api.error_text, "nvmlErrorString");
  take(library, api.count, "nvmlDeviceGetCount_v2");
  take(library, api.device, "nvmlDeviceGetHandleByIndex_v2");
  take(library, api.uuid, "nvmlDeviceGetUUID");
  take(library, api.name, "nvmlDeviceGetName");
  take(library, api.memory, "nvmlDeviceGetMemoryInfo");
  take(library, api.power, "nvmlDeviceGetPowerUsage");
  take(library, api.power_cap, "nvmlDeviceGetEnforcedPowerLimit");
  take(library, api.energy, "nvmlDeviceGetTotalEnergyConsumption");
  take(library, api.temperature, "nvmlDeviceGetTemperature");
  take(library, api.utilization, "nvmlDeviceGetUtilizationRates");
  take(library, api.slow_reasons, "nvmlDeviceGetCurrentClocksEventReasons",
       "nvmlDeviceGetCurrentClocksThrottleReasons");
  take(library, api.mig_mode, "nvmlDeviceGetMigMode");
  take(library, api.mig_count, "nvmlDeviceGetMaxMigDeviceCount");
  take(library, api.mig_device, "nvmlDeviceGetMigDeviceHandleByIndex");
  take(library, api.gpu_instance, "nvmlDeviceGetGpuInstanceId");
  take(library, api.make_events, "nvmlEventSetCreate");
  take(library, api.watch_events, "nvmlDeviceRegisterEvents");
  take(library, api.next_event, "nvmlEventSetWait_v2");
  take(library, api.free_events, "nvmlEventSetFree");
  take(library, api.gpm_support, "nvmlGpmQueryDeviceSupport");
  take(library, api.gpm_make, "nvmlGpmSampleAlloc");
  take(library, api.gpm_free, "nvmlGpmSampleFree");
  take(library, api.gpm_take, "nvmlGpmSampleGet");
  take(library, api.gpm_take_slice, "nvmlGpmMigSampleGet");
  take(library, api.gpm_metrics, "nvmlGpmMetricsGet");
  return api;
}

bool has_the_least(const Api& api) {
  return api.init != nullptr && api.shutdown != nullptr && api.error_text != nullptr && api.count != nullptr &&
         api.device != nullptr && api.uuid != nullptr && api.name != nullptr && api.memory != nullptr;
}

}  // namespace

Result<std::unique_ptr<Library>> Library::load(const std::string& file) {
  // It stays mapped: it keeps threads and statics that do not survive an unload.
  void* handle = dlopen(file.empty() ? file_name : file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return std::unique_ptr<Library>();
  const Api api = read_table(handle);
  if (!has_the_least(api)) return fail(Code::unavailable, "NVML: the library lacks functions of version 2");
  const int status = api.init();
  if (status == driver_not_loaded) return std::unique_ptr<Library>();
  std::unique_ptr<Library> library(new Library(api));
  if (status != success) {
    library->api_.shutdown = nullptr;  // nothing to end
    return fail(library->error(status, "start"));
  }
  return library;
}

Library::~Library() {
  if (api_.shutdown != nullptr) api_.shutdown();
}

Error Library::error(int status, const std::string& doing) const {
  const char* text = api_.error_text(status);
  return {Code::unavailable, "NVML: " + doing + ": " + (text == nullptr ? std::to_string(status) : text)};
}

}  // namespace barrio::adapters::nvml
