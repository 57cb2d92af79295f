#include "adapters/process/process_runtime.h"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "adapters/process/log_file.h"
#include "base/crypto.h"
#include "base/log.h"

namespace barrio::adapters {
namespace {

constexpr size_t longest_socket_path = 100;  // sun_path holds 108 on Linux
constexpr size_t longest_detail = 300;
constexpr Duration step_period = 50ms;
constexpr Duration settled_period = 1s;  // between two looks, where all is as it should be
constexpr Duration call_timeout = 1s;
constexpr Duration count_period = 1s;

Result<std::string> make_folder(const std::filesystem::path& folder) {
  std::error_code problem;
  std::filesystem::create_directories(folder, problem);
  if (!problem) std::filesystem::permissions(folder, std::filesystem::perms::owner_all, problem);
  if (problem) return fail(Code::unavailable, "cannot use the folder: " + problem.message(), folder.string());
  return folder.string();
}

/// Whether a line of the engine's log is about this replica: its id stands there alone, or before a model's name.
bool names(std::string_view line, std::string_view id) {
  const auto part_of_an_id = [&](size_t at) {
    return at < line.size() && (std::isalnum(static_cast<unsigned char>(line[at])) != 0 || line[at] == '-');
  };
  for (size_t at = line.find(id); at != std::string_view::npos; at = line.find(id, at + 1)) {
    if ((at == 0 || !part_of_an_id(at - 1)) && !part_of_an_id(at + id.size())) return true;
  }
  return false;
}

/// None: it is not what it should be, which is logged.
template <class T>
std::optional<T> read_answer(const net::Response& answer) {
  const auto json = parse_json(answer.body);
  auto read = json ? from_json<T>(*json) : Result<T>(fail(json.error()));
  if (read) return std::move(*read);
  log_error("engine answers nonsense", {{"why", read.error().text()}});
  return std::nullopt;
}

}  // namespace

/// What should run under one id, and what of it is in the engine.
struct ProcessWorkloadRuntime::Replica {
  enum class Place { outside, inside, leaving };

  ports::WorkloadSpec wanted;
  bool forgotten = false;  // stop() was called: goes once it has left the engine
  bool asked = false;      // to be put into the engine

  Place place = Place::outside;
  int64_t generation = 0;  // that is in the engine
  std::string socket;
  Time since{};  // it was put there
  bool ready = false;
  bool failed = false;

  BackOff back_off;
  int64_t restarts = 0;
  std::string detail = "not started yet";

