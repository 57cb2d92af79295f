#pragma once

#include <string_view>

namespace barrio::engine {

/// As the protocols' server metadata has it.
inline constexpr std::string_view engine_version = "0.1.0";

}  // namespace barrio::engine
