#pragma once
// What the tests of adapters/nvml can change in the library that plays NVML, and see of it.

#include <cstddef>

struct FakeNvml {
  int init_status = 0;
  int started = 0;  // calls of init without their shutdown
  bool first_is_lost = false;
  unsigned long long reasons = 0;  // why the first device is slow
  int errors = 0;                  // that wait to be read
  size_t errors_of = 0;            // device
  unsigned xid = 0;
  int samples = 0;  // that were made and not freed
};

extern "C" FakeNvml* fake_nvml();
