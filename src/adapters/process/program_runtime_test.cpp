// With real sandboxes, where they can be made.

#include "adapters/process/program_runtime.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "adapters/process/process_tree.h"
#include "adapters/process/program_rig_test.h"
#include "ports/workload_runtime_contract.h"

namespace barrio::adapters::program_runtime_test {

namespace {

class Contract final : public ports::WorkloadRig {
 public:
  explicit Contract(ProgramRig& rig, const std::string& incarnation = "first")
      : rig_(rig), workloads_(rig.runtime, rig.prober(), rig.config(incarnation)) {}
  ports::Runtime& loop() override { return rig_.runtime; }
  ports::WorkloadRuntime& workloads() override { return workloads_; }
  ports::WorkloadSpec spec(const ReplicaId& id, int64_t generation) override {
    auto spec = rig_.spec(id.str(), generation, content);
    if (change) change(spec.order);
    return spec;
  }
  void kill(const ReplicaId& id) override { ::kill(first_process(id), SIGKILL); }
  pid_t first_process(const ReplicaId& id) {
    const auto status = ports::status_of(*this, id);
    REQUIRE(status);
    return static_cast<pid_t>(net::SocketAddress::parse(status->endpoint)->network_namespace().pid);
  }
  /// Ensures it, and waits until it has been restarted; why.
  std::string why_restarted(const ReplicaId& id, int64_t generation) {
    for (int i = 0; i < 1500; ++i) {
      REQUIRE(workloads_.ensure(spec(id, generation)));
      const auto status = ports::status_of(*this, id);
      if (status && status->report.restarts > 0) return status->report.detail;
      loop().sleep_for(20ms);
    }
    return "never restarted";
  }
  void end(const ReplicaId& id) {
    CHECK(workloads_.stop(id));
    ports::wait_until_gone(*this, id);
  }
  std::string content = trying_program;
  std::function<void(ReplicaOrder&)> change;

