#pragma once
// The loaded and initialised library. Nothing is linked.

#include <memory>
#include <string>

#include "adapters/nvml/nvml_abi.h"
#include "base/result.h"

namespace barrio::adapters::nvml {

class Library {
 public:
  /// Null: there is no such library, or its driver is not loaded: no NVIDIA devices here. `file`: used instead of
  /// libnvidia-ml.so.1 where the dynamic linker looks. Errors: unavailable, in the library's words.
  static Result<std::unique_ptr<Library>> load(const std::string& file);
  ~Library();
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

  const Api& api() const { return api_; }
  Error error(int status, const std::string& doing) const;

 private:
  explicit Library(const Api& api) : api_(api) {}
  Api api_;
};

}  // namespace barrio::adapters::nvml
