#pragma once
// Memory that the kernel can read as a file, too (memfd_create), so that it sends what stands there without copying it
// (sendfile). Blocks are written once, before anybody else has them, and never again: the kernel may hold pages that
// are on their way long after their block is gone. That is why a block's pages are given back and not used again. Where
// the system would put several blocks into one large page, of which no part can be given back alone, blocks stand in
// ordinary memory.

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace barrio {

/// Where a file has bytes.
struct FilePlace {
  int fd = -1;
  uint64_t offset = 0;
};

/// Any thread takes blocks and gives them back.
class SharedPages : public std::enable_shared_from_this<SharedPages> {
 public:
  class Block {
   public:
    ~Block();
    Block(const Block&) = delete;
    Block& operator=(const Block&) = delete;
    char* data() { return data_; }
    std::string_view bytes() const { return {data_, size_}; }
    /// Of the first byte; none: the kernel has it in no file.
    std::optional<FilePlace> place() const;

   private:
    friend SharedPages;
    Block(std::shared_ptr<SharedPages> pages, uint64_t slot, char* data, size_t size);
    const std::shared_ptr<SharedPages> pages_;
    const uint64_t slot_;
    char* const data_;
    const size_t size_;
  };

  /// Of blocks of at most so many bytes, a multiple of a page. `use_file`: unless the system's pages forbid it.
  explicit SharedPages(size_t block_bytes, bool use_file = true);
  ~SharedPages();
  SharedPages(const SharedPages&) = delete;
  SharedPages& operator=(const SharedPages&) = delete;
  /// At least one byte, to be written by who asked. Null: the system has no such memory for us.
  std::unique_ptr<Block> take(size_t bytes);

 private:
  static constexpr size_t region_slots = 64;  // are mapped at once: a process may have few mappings
  std::pair<uint64_t, char*> take_slot();     // null: the system maps no more
  void give_back(uint64_t slot);

  const size_t slot_bytes_;
  const int fd_;
  std::mutex mutex_;
  std::vector<char*> regions_;  // of the file, from its begin
  uint64_t slots_ = 0;          // that ever were
  std::vector<uint64_t> free_;
};

}  // namespace barrio
