#pragma once
// CHECK(condition): a programming error ends the process with file, line and text, also in release builds.

namespace barrio {
[[noreturn]] void check_failed(const char* expression, const char* file, int line);
}

// doctest has a macro of the same name; tests keep doctest's.
#ifndef CHECK
#define CHECK(condition) ((condition) ? void() : ::barrio::check_failed(#condition, __FILE__, __LINE__))
#endif
