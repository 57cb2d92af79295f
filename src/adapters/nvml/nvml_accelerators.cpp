#include "adapters/nvml/nvml_accelerators.h"

#include <algorithm>

#include "adapters/nvml/busy_meter.h"
#include "adapters/nvml/nvml_library.h"

namespace barrio::adapters {

namespace nvml {

/// Critical errors (Xid) by device, from the library's queue, which is only emptied when somebody looks.
class Events {
 public:
  Events(const Api& api, const std::vector<Device>& devices) : api_(api) {
    if (api.make_events == nullptr || api.watch_events == nullptr || api.next_event == nullptr ||
        api.free_events == nullptr || api.make_events(&set_) != success) {
      set_ = nullptr;
      return;
    }
    for (const Device device : devices) api.watch_events(device, event_xid, set_);
  }
  ~Events() {
    if (set_ != nullptr) api_.free_events(set_);
  }
  Events(const Events&) = delete;
  Events& operator=(const Events&) = delete;

  struct Seen {
    uint64_t count = 0;
    int last = 0;
  };

  void read() {
    constexpr int most = 1000;  // in one look
    EventData event{};
    for (int i = 0; set_ != nullptr && i < most && api_.next_event(set_, &event, 0) == success; ++i) {
      if (event.type != event_xid) continue;
      Seen& seen = seen_[event.device];
      ++seen.count;
      seen.last = static_cast<int>(event.data);
    }
  }
  Seen of(Device device) const {
    const auto found = seen_.find(device);
    return found == seen_.end() ? Seen{} : found->second;
  }

 private:
  const Api& api_;
  EventSet* set_ = nullptr;
  std::map<Device, Seen> seen_;
};

namespace {

/// What a device tells; none: it cannot, or its driver is too old.
template <class Value, class Function>
std::optional<Value> tell(Function function, Device device) {
  Value value{};
  if (function == nullptr || function(device, &value) != success) return std::nullopt;
  return value;
}

std::string text_of(int (*function)(Device, char*, unsigned), Device device) {
  char text[text_length] = {};
  if (function(device, text, sizeof(text)) != success) return {};
  text[sizeof(text) - 1] = '\0';
  return text;
}

std::optional<Watts> watts(std::optional<unsigned> milliwatts) {
  if (!milliwatts) return std::nullopt;
  return Watts((*milliwatts + 500) / 1000);
}

std::vector<std::string> reasons(unsigned long long bits) {
  std::vector<std::string> found;
  if ((bits & slow_power_cap) != 0) found.emplace_back("power cap");
  if ((bits & (slow_heat | slow_heat_hardware)) != 0) found.emplace_back("heat");
  if ((bits & slow_power_brake) != 0) found.emplace_back("power brake");
  if (found.empty() && (bits & slow_hardware) != 0) found.emplace_back("hardware");
  return found;
}

Result<ports::Accelerator> identify(const Library& library, Device device) {
  const Api& api = library.api();
  ports::Accelerator accelerator;
  accelerator.id = text_of(api.uuid, device);
  accelerator.name = text_of(api.name, device);
  if (accelerator.id.empty()) return fail(Code::unavailable, "NVML: a device does not tell its UUID");
  if (const auto memory = tell<Memory>(api.memory, device)) {
    accelerator.memory = Bytes(static_cast<int64_t>(memory->total));
    accelerator.memory_used = Bytes(static_cast<int64_t>(memory->used));
  }
  return accelerator;
}

void read_state(const Api& api, Device device, ports::Accelerator& into) {
  into.power = watts(tell<unsigned>(api.power, device));
  into.power_cap = watts(tell<unsigned>(api.power_cap, device));
  if (const auto mj = tell<unsigned long long>(api.energy, device))
    into.energy = Joules(static_cast<int64_t>(*mj / 1000));
  unsigned celsius = 0;
  if (api.temperature != nullptr && api.temperature(device, sensor_gpu, &celsius) == success)
    into.temperature_c = static_cast<int>(celsius);
  if (const auto bits = tell<unsigned long long>(api.slow_reasons, device)) into.throttled = reasons(*bits);
}

bool is_sliced(const Api& api, Device device) {
  unsigned current = 0;
  unsigned pending = 0;
  return api.mig_mode != nullptr && api.mig_count != nullptr && api.mig_device != nullptr &&
         api.mig_mode(device, &current, &pending) == success && current == 1;
}

std::vector<Device> slices_of(const Api& api, Device device) {
  unsigned most = 0;
  std::vector<Device> slices;
  if (api.mig_count(device, &most) != success) return slices;
  for (unsigned i = 0; i < most; ++i) {
    Device slice = nullptr;
    if (api.mig_device(device, i, &slice) == success) slices.push_back(slice);  // else: not made
  }
  return slices;
}

Result<std::vector<Device>> devices_of(const Library& library) {
  const Api& api = library.api();
  unsigned count = 0;
  if (const int status = api.count(&count); status != success) return fail(library.error(status, "count devices"));
  std::vector<Device> devices;
  for (unsigned i = 0; i < count; ++i) {
    Device device = nullptr;
    // One that has fallen off its bus does not hide the others.
    if (api.device(i, &device) == success) devices.push_back(device);
  }
  return devices;
}

}  // namespace
}  // namespace nvml

NvmlAccelerators::NvmlAccelerators(std::string library) : file_(std::move(library)) {}
NvmlAccelerators::~NvmlAccelerators() = default;

Result<void> NvmlAccelerators::start() {
  if (looked_) return {};
  TRY(library_, nvml::Library::load(file_));
  if (!library_) {
    looked_ = true;
    return {};
  }
  TRY(const auto devices, nvml::devices_of(*library_));
  events_ = std::make_unique<nvml::Events>(library_->api(), devices);
  busy_ = std::make_unique<nvml::BusyMeter>(library_->api());
  looked_ = true;
  return {};
}

Result<std::vector<ports::Accelerator>> NvmlAccelerators::list() {
  TRY_DO(start());
  std::vector<ports::Accelerator> all;
  if (!library_) return all;
  const nvml::Api& api = library_->api();
  TRY(const auto devices, nvml::devices_of(*library_));
  events_->read();
  for (const nvml::Device device : devices) {
    TRY(auto accelerator, nvml::identify(*library_, device));
    nvml::read_state(api, device, accelerator);
    const auto seen = events_->of(device);
    accelerator.errors = seen.count;
    accelerator.last_error = seen.last;
    accelerator.busy = busy_->look(accelerator.id, device, std::nullopt);
    const auto utilization = nvml::tell<nvml::Utilization>(api.utilization, device);
    if (!accelerator.busy && utilization) accelerator.busy = std::min(1.0, utilization->gpu / 100.0);
    accelerator.sliced = nvml::is_sliced(api, device);
    const std::string parent = accelerator.id;
    const bool sliced = accelerator.sliced;
    all.push_back(std::move(accelerator));
    for (const nvml::Device slice : sliced ? nvml::slices_of(api, device) : std::vector<nvml::Device>()) {
      TRY(auto part, nvml::identify(*library_, slice));
      part.parent = parent;
      if (const auto instance = nvml::tell<unsigned>(api.gpu_instance, slice))
        part.busy = busy_->look(part.id, device, instance);
      all.push_back(std::move(part));
    }
  }
  return all;
}

}  // namespace barrio::adapters
