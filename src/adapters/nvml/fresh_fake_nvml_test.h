#pragma once
// The library that plays NVML, from a test's side of it.

#include <dlfcn.h>
#include <doctest/doctest.h>

#include "adapters/nvml/fake_nvml_test.h"

/// Its state, as new but for what is open in it.
inline FakeNvml& fresh_fake_nvml() {
  void* handle = dlopen(BARRIO_FAKE_NVML, RTLD_NOW | RTLD_LOCAL);
  REQUIRE(handle != nullptr);
  const auto get = reinterpret_cast<FakeNvml* (*)()>(dlsym(handle, "fake_nvml"));
  REQUIRE(static_cast<bool>(get));
  const int started = get()->started;
  const int samples = get()->samples;
  *get() = {};
  get()->started = started;
  get()->samples = samples;
  return *get();
}
