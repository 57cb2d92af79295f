#include "adapters/process/program_runtime.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "adapters/process/log_file.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/read_file.h"
#include "base/text.h"

namespace barrio::adapters {

namespace {

constexpr Duration sandbox_step = 10ms;
constexpr Duration sandbox_made_within = 10s;
constexpr size_t longest_last_words = 300;
constexpr int claim_tries = 10;
constexpr std::string_view gone_prefix = "gone-";  // of folders that are being removed
// Above those of containers (adapters/podman), below what a signed number holds.
constexpr int64_t first_user = 2'000'000'000;
constexpr int64_t users = 100'000'000;

/// What programs find in /etc.
constexpr std::pair<const char*, const char*> etc_files[] = {
    {"passwd", "root:x:0:0:root:/:/usr/sbin/nologin\nnobody:x:65534:65534:nobody:/tmp:/usr/sbin/nologin\n"},
    {"group", "root:x:0:\nnogroup:x:65534:\n"},
    {"hosts", "127.0.0.1 localhost\n::1 localhost\n"},
    {"nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"}};

/// Of this machine; that two programs get the same one of 100 000 000 does not happen.
uid_t user_of(const std::string& what) {
  return static_cast<uid_t>(first_user + std::stoll(sha256_hex(what).substr(0, 15), nullptr, 16) % users);
}

/// A lock on the folder: as long as it is held, its process lives. None where another holds it, or has taken it away
/// meanwhile.
OwnedDescriptor claim(const std::string& folder) {
  OwnedDescriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened || ::flock(opened.get(), LOCK_EX | LOCK_NB) != 0) return OwnedDescriptor();
  struct stat locked{};
  struct stat named{};
  if (::fstat(opened.get(), &locked) != 0 || ::stat(folder.c_str(), &named) != 0 || locked.st_ino != named.st_ino)
    return OwnedDescriptor();
  return opened;
}

std::vector<std::string> environment_of(const ReplicaOrder& order) {
  const ProgramSpec& program = *order.program;
  std::map<std::string, std::string> all = {
      {"PATH", "/usr/local/bin:/usr/bin:/bin"}, {"HOME", "/tmp"}, {"LANG", "C.UTF-8"}};
  for (const auto& [name, value] : program.environment) all[name] = value;
  for (const auto& [name, value] : order.secrets) all[name] = value;
  all["PORT"] = std::to_string(program.port);
  std::vector<std::string> environment;
  for (const auto& [name, value] : all) environment.push_back(name + "=" + value);
  return environment;
}

/// The last line of a log, where it begins so, behind a colon.
std::string last_words(const std::string& log, std::string_view beginning = "") {
  const auto words = last_lines(log, 1);
  if (!words || words->empty() || !words->back().starts_with(beginning)) return "";
  return ": " + harmless(words->back(), longest_last_words);
}

}  // namespace

struct ProgramWorkloadRuntime::Instance final : KeptServer {
  std::string file_path;  // of what was uploaded
  std::shared_ptr<ProgramFiles> files;
  std::shared_ptr<Sandbox> sandbox;  // shared with who looks at it, on another thread
  std::string killed_for;            // what, where this process did it

  const ProgramSpec& program() const { return *order.program; }
};

ProgramWorkloadRuntime::ProgramWorkloadRuntime(ports::Runtime& runtime, ProbeServer probe, ProgramConfig config)
    : runtime_(runtime),
      config_(std::move(config)),
      keeper_(runtime,
              {.start = [this](Instance& one) { return start(one); },
               .ended = [this](Instance& one) { return ended(one); },
               .stop = [this](Instance& one) { stop(one); },
               .take_away = [this](Instance& one) { take_away(one); }},
              std::move(probe), config_.times, config_.in_flight),
      files_turn_(runtime) {}

ProgramWorkloadRuntime::~ProgramWorkloadRuntime() {
  std::error_code gone;
  if (claim_) std::filesystem::remove_all(own_folder(), gone);
}

