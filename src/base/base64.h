#pragma once
// Base64 of RFC 4648 section 4, with padding; base/text.h has base64url.

#include <optional>
#include <string>
#include <string_view>

namespace barrio {

std::string base64(std::string_view bytes);
/// Only the one text that base64() writes for these bytes: padded, nothing between, unused bits zero.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace barrio
