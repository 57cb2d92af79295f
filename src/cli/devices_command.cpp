#include <fmt/format.h>

#include "adapters/nvml/nvml_accelerators.h"
#include "base/text.h"
#include "cli/actions.h"
#include "cli/table.h"

namespace barrio::cli {

namespace {

using ports::Accelerator;

std::string power_text(const Accelerator& device) {
  if (!device.power) return "";
  return to_string(*device.power) + (device.power_cap ? " of " + to_string(*device.power_cap) : "");
}

std::string state_text(const Accelerator& device) {
  std::string text = device.sliced ? "sliced" : "";
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  if (!device.throttled.empty()) add("slowed: " + join_text(std::span<const std::string>(device.throttled), ", "));
  if (device.errors > 0)
    add(std::to_string(device.errors) + " errors, the last Xid " + std::to_string(device.last_error));
  return text;
}

std::string table_of(const std::vector<Accelerator>& devices) {
  if (devices.empty()) return "no accelerators here\n";
  Table table({"DEVICE", "NAME", "MEMORY", "POWER", "TEMPERATURE", "BUSY", "STATE"});
  for (const Accelerator& device : devices) {
    table.add({(device.parent.empty() ? "" : "  ") + device.id, device.name,
               to_string(device.memory_used) + " of " + to_string(device.memory), power_text(device),
               device.temperature_c ? std::to_string(*device.temperature_c) + " C" : "",
               device.busy ? fmt::format("{:.0f} %", 100 * *device.busy) : "", state_text(device)});
  }
  return table.text();
}

Json json_of(const std::vector<Accelerator>& devices) {
  JsonArray list;
  for (const Accelerator& device : devices) {
    JsonObject object{{"id", device.id},
                      {"name", device.name},
                      {"parent", device.parent},
                      {"sliced", device.sliced},
                      {"memory", to_json(device.memory)},
                      {"memory_used", to_json(device.memory_used)},
                      {"throttled", to_json(device.throttled)},
                      {"errors", device.errors},
                      {"last_error", device.last_error}};
    if (device.power) object["power"] = to_json(*device.power);
    if (device.power_cap) object["power_cap"] = to_json(*device.power_cap);
    if (device.energy) object["energy_joules"] = device.energy->count();
    if (device.temperature_c) object["temperature_c"] = *device.temperature_c;
    if (device.busy) object["busy"] = *device.busy;
    list.push_back(std::move(object));
  }
  return JsonObject{{"devices", std::move(list)}};
}

}  // namespace

Result<void> list_devices(Session& session) {
  adapters::NvmlAccelerators accelerators;
  TRY(const auto devices, accelerators.list());
  session.print(json_of(devices), table_of(devices));
  return {};
}

}  // namespace barrio::cli
