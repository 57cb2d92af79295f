#pragma once
// Things of one owner that have something to do before the loop waits again: applications' calls only note what they
// want, and it is done from here, so that no callback ever runs inside a call of the application.
// T has a `bool scheduled`. The owner's `run` may destroy the item it is given, unless that is scheduled again by then.

#include <functional>
#include <vector>

#include "net/reactor.h"

namespace barrio::net {

template <class T>
class WorkList final : public SoonTask {
 public:
  WorkList(Reactor& reactor, std::function<void(T&)> run) : reactor_(reactor), run_(std::move(run)) {}
  ~WorkList() { reactor_.forget(*this); }
  WorkList(const WorkList&) = delete;
  WorkList& operator=(const WorkList&) = delete;

  void add(T& item) {
    if (item.scheduled) return;
    item.scheduled = true;
    if (items_.empty()) reactor_.soon(*this);
    items_.push_back(&item);
  }

 private:
  void run_soon() override {
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
};

}  // namespace barrio::net
