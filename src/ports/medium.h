#pragma once
// What a sealed store stands on: named files in three folders of a local disk, or of an S3 service. A file is written
// once, from its begin to its end; a small one is put there whole. All of it is sealed before it comes here.
//
// Everything blocks, and may be called on any thread; a file is written by one at a time.

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace barrio::ports {

class MediumFile {
 public:
  virtual ~MediumFile() = default;
  /// `offset`: the file's end, or, after take_back(), what it said. Errors: exhausted (no space), unavailable.
  virtual Result<void> write_at(std::string_view bytes, uint64_t offset) = 0;
  /// Whoever opens the file sees what was written. Errors: exhausted, unavailable.
  virtual Result<void> flush() = 0;
  /// What was written, and the file's length, survives from now on. After an error nobody knows what does: the file is
  /// not written again, take_back() tells. Errors: exhausted, unavailable, timed_out (as
  /// unavailable, and it would take as long again to ask what became of it), conflict (another process has the medium).
  virtual Result<void> sync() = 0;
  enum class Fate { gone, stands };
  /// What became of that behind `size`, which failed to be written or synced: it is gone for ever, or it is there after
  /// all, whole and durable. Errors: unavailable (nobody can say yet; ask again), conflict (nor ever, before the medium
  /// is opened again: the file takes nothing more).
  virtual Result<Fate> take_back(uint64_t size) = 0;
  /// Errors: unavailable (also: the file is shorter).
  virtual Result<void> read_to(char* out, uint64_t offset, size_t size) = 0;
  virtual Result<uint64_t> size() = 0;
  /// Bytes that are best read with one call; what is more costs as much as two.
  virtual size_t read_unit() const = 0;
  /// Whether pack() would do something.
  virtual bool wants_pack() { return false; }
  /// Makes it cheaper to read; may be called while it is written. Errors: unavailable; the file is whole all the same.
  virtual Result<void> pack() { return {}; }

  Result<std::string> read_at(uint64_t offset, size_t size) {
    std::string bytes(size, '\0');
    TRY_DO(read_to(bytes.data(), offset, size));
    return bytes;
  }
};
using SharedFile = std::shared_ptr<MediumFile>;

/// keys: small files, put there whole. journal: appended to by the one process that has the medium, and by no other,
/// whatever that believes. content: of random names, or the same bytes whoever writes them.
enum class Folder { keys, journal, content };

class Medium {
 public:
  virtual ~Medium() = default;
  /// Before anything else: this process alone appends to files of the journal from now on. Makes the folders, and ends
  /// what a predecessor was in the middle of. Errors: conflict (another process has it), unavailable, denied, invalid.
  virtual Result<void> take() = 0;
  /// Errors: conflict (another process has taken it since), unavailable.
  virtual Result<void> check_taken() = 0;
  /// Sorted. Errors of all that follows: not_found, conflict (is there already), exhausted, unavailable; naming the
  /// file.
  virtual Result<std::vector<std::string>> names(Folder folder) = 0;
  virtual Result<SharedFile> create(Folder folder, const std::string& name) = 0;
  virtual Result<SharedFile> open(Folder folder, const std::string& name, bool writing = false) = 0;
  /// One that is not there is no error; who has it open reads on. After an error some may be there.
  virtual Result<void> remove(Folder folder, std::span<const std::string> names) = 0;
  Result<void> remove(Folder folder, const std::string& name) { return remove(folder, {&name, 1}); }
  /// Replaces what is there under the new name.
  virtual Result<void> rename(Folder folder, const std::string& from, const std::string& to) = 0;
  /// Which files are there survives from now on.
  virtual Result<void> sync_names(Folder folder) = 0;
  /// Whole or not at all, and durable. What is there is replaced where it is left from an attempt of this process;
  /// conflict: another one has put it there.
  virtual Result<void> make_whole(Folder folder, const std::string& name, std::string_view content) = 0;
  virtual Result<std::string> read_whole(Folder folder, const std::string& name) = 0;
  /// Removes them for good, all or, after an error, some: as far as the medium can say, nobody reads again what they
  /// held.
  virtual Result<void> shred(Folder folder, std::span<const std::string> names) = 0;
  /// For people: where the file is.
  virtual std::string place_of(Folder folder, const std::string& name) const = 0;
};

}  // namespace barrio::ports
