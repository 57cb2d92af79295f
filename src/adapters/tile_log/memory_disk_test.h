#pragma once
// A LogDisk in memory whose n-th write fails, is cut in the middle, or happens and is then said to have failed; after a
// cut nothing works any more, as after kill -9.

#include <map>

#include "adapters/tile_log/log_disk.h"

namespace barrio::adapters::tile_log_test {

enum class Fault { none, full, cut, done_but_failed };

class MemoryDisk final : public LogDisk {
 public:
  Result<std::optional<std::string>> read(const std::string& name) override {
    if (dead_) return fail(Code::unavailable, "dead");
    if (std::exchange(fails_reading, false)) return fail(Code::unavailable, "cannot be read");
    const auto found = files.find(name);
    return found == files.end() ? std::nullopt : std::optional(found->second);
  }
  Result<void> append(const std::string& name, std::string_view bytes) override {
    return act(bytes, [&](std::string_view part) { files[name] += part; });
  }
  Result<void> write(const std::string& name, std::string_view bytes) override {
    return act(bytes, [&](std::string_view part) { files[name] = part; });
  }
  Result<void> sync_folder(const std::string&) override {
    return act("", [](std::string_view) {});
  }
  Result<void> replace(const std::string& name, std::string_view bytes) override {
    return act(bytes, [&](std::string_view part) {
      if (part.size() == bytes.size()) files[name] = part;
    });
  }
  std::string mark(const std::string& name) override {
    return files.contains(name) ? std::to_string(version_) : std::string();
  }
  Result<std::shared_ptr<void>> lock() override { return std::make_shared<int>(0); }

  /// The write after `writes` others.
  void plan(Fault fault, int writes, size_t part = 0) {
    fault_ = fault;
    left_ = writes;
    part_ = part;
  }
  /// From here on marks differ from those that were taken before.
  void another_wrote() { ++version_; }
  bool dead() const { return dead_; }
  /// Of a process that starts again.
  void revive() {
    dead_ = false;
    fault_ = Fault::none;
  }

  std::map<std::string, std::string> files;
  bool fails_reading = false;  // once

 private:
  template <class Write>
  Result<void> act(std::string_view bytes, const Write& write) {
    if (dead_) return fail(Code::unavailable, "dead");
    const bool now = fault_ != Fault::none && left_-- == 0;
    if (!now || fault_ == Fault::done_but_failed) write(bytes);
    if (!now) return {};
    if (fault_ == Fault::full) return fail(Code::exhausted, "No space left on device");
    if (fault_ == Fault::done_but_failed) return fail(Code::unavailable, "Input/output error");
    write(bytes.substr(0, std::min(bytes.size(), part_)));
    dead_ = true;
    return fail(Code::unavailable, "dead");
  }

  Fault fault_ = Fault::none;
  int left_ = 0;
  size_t part_ = 0;
  int version_ = 1;
  bool dead_ = false;
};

}  // namespace barrio::adapters::tile_log_test
