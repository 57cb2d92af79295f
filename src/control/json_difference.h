#pragma once
// What of a document became another, in the words of the audit.

#include <string>

#include "base/json.h"

namespace barrio::control {

/// "power.cap none -> 300W, racks r1.power.cap none -> 200W"; entries of a list by their `name`, else by number. Empty:
/// they are the same. At most about 2000 bytes.
std::string difference(const Json& from, const Json& to);

}  // namespace barrio::control
