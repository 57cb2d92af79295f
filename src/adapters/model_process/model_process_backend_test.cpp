#include "adapters/model_process/model_process_backend.h"

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "adapters/model_process/model_worker.h"
#include "adapters/model_process/puppet_test.h"
#include "adapters/model_process/test_worker_test.h"
#include "net/child_process.h"

namespace barrio::adapters::model_process_backend_test {
using test::command;
using test::said;

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool limits_memory = false;
#else
constexpr bool limits_memory = true;
#endif

const char* const puppet = "process: a puppet";
const char* const owner = "process: the owner of a puppet";

ModelProcessConfig quick() {
  ModelProcessConfig config{.arguments = test::program_running(puppet)};
  config.back_off = {.first = 1ms, .longest = 1ms};
  return config;
}

/// One failure, and it stays down for the rest of the test.
ModelProcessConfig never_again() {
  ModelProcessConfig config = quick();
  config.back_off = {.first = 1h, .longest = 1h};
  return config;
}

std::unique_ptr<ports::Model> loaded(ModelProcessBackend& backend, const std::string& name = "m") {
  auto model = backend.load({name, "puppet", ""});
  REQUIRE_MESSAGE(model, model.error().text());
  return std::move(*model);
}

std::string ask(ports::Model& model, const std::string& what) {
  return said(ports::run_alone(model, command(what)));
}

std::string load_failure(ModelProcessConfig config, const ports::LoadSpec& spec) {
  ModelProcessBackend backend(std::move(config));
  const auto model = backend.load(spec);
  return model ? "loaded" : std::string(to_string(model.error().code)) + ": " + model.error().text();
}

size_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<size_t>(std::distance(begin(all), end(all)));
}

bool has_children() {
  return waitpid(-1, nullptr, WNOHANG) >= 0 || errno != ECHILD;
}

float checksum(float seed, size_t index) {
  return seed + static_cast<float>(index % 251);
}

}  // namespace

TEST_CASE("process: a puppet" * doctest::skip()) {
  run_model_worker([] { return std::make_unique<test::PuppetBackend>(); });
}

TEST_CASE("a model in a process answers like one that is not") {
  ModelProcessBackend backend(quick());
  auto model = loaded(backend);
  CHECK(model->info().name == "m");
  CHECK(model->info().platform == "puppet");
  CHECK(model->info().inputs[1].shape == std::vector<int64_t>{-1});
  CHECK(model->info().max_batch == 4);
  const ports::InferenceRequest batch[] = {command("echo", {1, 2, 3}), command("pid"), command("echo", {4})};
  const auto answers = model->run(batch);
  REQUIRE(answers.size() == 3);
  REQUIRE_MESSAGE(answers[0], answers[0].error().text());
  CHECK(answers[0]->at(1).data == batch[0].inputs[1].data);
  CHECK(answers[2]->at(1).data == batch[2].inputs[1].data);
  CHECK(said(answers[1]) != std::to_string(getpid()));
  CHECK(getpriority(PRIO_PROCESS, static_cast<id_t>(std::stoi(ask(*model, "pid")))) == 10);
  CHECK(ask(*model, "environment") == "empty");
}

TEST_CASE("a request that does not fit the model fails alone, and never reaches the process") {
  ModelProcessBackend backend(quick());
  auto model = loaded(backend);
  ports::InferenceRequest wrong = command("crash");
  wrong.inputs[1].shape = {7};
  const ports::InferenceRequest batch[] = {command("echo", {1}), wrong, command("echo", {2})};
  const auto answers = model->run(batch);
  CHECK(answers[0]->at(1).data == batch[0].inputs[1].data);
  CHECK(answers[1].error().code == Code::invalid);
  CHECK(answers[1].error().where == "input 'data'");
  CHECK(answers[2]->at(1).data == batch[2].inputs[1].data);
}

TEST_CASE("a crash fails the requests that the process had, each told how it ended") {
  ModelProcessBackend backend(never_again());
  auto model = loaded(backend);
  const ports::InferenceRequest batch[] = {command("echo"), command("crash")};
  for (const auto& answer : model->run(batch)) {
    CHECK(answer.error().code == Code::unavailable);
    CHECK(answer.error().text() == "model m: its process is gone: killed by signal 11 (Segmentation fault)");
  }
}

