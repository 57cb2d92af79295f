#pragma once
// Blocking work on several threads where there is no loop yet to offload from: while a site opens its storage.

#include <cstddef>
#include <functional>

namespace barrio::adapters {

/// Calls `work` on this thread and on others, so many in all, or as many as the machine has. Returns once all have
/// ended.
void run_together(size_t threads, const std::function<void()>& work);

}  // namespace barrio::adapters
