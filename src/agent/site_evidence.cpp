#include "agent/site_evidence.h"

#include <algorithm>

#include "agent/disk_format.h"
#include "agent/usage_ledger.h"
#include "base/digest.h"
#include "base/log.h"

namespace barrio::agent {

/// A minute that is not logged yet.
struct OpenMinute {
  AppKey app;
  WallTime minute;
  int64_t policy = 0;
  int64_t requests = 0;
  int64_t bytes_in = 0;
  int64_t bytes_out = 0;
};
BARRIO_DESCRIBE(OpenMinute, (), (app, minute, policy, requests, bytes_in, bytes_out))

/// A replica whose placement is logged.
struct LoggedReplica {
  ReplicaId id;
  AppKey app;
  int64_t generation = 0;
  std::string content;
};
BARRIO_DESCRIBE(LoggedReplica, (), (id, app, generation, content))

struct EvidenceFile {
  std::vector<JournaledPeriod> metered;  // UsageLedger::note()
  std::vector<OpenMinute> open;
  std::vector<LoggedReplica> placed;
  int64_t log_size = 0;  // before `due` was first tried
  std::vector<LogEvent> due;
};
BARRIO_DESCRIBE(EvidenceFile, (), (metered, open, placed, log_size, due))

namespace {

constexpr size_t most_due = 512;  // at once
constexpr const char* damaged_file = "evidence.json.damaged";

WallTime minute_of(WallTime time) {
  return std::chrono::floor<std::chrono::minutes>(time);
}

/// How long after a minute its leaf is due. A period belongs to the minute in which it began, and may be counted a
/// little later; and not all sites of a network should write at the same moment.
Duration settling_of(const SiteId& site) {
  return 2s + from_ms(1000.0 * (sha256(site.str())[0] % 8));
}

int64_t policy_version(const Snapshot* snapshot, const AppKey& app) {
  if (snapshot == nullptr) return 0;
  const auto found = std::ranges::find_if(snapshot->apps, [&](const App& one) { return one.key() == app; });
  return found == snapshot->apps.end() ? 0 : found->generation;
}

LogEvent replica_event(LogOperation operation, const LoggedReplica& replica, const Jurisdiction& where) {
  return {.operation = operation,
          .tenant = replica.app.tenant,
          .subject = "app/" + replica.app.name.str(),
          .content = replica.content,
          .where = where,
          .policy = replica.generation};
}

}  // namespace

SiteEvidence::SiteEvidence(ports::Runtime& runtime, SiteFiles& files, ports::TransparencyLog& log, SiteId site)
    : runtime_(runtime), files_(files), log_(log), site_(std::move(site)), settling_(settling_of(site_)) {}

SiteEvidence::~SiteEvidence() = default;

Result<void> SiteEvidence::load() {
  TRY(const auto text, files_.read(file));
  auto read = text ? from_disk_text<EvidenceFile>(*text) : Result<EvidenceFile>(EvidenceFile{});
  if (!read) {
    TRY_DO(files_.write(damaged_file, *text));
    log_error("what was to be logged is damaged; a copy is kept, and a minute may be missing from the log",
              {{"kept", files_.path(damaged_file)}, {"why", read.error().text()}});
    read = EvidenceFile{};
  }
  state_ = std::make_unique<EvidenceFile>(std::move(*read));
  return {};
}

Result<void> SiteEvidence::save() {
  return files_.write(file, to_disk_text(*state_));
}

Result<void> SiteEvidence::add(const UsageRecord& record, const Snapshot* snapshot) {
  if (record.period <= journaled_of(record.meter, state_->metered).period) return {};
  if (std::ranges::none_of(record.lines, [](const UsageLine& line) { return line.app.name.has_value(); })) return {};
  const EvidenceFile before = *state_;
  for (const UsageLine& line : record.lines) {
    const ServedUsage& served = line.usage.served;
    const int64_t requests = served.requests + served.frames;  // a frame is one that nobody had to make
    if (requests == 0 && served.bytes_in == 0 && served.bytes_out == 0) continue;
    if (!line.app.name) continue;  // storage has leaves of its own
    const AppKey app{line.app.tenant, *line.app.name};
    const OpenMinute wanted{app, minute_of(record.from), policy_version(snapshot, app)};
    auto found = std::ranges::find_if(state_->open, [&](const OpenMinute& open) {
      return open.app == wanted.app && open.minute == wanted.minute && open.policy == wanted.policy;
    });
    if (found == state_->open.end()) found = state_->open.insert(found, wanted);
    found->requests += requests;
    found->bytes_in += served.bytes_in;
    found->bytes_out += served.bytes_out;
  }
  UsageLedger::note(state_->metered, record);
  if (record.lines.empty()) return {};  // it is left out again after a crash, since nothing is in it
  auto saved = save();
  if (!saved) *state_ = before;
  return saved;
}

Result<void> SiteEvidence::log(WallTime now, const Snapshot* snapshot, std::span<const ReplicaOrder> orders,
                               std::span<const ports::WorkloadStatus> running) {
  TRY_DO(settle());
  const Site* site = snapshot == nullptr ? nullptr : snapshot->network.find(site_);
  if (site == nullptr) return {};  // nobody knows yet under which law this site stands
  const EvidenceFile before = *state_;
  take_replicas(orders, running, site->jurisdiction);
  take_minutes(now, site->jurisdiction);
  if (state_->due.empty()) return {};
  state_->log_size = static_cast<int64_t>(log_.size());
  const auto saved = save();
  if (!saved) {
    *state_ = before;
    return saved;
  }
  return settle();
}

/// Logs what is due, as far as it is not in the log already.
Result<void> SiteEvidence::settle() {
  if (state_->due.empty()) return {};
  std::vector<LogEvent> missing;
  for (const LogEvent& event : state_->due) {
    TRY(const bool there, log_.has(event, static_cast<uint64_t>(state_->log_size)));
    if (!there) missing.push_back(event);
  }
  if (!missing.empty()) TRY_DO(log_.append(missing));
  state_->due.clear();
  return save();
}

void SiteEvidence::take_minutes(WallTime now, const Jurisdiction& where) {
  std::erase_if(state_->open, [&](const OpenMinute& open) {
    if (now < open.minute + 1min + settling_ || state_->due.size() >= most_due) return false;
    state_->due.push_back(
        {.operation = LogOperation::session,
         .tenant = open.app.tenant,
         .subject = "app/" + open.app.name.str(),
         .content = "",
         .where = where,
         .policy = open.policy,
         .session = LoggedSession{open.minute, open.minute + 1min, open.requests, open.bytes_in, open.bytes_out}});
    return true;
  });
}

/// A replica that is restarted stays placed: it is removed once it is neither wanted nor there.
void SiteEvidence::take_replicas(std::span<const ReplicaOrder> orders, std::span<const ports::WorkloadStatus> running,
                                 const Jurisdiction& where) {
  auto& placed = state_->placed;
  std::erase_if(placed, [&](const LoggedReplica& replica) {
    const auto same = [&](const auto& one) { return one.id == replica.id; };
    const bool there = std::ranges::any_of(orders, same) ||
                       std::ranges::any_of(running, [&](const auto& status) { return same(status.report); });
    if (there || state_->due.size() >= most_due) return false;
    state_->due.push_back(replica_event(LogOperation::removed, replica, where));
    return true;
  });
  for (const ports::WorkloadStatus& status : running) {
    if (status.report.phase != ReplicaPhase::ready || state_->due.size() >= most_due) continue;
    const auto order = std::ranges::find(orders, status.report.id, &ReplicaOrder::id);
    if (order == orders.end()) continue;
    auto known = std::ranges::find(placed, status.report.id, &LoggedReplica::id);
    if (known != placed.end() && known->generation == status.report.generation) continue;
    if (status.report.generation != order->generation) continue;  // of a release before, about to be replaced
    LoggedReplica replica{order->id, order->app, order->generation, order->content()};
    state_->due.push_back(replica_event(LogOperation::placed, replica, where));
    if (known != placed.end())
      *known = std::move(replica);
    else
      placed.push_back(std::move(replica));
  }
}

}  // namespace barrio::agent
