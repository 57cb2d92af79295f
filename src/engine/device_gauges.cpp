#include "engine/device_gauges.h"

#include <algorithm>
#include <limits>

#include "base/log.h"

namespace barrio::engine {

namespace {

constexpr double joules_kept = 0.9;  // a look: a window of about ten
constexpr double not_told = std::numeric_limits<double>::quiet_NaN();

/// Null: there is none.
const ports::Accelerator* find_by_id(const std::vector<ports::Accelerator>& machine, const std::string& id) {
  const auto found = std::ranges::find(machine, id, &ports::Accelerator::id);
  return found == machine.end() ? nullptr : &*found;
}

template <class Number>
std::optional<double> as_double(const std::optional<Number>& number) {
  if (!number) return std::nullopt;
  if constexpr (std::is_arithmetic_v<Number>)
    return static_cast<double>(*number);
  else
    return static_cast<double>(number->count());
}

}  // namespace

std::vector<std::vector<std::string>> accelerators_of(const std::vector<DeviceSpec>& devices,
                                                      const std::vector<ports::Accelerator>& machine) {
  const auto accelerated = std::ranges::count(devices, false, &DeviceSpec::is_cpu);
  std::vector<std::vector<std::string>> all;
  for (const DeviceSpec& device : devices) {
    std::vector<std::string>& ids = all.emplace_back(device.accelerators);
    if (device.is_cpu || !ids.empty() || accelerated > 1) continue;
    for (const ports::Accelerator& one : machine) {
      if (!one.sliced) ids.push_back(one.id);
    }
  }
  return all;
}

AcceleratorSeries::AcceleratorSeries(Registry& registry, const std::string& device,
                                     const ports::Accelerator& accelerator)
    : registry_(registry),
      labels_({{"device", device}, {"accelerator", accelerator.id}, {"name", accelerator.name}}),
      errors_(registry.counter("barrio_engine_accelerator_errors_total",
                               "Critical errors (Xid) of the accelerator, or of the one that it is a slice of.",
                               labels_)) {}

void AcceleratorSeries::set(const char* name, const char* help, std::optional<double> value) {
  auto found = gauges_.find(name);
  if (found == gauges_.end()) {
    if (!value) return;
    found = gauges_.emplace(name, &registry_.gauge(name, help, labels_)).first;
  }
  found->second->set(value.value_or(not_told));
}

std::optional<double> AcceleratorSeries::show(const ports::Accelerator& told, const ports::Accelerator* parent,
                                              Time now) {
  const ports::Accelerator& whole = parent == nullptr ? told : *parent;
  set("barrio_engine_accelerator_busy_share", "Share of the accelerator's compute units, or of time, in use.",
      told.busy);
  set("barrio_engine_accelerator_memory_used_bytes", "Memory of the accelerator in use, by anybody.",
      as_double(std::optional(told.memory_used)));
  set("barrio_engine_accelerator_memory_bytes", "Memory of the accelerator.", as_double(std::optional(told.memory)));
  set("barrio_engine_accelerator_power_watts", "What the accelerator draws.", as_double(told.power));
  set("barrio_engine_accelerator_power_cap_watts", "What the accelerator may draw.", as_double(told.power_cap));
  set("barrio_engine_accelerator_temperature_celsius", "Temperature of the accelerator.",
      as_double(whole.temperature_c));
  set("barrio_engine_accelerator_last_error", "Number of the last critical error (Xid); 0: none.", whole.last_error);
  for (const std::string& reason : whole.throttled) {
    Gauge*& gauge = slowed_[reason];
    if (gauge != nullptr) continue;
    Labels labels = labels_;
    labels.emplace_back("reason", reason);
    gauge = &registry_.gauge("barrio_engine_accelerator_throttled", "1: it runs slower than it could, for this reason.",
                             labels);
  }
  for (const auto& [reason, gauge] : slowed_) gauge->set(std::ranges::count(whole.throttled, reason) > 0 ? 1 : 0);
  errors_.add(whole.errors > errors_seen_ ? whole.errors - errors_seen_ : 0);
  errors_seen_ = whole.errors;
  return joules_since(told, now);
}

std::optional<double> AcceleratorSeries::joules_since(const ports::Accelerator& told, Time now) {
  const Time before = std::exchange(seen_, now);
  const auto energy = std::exchange(energy_, told.energy);
  if (before == Time{}) return std::nullopt;
  if (energy && told.energy && *told.energy >= *energy) return static_cast<double>((*told.energy - *energy).count());
  if (told.power) return static_cast<double>(told.power->count()) * to_seconds(now - before);
  return std::nullopt;
}

void AcceleratorSeries::gone() {
  for (const auto& [name, gauge] : gauges_) gauge->set(not_told);
  for (const auto& [reason, gauge] : slowed_) gauge->set(not_told);
  seen_ = {};
}

DeviceGauges::DeviceGauges(net::Reactor& reactor, Engine& engine, std::vector<DeviceSpec> devices,
                           ports::Accelerators* machine, Registry& registry)
    : reactor_(reactor), engine_(engine), specs_(std::move(devices)), machine_(machine), registry_(registry) {
  for (const DeviceSpec& spec : specs_) devices_.push_back({.metrics = DeviceMetrics::of(registry_, spec.name)});
  slots_seen_ = reactor_.fresh_now();
  const bool accelerated = std::ranges::any_of(specs_, [](const DeviceSpec& spec) { return !spec.is_cpu; });
  if (machine_ != nullptr && accelerated) thread_ = std::make_unique<net::WorkerPool>(reactor_, 1);
  look_again();
}

DeviceGauges::~DeviceGauges() {
  reactor_.cancel(timer_);
}

void DeviceGauges::look_again() {
  timer_ = reactor_.call_after(period, [this] {
    look();
    look_again();
  });
}

void DeviceGauges::look() {
  show_slots();
  // One that tells slowly is not asked twice.
  if (thread_ == nullptr || std::exchange(asked_, true)) return;
  const auto answer = std::make_shared<Result<std::vector<ports::Accelerator>>>(std::vector<ports::Accelerator>());
  thread_->run(
      0, [answer, machine = machine_] { *answer = machine->list(); },
      [this, answer](net::WorkDone) {
        asked_ = false;
        show_accelerators(*answer);
        ++told_;
      });
}

void DeviceGauges::show_slots() {
  const Time now = reactor_.fresh_now();
  const Duration since = now - std::exchange(slots_seen_, now);
  const double passed = to_seconds(since);
  if (passed > 0) engine_.show_goodput(since);
  for (size_t i = 0; i < devices_.size(); ++i) {
    const Duration used = engine_.used(i, now);
    const double in_use = to_seconds(used - std::exchange(devices_[i].used, used));
    if (passed > 0) devices_[i].metrics.busy_share.set(in_use / passed / static_cast<double>(specs_[i].slots));
  }
}

void DeviceGauges::show_accelerators(const Result<std::vector<ports::Accelerator>>& machine) {
  const std::string trouble = machine ? "" : machine.error().text();
  if (std::exchange(trouble_, trouble) != trouble && !machine)
    log_warning("accelerators do not tell how they are", {{"detail", trouble}});
  static const std::vector<ports::Accelerator> none;
  const auto& all = machine ? *machine : none;
  const auto of_devices = accelerators_of(specs_, all);
  for (size_t i = 0; i < devices_.size(); ++i) show_accelerators(i, of_devices[i], all);
}

void DeviceGauges::show_accelerators(size_t index, const std::vector<std::string>& ids,
                                     const std::vector<ports::Accelerator>& machine) {
  Device& device = devices_[index];
  const Time now = reactor_.fresh_now();
  std::optional<double> joules;
  bool all_tell = true;
  for (auto& [id, series] : device.accelerators) {
    if (find_by_id(machine, id) == nullptr) series.gone();
  }
  for (const std::string& id : ids) {
    const ports::Accelerator* one = find_by_id(machine, id);
    if (one == nullptr) continue;
    auto& series = device.accelerators.try_emplace(id, registry_, specs_[index].name, *one).first->second;
    const auto more = series.show(*one, one->parent.empty() ? nullptr : find_by_id(machine, one->parent), now);
    if (more) joules = joules.value_or(0) + *more;
    all_tell = all_tell && more.has_value();
  }
  show_joules(index, all_tell ? joules : std::nullopt);
}

/// `joules` since the last look; none: not known, as that of a part would be too little.
void DeviceGauges::show_joules(size_t index, std::optional<double> joules) {
  Device& device = devices_[index];
  const uint64_t on_time = device.metrics.on_time.value();
  const auto answers = static_cast<double>(on_time - std::exchange(device.on_time, on_time));
  if (joules && device.joules_each == nullptr) {
    device.joules_each = &registry_.gauge("barrio_engine_device_joules_per_on_time",
                                          "Energy of the device for each answer within its deadline, over about ten "
                                          "seconds; NaN: there was none.",
                                          {{"device", specs_[index].name}});
  }
  if (device.joules_each == nullptr) return;
  if (joules) {
    device.recent_joules = device.recent_joules * joules_kept + *joules;
    device.recent_answers = device.recent_answers * joules_kept + answers;
  }
  const bool known = joules && device.recent_answers >= 1;
  device.joules_each->set(known ? device.recent_joules / device.recent_answers : not_told);
}

}  // namespace barrio::engine
