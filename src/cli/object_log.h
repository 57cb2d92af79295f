#pragma once
// What storage does, in the site's transparency log: a leaf is durable before the client is answered. Storage and log
// live on two loops; this is called on the first, and appends on the second.

#include <memory>

#include "model/snapshot.h"
#include "net/reactor.h"
#include "objects/object_events.h"
#include "ports/runtime.h"
#include "ports/transparency_log.h"

namespace barrio::cli {

class ObjectLog final : public objects::ObjectEvents {
 public:
  /// Of the log's loop; all outlive this.
  struct LogSide {
    net::Reactor& reactor;
    ports::Runtime& runtime;
    ports::TransparencyLog& log;
  };
  ObjectLog(ports::Runtime& runtime, net::Reactor& reactor, LogSide log)
      : runtime_(runtime), reactor_(reactor), log_(log) {}

  /// What comes while others' leaves are being written waits, and is written together.
  Result<void> note(const objects::ObjectEvent& event) override;
  void set_snapshot(std::shared_ptr<const Snapshot> snapshot) { snapshot_ = std::move(snapshot); }

 private:
  struct Batch;
  void send();

  ports::Runtime& runtime_;
  net::Reactor& reactor_;
  const LogSide log_;
  std::shared_ptr<Batch> next_;  // collects
  std::shared_ptr<Batch> sent_;  // the last, until one of its fibers knows that it is done
  std::shared_ptr<const Snapshot> snapshot_;
};

}  // namespace barrio::cli
