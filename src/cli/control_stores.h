#pragma once
// Where a control process keeps its state: two SQLite files of its own, or sections of an etcd cluster that the members
// share.

#include "adapters/etcd/etcd_state_store.h"
#include "adapters/sqlite/sqlite_state_store.h"
#include "cli/roles.h"
#include "cli/service_loop.h"
#include "control/fenced_store.h"

namespace barrio::cli {

class ControlStores {
 public:
  /// `none`: for a tool that holds the leader's key itself.
  enum class Fence { leader, none };
  /// Errors: invalid, and those of SqliteStateStore::open and of TLS files.
  static Result<std::unique_ptr<ControlStores>> open(ServiceLoop& loop, const ControlFile& file,
                                                     Fence fence = Fence::leader);
  ports::StateStore& state() { return *state_; }
  /// In etcd it is written only by who leads; the file has one owner anyway.
  ports::StateStore& usage() { return *usage_; }
  void fence_by(control::Leadership& leadership) {
    if (fence_) fence_->fence_by(leadership);
  }

 private:
  Result<void> open_files(ports::Runtime& runtime, const ControlFile& file);
  Result<void> open_etcd(ServiceLoop& loop, const EtcdFile& file, Fence fence);

  std::unique_ptr<adapters::EtcdStateStore> etcd_;
  std::unique_ptr<control::FencedStore> fence_;
  std::unique_ptr<ports::StateStore> state_;
  std::unique_ptr<ports::StateStore> usage_;
};

}  // namespace barrio::cli
