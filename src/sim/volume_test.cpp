// What a crash leaves on a simulated disk.
#include "sim/volume.h"

#include <doctest/doctest.h>

#include <set>

#include "ports/inline_runtime.h"

namespace barrio::sim::volume_test {

namespace {

constexpr auto journal = ports::Folder::journal;
constexpr auto content = ports::Folder::content;

struct Machine {
  ports::InlineRuntime runtime;
  Volume volume;
  Disk disk;
  SimMedium medium{runtime, volume, disk};
};

std::string read_all(SimMedium& medium, ports::Folder folder, const std::string& name) {
  const auto file = medium.open(folder, name, false);
  return file ? *(*file)->read_at(0, *(*file)->size()) : "gone";
}

}  // namespace

TEST_CASE("what was synced, and named in a synced folder, survives every crash") {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    Machine machine;
    const auto file = machine.medium.create(journal, "a");
    REQUIRE(file);
    CHECK((*file)->write_at("synced", 0));
    CHECK((*file)->sync());
    CHECK(machine.medium.sync_names(journal));
    CHECK((*file)->write_at("not", 6));
    Rng rng(seed);
    machine.volume.lose_power(rng);
    CHECK(read_all(machine.medium, journal, "a").starts_with("synced"));
  }
}

TEST_CASE("of what was not synced some goes, and some stays, torn or whole; a name goes or stays by itself") {
  std::set<std::string> left;
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    Machine machine;
    const auto file = machine.medium.create(content, "a");
    REQUIRE(file);
    CHECK((*file)->write_at("abc", 0));
    Rng rng(seed);
    machine.volume.lose_power(rng);
    left.insert(read_all(machine.medium, content, "a"));
  }
  for (const char* seen : {"gone", "", "a", "ab", "abc"}) CHECK(left.contains(seen));
  CHECK(left.contains(std::string(3, '\0')));
}

TEST_CASE("what is put there whole is there whole, and a removal that was not synced may come back") {
  bool came_back = false;
  bool went = false;
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    Machine machine;
    CHECK(machine.medium.make_whole(ports::Folder::keys, "k", "key"));
    CHECK(machine.medium.make_whole(ports::Folder::keys, "l", "key"));
    const std::string name = "l";
    CHECK(machine.medium.remove(ports::Folder::keys, {&name, 1}));
    Rng rng(seed);
    machine.volume.lose_power(rng);
    CHECK(*machine.medium.read_whole(ports::Folder::keys, "k") == "key");
    (machine.medium.read_whole(ports::Folder::keys, "l") ? came_back : went) = true;
  }
  CHECK(came_back);
  CHECK(went);
}

TEST_CASE("a full disk takes part of a write and says so; a sync takes as long as the disk does") {
  Machine machine;
  const auto file = machine.medium.create(journal, "a");
  REQUIRE(file);
  machine.disk.write_takes = 2s;
  const Time before = machine.runtime.now();
  CHECK((*file)->sync());
  CHECK(machine.runtime.now() - before == 2s);
  machine.disk.full = true;
  CHECK((*file)->write_at("abcd", 0).error().code == Code::exhausted);
  CHECK(*(*file)->size() == 2);
  CHECK(*(*file)->take_back(0) == ports::MediumFile::Fate::gone);
  CHECK(machine.medium.create(journal, "b").error().code == Code::exhausted);
}

}  // namespace barrio::sim::volume_test
