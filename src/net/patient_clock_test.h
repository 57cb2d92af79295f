#pragma once
// For tests in real time, of leases and silences of some hundred milliseconds: a clock that a busy machine does not run
// away with.

#include <algorithm>

#include "net/reactor.h"

namespace barrio::net::test {

/// Of this thread: what passed since it was last read, but at most 25 ms. Where nobody ran, nobody was late. Not for a
/// test of whether a loop is kept waiting: this clock does not see it.
inline Time patient_clock() {
  thread_local Time real = read_clock();
  thread_local Time told = real;
  const Time now = read_clock();
  told += std::min<Duration>(now - real, 25ms);
  real = now;
  return told;
}

}  // namespace barrio::net::test
