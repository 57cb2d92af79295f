#pragma once
// What the C library does with large blocks that are freed.

namespace barrio {

/// Keeps up to 64 MiB of freed memory for the next block instead of giving it back: where a tensor comes and goes with
/// every request, getting its pages anew costs more than copying it. For a whole process, before it has threads.
void keep_freed_memory();

}  // namespace barrio
