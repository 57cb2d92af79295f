#pragma once
// The text that a snapshot stands on disk as. Most of it is the network and the apps, which most snapshots leave as
// they were: those parts are printed once.

#include <memory>
#include <string>
#include <vector>

#include "model/snapshot.h"

namespace barrio::agent {

class SnapshotText {
 public:
  /// As to_disk_text() has it.
  std::string of(std::shared_ptr<const Snapshot> snapshot);

 private:
  std::shared_ptr<const Snapshot> last_;  // null: none yet
  std::vector<std::string> parts_;        // of it, by field
};

}  // namespace barrio::agent
