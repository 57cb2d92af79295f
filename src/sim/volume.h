#pragma once
// The part of a simulated site's disk that its storage has: files of which a crash takes what was not synced, and a
// Medium on them. What is wrong with the disk (sim/site_fakes.h) is wrong with this, too.

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "model/bucket.h"
#include "ports/medium.h"
#include "sim/site_fakes.h"

namespace barrio::sim {

/// Outlives the processes of its site.
class Volume {
 public:
  /// What was not synced goes, or stays, or some of it: of each file, and of each name.
  void lose_power(Rng& rng);

  /// How many files of sealed content there are.
  size_t content_files() const { return now_[static_cast<size_t>(ports::Folder::content)].size(); }

  /// By name.
  std::vector<std::string> files(ports::Folder folder) const;
  /// Of a file, what no crash takes away; empty: there is no such file.
  std::string_view durable(ports::Folder folder, const std::string& name) const;
  /// As the disk has it, from now on: a bit rots, or is whole again. `mask`: of this byte's bits.
  void flip(ports::Folder folder, const std::string& name, size_t offset, char mask);

  /// The orders that storage keeps from one run to the next; replaced whole.
  std::optional<StorageOrders> orders;

 private:
  friend class SimMedium;
  struct File {
    std::string bytes;
    size_t synced = 0;  // of them survive
  };
  using Names = std::map<std::string, std::shared_ptr<File>>;

  static void lose_power(File& file, Rng& rng);

  std::array<Names, 3> now_;     // by folder
  std::array<Names, 3> synced_;  // as sync_names() left them
};

/// One process's hold on it. Syncs take as long as a write of the disk, and a crash may strike while they do.
class SimMedium final : public ports::Medium {
 public:
  SimMedium(ports::Runtime& runtime, Volume& volume, const Disk& disk)
      : runtime_(runtime), volume_(volume), disk_(disk) {}
  Result<void> take() override { return {}; }
  Result<void> check_taken() override { return {}; }
  Result<std::vector<std::string>> names(ports::Folder folder) override;
  Result<ports::SharedFile> create(ports::Folder folder, const std::string& name) override;
  Result<ports::SharedFile> open(ports::Folder folder, const std::string& name, bool writing) override;
  Result<void> remove(ports::Folder folder, std::span<const std::string> names) override;
  Result<void> rename(ports::Folder folder, const std::string& from, const std::string& to) override;
  Result<void> sync_names(ports::Folder folder) override;
  Result<void> make_whole(ports::Folder folder, const std::string& name, std::string_view content) override;
  Result<std::string> read_whole(ports::Folder folder, const std::string& name) override;
  Result<void> shred(ports::Folder folder, std::span<const std::string> names) override;
  std::string place_of(ports::Folder folder, const std::string& name) const override;

 private:
  class OpenFile;

  Volume::Names& now(ports::Folder folder) { return volume_.now_[static_cast<size_t>(folder)]; }
  Volume::Names& synced(ports::Folder folder) { return volume_.synced_[static_cast<size_t>(folder)]; }
  Result<void> check_room(const std::string& place) const;
  void wait() { runtime_.sleep_for(disk_.write_takes); }

  ports::Runtime& runtime_;
  Volume& volume_;
  const Disk& disk_;
};

}  // namespace barrio::sim
