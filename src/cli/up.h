#pragma once
// `barrio up`: the whole network on this machine, watched live, with the story of First light on its own.

#include "cli/actions.h"

namespace barrio::cli {

/// True if all expectations of the story held (or none was asked for) until it ended by itself or by Ctrl-C.
Result<bool> up(const std::string& home, const UpCommand& command);

}  // namespace barrio::cli
