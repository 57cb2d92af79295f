// Linked into the tests of rooms that are marked SINGLE_THREADED, which do not run under TSan, and FEW_THREADS, of
// which only the suite "threads" does: a thread that any other test starts after all ends the program, instead of going
// unseen.
#include <dlfcn.h>
#include <doctest/doctest.h>
#include <pthread.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace {

bool may_start_one() {
  const auto* test = doctest::getContextOptions()->currentTest;
  return BARRIO_FEW_THREADS && test != nullptr && std::string_view(test->m_test_suite) == "threads";
}

}  // namespace

extern "C" int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*run)(void*),
                              void* argument) {
  if (!may_start_one()) {
    std::fputs(
        "A test that TSan does not see starts a thread. Where its room is marked SINGLE_THREADED in CMakeLists.txt, "
        "mark it "
        "FEW_THREADS instead, and the test * doctest::test_suite(\"threads\").\n",
        stderr);
    std::abort();
  }
  static const auto create = reinterpret_cast<decltype(&pthread_create)>(dlsym(RTLD_NEXT, "pthread_create"));
  return create(thread, attributes, run, argument);
}
