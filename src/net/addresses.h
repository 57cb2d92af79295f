#pragma once
// The members of a service that are as good as one another.

#include <vector>

#include "net/address.h"

namespace barrio::net {

/// One address, or several with commas between. Errors: invalid.
Result<std::vector<SocketAddress>> parse_addresses(std::string_view text);

}  // namespace barrio::net
