#pragma once

#include <cstddef>

namespace barrio {

/// That this process may use, from 1 to 256.
size_t usable_cores();

}  // namespace barrio
