#include "adapters/ort/ort_library.h"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <vector>

#include "adapters/ort/plain_words.h"

namespace barrio::adapters::ort {

namespace {

constexpr const char* file_name = "libonnxruntime.so.1";

std::vector<std::string> places(const std::string& explicit_file) {
  if (!explicit_file.empty()) return {explicit_file};
  const char* named = std::getenv("BARRIO_ONNXRUNTIME");
  if (named != nullptr && *named != '\0') return {named};
  std::error_code error;
  const auto folder = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  std::vector<std::string> found;
  if (!error) {
    found = {(folder / file_name).string(), (folder.parent_path() / "lib" / file_name).string(),
             (folder / "onnxruntime" / file_name).string(),
             (folder.parent_path() / "onnxruntime" / file_name).string()};
  }
  found.emplace_back(file_name);
  return found;
}

/// It has no status of its own for this: the words of its arena, and those of an exception that it caught.
bool is_about_memory(const std::string& what) {
  return what.find("Failed to allocate memory") != what.npos || what.find("bad_alloc") != what.npos;
}

}  // namespace

Result<std::shared_ptr<const Library>> Library::load(const std::string& explicit_file) {
  // It reports to its maker unless it is told not to, from threads that a confined process may not start: nothing of a
  // tenant's leaves a site, and not that either.
  ::setenv("ORT_DISABLE_TELEMETRY", "1", 1);
  std::string tried;
  for (const std::string& place : places(explicit_file)) {
    void* handle = dlopen(place.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) {
      const char* why = dlerror();
      tried += "; " + std::string(why == nullptr ? place : why);
      continue;
    }
    using GetApiBase = const ApiBase* (*)();
    const auto get_base = reinterpret_cast<GetApiBase>(dlsym(handle, "OrtGetApiBase"));
    const void* table = get_base == nullptr ? nullptr : get_base()->get_api(api_version);
    if (table == nullptr) {
      tried += "; " + place + ": is not an ONNX Runtime library";
      dlclose(handle);
      continue;
    }
    std::shared_ptr<Library> library(new Library(table));
    TRY_DO(library->start());
    return std::shared_ptr<const Library>(std::move(library));
  }
  return fail(
      Code::unsupported,
      "ONNX models need ONNX Runtime, and no libonnxruntime.so.1 was found: run scripts/fetch-onnxruntime.sh, or set "
      "BARRIO_ONNXRUNTIME to the library's file (tried" +
          tried + ")");
}

Result<void> Library::start() {
  TRY_DO(check(api_.create_env(log_fatal, "barrio", &env_), Code::unsupported));
  TRY_DO(check(api_.cpu_memory_info(device_allocator, memory_default, &memory_), Code::unsupported));
  return check(api_.default_allocator(&allocator_), Code::unsupported);
}

// The library stays mapped: it keeps threads and statics that do not survive an unload.
Library::~Library() {
  if (memory_ != nullptr) api_.release_memory_info(memory_);
  if (env_ != nullptr) api_.release_env(env_);
}

Result<void> Library::check(Status* status, Code code) const {
  if (status == nullptr) return {};
  std::string what = api_.error_message(status);
  api_.release_status(status);
  return fail(is_about_memory(what) ? Code::exhausted : code, "ONNX Runtime: " + plain_words(what));
}

}  // namespace barrio::adapters::ort
