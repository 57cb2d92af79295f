#pragma once
// The owner's handle of one model process: starts it, gives it its order, exchanges one batch at a time, and says how
// it ended. Used by one thread at a time.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adapters/model_process/channel.h"
#include "net/child_process.h"

namespace barrio::adapters {

struct WorkerProgram {
  std::vector<std::string> arguments;
  size_t half_bytes = 0;  // of the shared memory, each way
};

class WorkerProcess {
 public:
  /// On a thread that lives as long as the process should. The model file (-1: none) is shared, not taken. Errors:
  /// exhausted, unavailable.
  static Result<std::unique_ptr<WorkerProcess>> start(const WorkerProgram& program, const LoadOrder& order,
                                                      int model_file);

  /// Readable when it has something to say, or is gone.
  int socket() const { return channel_.socket(); }
  pid_t pid() const { return process_.pid(); }
  /// What it says about its order, once it is readable; `refused` takes its reason. Errors: unavailable (gone), invalid
  /// (nonsense), and that reason.
  Result<Loaded> take_loaded(std::optional<Error>& refused);
  /// Errors say that the process is of no use any more: timed_out (no answer until then), unavailable (gone), invalid
  /// (it answered nonsense). A batch that does not fit its memory is answered so, one by one.
  Result<Answers> exchange(std::span<const ports::InferenceRequest* const> batch, const ports::ModelInfo& info,
                           Time until);
  /// Kills it unless it ends by itself within the grace; how it ended, with its last words.
  std::string end(Duration grace);

 private:
  WorkerProcess(Channel channel, OwnedDescriptor words, net::ChildProcess process);
  std::string last_words() const;

  Channel channel_;
  OwnedDescriptor words_;  // what it writes to standard error
  net::ChildProcess process_;
};

}  // namespace barrio::adapters
