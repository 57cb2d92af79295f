#include "adapters/process/process_runtime.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "adapters/process/log_file.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/text.h"

namespace barrio::adapters {
namespace {

constexpr size_t longest_socket_path = 100;  // sun_path holds 108 on Linux
constexpr size_t longest_detail = 300;
constexpr Duration watch_period = 50ms;
constexpr Duration probe_period = 1s;  // once ready
constexpr Duration probe_timeout = 1s;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool limits_memory = false;  // their shadow memory is larger than any honest limit
#else
constexpr bool limits_memory = true;
#endif

enum class Ending { none, asked, faulty };

Result<std::string> make_folder(const std::filesystem::path& folder) {
  std::error_code problem;
  std::filesystem::create_directories(folder, problem);
  if (!problem) std::filesystem::permissions(folder, std::filesystem::perms::owner_all, problem);
  if (problem) return fail(Code::unavailable, "cannot use the folder: " + problem.message(), folder.string());
  return folder.string();
}

}  // namespace

/// What should run under one id, and the process that does, if one does.
struct ProcessWorkloadRuntime::Replica {
  ports::WorkloadSpec wanted;
  bool forgotten = false;  // stop() was called: goes when its process has ended

  std::optional<net::ChildProcess> child;
  int64_t running_generation = 0;
  std::string socket;
  Time started{};
  Time last_answer{};
  Time next_probe{};
  bool ready = false;
  Ending ending = Ending::none;
  Time kill_at{};

  Time not_before{};
  Duration back_off{};
  int64_t restarts = 0;
  std::string detail = "not started yet";

