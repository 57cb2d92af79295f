#pragma once
// Where browsers reach the members of control, so that a page of the console goes on at another one when the one that
// gave it out is gone. docs/adr/0027: which pages may read what, and why no others.

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace barrio::control {

/// By member: an origin as browsers tell theirs ("https://control-2.example:8443").
using Consoles = std::map<std::string, std::string>;

/// "host:port" is in clear. Errors: invalid, also for an IPv6 address, which the policy of a page cannot name.
Result<std::string> parse_origin(std::string_view text);

/// The Content-Security-Policy of a page, which may then ask these, too.
std::string with_consoles(std::string policy, const Consoles& consoles);

}  // namespace barrio::control
