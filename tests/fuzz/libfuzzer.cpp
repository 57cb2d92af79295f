// libFuzzer's entry to the target that this is linked with.

#include <cstddef>
#include <cstdint>

#include "target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  barrio::fuzz::run_target({reinterpret_cast<const char*>(data), size});
  return 0;
}
