#include "adapters/podman/specification.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/crypto.h"

namespace barrio::adapters {

namespace {

constexpr int64_t ids = 65536;  // of users and of groups, in each container
constexpr int64_t first_id = 1'000'000;
constexpr int64_t id_ranges = 20'000;
constexpr int64_t cpu_period_us = 100'000;
constexpr int64_t log_bytes = 4 * 1024 * 1024;
constexpr int64_t shared_memory_bytes = 1024 * 1024;

/// Ids of this machine that belong to the containers of one app and to nobody else, short of a collision among 20 000.
Json id_map(const AppKey& app) {
  const int64_t range = std::stoll(sha256_hex(app.str()).substr(0, 12), nullptr, 16) % id_ranges;
  return JsonArray{JsonObject{{"container_id", 0}, {"host_id", first_id + range * ids}, {"size", ids}}};
}

Json limit(const char* type, int64_t most) {
  return JsonObject{{"type", type}, {"soft", most}, {"hard", most}};
}

Json words(const std::vector<std::string>& list) {
  JsonArray array;
  for (const std::string& word : list) array.push_back(Json(word));
  return array;
}

void add_limits(JsonObject& json, const ReplicaOrder& order, const PodmanHost& host,
                std::vector<std::string>& unlimited) {
  const ContainerSpec& spec = *order.container;
  const int64_t memory = order.resources.memory.count();
  JsonArray rlimits{limit("nofile", spec.files), limit("core", 0), limit("memlock", 64 * 1024),
                    limit("nproc", spec.processes)};
  JsonObject cgroup;
  if (host.limits_memory) {
    cgroup["memory"] = JsonObject{{"limit", memory}, {"swap", memory}};
  } else {
    // Of each process by itself: all the kernel offers without cgroups.
    rlimits.push_back(limit("as", memory));
    unlimited.emplace_back("memory");
  }
  if (host.limits_cpu) {
    const double quota = order.resources.cores * static_cast<double>(cpu_period_us);
    cgroup["cpu"] = JsonObject{{"quota", std::max<int64_t>(1000, std::llround(quota))}, {"period", cpu_period_us}};
  } else {
    unlimited.emplace_back("cores");
  }
  if (host.limits_processes) {
    cgroup["pids"] = JsonObject{{"limit", spec.processes}};
  } else {
    unlimited.emplace_back("processes");
  }
  json["resource_limits"] = std::move(cgroup);
  json["r_limits"] = std::move(rlimits);
}

void add_confinement(JsonObject& json, const ReplicaOrder& order) {
  json["privileged"] = false;
  json["read_only_filesystem"] = true;
  json["cap_drop"] = JsonArray{"all"};
  json["no_new_privileges"] = true;
  json["userns"] = JsonObject{{"nsmode", "private"}};
  json["idmappings"] = JsonObject{{"UIDMap", id_map(order.app)}, {"GIDMap", id_map(order.app)}};
  json["user"] = order.container->user.value_or("65534:65534");
  // Only a loopback of its own, into which the gateway dials (net/dial.h).
  json["netns"] = JsonObject{{"nsmode", "none"}};
  for (const char* name : {"pidns", "ipcns", "utsns", "cgroupns"}) json[name] = JsonObject{{"nsmode", "private"}};
  json["hostname"] = order.app.name.str();
  json["use_image_hosts"] = true;
  json["shm_size"] = shared_memory_bytes;
  const std::string size = "size=" + std::to_string(order.container->scratch.count());
  json["mounts"] = JsonArray{
      JsonObject{{"destination", "/tmp"},
                 {"type", "tmpfs"},
                 {"source", "tmpfs"},
                 {"options", JsonArray{"rw", "nosuid", "nodev", "noexec", "mode=1777", "notmpcopyup", Json(size)}}}};
}

}  // namespace

std::string container_name(const ReplicaId& id, int64_t generation) {
  return "barrio-" + id.str() + "-" + std::to_string(generation);
}

Specification specification(const ReplicaOrder& order, const std::string& site, const std::string& image,
                            const PodmanHost& host) {
  CHECK(order.container.has_value());
  const ContainerSpec& spec = *order.container;
  Specification made;
  JsonObject json{{"name", container_name(order.id, order.generation)}, {"image", image}, {"restart_policy", "no"}};
  if (!spec.command.empty()) json["entrypoint"] = words(spec.command);
  if (!spec.arguments.empty()) json["command"] = words(spec.arguments);
  JsonObject environment{{"PORT", std::to_string(spec.port)}};
  for (const auto& [name, value] : spec.environment) environment[name] = value;
  for (const auto& [name, value] : order.secrets) environment[name] = value;
  json["env"] = std::move(environment);
  // That of the image may ask for anything: only what stands here counts.
  json["image_volume_mode"] = "ignore";
  json["log_configuration"] = JsonObject{{"driver", "k8s-file"}, {"size", log_bytes}};
  add_limits(json, order, host, made.unlimited);
  add_confinement(json, order);
  JsonObject labels{{label::site, site},
                    {label::replica, order.id.str()},
                    {label::app, order.app.str()},
                    {label::generation, std::to_string(order.generation)}};
  made.made_from = sha256_hex(print_json(json));
  labels[label::made_from] = made.made_from;
  json["labels"] = std::move(labels);
  made.json = std::move(json);
  return made;
}

}  // namespace barrio::adapters
