#include "decide/generations/generations.h"

#include <doctest/doctest.h>

namespace barrio::decide::generations_test {

namespace {

const ReplicaId id = ReplicaId::of("hello-mad1-1");

ReplicaOrder order(int64_t generation) {
  ReplicaOrder made;
  made.id = id;
  made.app = {TenantId::of("acme"), AppName::of("hello")};
  made.generation = generation;
  return made;
}

using Book = Generations<KeptGeneration>;

Book::Kept start(Book& book, int64_t generation) {
  Book::Kept* place = book.want(order(generation));
  REQUIRE(place != nullptr);
  *place = std::make_shared<KeptGeneration>();
  (*place)->order = order(generation);
  return *place;
}

}  // namespace

TEST_CASE("a generation takes over when it is ready, and one that never is leaves the earlier one serving") {
  Book book;
  const auto first = start(book, 1);
  CHECK(book.want(order(1)) == nullptr);
  first->phase = ReplicaPhase::ready;
  first->endpoint = "10.43.0.1:8080";
  const auto bad = start(book, 2);
  bad->phase = ReplicaPhase::failed;
  bad->detail = "ended with code 1";
  bad->restarts = 2;
  CHECK(book.promote().empty());
  auto shown = book.show().at(0);
  CHECK((shown.report.generation == 1 && shown.report.coming == 2 && shown.report.restarts == 2));
  CHECK(shown.report.detail == "generation 2: failed, ended with code 1");
  CHECK(shown.endpoint == "10.43.0.1:8080");
  CHECK(book.newest(id) == bad);

  const auto good = start(book, 3);
  CHECK(bad->unwanted);
  CHECK(book.promote().empty());
  good->phase = ReplicaPhase::ready;
  CHECK(book.promote() == std::vector{first});
  CHECK(!first->unwanted);  // it still answers what it has
  shown = book.show().at(0);
  CHECK((shown.report.generation == 3 && shown.report.coming == 0));
}

TEST_CASE("what does not serve is taken over from at once") {
  Book book;
  const auto first = start(book, 1);
  first->phase = ReplicaPhase::failed;
  const auto second = start(book, 2);
  CHECK(book.promote() == std::vector{first});
  CHECK(book.show().at(0).report.generation == 2);
}

TEST_CASE("a forgotten replica is shown until nobody keeps it, and may be wanted again meanwhile") {
  Book book;
  CHECK_FALSE(book.forget(id));
  auto first = start(book, 1);
  CHECK(book.forget(id));
  CHECK(first->unwanted);
  CHECK(book.show().at(0).report.phase == ReplicaPhase::stopping);
  auto again = start(book, 1);  // beside the one that goes
  CHECK(book.promote() == std::vector{first});
  CHECK(book.forget(id));
  first.reset();
  again.reset();
  CHECK(book.show().size() == 1);
  CHECK(book.show().empty());
  CHECK(book.newest(id) == nullptr);
}

TEST_CASE("a retired generation has time for its requests, and not for ever") {
  const RetireLimits limits{.shortest = 1s, .longest = 30s};
  CHECK_FALSE(limits.over(500ms, true));
  CHECK(limits.over(1s, true));
  CHECK_FALSE(limits.over(29s, false));
  CHECK(limits.over(30s, false));
}

}  // namespace barrio::decide::generations_test
