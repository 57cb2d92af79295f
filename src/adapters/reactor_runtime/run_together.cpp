#include "adapters/reactor_runtime/run_together.h"

#include <system_error>
#include <thread>
#include <vector>

namespace barrio::adapters {

void run_together(size_t threads, const std::function<void()>& work) {
  std::vector<std::jthread> others;
  bool more = true;
  while (more && others.size() + 1 < threads) {
    try {
      others.emplace_back(work);
    } catch (const std::system_error&) {
      more = false;  // no thread is left: those that there are do it
    }
  }
  work();
}

}  // namespace barrio::adapters
