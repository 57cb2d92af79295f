#pragma once
// A model that does what it is told, however bad: the input "command" (BYTES) says what, and is answered by "said"; the
// input "data" comes back. What it does when it is loaded is said by the name of the builtin.

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <vector>

#include "ports/inference_backend.h"
#include "ports/tensor.h"

namespace barrio::adapters::test {

inline ports::ModelInfo puppet_info(const std::string& name) {
  ports::ModelInfo info{name, "puppet", {}, {}, 4};
  info.inputs = {{"command", ports::DataType::BYTES, {1}}, {"data", ports::DataType::FP32, {-1}}};
  info.outputs = {{"said", ports::DataType::BYTES, {1}}, {"data", ports::DataType::FP32, {-1}}};
  return info;
}

inline ports::InferenceRequest command(const std::string& text, const std::vector<float>& data = {},
                                       std::optional<Time> deadline = {}) {
  ports::Tensor numbers{"data", ports::DataType::FP32, {static_cast<int64_t>(data.size())}, {}};
  numbers.data.assign(reinterpret_cast<const char*>(data.data()), data.size() * sizeof(float));
  return {{{"command", ports::DataType::BYTES, {1}, ports::pack_bytes(text)}, std::move(numbers)}, "", deadline};
}

inline std::string said(const Result<ports::Outputs>& answer) {
  if (!answer) return answer.error().text();
  return std::string(ports::unpack_bytes(answer->at(0).data, 1)->front());
}

[[noreturn]] inline void hang() {
  while (true) {
    const timespec second{1, 0};
    clock_nanosleep(CLOCK_MONOTONIC, 0, &second, nullptr);
  }
}

/// "ok", or the name of the error.
inline std::string outcome(bool worked) {
  if (worked) return "ok";
  const char* name = strerrorname_np(errno);
  return name == nullptr ? "unknown" : name;
}

/// In pieces, so that the limit is met while some of it is held.
inline std::string eat(size_t megabytes) {
  std::vector<std::vector<char>> held;
  for (size_t i = 0; i < megabytes; ++i) held.emplace_back(1u << 20, 'x');
  return "ate " + std::to_string(held.size());
}

inline void flood() {
  const std::string line(1000, 'f');
  for (int i = 0; i < 1000; ++i) {
    if (write(STDERR_FILENO, line.data(), line.size()) < 0) return;
  }
}

inline std::string obey(const std::string& what) {
  const auto start_thread = [] {
    pthread_t thread{};
    errno = pthread_create(&thread, nullptr, [](void*) -> void* { return nullptr; }, nullptr);
    return errno == 0;
  };
  const auto map_code = [] {
    return mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
  };
  const auto map_shared = [] {
    return mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
  };
  const std::map<std::string, std::function<std::string()>> deeds = {
      {"echo", [] { return std::string(); }},
      {"pid", [] { return std::to_string(getpid()); }},
      {"environment", [] { return std::string(std::getenv("PATH") == nullptr ? "empty" : "not empty"); }},
      {"crash", []() -> std::string { return outcome(raise(SIGSEGV) == 0); }},
      {"hang", []() -> std::string { hang(); }},
      {"leave", []() -> std::string { _exit(7); }},
      {"deaf", []() -> std::string { close(3), hang(); }},
      {"last words",
       []() -> std::string {
         std::fputs("first line\nthe tensor is on fire\n", stderr);
         std::abort();
       }},
      {"flood", [] { return flood(), std::string("flooded"); }},
      {"eat 32", [] { return eat(32); }},
      {"eat 512", [] { return eat(512); }},
      {"open to read", [] { return outcome(open("/proc/self/status", O_RDONLY) >= 0); }},
      {"open to write", [] { return outcome(open("/tmp/barrio-puppet", O_WRONLY | O_CREAT, 0600) >= 0); }},
      {"thread", [=] { return outcome(start_thread()); }},
      {"fork", [] { return outcome(fork() >= 0); }},
      {"kill owner", [] { return outcome(kill(getppid(), 0) == 0); }},
      {"executable memory", [=] { return outcome(map_code()); }},
      {"shared memory", [=] { return outcome(map_shared()); }},
      {"send elsewhere", [] { return outcome(send(0, "x", 1, 0) == 1); }},
      {"socket", [] { return outcome(socket(AF_INET, SOCK_STREAM, 0) >= 0); }},
      {"exec", [] { return outcome(execl("/bin/true", "true", nullptr) == 0); }},
      {"trace", [] { return outcome(ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0); }},
  };
  const auto deed = deeds.find(what);
  return deed == deeds.end() ? "unknown command" : deed->second();
}

class PuppetModel final : public ports::Model {
 public:
  explicit PuppetModel(const std::string& name) : info_(puppet_info(name)) {}
  const ports::ModelInfo& info() const override { return info_; }
  std::vector<Result<ports::Outputs>> run(std::span<const ports::InferenceRequest> batch) override {
    std::vector<Result<ports::Outputs>> answers;
    for (const auto& request : batch) {
      const std::string what(ports::unpack_bytes(ports::input_named(request, "command").data, 1)->front());
      ports::Tensor said{"said", ports::DataType::BYTES, {1}, ports::pack_bytes(obey(what))};
      answers.emplace_back(ports::Outputs{std::move(said), ports::input_named(request, "data")});
    }
    return answers;
  }

 private:
  ports::ModelInfo info_;
};

class PuppetBackend final : public ports::InferenceBackend {
 public:
  Result<std::unique_ptr<ports::Model>> load(const ports::LoadSpec& spec) override {
    if (spec.builtin == "refuse") return fail(Code::invalid, "this is no model");
    if (spec.builtin == "eat") eat(512);
    if (!spec.builtin.empty()) obey(spec.builtin);
    if (spec.content == "bad") return fail(Code::invalid, "its bytes are bad", spec.path);
    return std::make_unique<PuppetModel>(spec.name);
  }
};

}  // namespace barrio::adapters::test
