#include "base/fiber.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <boost/context/fiber.hpp>
#include <exception>

#include "base/check.h"
#include "base/log.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

namespace barrio {
namespace {

constexpr size_t free_stacks_kept = 64;

/// Thrown by park() in a fiber that is being destroyed, caught where the fiber began. See the header.
struct Unwind {};

size_t page_bytes() {
  return static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

/// What the sanitizers need to know of one side of a switch; empty in ordinary builds.
struct SanitizedStack {
#if defined(__SANITIZE_ADDRESS__)
  const void* bottom = nullptr;
  size_t size = 0;
  void* fake = nullptr;
#endif
#if defined(__SANITIZE_THREAD__)
  void* tsan = nullptr;
#endif
};

/// Just before a switch. `ends`: `from` never runs again.
void leaving([[maybe_unused]] SanitizedStack& from, [[maybe_unused]] const SanitizedStack& to,
             [[maybe_unused]] bool ends) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(ends ? nullptr : &from.fake, to.bottom, to.size);
#endif
#if defined(__SANITIZE_THREAD__)
  __tsan_switch_to_fiber(to.tsan, 0);
#endif
}

/// Just after a switch, on the stack that runs now; learns the bounds of the one that was left.
void arrived([[maybe_unused]] SanitizedStack& here, [[maybe_unused]] SanitizedStack& left) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(here.fake, &left.bottom, &left.size);
#endif
}

}  // namespace

StackPool::StackPool(size_t stack_bytes)
    : stack_bytes_((stack_bytes + page_bytes() - 1) / page_bytes() * page_bytes()) {}

StackPool::~StackPool() {
  for (const Stack& stack : free_) unmap(stack);
}

StackPool::Stack StackPool::take() {
  if (!free_.empty()) {
    const Stack stack = free_.back();
    free_.pop_back();
    return stack;
  }
  const size_t mapped = stack_bytes_ + page_bytes();
  void* memory =
      mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
  CHECK(memory != MAP_FAILED);
  CHECK(mprotect(memory, page_bytes(), PROT_NONE) == 0);
  return {static_cast<char*>(memory) + mapped, stack_bytes_};
}

void StackPool::give_back(Stack stack) {
#if defined(__SANITIZE_ADDRESS__)
  // Frames that ended by a switch, not by returning, leave their red zones behind.
  __asan_unpoison_memory_region(static_cast<char*>(stack.top) - stack.size, stack.size);
#endif
  if (free_.size() < free_stacks_kept)
    free_.push_back(stack);
  else
    unmap(stack);
}

void StackPool::unmap(const Stack& stack) const {
  const size_t mapped = stack.size + page_bytes();
  munmap(static_cast<char*>(stack.top) - mapped, mapped);
}

class Fiber {
 public:
  std::string name;
  std::function<void()> body;
  boost::context::fiber context;  // where it goes on, while it does not run
  boost::context::fiber back;     // where the scheduler goes on, while it runs
  SanitizedStack own;
  SanitizedStack thread;
  bool is_ready = false;
  bool unwinding = false;

  void run() {
    try {
      if (!unwinding) body();
    } catch (const Unwind&) {
      body = nullptr;
      return;
    } catch (const std::exception& error) {
      log_error("a fiber threw", {{"fiber", name}, {"what", error.what()}});
      std::terminate();
    }
    body = nullptr;
  }
};

namespace {

/// Boost.Context's idea of a stack allocator, on a StackPool.
struct PooledStacks {
  StackPool* pool;
  boost::context::stack_context allocate() {
    const StackPool::Stack stack = pool->take();
    boost::context::stack_context context;
    context.sp = stack.top;
    context.size = stack.size;
    return context;
  }
  void deallocate(boost::context::stack_context& context) { pool->give_back({context.sp, context.size}); }
};

}  // namespace

FiberScheduler::FiberScheduler(size_t stack_bytes) : stacks_(stack_bytes) {}

FiberScheduler::~FiberScheduler() {
  // Unwinding may spawn: destructors are code like any other.
  while (!fibers_.empty()) destroy(fibers_.begin()->second.get());
}

Fiber* FiberScheduler::spawn(std::string name, std::function<void()> body) {
  auto owned = std::make_unique<Fiber>();
  Fiber* fiber = owned.get();
  fiber->name = std::move(name);
  fiber->body = std::move(body);
  PooledStacks allocator{&stacks_};
  boost::context::stack_context stack = allocator.allocate();
#if defined(__SANITIZE_ADDRESS__)
  fiber->own.bottom = static_cast<char*>(stack.sp) - stack.size;
  fiber->own.size = stack.size;
#endif
#if defined(__SANITIZE_THREAD__)
  fiber->own.tsan = __tsan_create_fiber(0);
#endif
  const boost::context::preallocated where(stack.sp, stack.size, stack);
  fiber->context = boost::context::fiber(std::allocator_arg, where, allocator, [fiber](boost::context::fiber&& back) {
    arrived(fiber->own, fiber->thread);
    fiber->back = std::move(back);
    fiber->run();
    leaving(fiber->own, fiber->thread, true);
    return std::move(fiber->back);
  });
  fibers_.emplace(fiber, std::move(owned));
  ready(fiber);
  return fiber;
}

void FiberScheduler::park() {
  Fiber* fiber = current_;
  CHECK(fiber != nullptr);
  CHECK(!fiber->unwinding);
  leaving(fiber->own, fiber->thread, false);
  fiber->back = std::move(fiber->back).resume();
  arrived(fiber->own, fiber->thread);
  if (fiber->unwinding) throw Unwind{};
}

void FiberScheduler::ready(Fiber* fiber) {
  if (fiber->is_ready || fiber == current_) return;
  fiber->is_ready = true;
  ready_.push_back(fiber);
}

void FiberScheduler::destroy(Fiber* fiber) {
  CHECK(current_ == nullptr);
  fiber->unwinding = true;
  std::erase(ready_, fiber);
  switch_to(*fiber);
}

const std::string& FiberScheduler::name(const Fiber* fiber) {
  return fiber->name;
}

std::vector<std::string> FiberScheduler::names() const {
  std::vector<std::string> names;
  names.reserve(fibers_.size());
  for (const auto& [fiber, owned] : fibers_) names.push_back(fiber->name);
  std::ranges::sort(names);
  names.erase(std::ranges::unique(names).begin(), names.end());
  return names;
}

bool FiberScheduler::run_one() {
  if (ready_.empty()) return false;
  Fiber* fiber = ready_.front();
  ready_.pop_front();
  fiber->is_ready = false;
  switch_to(*fiber);
  return true;
}

void FiberScheduler::run_ready() {
  for (size_t n = ready_.size(); n > 0; --n) run_one();
}

void FiberScheduler::switch_to(Fiber& fiber) {
  CHECK(current_ == nullptr);
  current_ = &fiber;
#if defined(__SANITIZE_THREAD__)
  fiber.thread.tsan = __tsan_get_current_fiber();
#endif
  leaving(fiber.thread, fiber.own, false);
  fiber.context = std::move(fiber.context).resume();
  arrived(fiber.thread, fiber.own);
  current_ = nullptr;
  if (fiber.context) return;
#if defined(__SANITIZE_THREAD__)
  __tsan_destroy_fiber(fiber.own.tsan);
#endif
  fibers_.erase(&fiber);
}

}  // namespace barrio
