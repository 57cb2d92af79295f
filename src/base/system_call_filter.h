#pragma once
// What a process may ask the kernel for (seccomp): rules for the system calls of this machine's architecture; those of
// any other kill the process.

#include <cstdint>
#include <memory>
#include <vector>

#include "base/result.h"

namespace barrio {

class SystemCallFilter {
 public:
  /// refuse: EPERM. missing: ENOSYS, as if the kernel had no such call, so that a C library tries an older one.
  enum class Answer { allow, refuse, missing, kill };
  /// Of one argument, the first is 0: (argument & mask) == value.
  struct Condition {
    unsigned argument = 0;
    uint64_t mask = 0;
    uint64_t value = 0;
  };

  /// `otherwise`: what no rule is about.
  explicit SystemCallFilter(Answer otherwise);
  /// A rule that holds when all conditions do. The first that fails is told by load() or write_to().
  void add(Answer answer, int call, const std::vector<Condition>& all_of = {});
  /// On this process, all of its threads, from now on. Errors: unavailable.
  Result<void> load();
  /// As the kernel takes it. Errors: unavailable.
  Result<void> write_to(int descriptor);

  /// A name for the number: the library below knows of this call.
  static bool is_known(int call);

 private:
  static Result<void> outcome(int code);

  std::unique_ptr<void, void (*)(void*)> filter_;
  Answer otherwise_;
  int first_failure_ = 0;  // the library's code, negative
};

}  // namespace barrio
