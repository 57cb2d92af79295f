#pragma once
// Where control keeps what is not desired state.

namespace barrio::control {

/// The keys of all that is not desired state begin with it, and come behind those of all that is.
inline constexpr const char* aside = "~";

}  // namespace barrio::control
