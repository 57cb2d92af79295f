// Linked into the tests of rooms that are marked SINGLE_THREADED, which do not run under TSan: a thread that such a
// test starts after all ends the program, instead of going unseen.
#include <pthread.h>

#include <cstdio>
#include <cstdlib>

extern "C" int pthread_create(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*) {
  std::fputs(
      "This room's tests start a thread: take its SINGLE_THREADED out of CMakeLists.txt, so that TSan sees it.\n",
      stderr);
  std::abort();
}
