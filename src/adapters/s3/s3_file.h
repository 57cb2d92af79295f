#pragma once
// ports::MediumFile as a run of S3 objects (layout.h). Content is put in pieces as it comes; what one sync makes
// durable of the journal is one piece, put where nobody has put one (fencing: s3_medium.h).

#include <mutex>

#include "adapters/s3/layout.h"
#include "adapters/s3/service.h"
#include "ports/medium.h"

namespace barrio::adapters::s3 {

/// What is known of one file; all that have it open share it.
struct Layout {
  explicit Layout(std::string name) : path(std::move(name)) {}
  const std::string path;  // "journal/0000000001.log"
  std::mutex mutex;
  Run run;  // under the mutex

  std::string key_of(const Piece& piece) const { return path + "/" + piece.name(); }
  std::string slot(uint64_t offset) const { return key_of({offset, 0, false}); }
};

/// Calls `work` on so many threads at a time, or on fewer, and returns once all have ended.
using Together = std::function<void(size_t threads, const std::function<void()>& work)>;

/// What the files of one medium share.
struct Shared {
  const Service& service;
  const std::string owner;  // of this process, and no other
  const Together together = {};
  std::atomic<size_t> buffered = 0;  // bytes of content that are not put yet, in all files
  std::atomic<bool> is_fenced = false;

  tl::unexpected<Error> fenced();
};

/// What stands where a piece was to be put.
enum class Found { mine, end_of_mine, end_of_other, other };
Result<Found> look_at_slot(const Shared& shared, const std::string& key, std::string_view mine);

/// What there is of a file.
Result<std::vector<Piece>> list_pieces(const Service& service, const std::string& path);

/// Puts an empty piece at the end. True: the file has ended, there. False: it has not, what was `pending` stands there.
/// Errors: unavailable, conflict (another process has the medium).
Result<bool> end_file(Shared& shared, Layout& layout, std::string_view pending);

class S3File final : public ports::MediumFile {
 public:
  static constexpr size_t piece_bytes = 4 * 1024 * 1024;
  static constexpr size_t most_buffered = 256 * 1024 * 1024;  // of all files; over it pieces are smaller
  static constexpr size_t least_piece = 1024 * 1024;
  static constexpr size_t read_ahead = 2 * 1024 * 1024;
  static constexpr size_t most_requests = 8;  // at a time, where a journal is read: it may be of many small pieces

  S3File(Shared& shared, std::shared_ptr<Layout> layout, bool is_journal)
      : shared_(shared), layout_(std::move(layout)), is_journal_(is_journal) {}
  ~S3File() override { shared_.buffered -= counted_; }
  Result<void> write_at(std::string_view bytes, uint64_t offset) override;
  Result<void> flush() override;
  Result<void> sync() override;
  Result<Fate> take_back(uint64_t size) override;
  Result<void> read_to(char* out, uint64_t offset, size_t size) override;
  Result<uint64_t> size() override;
  size_t read_unit() const override { return piece_bytes; }
  bool wants_pack() override;
  Result<void> pack() override;

 private:
  Result<void> put_content();
  void add_pending();
  Result<void> fetch(char* out, uint64_t offset, size_t size);
  Result<void> fetch_piece(const Piece& piece, char* out, uint64_t offset, size_t size);
  Result<void> fetch_known(char* out, uint64_t offset, size_t size, std::optional<Piece>& missing);
  Result<void> look_again(const Piece& missing);
  Result<void> pack_one(const std::vector<Piece>& group);

  Shared& shared_;
  const std::shared_ptr<Layout> layout_;
  const bool is_journal_;
  std::string pending_;  // at the end, not put yet, or nobody knows
  size_t counted_ = 0;   // of it, in shared_.buffered
  std::mutex window_mutex_;
  std::string window_;  // what was read last, and what may be read next
  uint64_t window_begin_ = 0;
};

}  // namespace barrio::adapters::s3
