#include "ports/state_store.h"

namespace barrio::ports {

Result<void> check_size(const std::vector<Guard>& guards, const std::vector<Write>& writes) {
  const auto over = [](const std::string& what) {
    return fail(Code::exhausted, "one commit may have " + what + " at most; nothing was written", "commit");
  };
  if (guards.size() > most_guards) return over(std::to_string(most_guards) + " guards");
  if (writes.size() > most_writes) return over(std::to_string(most_writes) + " writes");
  size_t bytes = 0;
  for (const Write& write : writes) bytes += write.key.size() + (write.value ? write.value->size() : 0);
  if (bytes > most_commit_bytes) return over(std::to_string(most_commit_bytes) + " bytes of keys and values");
  return {};
}

}  // namespace barrio::ports
