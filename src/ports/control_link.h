#pragma once
// An agent's way to control. Both calls may park the calling fiber.

#include <string>

#include "model/snapshot.h"

namespace barrio::ports {

class ControlLink {
 public:
  virtual ~ControlLink() = default;
  /// One level-triggered exchange. Errors: unavailable, timed_out, denied.
  virtual Result<SiteOrders> sync(const SiteReport& report) = 0;
  /// The content with this SHA-256 (hex), verified. Errors: not_found, unavailable, timed_out, denied.
  virtual Result<std::string> fetch_blob(const std::string& sha256) = 0;
};

}  // namespace barrio::ports
