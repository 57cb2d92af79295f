#include "base/result.h"

#include <cstdio>
#include <cstdlib>

#include "base/check.h"

namespace barrio {

const char* to_string(Code code) {
  switch (code) {
    case Code::not_found: return "not_found";
    case Code::conflict: return "conflict";
    case Code::invalid: return "invalid";
    case Code::denied: return "denied";
    case Code::exhausted: return "exhausted";
    case Code::unavailable: return "unavailable";
    case Code::timed_out: return "timed_out";
    case Code::cancelled: return "cancelled";
    case Code::unsupported: return "unsupported";
  }
  return "unknown";
}

void check_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "CHECK failed: %s at %s:%d\n", expression, file, line);
  std::abort();
}

}  // namespace barrio
