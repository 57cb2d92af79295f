#include "base/shared_pages.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>

#include "base/check.h"

namespace barrio {

namespace {

/// Whether memory of ours that is a file consists of ordinary pages: of a large one, a part that is given back is
/// zeroed where it is, and may stay (Linux, admin-guide/mm/transhuge.rst).
bool has_small_pages() {
  namespace fs = std::filesystem;
  std::error_code error;
  std::vector<fs::path> settings = {"/sys/kernel/mm/transparent_hugepage/shmem_enabled"};
  for (const auto& size : fs::directory_iterator(settings[0].parent_path(), error))
    settings.push_back(size.path() / "shmem_enabled");
  return std::ranges::all_of(settings, [](const fs::path& path) {
    // "always within_size [never]"; none: an older system
    std::ifstream file(path);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    const size_t begin = text.find('[');
    if (begin == std::string::npos) return true;
    const std::string_view chosen = std::string_view(text).substr(begin + 1, text.find(']', begin) - begin - 1);
    return chosen == "never" || chosen == "advise" || chosen == "deny" || chosen == "inherit";
  });
}

}  // namespace

SharedPages::Block::Block(std::shared_ptr<SharedPages> pages, uint64_t slot, char* data, size_t size)
    : pages_(std::move(pages)), slot_(slot), data_(data), size_(size) {}

SharedPages::Block::~Block() {
  if (pages_->fd_ < 0) {
    delete[] data_;
  } else {
    pages_->give_back(slot_);
  }
}

std::optional<FilePlace> SharedPages::Block::place() const {
  if (pages_->fd_ < 0) return std::nullopt;
  return FilePlace{pages_->fd_, slot_ * pages_->slot_bytes_};
}

SharedPages::SharedPages(size_t block_bytes, bool use_file)
    : slot_bytes_(block_bytes),
      fd_(use_file && has_small_pages() ? memfd_create("barrio-shared-pages", MFD_CLOEXEC) : -1) {
  CHECK(block_bytes > 0 && block_bytes % static_cast<size_t>(sysconf(_SC_PAGESIZE)) == 0);
}

SharedPages::~SharedPages() {
  for (char* const region : regions_) munmap(region, region_slots * slot_bytes_);
  if (fd_ >= 0) close(fd_);
}

std::unique_ptr<SharedPages::Block> SharedPages::take(size_t bytes) {
  CHECK(bytes > 0 && bytes <= slot_bytes_);
  if (fd_ < 0) return std::unique_ptr<Block>(new Block(shared_from_this(), 0, new char[bytes], bytes));
  const auto [slot, data] = take_slot();
  // A page that cannot be had when it is written would end the process.
  if (data == nullptr || fallocate(fd_, 0, static_cast<off_t>(slot * slot_bytes_), static_cast<off_t>(bytes)) != 0) {
    give_back(slot);
    return nullptr;
  }
  return std::unique_ptr<Block>(new Block(shared_from_this(), slot, data, bytes));
}

std::pair<uint64_t, char*> SharedPages::take_slot() {
  const std::lock_guard lock(mutex_);
  uint64_t slot = slots_;
  if (free_.empty()) {
    ++slots_;
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  const size_t region = slot / region_slots;
  const size_t region_bytes = region_slots * slot_bytes_;
  CHECK(region <= regions_.size());
  if (region == regions_.size()) {
    void* const mapped =
        mmap(nullptr, region_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, static_cast<off_t>(region * region_bytes));
    if (mapped == MAP_FAILED) return {slot, nullptr};
    regions_.push_back(static_cast<char*>(mapped));
  }
  return {slot, regions_[region] + slot % region_slots * slot_bytes_};
}

void SharedPages::give_back(uint64_t slot) {
  const auto at = static_cast<off_t>(slot * slot_bytes_);
  // A slot whose pages the kernel would not take out of the file could still be on its way to somebody.
  if (fallocate(fd_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, static_cast<off_t>(slot_bytes_)) != 0) return;
  const std::lock_guard lock(mutex_);
  free_.push_back(slot);
}

}  // namespace barrio
