#pragma once
// The loaded library with an environment, and owners for what it hands out. A model keeps its library alive.

#include <memory>
#include <string>

#include "adapters/ort/ort_abi.h"
#include "base/result.h"

namespace barrio::adapters::ort {

class Library {
 public:
  /// Errors: unsupported, with the places that were tried and what to install.
  static Result<std::shared_ptr<const Library>> load(const std::string& explicit_file);
  ~Library();
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

  const Api& api() const { return api_; }
  Env* env() const { return env_; }
  MemoryInfo* memory() const { return memory_; }
  Allocator* allocator() const { return allocator_; }

  /// Turns a status into a Result and releases it. `code` is that of a failure.
  Result<void> check(Status* status, Code code) const;

 private:
  explicit Library(const void* table) : api_(table) {}
  Result<void> start();

  Api api_;
  Env* env_ = nullptr;
  MemoryInfo* memory_ = nullptr;
  Allocator* allocator_ = nullptr;  // the library's own: not released
};

/// Releases with a function of the table.
template <class T>
using Owned = std::unique_ptr<T, void (*)(T*)>;

}  // namespace barrio::adapters::ort
