#include "decide/placement/room.h"

#include <array>
#include <cmath>
#include <cstdio>

#include "base/check.h"

namespace barrio::decide {

namespace {

/// Rounded up, so that a thousandth of a core is never given away.
int64_t millicores(double cores) {
  return static_cast<int64_t>(std::ceil(cores * 1000 - 1e-6));
}

std::string cores_text(int64_t thousandths) {
  std::array<char, 32> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%g", static_cast<double>(thousandths) / 1000);
  return buffer.data();
}

std::string watts_text(Watts watts) {
  return std::to_string(watts.count()) + " W";
}

/// "bio1 has 30 W of IT power left, one replica needs 75 W" and "another 45 W of IT power at bio1".
Refusal shortage(RefusalReason reason, const std::string& site, const std::string& what, const std::string& left,
                 const std::string& need, const std::string& more) {
  return {reason, site + " has " + left + " " + what + " left, one replica needs " + need,
          "another " + more + " " + what + " at " + site};
}

}  // namespace

Room::Room(const Site& site)
    : id_(site.id.str()),
      power_(site.power.it_budget()),
      memory_(site.servers.memory),
      millicores_(int64_t{site.servers.cores} * 1000) {
  for (const Accelerator& accelerator : site.accelerators) accelerators_[accelerator.model] += accelerator.count;
}

int Room::accelerators(const std::string& model) const {
  const auto found = accelerators_.find(model);
  return found == accelerators_.end() ? 0 : found->second;
}

std::optional<Refusal> Room::lacks(const Resources& need) const {
  const int free_accelerators = accelerators(need.accelerator);
  if (need.accelerators > free_accelerators) {
    return shortage(RefusalReason::accelerator, id_, need.accelerator, std::to_string(free_accelerators),
                    std::to_string(need.accelerators), std::to_string(need.accelerators - free_accelerators));
  }
  const int64_t needed = millicores(need.cores);
  if (needed > millicores_) {
    return shortage(RefusalReason::cores, id_, "cores", cores_text(millicores_), cores_text(needed),
                    cores_text(needed - millicores_));
  }
  if (need.memory > memory_) {
    return shortage(RefusalReason::memory, id_, "of memory", to_string(memory_), to_string(need.memory),
                    to_string(need.memory - memory_));
  }
  if (need.power > power_) {
    return shortage(RefusalReason::power, id_, "of IT power", watts_text(power_), watts_text(need.power),
                    watts_text(need.power - power_));
  }
  return std::nullopt;
}

void Room::take(const Resources& need) {
  CHECK(!lacks(need));
  power_ -= need.power;
  memory_ -= need.memory;
  millicores_ -= millicores(need.cores);
  if (need.accelerators > 0) accelerators_[need.accelerator] -= need.accelerators;
}

}  // namespace barrio::decide
