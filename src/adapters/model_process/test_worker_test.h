#pragma once
// The test program is its own model process: started again with one test case, which is skipped otherwise.

#include <cstdlib>
#include <string>
#include <thread>

#include "adapters/model_process/model_process_backend.h"
#include "net/reactor.h"

namespace barrio::adapters::test {

inline std::vector<std::string> program_running(const std::string& test_case) {
  return {"/proc/self/exe", "--test-case=" + test_case, "--no-skip=true", "--no-intro=true", "--no-version=true"};
}

/// Asks every millisecond, for twenty seconds at most.
template <class Holds>
bool until(const Holds& holds) {
  for (const Time end = net::read_clock() + 20s; net::read_clock() < end;) {
    if (holds()) return true;
    std::this_thread::sleep_for(1ms);
  }
  return false;
}

}  // namespace barrio::adapters::test
