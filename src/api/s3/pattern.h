#pragma once
// Texts with wildcards, as S3's rules have them.

#include <string_view>

namespace barrio::api::s3 {

/// '*' stands for any characters, '?' for one; all else for itself. In time of pattern times text.
bool matches(std::string_view pattern, std::string_view text);

}  // namespace barrio::api::s3