Result<void> ProgramWorkloadRuntime::ensure(const ports::WorkloadSpec& spec) {
  const ReplicaOrder& order = spec.order;
  if (!order.program) return fail(Code::invalid, "is no program", order.id.str());
  if (::access(config_.bwrap.c_str(), X_OK) != 0)
    return fail(Code::unsupported,
                "this site has no bubblewrap to run programs with: there is no " + config_.bwrap +
                    " (Debian package bubblewrap)",
                order.id.str());
  if (::geteuid() != 0)
    return fail(Code::unsupported, "this site runs no programs: its process is not root", order.id.str());
  if (config_.cgroup.empty() && !config_.without_cgroup)
    return fail(Code::unsupported,
                "this site runs no programs: it has no control group to limit them by (programs.cgroup), and does not "
                "say that it trusts them without (programs.without_cgroup: true)",
                order.id.str());
  TRY_DO(prepare());
  auto one = std::make_shared<Instance>();
  one->order = order;
  one->file_path = spec.file_path;
  one->name = order.id.str() + "-" + std::to_string(order.generation);
  keeper_.want(one);
  return {};
}

/// Once: its own folder, without those of processes that are gone.
Result<void> ProgramWorkloadRuntime::prepare() {
  if (claim_) return {};
  if (!config_.cgroup.empty()) {
    auto ready = ControlGroup::prepare(config_.cgroup, config_.site + ".");
    if (!ready) return fail(std::move(ready).error().within("programs.cgroup"));
  } else {
    log_warning(
        "programs.cgroup is not configured: nothing limits programs' cores, and memory is looked at only now and then; "
        "that is for programs that one trusts");
  }
  remove_leftovers();
  TRY_DO(claim_own_folder());
  TRY_DO(make_open_folder(own_folder() + "/etc"));
  for (const auto& [name, content] : etc_files) TRY_DO(write_open_file(own_folder() + "/etc/" + name, content, false));
  return {};
}

/// Out of the way at once; what is in them, which may be much, beside the loop.
void ProgramWorkloadRuntime::remove_leftovers() {
  auto claims = std::make_shared<std::map<std::string, OwnedDescriptor>>();
  std::error_code problem;
  for (std::filesystem::directory_iterator at(config_.folder, problem), end; !problem && at != end;
       at.increment(problem)) {
    const std::string name = at->path().filename().string();
    OwnedDescriptor claimed = claim(at->path().string());
    if (!claimed) continue;
    const std::string away = name.starts_with(gone_prefix) ? name : std::string(gone_prefix) + name;
    if (::rename(at->path().c_str(), (config_.folder + "/" + away).c_str()) == 0)
      claims->insert_or_assign(config_.folder + "/" + away, std::move(claimed));
  }
  if (claims->empty()) return;
  runtime_.spawn("programs' leftovers", [this, claims] {
    runtime_.offload([&] {
      std::error_code left;  // the next process tries again
      for (const auto& [path, lock] : *claims) std::filesystem::remove_all(path, left);
    });
  });
}

/// Before anything is in it: until then another process that starts may take it for a leftover.
Result<void> ProgramWorkloadRuntime::claim_own_folder() {
  for (int i = 0; i < claim_tries && !claim_; ++i) {
    if (i > 0) ::poll(nullptr, 0, 1);
    TRY_DO(make_open_folder(own_folder()));
    claim_ = claim(own_folder());
  }
  if (!claim_) return fail(Code::unavailable, "cannot lock the folder", own_folder());
  return {};
}

Result<void> ProgramWorkloadRuntime::stop(const ReplicaId& id) {
  keeper_.forget(id);
  return {};
}

Result<std::vector<ports::WorkloadStatus>> ProgramWorkloadRuntime::list() {
  return keeper_.list();
}

// --- in the fiber of one ---

