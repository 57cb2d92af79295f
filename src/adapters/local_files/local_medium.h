#pragma once
// ports::Medium in a folder of one disk:
//
//   lock          held by the one process that uses it
//   keys/         journal/         objects/

#include <array>

#include "adapters/local_files/disk.h"
#include "ports/medium.h"

namespace barrio::adapters {

class LocalMedium final : public ports::Medium {
 public:
  /// `disk`: none: the real one.
  explicit LocalMedium(std::string folder, local_files::Disk* disk = nullptr)
      : folder_(std::move(folder)), disk_(disk == nullptr ? own_disk_ : *disk) {}

  Result<void> take() override;
  Result<void> check_taken() override { return {}; }
  Result<std::vector<std::string>> names(ports::Folder folder) override;
  Result<ports::SharedFile> create(ports::Folder folder, const std::string& name) override;
  Result<ports::SharedFile> open(ports::Folder folder, const std::string& name, bool writing) override;
  using Medium::remove;
  Result<void> remove(ports::Folder folder, std::span<const std::string> names) override;
  Result<void> rename(ports::Folder folder, const std::string& from, const std::string& to) override;
  Result<void> sync_names(ports::Folder folder) override;
  Result<void> make_whole(ports::Folder folder, const std::string& name, std::string_view content) override;
  Result<std::string> read_whole(ports::Folder folder, const std::string& name) override;
  /// What the files held is written over first: a file system may keep what a removed file held.
  Result<void> shred(ports::Folder folder, std::span<const std::string> names) override;
  std::string place_of(ports::Folder folder, const std::string& name) const override;

 private:
  std::string path_of(ports::Folder folder) const;
  Result<void> wipe_shredded(ports::Folder folder);

  const std::string folder_;
  local_files::Disk own_disk_;
  local_files::Disk& disk_;
  local_files::SharedFile lock_;
  std::array<local_files::SharedFile, 3> folders_;
};

}  // namespace barrio::adapters
