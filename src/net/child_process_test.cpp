#include "net/child_process.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "net/reactor.h"

namespace barrio::net::child_process_test {

namespace {

/// What a shell that runs `script` writes to its standard output.
std::string output_of(ChildSpec spec, const std::string& script) {
  int ends[2];
  REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
  spec.arguments = {"/bin/sh", "-c", script};
  spec.output = ends[1];
  std::fflush(stdout);  // under TSan a child that ends flushes its copy of what was not written yet
  auto child = ChildProcess::start(spec);
  REQUIRE(child);
  close(ends[1]);
  std::string text;
  char piece[256];
  for (ssize_t got = 0; (got = read(ends[0], piece, sizeof(piece))) > 0;) text.append(piece, static_cast<size_t>(got));
  close(ends[0]);
  return text;
}

}  // namespace

TEST_CASE("a child has the environment that it is given, or its parent's") {
  setenv("BARRIO_TEST_WORD", "inherited", 1);
  CHECK(output_of({}, "echo $BARRIO_TEST_WORD") == "inherited\n");
  ChildSpec spec;
  spec.environment = {"OTHER=given"};
  CHECK(output_of(spec, "echo [$BARRIO_TEST_WORD] $OTHER") == "[] given\n");
  unsetenv("BARRIO_TEST_WORD");
}

TEST_CASE("a child has the descriptor that is handed over as number 3, and none of ours besides") {
  int ends[2];
  REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
  ChildSpec spec;
  spec.handed_over = {ends[1]};
  CHECK(output_of(spec, "echo spoken >&3; for i in 4 5 6 7 8 9; do (: >&$i) 2>/dev/null && echo $i; done").empty());
  char text[7] = {};
  CHECK(read(ends[0], text, sizeof(text)) == 7);
  CHECK(std::string(text, 6) == "spoken");
  close(ends[0]);
  close(ends[1]);
}

TEST_CASE("a descriptor that has the right number already is handed over, too") {
  const int before = fcntl(handed_over_descriptor, F_DUPFD_CLOEXEC, 10);
  const int low = open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (low != handed_over_descriptor) REQUIRE(dup3(low, handed_over_descriptor, O_CLOEXEC) == handed_over_descriptor);
  ChildSpec spec;
  spec.handed_over = {handed_over_descriptor};
  CHECK(output_of(spec, "(echo x >&3) && echo written") == "written\n");
  if (low != handed_over_descriptor) close(low);
  if (before >= 0)
    dup3(before, handed_over_descriptor, O_CLOEXEC);
  else
    close(handed_over_descriptor);
  if (before >= 0) close(before);
}

TEST_CASE("several descriptors are handed over in their order, whatever numbers they have here") {
  int ends[2];
  REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
  const int high = fcntl(ends[1], F_DUPFD_CLOEXEC, 40);
  ChildSpec spec;
  spec.handed_over = {high, ends[0], ends[1]};
  CHECK(output_of(spec, "echo a >&3 && echo b >&5 && read x <&4 && read y <&4 && echo $x$y; (: >&6) 2>/dev/null") ==
        "ab\n");
  for (const int one : {high, ends[0], ends[1]}) close(one);
}

TEST_CASE("what prepares a child runs in it before it executes, and ends it where it fails") {
  ChildSpec spec;
  spec.prepare = [] { return umask(0123) == 0777 ? "umask" : nullptr; };
  CHECK(output_of(spec, "umask") == "0123\n");
  spec.prepare = [] {
    errno = EPERM;
    return "a try";
  };
  CHECK(output_of(spec, "echo never") == "cannot prepare its start: a try: Operation not permitted\n");
}

TEST_CASE("a child that may open few files gets what is handed over, however many its parent has open") {
  int ends[2];
  REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
  std::vector<int> many;
  for (int i = 0; i < 40; ++i) many.push_back(open("/dev/null", O_RDONLY | O_CLOEXEC));
  ChildSpec spec;
  spec.handed_over = {ends[1]};
  spec.prepare = [] {
    const rlimit few{16, 16};
    return setrlimit(RLIMIT_NOFILE, &few) != 0 ? "limit its files" : nullptr;
  };
  CHECK(output_of(spec, "echo spoken >&3; cat; ulimit -n") == "16\n");
  for (const int one : many) close(one);
  close(ends[1]);
  char text[8] = {};
  CHECK(read(ends[0], text, sizeof(text)) == 7);
  CHECK(std::string(text, 6) == "spoken");
  close(ends[0]);
}

TEST_CASE("a child whose descriptors cannot be arranged does not run, and says why") {
  ChildSpec spec;
  spec.handed_over = {99'999};
  CHECK(output_of(spec, "echo never") ==
        "cannot arrange its descriptors: move what is handed over: Bad file descriptor\n");
}

TEST_CASE("a child that ends within the grace ends by itself; another is killed") {
  ChildSpec spec;
  spec.output = STDERR_FILENO;
  spec.arguments = {"/bin/sh", "-c", "exit 5"};
  auto quick = ChildProcess::start(spec);
  REQUIRE(quick);
  CHECK(quick->end(20s) == "ended with status 5");
  CHECK(quick->ended() == "ended with status 5");
  spec.arguments = {"/bin/sleep", "1000"};
  auto slow = ChildProcess::start(spec);
  REQUIRE(slow);
  const Time began = read_clock();
  CHECK(slow->end(10ms) == "killed by signal 9 (Killed)");
  CHECK(read_clock() - began < 10s);
}

}  // namespace barrio::net::child_process_test
