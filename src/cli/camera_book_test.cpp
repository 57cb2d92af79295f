#include <doctest/doctest.h>

#include "cli/camera_book.h"

namespace barrio::cli::camera_book_test {

TEST_CASE("percentiles are values that were measured") {
  CHECK(percentiles({}).p99 == 0);
  CHECK(percentiles({7}).p50 == 7);
  std::vector<double> hundred;
  for (int i = 1; i <= 100; ++i) hundred.push_back(i);
  CHECK(percentiles(hundred).p50 == 50);
  CHECK(percentiles(hundred).p99 == 99);
}

TEST_CASE("lines of cameras are kept, other lines are skipped") {
  CameraBook book({"Vigo"});
  book.read_line("not json");
  barrio::emulation::CameraLine line{.camera = "Vigo", .entry = "lcg1", .skipped = 0, .shots = {}};
  line.shots.push_back({.sent_ms = 5, .served_by = "lcg1"});
  line.shots.push_back({.sent_ms = 9, .served_by = "bio1"});
  book.read_line(barrio::print_json(barrio::to_json(line)));
  CHECK(book.since("Vigo", 0).size() == 2);
  REQUIRE(book.since("Vigo", 6).size() == 1);
  CHECK(book.since("Vigo", 6)[0].served_by == "bio1");
  CHECK(book.since("Ibiza", 0).empty());
}

}  // namespace barrio::cli::camera_book_test
