#include "adapters/sealed_store/md5_queue.h"

#include <vector>

namespace barrio::adapters::sealed_store {

/// On the stack of the fiber that waits for it.
struct Md5Queue::Waiting {
  Md5::Piece piece;
  bool taken = false;
  bool done = false;
};

/// While a fiber hashes for the others. (Fibers are unwound only when the process ends, with no work left on other
/// threads: nobody looks at this any more.)
class Md5Queue::Leading {
 public:
  explicit Leading(Md5Queue& queue) : queue_(queue) { ++queue_.running_; }
  ~Leading() {
    --queue_.running_;
    queue_.changed_->notify();
  }
  Leading(const Leading&) = delete;
  Leading& operator=(const Leading&) = delete;

 private:
  Md5Queue& queue_;
};

Md5Queue::Md5Queue(ports::Runtime& runtime, size_t most_at_once)
    : runtime_(runtime), most_at_once_(most_at_once), changed_(runtime.make_signal()) {}

void Md5Queue::add(Md5& message, std::string_view data) {
  if (most_at_once_ == 0) return runtime_.offload([&] { message.add(data); });
  Waiting me{{&message, data}};
  waiting_.push_back(&me);
  while (!me.done) {
    if (me.taken || running_ == most_at_once_) {
      changed_->wait_until(Time::max());
    } else {
      lead();
    }
  }
}

void Md5Queue::lead() {
  const Leading leading(*this);
  std::vector<Waiting*> group;
  std::vector<Md5::Piece> pieces;
  for (; !waiting_.empty() && group.size() < Md5::lanes; waiting_.pop_front()) {
    group.push_back(waiting_.front());
    group.back()->taken = true;
    pieces.push_back(group.back()->piece);
  }
  runtime_.offload([&] { Md5::add_each(pieces); });
  for (Waiting* each : group) each->done = true;
}

}  // namespace barrio::adapters::sealed_store
