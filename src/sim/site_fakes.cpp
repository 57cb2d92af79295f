#include "sim/site_fakes.h"

#include <algorithm>

namespace barrio::sim {
namespace {

constexpr Duration fastest_start = 50ms;
constexpr Duration start_spread = 750ms;

tl::unexpected<Error> no_space(const std::string& name) {
  return fail(Code::exhausted, "no space left on device", name);
}

}  // namespace

Result<std::optional<std::string>> SimSiteFiles::read(const std::string& name) {
  const auto found = disk_.files.find(name);
  if (found == disk_.files.end()) return std::optional<std::string>();
  return std::optional(found->second);
}

Result<void> SimSiteFiles::write(const std::string& name, const std::string& content) {
  if (watch_) watch_(name, content);
  // A crash during the wait leaves the old content: writes are atomic.
  std::string taken = content;
  runtime_.sleep_for(disk_.write_takes);
  if (disk_.full) return no_space(name);
  disk_.files[name] = std::move(taken);
  return {};
}

Result<void> SimSiteFiles::append(const std::string& name, const std::string& addition) {
  // A crash during the wait leaves a torn end, and so does a disk that has room for a part of it.
  const size_t torn = runtime_.rng().below(addition.size() + 1);
  disk_.files[name] += addition.substr(0, torn);
  const std::string rest = addition.substr(torn);
  runtime_.sleep_for(disk_.write_takes);
  if (disk_.full) return no_space(name);
  disk_.files[name] += rest;
  return {};
}

Result<void> SimSiteFiles::remove(const std::string& name) {
  runtime_.sleep_for(disk_.write_takes);
  disk_.files.erase(name);
  return {};
}

Result<void> SimWorkloadRuntime::ensure(const ports::WorkloadSpec& spec) {
  auto [found, is_new] = replicas_.try_emplace(spec.order.id);
  Replica& replica = found->second;
  const bool same = !is_new && replica.order.generation == spec.order.generation;
  if (same && (replica.runs || loop_.now() < replica.not_before)) return {};
  replica.order = spec.order;
  start(replica);
  return {};
}

void SimWorkloadRuntime::start(Replica& replica) {
  if (watch_.started) watch_.started(replica.order);
  replica.runs = true;
  ++replica.life;
  replica.busy_until = {};
  const auto spread = static_cast<uint64_t>(start_spread.count());
  replica.ready_at =
      loop_.now() + starts_.longer + fastest_start + Duration(static_cast<int64_t>(loop_.rng().below(spread)));
}

size_t SimWorkloadRuntime::starting() const {
  return static_cast<size_t>(std::ranges::count_if(
      replicas_, [this](const auto& entry) { return entry.second.runs && loop_.now() < entry.second.ready_at; }));
}

Result<void> SimWorkloadRuntime::stop(const ReplicaId& id) {
  if (replicas_.erase(id) != 0 && watch_.ended) watch_.ended(id);
  return {};
}

Result<std::vector<ports::WorkloadStatus>> SimWorkloadRuntime::list() {
  std::vector<ports::WorkloadStatus> statuses;
  for (const auto& [id, replica] : replicas_) {
    ReplicaPhase phase = ReplicaPhase::failed;
    if (replica.runs) phase = loop_.now() >= replica.ready_at ? ReplicaPhase::ready : ReplicaPhase::starting;
    statuses.push_back({{id, replica.order.generation, phase, "", replica.restarts}, replica.order.app, endpoint(id)});
  }
  return statuses;
}

Result<std::vector<std::string>> SimWorkloadRuntime::logs(const ReplicaId& id, size_t) {
  if (!replicas_.contains(id)) return fail(Code::not_found, "no such replica here", id.str());
  return std::vector<std::string>();
}

void SimWorkloadRuntime::crash(const ReplicaId& id) {
  const auto found = replicas_.find(id);
  if (found == replicas_.end() || !found->second.runs) return;
  Replica& replica = found->second;
  replica.runs = false;
  if (watch_.ended) watch_.ended(id);
  ++replica.restarts;
  replica.not_before = loop_.now() + replica.back_off;
  replica.back_off = std::min(replica.back_off * 2, longest_back_off);
}

SimWorkloadRuntime::Replica* SimWorkloadRuntime::find(std::string_view wanted) {
  if (!wanted.starts_with(endpoint_prefix)) return nullptr;
  const auto id = ReplicaId::parse(wanted.substr(endpoint_prefix.size()));
  const auto found = id ? replicas_.find(*id) : replicas_.end();
  return found == replicas_.end() ? nullptr : &found->second;
}

}  // namespace barrio::sim
