#pragma once
// Stackful fibers (Boost.Context) on one thread: straight-line code that waits without blocking the thread. There is no
// clock here; a runtime (adapters/reactor_runtime, sim) decides when a parked fiber becomes ready again.
//
// A fiber that is parked when it is destroyed is unwound: its destructors run, nothing after its park() does. For that
// alone an exception that nobody may catch passes through it, so never park inside a catch or in a destructor.

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace barrio {

class Fiber;

/// Memory for stacks, each with an unreadable page below it, kept for reuse. Owned by one scheduler.
class StackPool {
 public:
  struct Stack {
    void* top = nullptr;  // stacks grow down
    size_t size = 0;      // usable bytes, without the guard page
  };
  explicit StackPool(size_t stack_bytes);
  ~StackPool();
  StackPool(const StackPool&) = delete;
  StackPool& operator=(const StackPool&) = delete;
  Stack take();
  void give_back(Stack stack);

 private:
  void unmap(const Stack& stack) const;
  size_t stack_bytes_;
  std::vector<Stack> free_;
};

/// Runs fibers in the order in which they became ready. Everything is called on one thread.
class FiberScheduler {
 public:
  static constexpr size_t default_stack_bytes = 256 * 1024;

  explicit FiberScheduler(size_t stack_bytes = default_stack_bytes);
  /// Destroys all fibers.
  ~FiberScheduler();
  FiberScheduler(const FiberScheduler&) = delete;
  FiberScheduler& operator=(const FiberScheduler&) = delete;

  /// A new fiber, ready. The pointer is valid until `body` returns or destroy(). `body` must not let an exception out.
  Fiber* spawn(std::string name, std::function<void()> body);
  /// Called in a fiber: gives up the thread until ready(). Wake-ups may be spurious where several parties call ready().
  void park();
  /// Makes a parked fiber run soon. Ready already or running: no effect.
  void ready(Fiber* fiber);
  /// Unwinds a fiber that is not running. Not called in a fiber.
  void destroy(Fiber* fiber);

  /// The fiber that is running; null outside of fibers.
  Fiber* current() const { return current_; }
  bool is_alive(const Fiber* fiber) const { return fibers_.contains(fiber); }
  static const std::string& name(const Fiber* fiber);
  /// Runs the fiber that has been ready longest until it parks or ends. False: none was ready.
  bool run_one();
  /// Runs those that are ready now; not those that they make ready.
  void run_ready();
  bool has_ready() const { return !ready_.empty(); }
  size_t alive() const { return fibers_.size(); }
  /// Of those that are alive, each once, sorted.
  std::vector<std::string> names() const;

 private:
  void switch_to(Fiber& fiber);

  StackPool stacks_;
  std::map<const Fiber*, std::unique_ptr<Fiber>> fibers_;
  std::deque<Fiber*> ready_;
  Fiber* current_ = nullptr;
};

}  // namespace barrio
