#include "adapters/process/control_group.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "base/read_file.h"

namespace barrio::adapters::control_group_test {

namespace {

/// What the kernel shows of a group, as files of a folder: what is written can be read again.
class PretendedGroups {
 public:
  PretendedGroups() {
    char name[] = "/tmp/barrio-groups-XXXXXX";
    folder = mkdtemp(name);
    put("cgroup.controllers", "cpuset cpu io memory pids\n");
    put("cgroup.subtree_control", "");
  }
  ~PretendedGroups() { std::filesystem::remove_all(folder); }
  void put(const std::string& file, const std::string& text) const { std::ofstream(folder + "/" + file) << text; }
  std::string get(const std::string& file) const { return read_file(folder + "/" + file).value_or("none"); }
  /// With the files that a group has.
  std::string group(const std::string& name) const {
    std::filesystem::create_directory(folder + "/" + name);
    for (const char* file : {"memory.max", "memory.oom.group", "cpu.max", "pids.max", "cgroup.procs", "cgroup.kill"})
      put(name + "/" + file, "");
    return folder + "/" + name;
  }
  std::string folder;
};

}  // namespace

TEST_CASE("a group gets its limits, tells what is used, and is emptied at its end") {
  const PretendedGroups groups;
  const std::string path = groups.group("one");
  {
    auto group = ControlGroup::make(path, {.memory = mib(64), .cores = 0.5, .processes = 42});
    REQUIRE_MESSAGE(group, group.error().text());
    CHECK(groups.get("one/memory.max") == "67108864");
    CHECK(groups.get("one/memory.oom.group") == "1");
    CHECK(groups.get("one/cpu.max") == "50000 100000");
    CHECK(groups.get("one/pids.max") == "42");
    CHECK(group->door() == path + "/cgroup.procs");
    CHECK_FALSE(group->usage());
    groups.put("one/cpu.stat", "usage_usec 1500000\nuser_usec 1\n");
    groups.put("one/memory.current", "4096\n");
    groups.put("one/pids.current", "3\n");
    const auto usage = group->usage();
    REQUIRE(usage);
    CHECK((usage->cpu == 1500ms && usage->memory == Bytes(4096) && usage->processes == 3));
    CHECK_FALSE(group->ran_out_of_memory());
    groups.put("one/memory.events", "low 0\nhigh 0\noom 1\noom_kill 2\n");
    CHECK(group->ran_out_of_memory());
    const ControlGroup moved(std::move(*group));
    CHECK(groups.get("one/cgroup.kill").empty());
  }
  CHECK(groups.get("one/cgroup.kill") == "1");
}

TEST_CASE("a group that is taken up again does not count what the kernel ended in it before") {
  const PretendedGroups groups;
  const std::string path = groups.group("one");
  groups.put("one/memory.events", "oom 1\noom_kill 2\n");
  auto made = ControlGroup::make(path, {.memory = mib(64), .cores = 0.5, .processes = 42});
  REQUIRE(made);
  const ControlGroup group(std::move(*made));
  CHECK_FALSE(group.ran_out_of_memory());
  groups.put("one/memory.events", "oom 2\noom_kill 3\n");
  CHECK(group.ran_out_of_memory());
}

TEST_CASE("a folder that cannot limit programs says what it lacks") {
  const PretendedGroups groups;
  CHECK(ControlGroup::prepare(groups.folder, "mad1."));
  CHECK(groups.get("cgroup.subtree_control") == "+memory +cpu +pids");
  std::filesystem::create_directory(groups.folder + "/mad1.old.hello-1");
  std::filesystem::create_directory(groups.folder + "/bcn1.hello-1");
  CHECK(ControlGroup::prepare(groups.folder, "mad1."));
  CHECK_FALSE(std::filesystem::exists(groups.folder + "/mad1.old.hello-1"));
  CHECK(std::filesystem::exists(groups.folder + "/bcn1.hello-1"));
  groups.put("cgroup.controllers", "cpu memory\n");
  const auto lacks = ControlGroup::prepare(groups.folder, "mad1.");
  REQUIRE(!lacks);
  CHECK(lacks.error().what == "has no controller 'pids'");
  CHECK(ControlGroup::prepare("/tmp", "mad1.").error().code == Code::unsupported);
  CHECK_FALSE(ControlGroup::make(groups.folder + "/none/one", {mib(1), 1, 1}));
}

}  // namespace barrio::adapters::control_group_test
