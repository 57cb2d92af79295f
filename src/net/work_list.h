#pragma once
// Things of one owner that have something to do before the loop waits again: applications' calls only note what they
// want, and it is done from here, so that no callback ever runs inside a call of the application.
// T has a `bool scheduled`. The owner's `run` may destroy the item it is given, unless that is scheduled again by then.

#include <functional>
#include <vector>

#include "net/reactor.h"

namespace barrio::net {

template <class T>
class WorkList {
 public:
  WorkList(Reactor& reactor, std::function<void(T&)> run) : reactor_(reactor), run_(std::move(run)) {}
  ~WorkList() { reactor_.cancel(timer_); }
  WorkList(const WorkList&) = delete;
  WorkList& operator=(const WorkList&) = delete;

  void add(T& item) {
    if (item.scheduled) return;
    item.scheduled = true;
    items_.push_back(&item);
    if (timer_ == 0) timer_ = reactor_.call_at(reactor_.now(), [this] { work(); });
  }

 private:
  void work() {
    timer_ = 0;
    running_.swap(items_);
    for (T* item : running_) {
      item->scheduled = false;
      run_(*item);
    }
    running_.clear();
  }

  Reactor& reactor_;
  std::function<void(T&)> run_;
  std::vector<T*> items_;
  std::vector<T*> running_;
  TimerId timer_ = 0;
};

}  // namespace barrio::net
