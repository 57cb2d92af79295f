#pragma once
// Content that was opened and checked, kept in memory for those who ask for the same next: what was read last, up to so
// many bytes. To open a sealed byte costs more than to send it. Lives on the store's loop.

#include <list>
#include <map>
#include <memory>
#include <string>

#include "base/shared_pages.h"

namespace barrio::adapters::sealed_store {

class ContentCache {
 public:
  /// Read and kept at once; a multiple of a chunk.
  static constexpr size_t span_bytes = 512 * 1024;
  /// Files larger than this part of the cache are not kept: one of them would drive out what many ask for.
  static constexpr size_t largest_part = 16;
  using Span = std::shared_ptr<const SharedPages::Block>;
  struct Figures {
    uint64_t hits = 0;    // spans that were asked for and here
    uint64_t misses = 0;  // and not here
    size_t bytes = 0;
    size_t most_bytes = 0;
  };

  explicit ContentCache(size_t most_bytes) : most_bytes_(most_bytes) {}
  /// For what is to be kept; from any thread. Null: the system has no such memory.
  std::unique_ptr<SharedPages::Block> room(size_t bytes) { return pages_->take(bytes); }
  bool takes(int64_t file_bytes) const { return static_cast<size_t>(file_bytes) <= most_bytes_ / largest_part; }
  /// Null: it is not here. `number`: from the file's begin.
  Span find(const std::string& file, uint64_t number);
  /// Unless something was dropped since `drops()` said so: it could be of a file that is gone.
  void keep(const std::string& file, uint64_t number, Span span, uint64_t drops);
  /// The file is gone, and nothing of it stays in memory.
  void drop(const std::string& file);
  uint64_t drops() const { return drops_; }
  Figures figures() const { return {hits_, misses_, bytes_, most_bytes_}; }

 private:
  struct Key {
    std::string file;
    uint64_t number;
    auto operator<=>(const Key&) const = default;
  };
  struct Entry {
    Span span;
    std::list<Key>::iterator use;
  };
  void forget(std::map<Key, Entry>::iterator entry);

  const size_t most_bytes_;
  size_t bytes_ = 0;
  uint64_t hits_ = 0;
  uint64_t misses_ = 0;
  uint64_t drops_ = 0;
  const std::shared_ptr<SharedPages> pages_ = std::make_shared<SharedPages>(span_bytes);
  std::map<Key, Entry> entries_;
  std::list<Key> uses_;  // the last one first
};

}  // namespace barrio::adapters::sealed_store
