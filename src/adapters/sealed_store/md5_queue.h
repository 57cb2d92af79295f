#pragma once
// MD5 is what costs most of a large PUT: as many messages as wait are hashed side by side, and where a core is free
// none waits. Lives on the store's loop.

#include <deque>
#include <memory>

#include "base/md5.h"
#include "ports/runtime.h"

namespace barrio::adapters::sealed_store {

class Md5Queue {
 public:
  /// `most_at_once`: pieces of work on other threads, of up to Md5::lanes messages each. 0: none are hashed together.
  Md5Queue(ports::Runtime& runtime, size_t most_at_once);
  /// Parks the fiber until `message` has all of `data`.
  void add(Md5& message, std::string_view data);

 private:
  struct Waiting;
  class Leading;
  void lead();

  ports::Runtime& runtime_;
  const size_t most_at_once_;
  std::unique_ptr<ports::Signal> changed_;
  size_t running_ = 0;
  std::deque<Waiting*> waiting_;
};

}  // namespace barrio::adapters::sealed_store
