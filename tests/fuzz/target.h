#pragma once
// One parser of bytes from outside, driven by any bytes at all. Each file in targets/ defines run_target(); it is built
// twice: with libFuzzer (preset fuzz), and with replay.cpp, which every ./test runs. What must hold is a CHECK.

#include <string_view>

namespace barrio::fuzz {

void run_target(std::string_view input);

}  // namespace barrio::fuzz
