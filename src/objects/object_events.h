#pragma once
// Who is told of every object, before the client is: what a proof of residency is made of.

#include <string>

#include "model/bucket.h"

namespace barrio::objects {

/// copied: from another site.
enum class ObjectAct { stored, copied, deleted };

struct ObjectEvent {
  ObjectAct act = ObjectAct::stored;
  const Bucket& bucket;  // its tenant, its policy and that one's version
  std::string key;
  std::string
      sha256;  // of the content, hex; of an object in parts: of their hashes one after the other; deleted: empty
  int64_t bytes = 0;
  SiteId site;  // where it happened
};

class ObjectEvents {
 public:
  virtual ~ObjectEvents() = default;
  /// The change is on the disk; the client is answered when this has returned, and with a failure where it fails. May
  /// park the calling fiber.
  virtual Result<void> note(const ObjectEvent& event) = 0;
};

/// Where nobody is to be told.
class NoObjectEvents final : public ObjectEvents {
 public:
  Result<void> note(const ObjectEvent&) override { return {}; }
};

}  // namespace barrio::objects