TEST_CASE("last words of a process are told with its end, and are bounded") {
  ModelProcessBackend backend(quick());
  auto model = loaded(backend);
  CHECK(ask(*model, "flood") == "flooded");
  CHECK(ask(*model, "echo").empty());
  auto other = loaded(backend);
  CHECK(ask(*other, "last words") ==
        "model m: its process is gone: killed by signal 6 (Aborted): the tensor is on fire");
}

TEST_CASE("until a process is up again, requests are refused at once") {
  ModelProcessBackend backend(never_again());
  auto model = loaded(backend);
  CHECK(ask(*model, "leave") == "model m: its process is gone: ended with status 7");
  CHECK(test::until([&] { return ask(*model, "echo").find("; it starts again in 3") != std::string::npos; }));
  const auto refused = ports::run_alone(*model, command("echo"));
  CHECK(refused.error().code == Code::unavailable);
  CHECK(refused.error().text().find("model m: its process is gone: ended with status 7; it starts again in ") == 0);
}

TEST_CASE("a process that has ended is started again, also when nobody asked it anything") {
  ModelProcessBackend backend(quick());
  auto model = loaded(backend);
  const std::string first = ask(*model, "pid");
  kill(std::stoi(first), SIGKILL);
  std::string second;
  CHECK(test::until([&] {
    const auto answer = ports::run_alone(*model, command("pid"));
    second = answer ? said(answer) : first;
    return second != first;
  }));
  CHECK(std::stoi(second) > 0);
}

TEST_CASE("a process that hangs is killed when the grace after the deadline is over") {
  ModelProcessConfig config = never_again();
  config.grace = 30ms;
  ModelProcessBackend backend(config);
  auto model = loaded(backend);
  const Time began = net::read_clock();
  const auto answer = ports::run_alone(*model, command("hang", {}, began + 50ms));
  const Duration took = net::read_clock() - began;
  CHECK(answer.error().code == Code::unavailable);
  CHECK(answer.error().what.find("its process had no answer after ") == 0);
  CHECK(took >= 80ms);
  CHECK(took < 10s);

  config.run_limit = 20ms;
  ModelProcessBackend without_deadline(config);
  CHECK(ask(*loaded(without_deadline), "hang").find("had no answer") != std::string::npos);
}

TEST_CASE("a process that stops listening and lives on is killed") {
  ModelProcessBackend backend(never_again());
  auto model = loaded(backend);
  CHECK(ask(*model, "deaf") == "model m: its process is gone: killed by signal 9 (Killed)");
}

TEST_CASE("one model's hang and crashes are not another's") {
  ModelProcessConfig config = quick();
  config.grace = 10ms;
  ModelProcessBackend backend(config);
  auto bad = loaded(backend, "bad");
  auto good = loaded(backend, "good");
  const std::string pid = ask(*good, "pid");
  std::atomic<bool> over = false;
  std::thread trouble([&] {
    for (int i = 0; i < 6; ++i) {
      ask(*bad, i % 2 == 0 ? "crash" : "leave");
      (void)ports::run_alone(*bad, command("hang", {}, net::read_clock() + 20ms));
      test::until([&] { return ask(*bad, "echo").empty(); });
    }
    over = true;
  });
  size_t answered = 0;
  while (!over) answered += ask(*good, "pid") == pid ? 1 : 1'000'000;
  trouble.join();
  CHECK(answered > 10);
  CHECK(answered < 1'000'000);
}