Result<void> ProgramWorkloadRuntime::start(Instance& one) {
  one.detail = "unpacks its files";
  TRY_DO(get_files(one));
  one.detail = "starts";
  one.killed_for.clear();
  // On this thread: the kernel ends a child with the thread that made it.
  TRY(auto sandbox, start_sandbox(one));
  one.sandbox = std::make_shared<Sandbox>(std::move(sandbox));
  auto made = await_namespaces(one);
  if (!made) clear(one);
  return made;
}

Result<void> ProgramWorkloadRuntime::get_files(Instance& one) {
  if (one.files) return {};
  const std::string& sha256 = one.program().sha256;
  const ports::Turn::Hold hold(files_turn_);
  one.files = files_[sha256].lock();
  if (one.files) return {};
  std::optional<Result<std::shared_ptr<ProgramFiles>>> unpacked;
  const std::string folder = own_folder() + "/files-" + std::to_string(++unpacked_);
  runtime_.offload([&] {
    // Verified: what is run is what was asked for, whatever has happened on the disk.
    const auto content = read_verified_file(one.file_path, sha256);
    unpacked =
        content ? ProgramFiles::unpack(*content, folder) : Result<std::shared_ptr<ProgramFiles>>(fail(content.error()));
  });
  if (!*unpacked) return fail(unpacked->error());
  one.files = std::move(**unpacked);
  std::erase_if(files_, [](const auto& entry) { return entry.second.expired(); });
  files_[sha256] = one.files;
  return {};
}

Result<Sandbox> ProgramWorkloadRuntime::start_sandbox(const Instance& one) {
  const ProgramSpec& program = one.program();
  SandboxSpec spec;
  spec.bwrap = config_.bwrap;
  spec.folder = own_folder();
  spec.files = std::filesystem::path(one.files->folder()).filename().string();
  spec.etc = "etc";
  spec.host_name = one.order.app.name.str();
  spec.words = program.words();
  spec.environment = environment_of(one.order);
  spec.user = user_of(config_.site + "." + config_.incarnation + "." + one.name);
  spec.memory = one.order.resources.memory;
  spec.scratch = program.scratch;
  spec.processes = program.processes;
  spec.open_files = program.files;
  spec.log_file = log_of(one);
  std::optional<ControlGroup> group;
  if (!config_.cgroup.empty()) {
    const std::string path = config_.cgroup + "/" + config_.site + "." + config_.incarnation + "." + one.name;
    TRY(auto made, ControlGroup::make(path, {spec.memory, one.order.resources.cores, spec.processes + 2}));
    group.emplace(std::move(made));
  }
  return Sandbox::start(spec, std::move(group));
}

/// Then there is a loopback that the gateway can dial into.
Result<void> ProgramWorkloadRuntime::await_namespaces(Instance& one) {
  const Time latest = runtime_.now() + sandbox_made_within;
  while (true) {
    if (const auto first = one.sandbox->first_process()) {
      auto endpoint = loopback_of(static_cast<uint32_t>(*first), one.program().port);
      if (endpoint) {
        one.endpoint = std::move(*endpoint);
        return {};
      }
      // It may have ended: bwrap says how in a moment.
      if (endpoint.error().code != Code::unavailable) return fail(std::move(endpoint).error());
    }
    if (const auto how = one.sandbox->ended()) {
      return fail(Code::unavailable, "its sandbox cannot be made: bwrap " + *how + last_words(log_of(one)));
    }
    if (runtime_.now() >= latest) return fail(Code::timed_out, "its sandbox is not there after 10 s");
    runtime_.sleep_for(sandbox_step);
  }
}

Result<std::optional<std::string>> ProgramWorkloadRuntime::ended(Instance& one) {
  if (!one.sandbox) return "ended";
  look(one);
  const auto how = one.sandbox->ended();
  if (!how) return std::nullopt;
  std::string why = one.killed_for;
  if (why.empty() && one.sandbox->ran_out_of_memory()) why = "ended: out of memory";
  if (why.empty()) why = *how + last_words(log_of(one), "bwrap: ");
  clear(one);
  return why;
}

