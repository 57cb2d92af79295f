#pragma once
// Tells devices apart, the same at every gateway.

#include <cstdint>
#include <string_view>

namespace barrio::gateway {

inline uint64_t device_hash(std::string_view ip) {
  uint64_t hash = 0xcbf29ce484222325ULL;  // FNV-1a
  for (const char c : ip) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return hash;
}

}  // namespace barrio::gateway