  bool settled() const { return place == Place::outside ? !asked : place == Place::inside && ready; }
  bool unwanted() const { return forgotten || failed || generation != wanted.order.generation; }
  ReplicaPhase phase() const {
    if (forgotten) return ReplicaPhase::stopping;
    if (failed) return ReplicaPhase::failed;
    if (place == Place::outside) return asked ? ReplicaPhase::starting : ReplicaPhase::failed;
    if (place == Place::leaving || unwanted()) return ReplicaPhase::stopping;
    return ready ? ReplicaPhase::ready : ReplicaPhase::starting;
  }
};

ProcessWorkloadRuntime::ProcessWorkloadRuntime(ports::Runtime& runtime, FetchHttp fetch, ProcessConfig config)
    : runtime_(runtime), fetch_(std::move(fetch)), config_(std::move(config)) {
  engine_back_off_.next = config_.first_back_off;
}

/// In order: what it counted must survive the machine's end, too.
ProcessWorkloadRuntime::~ProcessWorkloadRuntime() {
  if (!engine_ || engine_->ended()) return;
  engine_->terminate();
  static_cast<void>(engine_->end(config_.end_grace));
}

Result<void> ProcessWorkloadRuntime::ensure(const ports::WorkloadSpec& spec) {
  const Time now = runtime_.now();
  const ReplicaOrder& order = spec.order;
  Replica& replica = replicas_[order.id];
  // A new generation is not to blame for the crashes of the one before.
  if (replica.wanted.order.generation != order.generation) {
    replica.back_off = {config_.first_back_off, now};
    replica.restarts = 0;
  }
  replica.wanted = spec;
  replica.forgotten = false;
  const auto models = models_of(order.model, order.pipeline);
  if (!config_.emulated_models && std::ranges::find(models, Backend::profile, &ModelSource::backend) != models.end()) {
    replica.detail = "this site runs no emulated models (emulated_models in its configuration)";
    return fail(Code::denied, replica.detail, order.id.str());
  }
  if (replica.place == Replica::Place::inside && replica.generation != order.generation)
    replica.detail = "the earlier generation ends first";
  if (replica.place != Replica::Place::outside || replica.asked || now < replica.back_off.not_before) return {};
  replica.asked = true;
  replica.failed = false;
  replica.detail = "the engine loads its model";
  next_look_ = now;
  if (!engine_ && now >= engine_back_off_.not_before) return start_engine();
  return {};
}

Result<void> ProcessWorkloadRuntime::stop(const ReplicaId& id) {
  const auto found = replicas_.find(id);
  if (found == replicas_.end()) return {};
  Replica& replica = found->second;
  replica.forgotten = true;
  replica.asked = false;
  replica.detail = "ends";
  if (replica.place == Replica::Place::outside) replicas_.erase(found);
  return {};
}

Result<std::vector<ports::WorkloadStatus>> ProcessWorkloadRuntime::list() {
  check_engine();
  trim_log(log_path(), config_.log_bytes);
  std::vector<ports::WorkloadStatus> statuses;
  for (const auto& [id, replica] : replicas_) {
    const bool outside = replica.place == Replica::Place::outside;
    const ReplicaPhase phase = replica.phase();
    ports::WorkloadStatus status{{id, outside ? replica.wanted.order.generation : replica.generation, phase,
                                  phase == ReplicaPhase::ready ? "" : replica.detail, replica.restarts, 0},
                                 replica.wanted.order.app,
                                 ""};
    if (!outside && !replica.failed) status.endpoint = "unix:" + replica.socket;
    statuses.push_back(std::move(status));
  }
  return statuses;
}

Result<std::vector<std::string>> ProcessWorkloadRuntime::logs(const ReplicaId& id, size_t lines) {
  if (!replicas_.contains(id)) return fail(Code::not_found, "no such replica here", id.str());
  return last_lines(log_path(), lines, [&](std::string_view line) { return names(line, id.str()); });
}

Result<ports::WorkloadUsage> ProcessWorkloadRuntime::usage(const ReplicaId& id) {
  if (!replicas_.contains(id)) return fail(Code::not_found, "no such replica here", id.str());
  return ports::WorkloadUsage{};
}

std::vector<UsageRecord> ProcessWorkloadRuntime::cut_usage(EngineUsageQuestion question) {
  std::erase_if(counted_, [&](const UsageRecord& record) {
    return journaled_of(record.meter, question.journaled).period >= record.period;
  });
  question_ = std::move(question);
  return counted_;
}

// --- the engine ---

Result<void> ProcessWorkloadRuntime::start_engine() {
  const Time now = runtime_.now();
  TRY_DO(make_folder(config_.folder));
  TRY(control_, socket_path("control"));
  unlink(control_.c_str());  // of a predecessor that was killed
  net::ChildSpec spec;
  spec.arguments = {config_.engine_program};
  spec.arguments.insert(spec.arguments.end(), config_.arguments.begin(), config_.arguments.end());
  spec.arguments.insert(spec.arguments.end(), {"--control", "unix:" + control_});
  if (!config_.engine_config.empty()) spec.arguments.insert(spec.arguments.end(), {"--config", config_.engine_config});
  spec.log_file = log_path();
  TRY(auto child, net::ChildProcess::start(spec));
  log_info("engine starts", {{"pid", std::to_string(child.pid())}});
  engine_.emplace(std::move(child));
  engine_started_ = last_answer_ = next_look_ = now;
  hangs_ = false;
  if (!std::exchange(kept_, true)) runtime_.spawn("keep the engine", [this] { keep(); });
  return {};
}

void ProcessWorkloadRuntime::keep() {
  while (!runtime_.stopping()) {
    step();
    runtime_.sleep_for(step_period);
  }
}

void ProcessWorkloadRuntime::step() {
  if (!check_engine()) {
    const bool wanted = std::ranges::any_of(replicas_, [](const auto& one) { return one.second.asked; });
    if (!wanted || runtime_.now() < engine_back_off_.not_before) return;
    const auto started = start_engine();
    if (!started) engine_ended("cannot be started: " + started.error().text());
    return;
  }
  if (runtime_.now() >= next_look_) look();
  if (engine_ && question_ && runtime_.now() >= next_count_) ask_usage();
  if (!engine_) return;
  std::vector<ReplicaId> ids;
  for (const auto& [id, replica] : replicas_) ids.push_back(id);
  for (const ReplicaId& id : ids) act_on(id);
}

/// False: none runs.
bool ProcessWorkloadRuntime::check_engine() {
  if (!engine_) return false;
  if (const auto how = engine_->ended()) {
    engine_ended(hangs_ ? "did not answer and was ended" : *how);
    return false;
  }
  return true;
}

/// All replicas have ended with it, and are put into the next one.
void ProcessWorkloadRuntime::engine_ended(const std::string& how) {
  engine_.reset();
  unlink(control_.c_str());
  back_off(engine_back_off_, runtime_.now() - engine_started_);
  std::string detail = "the engine " + how;
  const auto last_words = last_lines(log_path(), 1);
  if (last_words && !last_words->empty()) detail += ": " + last_words->back().substr(0, longest_detail);
  log_warning("engine ended", {{"how", how}});
  std::erase_if(replicas_, [](const auto& one) { return one.second.forgotten; });
  for (auto& [id, replica] : replicas_) {
    const bool had = replica.place != Replica::Place::outside || replica.asked;
    if (replica.place != Replica::Place::outside) unlink(replica.socket.c_str());
    replica.place = Replica::Place::outside;
    if (!had || replica.failed) continue;
    has_failed(replica, detail);
    replica.back_off.not_before = engine_back_off_.not_before;
  }
}

Result<net::Response> ProcessWorkloadRuntime::call(net::Request request) {
  TRY(const auto address, net::SocketAddress::parse("unix:" + control_));
  const pid_t asked = engine_->pid();
  auto answer = fetch_(address, std::move(request), runtime_.now() + call_timeout);
  // Another engine, or none, may run by now.
  if (!engine_ || engine_->pid() != asked) return fail(Code::cancelled, "the engine has ended", control_);
  const Time now = runtime_.now();
  if (answer) last_answer_ = now;
  const bool was_up = last_answer_ > engine_started_;
  const Duration silent = now - last_answer_;
  if (!answer && !hangs_ && silent > (was_up ? config_.hang_limit : config_.start_limit)) {
    log_error("engine hangs", {{"silent", to_string(silent)}});
    hangs_ = true;
    engine_->kill();
  }
  return answer;
}

// --- the replicas in it ---

void ProcessWorkloadRuntime::look() {
  const auto answer = call({.target = "/replicas"});
  if (!answer || answer->status != 200) return;
  const auto seen = read_answer<EngineReplicas>(*answer);
  if (!seen) return;
  for (auto& [id, replica] : replicas_) {
    const auto found = std::ranges::find(seen->replicas, id, &EngineReplica::id);
    take_state(replica, found == seen->replicas.end() ? nullptr : &*found);
  }
  std::erase_if(replicas_,
                [](const auto& one) { return one.second.forgotten && one.second.place == Replica::Place::outside; });
  take_out_unknown(*seen);
  const bool settled = std::ranges::all_of(replicas_, [](const auto& one) { return one.second.settled(); });
  next_look_ = runtime_.now() + (settled ? settled_period : step_period);
}

/// One that is killed in between is asked for the same again by the next: what it counted outlives it.
void ProcessWorkloadRuntime::ask_usage() {
  next_count_ = runtime_.now() + count_period;
  const auto answer = call({.method = "POST", .target = "/usage", .body = print_json(to_json(*question_))});
  if (!answer) return;
  if (std::exchange(usage_status_, answer->status) != answer->status && answer->status != 200)
    log_error("what streams use is not told by the engine", {{"status", std::to_string(answer->status)}});
  if (answer->status != 200) return;
  if (auto counted = read_answer<EngineUsageAnswer>(*answer)) counted_ = std::move(counted->records);
}

/// Of those that were stopped before the engine had answered that it has them.
void ProcessWorkloadRuntime::take_out_unknown(const EngineReplicas& seen) {
  for (const EngineReplica& one : seen.replicas) {
    if (replicas_.contains(one.id) || !engine_) continue;
    static_cast<void>(call({.method = "DELETE", .target = "/replicas/" + one.id.str()}));
  }
}

void ProcessWorkloadRuntime::take_state(Replica& replica, const EngineReplica* seen) {
  using Place = Replica::Place;
  if (replica.place == Place::outside) {
    // It was stopped and asked for again before the engine had heard of either.
    if (seen == nullptr) return;
    auto socket = socket_of(seen->id, seen->generation);
    if (!socket) return;
    replica.socket = std::move(*socket);
    replica.place = seen->state == EngineReplicaState::leaving ? Place::leaving : Place::inside;
    replica.generation = seen->generation;
    replica.since = runtime_.now();
    replica.asked = false;
  }
  if (seen == nullptr) {
    // What failed is put again when it is asked for after its back-off; another generation at once.
    replica.asked = replica.place == Place::leaving && !replica.failed && !replica.forgotten;
    replica.place = Place::outside;
    return;
  }
  if (replica.place == Place::leaving) return;
  replica.ready = seen->state == EngineReplicaState::ready;
  if (replica.unwanted() || replica.ready) return;
  if (seen->state == EngineReplicaState::failed) return has_failed(replica, seen->detail);
  if (runtime_.now() - replica.since > config_.start_limit)
    has_failed(replica, "was not ready after " + to_string(config_.start_limit));
}

/// What it should be is told to the engine; what does not get through is told again in the next step.
void ProcessWorkloadRuntime::act_on(const ReplicaId& id) {
  const auto found = replicas_.find(id);
  if (found == replicas_.end() || !engine_) return;
  Replica& replica = found->second;
  if (replica.place == Replica::Place::outside && replica.asked) {
    const auto done = put(replica);
    if (!done && replicas_.contains(id)) has_failed(replicas_.at(id), done.error().text());
  } else if (replica.place == Replica::Place::inside && replica.unwanted()) {
    replica.ready = false;
    replica.place = Replica::Place::leaving;
    next_look_ = runtime_.now();
    const auto answer = call({.method = "DELETE", .target = "/replicas/" + id.str()});
    const auto still = replicas_.find(id);
    if (!answer && still != replicas_.end() && engine_) still->second.place = Replica::Place::inside;
  }
}

/// Errors are the engine's refusal.
Result<void> ProcessWorkloadRuntime::put(Replica& replica) {
  const ReplicaOrder order = replica.wanted.order;
  TRY(replica.socket, socket_of(order.id, order.generation));
  const EngineOrder told{order, "unix:" + replica.socket, replica.wanted.file_path};
  const auto answer =
      call({.method = "PUT", .target = "/replicas/" + order.id.str(), .body = print_json(to_json(told))});
  next_look_ = runtime_.now();
  const auto still = replicas_.find(order.id);
  // 409: an earlier one is still there.
  if (!answer || answer->status == 409 || still == replicas_.end()) return {};
  if (answer->status >= 300) return fail(Code::invalid, "the engine refuses it: " + answer->body);
  still->second.asked = false;
  still->second.place = Replica::Place::inside;
  still->second.generation = order.generation;
  still->second.since = runtime_.now();
  return {};
}

void ProcessWorkloadRuntime::has_failed(Replica& replica, std::string detail) {
  back_off(replica.back_off, replica.ready ? runtime_.now() - replica.since : Duration::zero());
  replica.failed = true;
  replica.ready = false;
  replica.asked = false;
  ++replica.restarts;
  replica.detail = std::move(detail);
  log_warning("replica failed", {{"replica", replica.wanted.order.id.str()}, {"why", replica.detail}});
}

void ProcessWorkloadRuntime::back_off(BackOff& wait, Duration healthy_for) const {
  if (healthy_for >= config_.healthy_after) wait.next = config_.first_back_off;
  wait.not_before = runtime_.now() + wait.next;
  wait.next = std::min(wait.next * 2, config_.longest_back_off);
}

Result<std::string> ProcessWorkloadRuntime::socket_of(const ReplicaId& id, int64_t generation) const {
  return socket_path(id.str() + "/" + std::to_string(generation));
}

Result<std::string> ProcessWorkloadRuntime::socket_path(const std::string& what) const {
  const std::string name = sha256_hex(what + config_.incarnation).substr(0, 12) + ".sock";
  std::filesystem::path folder = std::filesystem::path(config_.folder) / "run";
  if (folder.string().size() + 1 + name.size() > longest_socket_path) {
    const std::string whose = std::to_string(getuid()) + "-" + sha256_hex(config_.folder).substr(0, 12);
    folder = std::filesystem::temp_directory_path() / ("barrio-" + whose);
  }
  TRY(auto made, make_folder(folder));
  const std::string path = made + "/" + name;
  if (path.size() > longest_socket_path) return fail(Code::invalid, "is too long a path for a Unix socket", path);
  return path;
}

}  // namespace barrio::adapters