/// Keeps its log short, and does what a control group would do at once: it is killed when it takes too much memory.
void ProgramWorkloadRuntime::look(Instance& one) {
  const bool counts = !one.sandbox->has_group() && one.killed_for.empty();
  std::optional<Result<SandboxUsage>> usage;
  runtime_.offload([&] {
    trim_log(log_of(one), config_.log_bytes);
    if (counts) usage = one.sandbox->usage();
  });
  const Bytes most = one.order.resources.memory;
  if (!usage || !*usage || (*usage)->memory <= most) return;
  one.killed_for = "ended: out of memory (" + to_string((*usage)->memory) + " of " + to_string(most) + ")";
  one.sandbox->kill();
}

void ProgramWorkloadRuntime::stop(Instance& one) {
  if (!one.sandbox) return;
  one.sandbox->terminate();
  const Time latest = runtime_.now() + config_.stop_grace;
  Time next_look = runtime_.now();
  while (!one.sandbox->ended() && runtime_.now() < latest && !runtime_.stopping()) {
    if (runtime_.now() >= next_look) {
      look(one);
      next_look = runtime_.now() + config_.times.look_every;
    }
    runtime_.sleep_for(sandbox_step);
  }
  clear(one);
}

void ProgramWorkloadRuntime::take_away(Instance& one) {
  stop(one);
  const std::string log = log_of(one);
  runtime_.offload([&] {
    one.files.reset();
    ::unlink(log.c_str());
  });
}

/// Its control group is left only when the kernel has ended all that was in it.
void ProgramWorkloadRuntime::clear(Instance& one) {
  one.endpoint.clear();
  if (!one.sandbox) return;
  std::shared_ptr<Sandbox> gone = std::move(one.sandbox);
  gone->kill();  // now, also where somebody still looks at it
  runtime_.offload([&] { gone.reset(); });
}

std::string ProgramWorkloadRuntime::log_of(const Instance& one) const {
  return own_folder() + "/" + one.name + ".log";
}

Result<std::vector<std::string>> ProgramWorkloadRuntime::logs(const ReplicaId& id, size_t lines) {
  const auto one = keeper_.newest(id);
  if (!one) return fail(Code::not_found, "no such program here", id.str());
  const std::string path = log_of(*one);
  std::optional<Result<std::vector<std::string>>> found;
  runtime_.offload([&] { found = last_lines(path, lines); });
  // Before its first start there is none.
  if (!*found && found->error().code == Code::not_found) return std::vector<std::string>();
  return std::move(*found);
}

Result<ports::WorkloadUsage> ProgramWorkloadRuntime::usage(const ReplicaId& id) {
  constexpr Duration window = 500ms;
  const auto one = keeper_.newest(id);
  if (!one) return fail(Code::not_found, "no such program here", id.str());
  const auto now = [&]() -> Result<SandboxUsage> {
    std::shared_ptr<Sandbox> sandbox = one->endpoint.empty() ? nullptr : one->sandbox;
    if (!sandbox) return fail(Code::unavailable, "it does not run now", id.str());
    std::optional<Result<SandboxUsage>> seen;
    runtime_.offload([&] {
      seen = sandbox->usage();
      sandbox.reset();  // here: whoever holds it last waits for its end
    });
    return std::move(*seen);
  };
  TRY(const SandboxUsage before, now());
  const Time since = runtime_.now();
  runtime_.sleep_for(window);
  TRY(const SandboxUsage after, now());
  const double passed = to_ms(runtime_.now() - since);
  // A restart between the two counts anew.
  const double used = std::max(0.0, to_ms(after.cpu - before.cpu));
  return ports::WorkloadUsage{passed > 0 ? std::optional(used / passed) : std::nullopt, after.memory, after.processes};
}

}  // namespace barrio::adapters
