#include "adapters/model_process/model_worker.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <new>
#include <optional>

#include "adapters/model_process/channel.h"
#include "adapters/model_process/confinement.h"
#include "base/heap.h"
#include "net/child_process.h"
#include "net/thread_priority.h"

namespace barrio::adapters {

namespace {

/// Above the size of the sealed file that standard error is: a process that says more loses words, not its life.
constexpr Bytes longest_file = kib(64);

/// Batches in a row that found no memory, after which a process is not worth keeping: what it holds on to (a leak, an
/// arena that has grown) may be the reason. Its owner starts it anew, later each time.
constexpr size_t most_starved = 3;
constexpr int starved_status = 3;

/// The whole file, mapped; it stays so for the life of the process. Errors: unavailable.
Result<std::string_view> map_file(OwnedDescriptor file) {
  struct stat status{};
  if (fstat(file.get(), &status) != 0) return fail(Code::unavailable, "cannot read the model file");
  const auto size = static_cast<size_t>(status.st_size);
  if (size == 0) return std::string_view();
  const void* mapped = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (mapped == MAP_FAILED) return fail(Code::exhausted, "cannot map the model file");
  return std::string_view(static_cast<const char*>(mapped), size);
}

/// Empty, or what the kernel does not permit. Errors: those of what is not optional.
Result<std::string> confine(Bytes memory, std::string no_namespaces) {
  TRY_DO(limit_resources(memory, longest_file));
  if (no_namespaces.empty()) no_namespaces = leave_file_system();
  TRY_DO(drop_privileges());
  TRY_DO(filter_system_calls(net::handed_over_descriptor, STDERR_FILENO));
  return no_namespaces;
}

/// Calls into the backend. Errors of ours: exhausted, where memory runs out in a way that can be survived.
template <class Call>
auto guarded(const Call& call) -> decltype(call()) {
  try {
    return call();
  } catch (const std::bad_alloc&) {
    return fail(Code::exhausted, "");
  } catch (const std::exception& error) {
    return fail(Code::unavailable, error.what());
  }
}

class Worker {
 public:
  explicit Worker(Channel channel) : channel_(std::move(channel)) {}

  /// False: there is no model, and the owner was told why.
  bool load(const MakeBackend& make_backend, OwnedDescriptor model_file) {
    const auto loaded = guarded([&]() { return try_load(make_backend, std::move(model_file)); });
    if (loaded) return channel_.send(Kind::loaded, pack_loaded(*loaded)).has_value();
    (void)channel_.send(Kind::refused, pack_error(with_limit(loaded.error())));
    return false;
  }

  /// The status to end with.
  int serve() {
    while (starved_ < most_starved) {
      const auto received = channel_.receive(std::nullopt);
      if (!received || received->kind != Kind::run) return 0;
      const auto batch = unpack_requests(received->head, received->bodies);
      if (!batch) return 0;
      const Answers answers = run(*batch);
      note_memory(answers);
      auto sent = channel_.send(Kind::answers, pack_answers(answers));
      if (!sent && sent.error().code == Code::exhausted) {
        const Answers failed = all_failed(sent.error(), batch->size());
        sent = channel_.send(Kind::answers, pack_answers(failed));
      }
      if (!sent) return 0;
    }
    say("found no memory for " + std::to_string(most_starved) + " batches in a row");
    return starved_status;
  }

 private:
  Result<Loaded> try_load(const MakeBackend& make_backend, OwnedDescriptor model_file) {
    std::string no_namespaces = enter_namespaces();
    // Threads that a library starts keep what is there now: in namespaces of their own that is nobody else's business.
    if (!no_namespaces.empty()) TRY_DO(drop_privileges());
    TRY(const auto received, channel_.receive(std::nullopt));
    TRY(auto order, unpack_load(received.head));
    memory_ = order.memory;
    TRY(backend_, make_backend());
    if (model_file) {
      TRY(order.spec.content, map_file(std::move(model_file)));
    }
    TRY(auto unconfined, confine(order.memory, std::move(no_namespaces)));
    TRY(model_, backend_->load(order.spec));
    return Loaded{model_->info(), std::move(unconfined)};
  }

  Answers run(const std::vector<ports::InferenceRequest>& batch) {
    auto answers = guarded([&]() -> Result<Answers> { return model_->run(batch); });
    if (!answers) return all_failed(with_limit(answers.error()), batch.size());
    for (auto& answer : *answers) {
      if (!answer) answer = fail(with_limit(answer.error()));
    }
    if (answers->size() == batch.size()) return std::move(*answers);
    return all_failed({Code::unavailable, "the backend did not answer every request"}, batch.size());
  }

  void note_memory(const Answers& answers) {
    const bool any_good = std::ranges::any_of(answers, [](const auto& answer) { return answer.has_value(); });
    const bool starved = std::ranges::any_of(
        answers, [](const auto& answer) { return !answer && answer.error().code == Code::exhausted; });
    if (any_good) starved_ = 0;
    starved_ += starved && !any_good ? 1 : 0;
  }

  /// What a backend runs out of is memory.
  Error with_limit(Error error) const {
    if (error.code != Code::exhausted) return error;
    std::string what = "needs more memory than it may have";
    if (memory_.count() > 0) what += ", " + to_string(memory_);
    error.what = error.what.empty() ? what : what + ": " + error.what;
    return error;
  }

  /// Its last words, for its owner.
  static void say(const std::string& text) {
    [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, text.data(), text.size());
  }

  static Answers all_failed(const Error& error, size_t count) { return {count, Result<ports::Outputs>(fail(error))}; }

  Channel channel_;
  std::unique_ptr<ports::InferenceBackend> backend_;
  std::unique_ptr<ports::Model> model_;
  Bytes memory_{};      // that it may take; zero: not limited
  size_t starved_ = 0;  // batches in a row
};

}  // namespace

void run_model_worker(const MakeBackend& make_backend) {
  for (int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) ::signal(signal, SIG_DFL);
  // Sent to the whole group, they are its owner's affair, which answers what it has and ends this process.
  for (int signal : {SIGTERM, SIGINT, SIGHUP}) ::signal(signal, SIG_IGN);
  net::compute_in_background();
  keep_freed_memory();
  OwnedDescriptor model_file;
  auto channel = Channel::join(OwnedDescriptor(net::handed_over_descriptor), model_file);
  if (!channel) _exit(1);
  Worker worker(std::move(*channel));
  const int status = worker.load(make_backend, std::move(model_file)) ? worker.serve() : 0;
  // Nothing is torn down: that would run a stranger's code once more.
  _exit(status);
}

}  // namespace barrio::adapters