 private:
  ProgramRig& rig_;
  ProgramWorkloadRuntime workloads_;
};

const ReplicaId id = ReplicaId::of("hello-mad1-1");

size_t count_of(const std::string& folder) {
  size_t count = 0;
  for (const auto& one : std::filesystem::directory_iterator(folder)) {
    if (one.path().filename() != "etc") ++count;
  }
  return count;
}

/// Its three, what it listens at, the question and the folder that it reads. A probe of its health may be open beside
/// them for a moment; what it had inherited would stay.
void check_nothing_inherited(ProgramRig& rig, const std::string& at) {
  std::string descriptors;
  for (int left = 20; left > 0; --left) {
    descriptors = rig.ask(at, "/see?/proc/2/fd");
    if (descriptors.size() <= std::strlen("0 1 2 3 4 5")) return;
    rig.runtime.sleep_for(25ms);
  }
  FAIL_CHECK("descriptors: " << descriptors);
}

}  // namespace

TEST_CASE("programs run as every runtime's workloads do, and leave nothing behind") {
  if (!ProgramRig::works()) return;
  ProgramRig rig;
  Contract contract(rig);
  rig.run([&] {
    ports::check_workload_runtime(contract);
    const Time latest = contract.loop().now() + 10s;
    while (count_of(rig.folder + "/programs/first") != 0 && contract.loop().now() < latest)
      contract.loop().sleep_for(20ms);
    CHECK(count_of(rig.folder + "/programs/first") == 0);
  });
}

TEST_CASE("a program sees its own files, the machine's /usr, and nothing of the site or of another tenant") {
  if (!ProgramRig::works()) return;
  ProgramRig rig;
  Contract contract(rig);
  rig.run([&] {
    const ReplicaId other = ReplicaId::of("other-mad1-1");
    const std::string at = ports::wait_until_ready(contract, id, 1).endpoint;
    ports::wait_until_ready(contract, other, 1);
    CHECK(rig.ask(at, "/") == "hello from version 1");
    std::string root = rig.ask(at, "/see?/");
    for (const char* system : {"bin ", "lib ", "lib32 ", "lib64 ", "libx32 ", "sbin "}) {
      if (const size_t found = root.find(system); found != std::string::npos) root.erase(found, std::strlen(system));
    }
    CHECK(root == "app dev etc proc tmp usr");
    CHECK(rig.ask(at, "/see?/app") == "program");
    CHECK(rig.ask(at, "/see?/tmp") == "empty");
    CHECK(rig.ask(at, "/see?" + rig.folder) == "ENOENT");
    CHECK(rig.ask(at, "/see?/mnt") == "ENOENT");
    CHECK(rig.ask(at, "/read?/etc/shadow") == "ENOENT");
    CHECK(rig.ask(at, "/read?/etc/passwd").find("nobody") != std::string::npos);
    for (const char* place : {"/app/x", "/x", "/etc/x", "/usr/x", "/dev/x", "/proc/sys/kernel/core_pattern"}) {
      const std::string answer = rig.ask(at, std::string("/write?") + place);
      CHECK_MESSAGE((answer == "EROFS" || answer == "EACCES"), place << ": " << answer);
    }
    CHECK(rig.ask(at, "/write?/tmp/x") == "done");
    // bwrap, the program: the other's are not there, nor any of the machine's.
    CHECK(rig.ask(at, "/see?/proc").starts_with("1 2 "));
    check_nothing_inherited(rig, at);
    const std::string told = rig.ask(at, "/read?/proc/1/cmdline");
    CHECK(told.find("VERSION") == std::string::npos);
    contract.end(id);
    contract.end(other);
  });
}

TEST_CASE("a program has no rights, no network but its loopback, and may not ask the kernel for more") {
  if (!ProgramRig::works()) return;
  ProgramRig rig;
  Contract contract(rig);
  const int abstract = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, "\0barrio-program-test", 20);
  REQUIRE(bind(abstract, reinterpret_cast<const sockaddr*>(&name), offsetof(sockaddr_un, sun_path) + 20) == 0);
  REQUIRE(listen(abstract, 1) == 0);
  rig.run([&] {
    const std::string at = ports::wait_until_ready(contract, id, 1).endpoint;
    const std::string who = rig.ask(at, "/read?/proc/self/status");
    for (const char* line :
         {"CapPrm:\t0000000000000000\n", "CapEff:\t0000000000000000\n", "CapBnd:\t0000000000000000\n",
          "NoNewPrivs:\t1\n", "Seccomp:\t2\n", "Uid:\t65534\t65534\t65534\t65534\n"})
      CHECK_MESSAGE(who.find(line) != std::string::npos, line << who);
    const std::string devices = rig.ask(at, "/read?/proc/net/dev");
    CHECK(std::ranges::count(devices, ':') == 1);  // lo
    CHECK(rig.ask(at, "/tcp?out:80") == "ENETUNREACH");
    CHECK(rig.ask(at, "/tcp?here:22") == "ECONNREFUSED");
    CHECK(rig.ask(at, "/tcp?here:8080") == "done");  // itself
    CHECK(rig.ask(at, "/unix?barrio-program-test") == "ECONNREFUSED");
    CHECK(rig.ask(at, "/unix?/run/podman/podman.sock") == "ENOENT");
    for (const char* family : {"17", "38", "40"})  // packet, alg, vsock
      CHECK(rig.ask(at, std::string("/family?") + family) == "ENOSYS");
    CHECK(rig.ask(at, "/ptrace") == "EPERM");
    CHECK(rig.ask(at, "/mount") == "EPERM");
    CHECK(rig.ask(at, "/unshare?10000000") == "EPERM");  // a user namespace
    CHECK(rig.ask(at, "/unshare?20000") == "EPERM");
    CHECK(rig.ask(at, "/keyctl") == "EPERM");
    CHECK(rig.ask(at, "/memfd") == "EPERM");  // nobody would count it
    CHECK(rig.ask(at, "/messages") == "EPERM EPERM EPERM");
    // Who it is outside is nobody else.
    const pid_t program = children_of(contract.first_process(id)).at(0);
    struct stat seen{};
    REQUIRE(stat(("/proc/" + std::to_string(program)).c_str(), &seen) == 0);
    CHECK(seen.st_uid >= 2'000'000'000);
    contract.end(id);
  });
  close(abstract);
}

TEST_CASE("a fork bomb, a full /tmp and too much memory stay a program's own affair, and the last is told") {
  if (!ProgramRig::works()) return;
  ProgramRig rig;
  Contract contract(rig);
  rig.run([&] {
    const std::string at = ports::wait_until_ready(contract, id, 1).endpoint;
    CHECK(rig.ask(at, "/fill?/tmp/big") == "1048576 ENOSPC");
    CHECK(rig.ask(at, "/fill?/dev/shm/big") == "1048576 ENOSPC");
    const auto forks = parse_uint(rig.ask(at, "/forks"));
    REQUIRE(forks);
    CHECK(*forks >= 10);
    CHECK(*forks <= 40);  // 400 were tried
    CHECK(rig.ask(at, "/") == "hello from version 1");
    CHECK(ports::status_of(contract, id)->report.restarts == 0);
    rig.runtime.spawn("hog", [&] { rig.ask(at, "/memory?200000000"); });
    const std::string why = contract.why_restarted(id, 1);
    CHECK_MESSAGE(why.starts_with("ended: out of memory"), why);
    ports::wait_until_ready(contract, id, 1);
    contract.end(id);
  });
}

TEST_CASE("memory counts that a program shares with nobody and has let go of, and while it keeps its answers back") {
  if (!ProgramRig::works()) return;
  ProgramRig rig;
  Contract contract(rig);
  rig.run([&] {
    const std::string at = ports::wait_until_ready(contract, id, 1).endpoint;
    rig.runtime.spawn("hog", [&] { rig.ask(at, "/hidden?201326592"); });
    std::string why = contract.why_restarted(id, 1);
    CHECK_MESSAGE(why.starts_with("ended: out of memory"), why);
    contract.end(id);
    contract.change = [](ReplicaOrder& order) {
      order.program->ready = HealthCheck{.path = "/memory?200000000", .every = 200ms, .timeout = 15s, .failures = 2};
    };
    const Time began = rig.runtime.now();
    why = contract.why_restarted(id, 2);
    CHECK_MESSAGE(why.starts_with("ended: out of memory"), why);
    CHECK(rig.runtime.now() - began < 12s);
    contract.end(id);
  });
}

TEST_CASE("a program that may open few files starts at a site that has many open, and gets none of them") {
  if (!ProgramRig::works()) return;
  ProgramRig rig;
  Contract contract(rig);
  contract.change = [](ReplicaOrder& order) { order.program->files = 16; };
  std::vector<OwnedDescriptor> many;
  for (int i = 0; i < 40; ++i) many.emplace_back(open("/dev/null", O_RDONLY | O_CLOEXEC));
  rig.run([&] {
    const std::string at = ports::wait_until_ready(contract, id, 1).endpoint;
    check_nothing_inherited(rig, at);
    contract.end(id);
  });
}

TEST_CASE("what a program uses is told: cores, memory, processes") {
  if (!ProgramRig::works()) return;
  ProgramRig rig;
  Contract contract(rig);
  rig.run([&] {
    const std::string at = ports::wait_until_ready(contract, id, 1).endpoint;
    const auto idle = contract.workloads().usage(id);
    REQUIRE(idle);
    CHECK(*idle->cores < 0.5);
    CHECK(*idle->memory > mib(2));
    CHECK(*idle->memory < mib(64));
    CHECK(*idle->processes >= 1);
    CHECK(rig.ask(at, "/spin") == "spins");
    double most = 0;
    for (int left = 100; left > 0 && most <= 0.1; --left) {  // others use the machine, too
      rig.runtime.sleep_for(20ms);
      const auto busy = contract.workloads().usage(id);
      REQUIRE(busy);
      most = std::max(most, *busy->cores);
    }
    CHECK(most > 0.1);
    contract.end(id);
  });
}

TEST_CASE("a program is asked to end before it is killed, its log says so, and no secret stands where others read") {
  if (!ProgramRig::works()) return;
  ProgramRig rig;
  Contract contract(rig);
  contract.change = [](ReplicaOrder& order) {
    order.secrets["TOKEN"] = "very-secret-value";
    order.program->environment["LD_PRELOAD"] = "/mnt/none.so";  // for the program, not for bwrap outside of it
    order.program->live = HealthCheck{.path = "/none", .every = 100ms, .timeout = 1s, .failures = 2};
    order.program->live->path = order.generation == 1 ? "/ready" : "/none";
  };
  rig.run([&] {
    const std::string at = ports::wait_until_ready(contract, id, 1).endpoint;
    CHECK(rig.ask(at, "/environment") ==
          "HOME=/tmp LANG=C.UTF-8 LD_PRELOAD=/mnt/none.so PATH=/usr/local/bin:/usr/bin:/bin PORT=8080 PWD=/app "
          "TOKEN=very-secret-value VERSION=1");
    const std::string outside = "/proc/" + std::to_string(contract.first_process(id));
    CHECK_FALSE(ProgramRig::shell("grep -aq very-secret " + outside + "/cmdline"));
    CHECK(contract.why_restarted(id, 2).find("/none did not answer 2 times in a row") != std::string::npos);
    const auto log = contract.workloads().logs(id, 100);
    REQUIRE(log);
    CHECK(std::ranges::find(*log, "serving on port 8080") != log->end());
    CHECK(std::ranges::find(*log, "ends as asked") != log->end());
    contract.end(id);
  });
}

TEST_CASE("a folder of files is a program, too; one that cannot be run, and one that ends, say why") {
  if (!ProgramRig::works()) return;
  ProgramRig rig;
  Contract contract(rig);
  const std::string script = trying_program;
  contract.content = *write_tar({{"data", TarEntry::Kind::folder},
                                 {"data/words", TarEntry::Kind::file, false, "some words"},
                                 {"link", TarEntry::Kind::link, false, {}, "data/words"},
                                 {"server.py", TarEntry::Kind::file, false, script}});
  contract.change = [](ReplicaOrder& order) {
    order.program->command = {"python3", "server.py"};
    order.program->arguments = {"one"};
    order.program->port = 9000;
  };
  rig.run([&] {
    const std::string at = ports::wait_until_ready(contract, id, 1).endpoint;
    CHECK(at.ends_with("@127.0.0.1:9000"));
    CHECK(rig.ask(at, "/read?/app/link") == "some words");
    contract.change = [](ReplicaOrder& order) { order.program->command = {"./none"}; };
    std::string why = contract.why_restarted(id, 2);
    CHECK_MESSAGE(why.find("ended with code 1: bwrap: execvp ./none: No such file") != std::string::npos, why);
    CHECK(ports::status_of(contract, id)->report.generation == 1);  // still serves
    CHECK(rig.ask(at, "/") == "hello from version 1");
    contract.content = "#!/bin/sh\nexit 3\n";
    contract.change = nullptr;
    why = contract.why_restarted(id, 3);
    CHECK_MESSAGE(why.find("ended with code 3") != std::string::npos, why);
    contract.content = "#!/bin/sh\nkill -SEGV $$\n";
    why = contract.why_restarted(id, 4);
    CHECK_MESSAGE(why.find("killed by signal 11 (Segmentation fault)") != std::string::npos, why);
    contract.content = *write_tar({{"../../out", TarEntry::Kind::file, false, "x"}});
    why = contract.why_restarted(id, 5);
    CHECK_MESSAGE(why.find("must be within the folder") != std::string::npos, why);
    contract.end(id);
  });
}

TEST_CASE("what is on the disk is not run where it is not what was uploaded") {
  if (!ProgramRig::works()) return;
  ProgramRig rig;
  Contract contract(rig);
  rig.run([&] {
    const auto spec = contract.spec(id, 1);
    std::ofstream(spec.file_path, std::ios::app) << "\nprint('more')\n";
    const std::string why = contract.why_restarted(id, 1);
    CHECK_MESSAGE(why.find("not what was uploaded") != std::string::npos, why);
    contract.end(id);
  });
}

TEST_CASE(
    "programs end with the process that keeps them, and their files with it or, where it was killed, with the next "
    "one's start") {
  if (!ProgramRig::works()) return;
  ProgramRig rig;
  auto before = std::make_unique<Contract>(rig, "first");
  Contract after(rig, "second");
  pid_t first = 0;
  rig.run([&] {
    ports::wait_until_ready(*before, id, 1);
    first = before->first_process(id);
    // Both, as while one takes over from the other.
    ports::wait_until_ready(after, id, 1);
    CHECK(after.first_process(id) != first);
    CHECK(kill(first, 0) == 0);
  });
  rig.run([&] {
    rig.runtime.sleep_for(10ms);
    CHECK(before->workloads().stop(id));
    ports::wait_until_gone(*before, id);
    CHECK(std::filesystem::exists(rig.folder + "/programs/first"));
    // As if a process had been killed in the middle of something.
    std::filesystem::create_directories(rig.folder + "/programs/killed/files-1");
    after.end(id);
  });
  // The kernel ends it, and whoever has taken it over from bwrap sees to the rest.
  for (int i = 0; i < 500 && kill(first, 0) == 0; ++i) poll(nullptr, 0, 10);
  CHECK(kill(first, 0) != 0);
  before.reset();
  Contract third(rig, "third");
  rig.run([&] {
    ports::wait_until_ready(third, id, 1);
    CHECK_FALSE(std::filesystem::exists(rig.folder + "/programs/first"));
    CHECK_FALSE(std::filesystem::exists(rig.folder + "/programs/killed"));
    CHECK(std::filesystem::exists(rig.folder + "/programs/second"));
    third.end(id);
  });
}

TEST_CASE("a site that lacks what programs need says what that is") {
  ProgramRig rig;
  auto config = rig.config();
  config.bwrap = rig.folder + "/bwrap";
  ProgramWorkloadRuntime workloads(rig.runtime, rig.prober(), config);
  const auto refused = workloads.ensure(rig.spec(id.str(), 1));
  REQUIRE(!refused);
  CHECK(refused.error().code == Code::unsupported);
  CHECK(refused.error().what.find("no bubblewrap") != std::string::npos);
  CHECK(refused.error().what.find(config.bwrap) != std::string::npos);
  if (geteuid() != 0 || access("/usr/bin/bwrap", X_OK) != 0) return;
  config = rig.config();
  config.without_cgroup = false;
  ProgramWorkloadRuntime strict(rig.runtime, rig.prober(), config);
  const auto not_trusted = strict.ensure(rig.spec(id.str(), 1));
  REQUIRE(!not_trusted);
  CHECK(not_trusted.error().code == Code::unsupported);
  CHECK(not_trusted.error().what.find("programs.cgroup") != std::string::npos);
  config.cgroup = rig.folder;
  ProgramWorkloadRuntime without_group(rig.runtime, rig.prober(), config);
  const auto no_group = without_group.ensure(rig.spec(id.str(), 1));
  REQUIRE(!no_group);
  CHECK(no_group.error().where.starts_with("programs.cgroup: "));
}

}  // namespace barrio::adapters::program_runtime_test
