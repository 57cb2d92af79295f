#include "adapters/model_process/confinement.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <net/if.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>

#include "adapters/model_process/test_worker_test.h"
#include "net/child_process.h"

namespace barrio::adapters::confinement_test {

namespace {

const char* const in_namespaces = "process: in namespaces";
const char* const limited = "process: limited";
const char* const unprivileged = "process: without privileges";

/// Everything that a process of this test program says.
std::string words_of(const std::string& test_case) {
  int ends[2];
  REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
  auto process = net::ChildProcess::start({.arguments = test::program_running(test_case), .output = ends[1]});
  REQUIRE(process);
  close(ends[1]);
  std::string text;
  char piece[1024];
  for (ssize_t got = 0; (got = read(ends[0], piece, sizeof(piece))) > 0;) text.append(piece, static_cast<size_t>(got));
  close(ends[0]);
  return text;
}

bool says(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

void say(const std::string& what, const std::string& how) {
  const std::string line = "\n" + what + "=" + how + "\n";
  [[maybe_unused]] const ssize_t put = write(STDOUT_FILENO, line.data(), line.size());
}

}  // namespace

TEST_CASE("process: in namespaces" * doctest::skip()) {
  say("namespaces", enter_namespaces());
  say("left", leave_file_system());
  say("passwd", access("/etc/passwd", F_OK) == 0 ? "there" : "gone");
  say("proc", access("/proc/self", F_OK) == 0 ? "there" : "gone");
  say("write", open("/x", O_WRONLY | O_CREAT, 0600) >= 0 ? "possible" : "refused");
  const struct if_nameindex* devices = if_nameindex();
  say("first device", devices != nullptr && devices[0].if_name != nullptr ? devices[0].if_name : "none");
  say("second device",
      devices != nullptr && devices[0].if_name != nullptr && devices[1].if_name != nullptr ? "there" : "none");
  _exit(0);
}

TEST_CASE("a process that enters its namespaces sees no file and no network device but a loopback of its own") {
  const std::string text = words_of(in_namespaces);
  if (!says(text, "namespaces=")) {
    MESSAGE("SKIPPED: this kernel permits none: " << text);
    return;
  }
  CHECK(says(text, "left="));
  CHECK(says(text, "passwd=gone"));
  CHECK(says(text, "proc=gone"));
  CHECK(says(text, "write=refused"));
  CHECK(says(text, "first device=lo"));
  CHECK(says(text, "second device=none"));
}

TEST_CASE("process: limited" * doctest::skip()) {
  const auto done = limit_resources(mib(32), kib(64));
  say("limits", done ? "set" : done.error().text());
  say("open", open("/dev/null", O_RDONLY) >= 0 ? "possible" : "refused");
  rlimit core{};
  getrlimit(RLIMIT_CORE, &core);
  say("core", std::to_string(core.rlim_max));
  rlimit now{};
  getrlimit(RLIMIT_DATA, &now);
  say("data", now.rlim_max < (1u << 30) ? "bounded" : "not bounded");
  getrlimit(RLIMIT_AS, &now);
  say("addresses", now.rlim_max < (4ull << 30) ? "bounded" : "not bounded");
  _exit(0);
}

TEST_CASE("limits count from what the process has already, and leave no room for descriptors or cores") {
  const std::string text = words_of(limited);
  CHECK(says(text, "limits=set"));
  CHECK(says(text, "open=refused"));
  CHECK(says(text, "core=0"));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  CHECK(says(text, "data=bounded"));
  CHECK(says(text, "addresses=bounded"));
#endif
}

TEST_CASE("process: without privileges" * doctest::skip()) {
  const auto done = drop_privileges();
  say("dropped", done ? "all" : done.error().text());
  say("chroot", chroot("/") == 0 ? "possible" : "refused");
  _exit(0);
}

TEST_CASE("no capability is left, and nobody may look into the process") {
  const std::string text = words_of(unprivileged);
  CHECK(says(text, "dropped=all"));
  CHECK(says(text, "chroot=refused"));
}

}  // namespace barrio::adapters::confinement_test