  ReplicaPhase phase() const {
    if (forgotten || ending != Ending::none) return ReplicaPhase::stopping;
    if (!child) return ReplicaPhase::failed;
    return ready ? ReplicaPhase::ready : ReplicaPhase::starting;
  }
  void end_child(Ending why, Time kill_when) {
    if (!child || ending != Ending::none) return;
    ending = why;
    kill_at = kill_when;
    ready = false;
    child->terminate();
  }
};

ProcessWorkloadRuntime::ProcessWorkloadRuntime(ports::Runtime& runtime, FetchHttp fetch, ProcessConfig config)
    : runtime_(runtime), fetch_(std::move(fetch)), config_(std::move(config)) {}

ProcessWorkloadRuntime::~ProcessWorkloadRuntime() {
  // The watching fibers share the replicas, and are unwound only later.
  for (auto& [id, replica] : replicas_) replica->child.reset();
}

Result<void> ProcessWorkloadRuntime::ensure(const ports::WorkloadSpec& spec) {
  auto& replica = replicas_[spec.order.id];
  if (!replica) {
    replica = std::make_shared<Replica>();
    replica->back_off = config_.first_back_off;
  }
  // A new generation is not to blame for the crashes of the one before.
  if (replica->wanted.order.generation != spec.order.generation) {
    replica->not_before = runtime_.now();
    replica->back_off = config_.first_back_off;
  }
  replica->wanted = spec;
  replica->forgotten = false;
  if (replica->child && replica->running_generation != spec.order.generation) {
    replica->detail = "the earlier generation ends first";
    replica->end_child(Ending::asked, runtime_.now() + config_.stop_grace);
  }
  if (replica->child || runtime_.now() < replica->not_before) return {};
  return start(*replica);
}

Result<void> ProcessWorkloadRuntime::stop(const ReplicaId& id) {
  const auto found = replicas_.find(id);
  if (found == replicas_.end()) return {};
  Replica& replica = *found->second;
  replica.forgotten = true;
  replica.detail = "ends";
  replica.end_child(Ending::asked, runtime_.now() + config_.stop_grace);
  if (!replica.child) replicas_.erase(found);
  return {};
}

Result<std::vector<ports::WorkloadStatus>> ProcessWorkloadRuntime::list() {
  // has_ended may erase.
  const auto present = replicas_;
  for (const auto& [id, replica] : present) {
    if (!replica->child) continue;
    if (const auto how = replica->child->ended()) has_ended(*replica, *how);
    trim_log(log_path(id), config_.log_bytes);
  }
  std::vector<ports::WorkloadStatus> statuses;
  for (const auto& [id, replica] : replicas_) {
    const int64_t generation = replica->child ? replica->running_generation : replica->wanted.order.generation;
    ports::WorkloadStatus status{
        {id, generation, replica->phase(), replica->ready ? "" : replica->detail, replica->restarts},
        replica->wanted.order.app,
        ""};
    if (replica->child) status.endpoint = "unix:" + replica->socket;
    statuses.push_back(std::move(status));
  }
  return statuses;
}

Result<std::vector<std::string>> ProcessWorkloadRuntime::logs(const ReplicaId& id, size_t lines) {
  if (!replicas_.contains(id)) return fail(Code::not_found, "no such replica here", id.str());
  return last_lines(log_path(id), lines);
}

Result<void> ProcessWorkloadRuntime::start(Replica& replica) {
  const ReplicaOrder& order = replica.wanted.order;
  const auto models = models_of(order.model, order.pipeline);
  if (!config_.emulated_models && std::ranges::find(models, Backend::profile, &ModelSource::backend) != models.end()) {
    replica.detail = "this site runs no emulated models (emulated_models in its configuration)";
    return fail(Code::denied, replica.detail, order.id.str());
  }
  TRY_DO(make_folder(config_.folder));
  TRY(replica.socket, socket_path(order.id, order.generation));
  unlink(replica.socket.c_str());  // of a predecessor that was killed
  net::ChildSpec spec;
  spec.arguments = {config_.engine_program};
  spec.arguments.insert(spec.arguments.end(), config_.arguments.begin(), config_.arguments.end());
  const int workers = std::max(1, static_cast<int>(std::ceil(order.resources.cores)));
  for (const std::string& argument :
       {std::string("--listen"), "unix:" + replica.socket, std::string("--name"), order.app.name.str(),
        std::string("--backend"), std::string(to_name(order.model.backend)), std::string("--workers"),
        std::to_string(workers), std::string("--memory"), to_string(order.resources.memory)}) {
    spec.arguments.push_back(argument);
  }
  const bool is_builtin = !order.model.builtin.empty();
  if (order.model.backend != Backend::pipeline) {
    spec.arguments.push_back(is_builtin ? "--builtin" : "--model");
    spec.arguments.push_back(is_builtin ? order.model.builtin : replica.wanted.model_path);
  }
  if (order.pipeline || order.stream) {
    TRY(auto extras, write_extras(order));
    spec.arguments.insert(spec.arguments.end(), {"--extras", extras});
  }
  spec.log_file = log_path(order.id);
  if (limits_memory) spec.memory = order.resources.memory + config_.memory_room;
  TRY(auto child, net::ChildProcess::start(spec));
  log_info("engine starts", {{"replica", order.id.str()}, {"pid", std::to_string(child.pid())}});
  replica.child.emplace(std::move(child));
  replica.running_generation = order.generation;
  replica.started = replica.last_answer = replica.next_probe = runtime_.now();
  replica.ready = false;
  replica.detail = "the engine loads its model";
  runtime_.spawn("watch " + order.id.str(), [this, held = replicas_.at(order.id)] { watch(held); });
  return {};
}

/// In a file, not on the command line, which anybody on the machine can read: sources of video carry passwords.
Result<std::string> ProcessWorkloadRuntime::write_extras(const ReplicaOrder& order) const {
  const std::string path = config_.folder + "/" + order.id.str() + ".extras.json";
  const std::string text = print_json(to_json(EngineExtras{order.pipeline, order.stream}));
  unlink(path.c_str());
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
  const bool written = fd >= 0 && ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (fd >= 0) close(fd);
  if (!written) return fail(Code::unavailable, "cannot be written", path);
  return path;
}

void ProcessWorkloadRuntime::watch(const std::shared_ptr<Replica>& replica) {
  const pid_t mine = replica->child->pid();
  // list() may have seen the end first, and a successor may run already.
  while (!runtime_.stopping() && replica->child && replica->child->pid() == mine) {
    if (const auto how = replica->child->ended()) return has_ended(*replica, *how);
    if (replica->ending != Ending::none && runtime_.now() >= replica->kill_at) replica->child->kill();
    if (replica->ending == Ending::none && runtime_.now() >= replica->next_probe) probe(*replica);
    runtime_.sleep_for(watch_period);
  }
}

void ProcessWorkloadRuntime::probe(Replica& replica) {
  const auto address = net::SocketAddress::parse("unix:" + replica.socket);
  net::Request request;
  request.target = "/v2/health/ready";
  const auto child = replica.child->pid();
  const auto answer = address ? fetch_(*address, std::move(request), runtime_.now() + probe_timeout)
                              : Result<net::Response>(fail(address.error()));
  if (!replica.child || replica.child->pid() != child || replica.ending != Ending::none) return;
  const Time now = runtime_.now();
  if (answer) replica.last_answer = now;
  const Duration silent = now - replica.last_answer;
  if (answer)
    replica.ready = answer->status == 200;
  else if (silent > config_.hang_limit / 3)
    replica.ready = false;
  replica.next_probe = now + (replica.ready ? probe_period : watch_period);
  const bool was_up = replica.last_answer > replica.started;
  if (!replica.ready && silent > (was_up ? config_.hang_limit : config_.start_limit)) {
    log_error("engine hangs", {{"replica", replica.wanted.order.id.str()}, {"silent", to_string(silent)}});
    replica.end_child(Ending::faulty, now);
  }
}

void ProcessWorkloadRuntime::has_ended(Replica& replica, const std::string& how) {
  const ReplicaId id = replica.wanted.order.id;
  const Ending ending = std::exchange(replica.ending, Ending::none);
  replica.child.reset();
  replica.ready = false;
  unlink(replica.socket.c_str());
  if (replica.forgotten) {
    replicas_.erase(id);
    return;
  }
  if (ending == Ending::asked) {
    const auto started = start(replica);
    if (!started) replica.detail = started.error().text();
    return;
  }
  const Time now = runtime_.now();
  if (now - replica.started >= config_.healthy_after) replica.back_off = config_.first_back_off;
  replica.not_before = now + replica.back_off;
  ++replica.restarts;
  replica.detail = ending == Ending::faulty ? "the engine did not answer and was ended" : "the engine " + how;
  const auto last_words = last_lines(log_path(id), 1);
  if (last_words && !last_words->empty()) replica.detail += ": " + last_words->back().substr(0, longest_detail);
  log_warning("engine ended", {{"replica", id.str()}, {"how", how}, {"back_off", to_string(replica.back_off)}});
  replica.back_off = std::min(replica.back_off * 2, config_.longest_back_off);
}

Result<std::string> ProcessWorkloadRuntime::socket_path(const ReplicaId& id, int64_t generation) const {
  const std::string name =
      sha256_hex(id.str() + "/" + std::to_string(generation) + config_.incarnation).substr(0, 12) + ".sock";
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

std::string ProcessWorkloadRuntime::log_path(const ReplicaId& id) const {
  return config_.folder + "/" + id.str() + ".log";
}

}  // namespace barrio::adapters
