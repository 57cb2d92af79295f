#include "adapters/sealed_store/content_cache.h"

#include <doctest/doctest.h>

namespace barrio::adapters::sealed_store::content_cache_test {

namespace {

ContentCache::Span text(size_t size) {
  return std::make_shared<SharedPages>(ContentCache::span_bytes)->take(size);
}

}  // namespace

TEST_CASE("the last that were used stay, up to so many bytes") {
  ContentCache cache(100);
  CHECK(cache.takes(6));
  CHECK(!cache.takes(7));
  cache.keep("a", 0, text(40), 0);
  cache.keep("b", 0, text(40), 0);
  CHECK(cache.find("a", 0)->bytes().size() == 40);
  cache.keep("c", 0, text(40), 0);
  CHECK(cache.figures().bytes == 80);
  CHECK(cache.find("a", 0) != nullptr);
  CHECK(cache.find("b", 0) == nullptr);
  CHECK(cache.find("c", 0) != nullptr);
  cache.keep("c", 0, text(7), 0);
  CHECK(cache.find("c", 0)->bytes().size() == 40);
  cache.keep("whole", 0, text(101), 0);
  CHECK(cache.figures().bytes == 80);
  CHECK(cache.figures().most_bytes == 100);
  CHECK(cache.figures().hits == 4);
  CHECK(cache.figures().misses == 1);
}

TEST_CASE("of a file that is gone nothing stays, and what was read of it before comes no more") {
  ContentCache cache(1000);
  const uint64_t before = cache.drops();
  for (uint64_t number = 0; number < 3; ++number) cache.keep("a", number, text(10), before);
  cache.keep("a0", 0, text(10), before);
  cache.drop("a");
  CHECK(cache.figures().bytes == 10);
  CHECK(cache.find("a", 1) == nullptr);
  CHECK(cache.find("a0", 0) != nullptr);
  cache.keep("a", 0, text(10), before);
  CHECK(cache.find("a", 0) == nullptr);
  cache.keep("b", 0, text(10), cache.drops());
  CHECK(cache.find("b", 0) != nullptr);
}

}  // namespace barrio::adapters::sealed_store::content_cache_test
