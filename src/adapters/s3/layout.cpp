#include "adapters/s3/layout.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace barrio::adapters::s3 {

namespace {

constexpr size_t digits = 16;

std::optional<uint64_t> place_in(std::string_view text) {
  return text.size() == digits ? parse_uint(text) : std::nullopt;
}

}  // namespace

std::string Piece::name() const {
  return packed ? fmt::format("{:016}-{:016}", offset, end()) : fmt::format("{:016}", offset);
}

std::optional<Piece> read_piece(std::string_view name, uint64_t size) {
  const size_t dash = name.find('-');
  const auto offset = place_in(name.substr(0, dash));
  if (!offset) return std::nullopt;
  if (dash == std::string_view::npos) return Piece{*offset, size, false};
  const auto end = place_in(name.substr(dash + 1));
  if (!end || size == 0 || *offset + size != *end) return std::nullopt;
  return Piece{*offset, size, true};
}

Run run_of(std::vector<Piece> listed) {
  std::ranges::sort(listed, [](const Piece& a, const Piece& b) {
    return std::pair(a.offset, ~a.size) < std::pair(b.offset, ~b.size);
  });
  Run run;
  for (const Piece& piece : listed) {
    if (piece.size == 0) {
      run.ended = run.ended || piece.offset == run.end;
      continue;
    }
    if (piece.offset < run.end || (run.ended && piece.offset == run.end)) continue;
    run.has_gap = run.has_gap || piece.offset > run.end;
    run.ended = false;
    run.pieces.push_back(piece);
    run.end = piece.end();
  }
  return run;
}

bool goes_on(const std::vector<Piece>& listed, uint64_t at) {
  return std::ranges::any_of(listed, [&](const Piece& piece) {
    const bool is_dropped = piece.size == 0 && piece.offset == 0 && at != 0;
    return is_dropped || (piece.size != 0 && piece.end() > at);
  });
}

std::vector<std::pair<size_t, size_t>> packs_of(const std::vector<Piece>& pieces, bool ended) {
  std::vector<std::pair<size_t, size_t>> packs;
  const auto is_small = [&](size_t i) { return !pieces[i].packed && pieces[i].size < pack_bytes; };
  for (size_t begin = 0; begin < pieces.size();) {
    size_t end = begin;
    uint64_t bytes = 0;
    while (end < pieces.size() && is_small(end) && bytes < pack_bytes && end - begin < 64 * pack_count &&
           (end == begin || pieces[end - 1].end() == pieces[end].offset)) {
      bytes += pieces[end++].size;
    }
    const bool is_worth = end - begin >= 2 && (bytes >= pack_bytes || end - begin >= pack_count || ended);
    if (is_worth) packs.emplace_back(begin, end);
    begin = std::max(end, begin + 1);
  }
  return packs;
}

}  // namespace barrio::adapters::s3
