#pragma once
// Equality of JSON values where numbers may differ in their last bit: Boost.JSON 1.81 does not read every decimal to
// the nearest double.

#include "base/json.h"

namespace barrio::fuzz {

bool same_json(const Json& a, const Json& b);

}  // namespace barrio::fuzz
