#pragma once
// Counts what is under way, by name.

#include <map>

#include "ports/runtime.h"

namespace barrio::adapters::sealed_store {

/// Counts itself while it is there; `ended` is notified when it goes.
template <class Name>
class Counted {
 public:
  Counted(std::map<Name, int>& counts, Name name, ports::Signal& ended)
      : counts_(counts), name_(std::move(name)), ended_(ended) {
    ++counts_[name_];
  }
  ~Counted() {
    if (--counts_[name_] == 0) counts_.erase(name_);
    ended_.notify();
  }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

 private:
  std::map<Name, int>& counts_;
  const Name name_;
  ports::Signal& ended_;
};

}  // namespace barrio::adapters::sealed_store
