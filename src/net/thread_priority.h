#pragma once
// How the threads of a site share its cores: those that carry requests run as soon as they have something to do, those
// that compute fill the rest. Both are requests to the kernel that need no privilege; one that does not know them
// (short turns: before Linux 6.12) goes on as before.

namespace barrio::net {

/// The calling thread carries requests: it asks for short turns (100 us), so that it is run soon after it wakes.
void carry_requests();

/// The calling thread, and every thread that it starts, computes for long: it yields to those that carry requests
/// (nice 10).
void compute_in_background();

}  // namespace barrio::net
