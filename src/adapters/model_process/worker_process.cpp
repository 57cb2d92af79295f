#include "adapters/model_process/worker_process.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/text.h"

namespace barrio::adapters {

namespace {

constexpr size_t words_bytes = 4096;
constexpr size_t longest_told_detail = 300;

/// What a model process may know of our environment: where its libraries are.
std::vector<std::string> environment() {
  std::vector<std::string> kept;
  for (const char* name : {"BARRIO_ONNXRUNTIME", "LD_LIBRARY_PATH"}) {
    if (const char* value = std::getenv(name); value != nullptr) kept.push_back(std::string(name) + "=" + value);
  }
  return kept;
}

/// A file in memory of a fixed size, so that what is written to it has a bound.
OwnedDescriptor make_words() {
  OwnedDescriptor words(memfd_create("barrio-words", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!words || ftruncate(words.get(), words_bytes) != 0) return OwnedDescriptor();
  if (fcntl(words.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) return OwnedDescriptor();
  return words;
}

}  // namespace

WorkerProcess::WorkerProcess(Channel channel, OwnedDescriptor words, net::ChildProcess process)
    : channel_(std::move(channel)), words_(std::move(words)), process_(std::move(process)) {}

Result<std::unique_ptr<WorkerProcess>> WorkerProcess::start(const WorkerProgram& program, const LoadOrder& order,
                                                            int model_file) {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return fail(Code::exhausted, std::string("cannot make a socket: ") + std::strerror(errno));
  OwnedDescriptor ours(ends[0]);
  const OwnedDescriptor theirs(ends[1]);
  OwnedDescriptor words = make_words();
  if (!words) return fail(Code::exhausted, std::string("cannot make memory: ") + std::strerror(errno));
  TRY(auto channel, Channel::make(std::move(ours), program.half_bytes));
  TRY(auto process, net::ChildProcess::start({.arguments = program.arguments,
                                              .output = words.get(),
                                              .handed_over = {theirs.get()},
                                              .environment = environment()}));
  std::unique_ptr<WorkerProcess> worker(new WorkerProcess(std::move(channel), std::move(words), std::move(process)));
  TRY_DO(worker->channel_.send_first(Kind::load, pack_load(order), model_file));
  return worker;
}

Result<Loaded> WorkerProcess::take_loaded(std::optional<Error>& refused) {
  TRY(const auto received, channel_.receive(std::nullopt));
  if (received.kind == Kind::refused) {
    refused = unpack_error(received.head);
    return fail(*refused);
  }
  if (received.kind != Kind::loaded) return fail(Code::invalid, "did not say whether it has loaded the model");
  return unpack_loaded(received.head);
}

Result<Answers> WorkerProcess::exchange(std::span<const ports::InferenceRequest* const> batch,
                                        const ports::ModelInfo& info, Time until) {
  const auto sent = channel_.send(Kind::run, pack_requests(batch));
  if (!sent && sent.error().code == Code::exhausted)
    return Answers(batch.size(), Result<ports::Outputs>(fail(sent.error())));
  if (!sent) return fail(sent.error());
  TRY(const auto received, channel_.receive(until));
  if (received.kind != Kind::answers) return fail(Code::invalid, "sent something else than answers");
  auto answers = unpack_answers(received.head, received.bodies, batch.size(), info);
  channel_.trim();
  return answers;
}

std::string WorkerProcess::end(Duration grace) {
  std::string how = process_.end(grace);
  const std::string words = last_words();
  return words.empty() ? how : how + ": " + words;
}

std::string WorkerProcess::last_words() const {
  std::string text(words_bytes, '\0');
  const ssize_t got = pread(words_.get(), text.data(), text.size(), 0);
  text.resize(got > 0 ? static_cast<size_t>(got) : 0);
  text.resize(std::min(text.size(), text.find('\0')));
  const std::string_view all = trim(text);
  return harmless(all.substr(all.find_last_of('\n') + 1), longest_told_detail);
}

}  // namespace barrio::adapters
