#include "adapters/s3/layout.h"

#include <doctest/doctest.h>

namespace barrio::adapters::s3::layout_test {

TEST_CASE("a piece is named by where it begins, and read back; other names are none") {
  const Piece piece{4096, 10, false};
  const Piece packed{4096, 10, true};
  CHECK(piece.name() == "0000000000004096");
  CHECK(packed.name() == "0000000000004096-0000000000004106");
  CHECK(read_piece(piece.name(), 10) == piece);
  CHECK(read_piece(packed.name(), 10) == packed);
  CHECK(!read_piece(packed.name(), 11));  // half of it
  for (const char* name : {"", "12", "000000000000409x", "0000000000004096-", "0000000000004096-1"}) {
    CHECK(!read_piece(name, 10));
  }
}

TEST_CASE("a run is what begins where the last one ended, the longest first; what is covered is not read") {
  const Run run = run_of({{0, 10}, {10, 5}, {15, 5}, {0, 20, true}, {20, 7}, {27, 0}});
  CHECK(run.pieces == std::vector<Piece>{{0, 20, true}, {20, 7}});
  CHECK(run.end == 27);
  CHECK(run.ended);
  CHECK(!run.has_gap);
  // An end within what was packed is that of somebody who came too late.
  CHECK(!run_of({{0, 10}, {0, 20, true}, {15, 0}}).ended);
  CHECK(run_of({{0, 0}}).ended);
  CHECK(!run_of({}).ended);
  const Run gap = run_of({{0, 10}, {20, 5}});
  CHECK(gap.has_gap);
  CHECK(gap.end == 25);
}

TEST_CASE("small pieces are packed when there are many, or enough, or no more will come") {
  std::vector<Piece> pieces;
  for (uint64_t i = 0; i < pack_count - 1; ++i) pieces.push_back({i * 10, 10});
  CHECK(packs_of(pieces, false).empty());
  CHECK(packs_of(pieces, true) == std::vector<std::pair<size_t, size_t>>{{0, pack_count - 1}});
  pieces.push_back({(pack_count - 1) * 10, 10});
  CHECK(packs_of(pieces, false) == std::vector<std::pair<size_t, size_t>>{{0, pack_count}});
  // What is packed stays as it is, and what lies around it is not put together over it, nor over a gap.
  CHECK(packs_of({{0, 20, true}, {20, 5}, {25, 5}, {40, 5}, {45, pack_bytes}, {50, 1}}, true) ==
        std::vector<std::pair<size_t, size_t>>{{1, 3}});
  CHECK(packs_of({{0, pack_bytes / 2}, {pack_bytes / 2, pack_bytes / 2}}, false).size() == 1);
}

}  // namespace barrio::adapters::s3::layout_test
