#pragma once
// ports::Medium in a bucket of an S3 service, under a prefix that nobody else uses:
//
//   keys/SEALED NAME                 sealed keys; their names, which have tenants', are sealed, too
//   journal/SEGMENT/PIECE            (layout.h)
//   journal-floor/SEGMENT            empty: what is before this segment counts no more
//   objects/NAME/PIECE
//
// One process at a time, without a lock. Where the next piece of the journal goes is always one certain key: behind the
// last piece of the last segment, or, where an empty piece ended that, the begin of the next segment. It is put with
// If-None-Match, so that one process alone has put it. Who opens the journal ends it there: whoever wrote before finds
// its next place taken, and from then on refuses everything. Keys on which an earlier process could still come never
// become free: the empty pieces and the first one of each segment stay, also of segments that were dropped (then empty,
// too). docs/adr/0017 has the argument in full.

#include <map>

#include "adapters/s3/s3_file.h"

namespace barrio::adapters {

class S3Medium final : public ports::Medium {
 public:
  /// `names_key`: 32 bytes, seals names. Without `together` pieces of the journal are read one after the other.
  S3Medium(s3::ServiceConfig config, std::unique_ptr<s3::Transport> transport, std::string names_key,
           s3::Together together = {});

  /// Errors: conflict (another one is opening it, too), unavailable, invalid (the service does not do If-None-Match, or
  /// the bucket keeps versions).
  Result<void> take() override;
  Result<void> check_taken() override;
  Result<std::vector<std::string>> names(ports::Folder folder) override;
  Result<ports::SharedFile> create(ports::Folder folder, const std::string& name) override;
  Result<ports::SharedFile> open(ports::Folder folder, const std::string& name, bool writing) override;
  using Medium::remove;
  Result<void> remove(ports::Folder folder, std::span<const std::string> names) override;
  Result<void> rename(ports::Folder folder, const std::string& from, const std::string& to) override;
  Result<void> sync_names(ports::Folder) override { return {}; }
  Result<void> make_whole(ports::Folder folder, const std::string& name, std::string_view content) override;
  Result<std::string> read_whole(ports::Folder folder, const std::string& name) override;
  Result<void> shred(ports::Folder folder, std::span<const std::string> names) override {
    return remove(folder, names);
  }
  std::string place_of(ports::Folder folder, const std::string& name) const override;

 private:
  using SharedLayout = std::shared_ptr<s3::Layout>;
  static constexpr size_t most_layouts = 65'536;  // of content, that are remembered

  Result<void> probe() const;
  Result<void> clear_probes() const;
  Result<void> load_journal();
  Result<void> end_predecessor();
  Result<bool> end_at(s3::Layout& layout, bool& is_mine);
  Result<bool> is_the_end(s3::Layout& layout);
  static Result<void> take_in(s3::Layout& layout, std::vector<s3::Piece> listed);
  Result<void> fill_gaps();
  std::string segment_path(uint32_t number) const;
  Result<std::map<std::string, std::vector<s3::Piece>>> files_below(const std::string& folder) const;
  SharedLayout known(const std::string& path);
  SharedLayout remember(SharedLayout layout);
  Result<SharedLayout> layout_of(const std::string& path);
  Result<void> drop_segment(const std::string& name);
  Result<void> clear_segment(s3::Layout& layout);
  Result<void> remove_condemned();
  std::string key_name(const std::string& name) const;
  Result<std::string> name_of_key(std::string_view key) const;

  const s3::Service service_;
  const std::string names_key_;
  s3::Shared shared_;
  uint32_t floor_ = 1;
  std::mutex mutex_;  // of what follows
  std::map<std::string, SharedLayout> layouts_;
  std::vector<SharedLayout> condemned_;  // removed, and still read by somebody
  uint32_t tail_ = 0;                    // number of the segment that is appended to, or was ended last
};

}  // namespace barrio::adapters
