#include "adapters/nvml/busy_meter.h"

#include <algorithm>
#include <memory>

namespace barrio::adapters::nvml {

BusyMeter::~BusyMeter() {
  for (const auto& [id, sample] : last_) api_.gpm_free(sample);
}

bool BusyMeter::supports(Device device) const {
  if (api_.gpm_support == nullptr || api_.gpm_make == nullptr || api_.gpm_free == nullptr || api_.gpm_take == nullptr ||
      api_.gpm_metrics == nullptr)
    return false;
  GpmSupport support{gpm_version, 0};
  return api_.gpm_support(device, &support) == success && support.supported != 0;
}

GpmSample BusyMeter::take(Device parent, std::optional<unsigned> gpu_instance) const {
  GpmSample sample = nullptr;
  if (api_.gpm_make(&sample) != success) return nullptr;
  int status = -1;
  if (!gpu_instance)
    status = api_.gpm_take(parent, sample);
  else if (api_.gpm_take_slice != nullptr)
    status = api_.gpm_take_slice(parent, *gpu_instance, sample);
  if (status == success) return sample;
  api_.gpm_free(sample);
  return nullptr;
}

std::optional<double> BusyMeter::between(GpmSample from, GpmSample until) const {
  const auto asked = std::make_unique<GpmMetrics>();
  asked->version = gpm_version;
  asked->count = 1;
  asked->from = from;
  asked->until = until;
  asked->metrics[0].id = gpm_sm_busy;
  if (api_.gpm_metrics(asked.get()) != success || asked->metrics[0].status != success) return std::nullopt;
  return std::clamp(asked->metrics[0].value / 100, 0.0, 1.0);
}

std::optional<double> BusyMeter::look(const std::string& id, Device parent, std::optional<unsigned> gpu_instance) {
  if (!supports(parent)) return std::nullopt;
  GpmSample now = take(parent, gpu_instance);
  if (now == nullptr) return std::nullopt;
  const auto [last, first] = last_.try_emplace(id, now);
  if (first) return std::nullopt;
  const auto busy = between(last->second, now);
  api_.gpm_free(last->second);
  last->second = now;
  return busy;
}

}  // namespace barrio::adapters::nvml
