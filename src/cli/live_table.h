#pragma once
// The live table of `barrio up`: one line per camera over the last seconds.

#include <string>

#include "cli/camera_book.h"
#include "cli/demo.h"

namespace barrio::cli {

std::string live_table(const CameraBook& book, const Demo& demo, int64_t now_ms);

}  // namespace barrio::cli
