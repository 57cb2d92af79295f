#include "ports/state_store.h"

namespace barrio::ports {

std::string KeyRange::end() const {
  std::string end = prefix;
  while (!end.empty() && static_cast<unsigned char>(end.back()) == 0xff) end.pop_back();
  if (!end.empty()) end.back() = static_cast<char>(end.back() + 1);
  return before.empty() || (!end.empty() && end < before) ? end : before;
}

KeyRange KeyRange::within(const std::string& outer) const {
  return {outer + prefix, from.empty() ? "" : outer + from, before.empty() ? "" : outer + before};
}

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