TEST_CASE("models on many threads keep their data apart") {
  ModelProcessBackend backend(quick());
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      auto model = backend.load({"m", "puppet", ""});
      if (!model) {
        ++wrong;
        return;
      }
      for (size_t i = 0; i < 100; ++i) {
        std::vector<float> data(1 + i * 37 % 5000);
        for (size_t k = 0; k < data.size(); ++k) data[k] = checksum(static_cast<float>(t * 1000), k + i);
        const auto request = command("echo", data);
        const auto answer = ports::run_alone(**model, request);
        if (!answer || answer->at(1).data != request.inputs[1].data) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
}

TEST_CASE("a batch that does not fit the shared memory is refused, and the process lives on") {
  ModelProcessConfig config = quick();
  config.tensors = kib(64);
  ModelProcessBackend backend(config);
  auto model = loaded(backend);
  const std::string pid = ask(*model, "pid");
  const auto large = ports::run_alone(*model, command("echo", std::vector<float>(20'000)));
  CHECK(large.error().code == Code::exhausted);
  CHECK(large.error().what.find("more than the 65536 that a model process takes at once") != std::string::npos);
  CHECK(ask(*model, "pid") == pid);
  CHECK(ports::run_alone(*model, command("echo", std::vector<float>(10'000)))->at(1).data.size() == 40'000);
}

TEST_CASE("a model gets the memory that was declared, and no more") {
  if (!limits_memory) return;
  ModelProcessConfig config = quick();
  config.memory = mib(128);
  ModelProcessBackend backend(config);
  auto model = loaded(backend);
  const std::string pid = ask(*model, "pid");
  CHECK(ask(*model, "eat 32") == "ate 32");
  const auto eaten = ports::run_alone(*model, command("eat 512"));
  CHECK(eaten.error().code == Code::exhausted);
  CHECK(eaten.error().what == "needs more memory than it may have, 128MiB");
  CHECK(ask(*model, "pid") == pid);
  CHECK(load_failure(config, {"m", "eat", ""}) == "exhausted: needs more memory than it may have, 128MiB");
}

TEST_CASE("a process that finds no memory for three batches in a row is ended, and started again") {
  if (!limits_memory) return;
  ModelProcessConfig config = never_again();
  config.memory = mib(128);
  ModelProcessBackend backend(config);
  auto model = loaded(backend);
  auto other = loaded(backend, "other");
  const std::string others = ask(*other, "pid");
  const auto starve = [](ports::Model& one) {
    return ports::run_alone(one, command("eat 512")).error().code == Code::exhausted;
  };
  const std::string pid = ask(*model, "pid");
  for (int i = 0; i < 2; ++i) CHECK(starve(*model));
  CHECK(ask(*model, "pid") == pid);
  for (int i = 0; i < 3; ++i) CHECK(starve(*model));
  CHECK(test::until([&] {
    return ask(*model, "pid")
               .find(
                   "model m: its process is gone: ended with status 3: found no memory for 3 batches in "
                   "a row; it starts again in 3") == 0;
  }));
  CHECK(ask(*other, "pid") == others);

  config.back_off = quick().back_off;
  ModelProcessBackend quickly(config);
  auto again = loaded(quickly);
  const std::string first = ask(*again, "pid");
  for (int i = 0; i < 3; ++i) CHECK(starve(*again));
  CHECK(test::until([&] {
    const auto answer = ports::run_alone(*again, command("pid"));
    return answer && said(answer) != first;
  }));
}

TEST_CASE("where the machine runs out of memory, a model's process ends before the engine") {
  ModelProcessBackend backend(quick());
  auto model = loaded(backend);
  std::ifstream file("/proc/" + ask(*model, "pid") + "/oom_score_adj");
  int score = 0;
  file >> score;
  CHECK(score == 500);
}

TEST_CASE("a process can open nothing, start nothing and reach nobody") {
  ModelProcessBackend backend(quick());
  auto model = loaded(backend);
  const std::string pid = ask(*model, "pid");
  for (const char* deed : {"open to read", "open to write", "thread", "fork", "kill owner", "executable memory",
                           "shared memory", "send elsewhere"}) {
    INFO(deed);
    CHECK(ask(*model, deed) == "EPERM");
  }
  CHECK(ask(*model, "pid") == pid);
  CHECK_FALSE(std::filesystem::exists("/tmp/barrio-puppet"));
  for (const char* attack : {"socket", "exec", "trace"}) {
    INFO(attack);
    auto victim = loaded(backend);
    CHECK(ask(*victim, attack) == "model m: its process is gone: killed by signal 31 (Bad system call)");
  }
}

TEST_CASE("what fails while a model is loaded is told, and leaves nothing behind") {
  const size_t descriptors = open_descriptors();
  ModelProcessConfig config = quick();
  CHECK(load_failure(config, {"m", "refuse", ""}) == "invalid: this is no model");
  CHECK(
      load_failure(config, {"m", "crash", ""}) ==
      "unavailable: model m: its process is gone, while it loaded the model: killed by signal 11 (Segmentation fault)");
  CHECK(load_failure(config, {"m", "socket", ""}).find("Bad system call") != std::string::npos);
  CHECK(load_failure(config, {"m", "", "/none.onnx"}) ==
        "not_found: /none.onnx: cannot read the model file: No such file or directory");
  CHECK(load_failure(config, {"m", "", "/tmp"}) == "invalid: /tmp: is not a file");
  config.load_limit = 50ms;
  CHECK(load_failure(config, {"m", "hang", ""}) ==
        "unavailable: model m: its process took longer than 50 ms to load the model");
  config.arguments = {"/none/barrio"};
  CHECK(load_failure(config, {"m", "puppet", ""}).find("ended with status 127: cannot execute /none/barrio: No such") !=
        std::string::npos);
  CHECK(open_descriptors() == descriptors);
  CHECK_FALSE(has_children());
}

TEST_CASE("a model's file is read once it was opened, and no other") {
  const std::string path = std::filesystem::temp_directory_path() / ("barrio-model-" + std::to_string(getpid()));
  std::ofstream(path) << "bad";
  CHECK(load_failure(quick(), {"m", "", path}) == "invalid: " + path + ": its bytes are bad");
  std::ofstream(path) << "good";
  ModelProcessBackend backend(quick());
  auto model = backend.load({"m", "", path});
  REQUIRE(model);
  // The same model comes back, whatever the name stands for by then.
  std::filesystem::remove(path);
  std::ofstream(path) << "bad";
  ask(**model, "crash");
  CHECK(test::until([&] { return ask(**model, "echo").empty(); }));
  std::filesystem::remove(path);
}

TEST_CASE("a hundred restarts leak no descriptor and no process") {
  const size_t before = open_descriptors();
  {
    ModelProcessBackend backend(quick());
    auto model = loaded(backend);
    const size_t with_model = open_descriptors();
    for (int i = 0; i < 100; ++i) {
      REQUIRE(ask(*model, "leave").find("status 7") != std::string::npos);
      REQUIRE(test::until([&] { return ask(*model, "echo").empty(); }));
    }
    CHECK(open_descriptors() == with_model);
  }
  CHECK(open_descriptors() == before);
  CHECK_FALSE(has_children());
}

TEST_CASE("process: the owner of a puppet" * doctest::skip()) {
  ModelProcessBackend backend(quick());
  auto model = loaded(backend);
  std::printf("\npid=%s\n", ask(*model, "pid").c_str());
  std::fflush(stdout);
  ask(*model, "hang");
}

TEST_CASE("a model process ends with its owner, whatever it is doing") {
  int ends[2];
  REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
  auto middle = net::ChildProcess::start({.arguments = test::program_running(owner), .output = ends[1]});
  REQUIRE(middle);
  close(ends[1]);
  std::string text;
  char piece[256];
  for (ssize_t got = 1; got > 0 && text.find("pid=") == std::string::npos;) {
    got = read(ends[0], piece, sizeof(piece));
    text.append(piece, got > 0 ? static_cast<size_t>(got) : 0);
  }
  close(ends[0]);
  REQUIRE_MESSAGE(text.find("pid=") != std::string::npos, text);
  const int pid = std::stoi(text.substr(text.find("pid=") + 4));
  pollfd process{static_cast<int>(syscall(SYS_pidfd_open, pid, 0)), POLLIN, 0};
  REQUIRE(process.fd >= 0);
  CHECK(poll(&process, 1, 0) == 0);
  middle->kill();
  CHECK(poll(&process, 1, 10'000) == 1);
  close(process.fd);
}

}  // namespace barrio::adapters::model_process_backend_test
