#include "engine/work_queue.h"

namespace barrio::engine {

WorkQueue::WorkQueue(net::Reactor& reactor, size_t workers, size_t most_waiting)
    : most_waiting_(most_waiting), pool_(reactor, workers) {
  for (size_t worker = 0; worker < workers; ++worker) free_.push_back(worker);
}

bool WorkQueue::run(std::function<void()> work, std::function<void()> done) {
  Piece piece{std::move(work), std::move(done)};
  if (!free_.empty()) {
    const size_t worker = free_.back();
    free_.pop_back();
    start(worker, std::move(piece));
    return true;
  }
  if (waiting_.size() >= most_waiting_) return false;
  waiting_.push_back(std::move(piece));
  return true;
}

void WorkQueue::start(size_t worker, Piece piece) {
  pool_.run(worker, std::move(piece.work), [this, worker, done = std::move(piece.done)](net::WorkDone) {
    if (waiting_.empty()) {
      free_.push_back(worker);
    } else {
      Piece next = std::move(waiting_.front());
      waiting_.pop_front();
      start(worker, std::move(next));
    }
    done();
  });
}

}  // namespace barrio::engine
