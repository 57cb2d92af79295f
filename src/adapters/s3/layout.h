#pragma once
// A file as a run of S3 objects. Each is named by where it begins:
//
//   NAME/0000000000004096                    a piece: the bytes from there on. Put once, never replaced by others
//   NAME/0000000000004096-0000000000131072   packed: the bytes from there to there, of pieces that may be gone
//
// An empty piece ends the file: nothing is behind it, and never will be.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace barrio::adapters::s3 {

struct Piece {
  uint64_t offset = 0;
  uint64_t size = 0;
  bool packed = false;
  bool operator==(const Piece&) const = default;

  uint64_t end() const { return offset + size; }
  /// Behind "NAME/".
  std::string name() const;
};

/// None: no name of a piece, or of another size than it says.
std::optional<Piece> read_piece(std::string_view name, uint64_t size);

/// What of the listed pieces is read, in order. Where several begin at one place, the longest; what another one covers
/// is not. There may be gaps: what should be there and is not.
struct Run {
  std::vector<Piece> pieces;
  uint64_t end = 0;    // of the last one
  bool ended = false;  // an empty piece stands at the end
  bool has_gap = false;
};
Run run_of(std::vector<Piece> listed);

/// Whether the file, as it was listed after an end was put `at` a key that was free, goes on all the same: the piece
/// that had been there was packed before, or all of the file was dropped.
bool goes_on(const std::vector<Piece>& listed, uint64_t at);

/// Where pieces that stand side by side should become one: the first and behind the last. Of a file that `ended`, also
/// few.
inline constexpr uint64_t pack_bytes = 8 * 1024 * 1024;
inline constexpr size_t pack_count = 32;
std::vector<std::pair<size_t, size_t>> packs_of(const std::vector<Piece>& pieces, bool ended);

}  // namespace barrio::adapters::s3
