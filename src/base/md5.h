#pragma once
// MD5 (RFC 1321), which S3 has for ETags: no protection against anybody. One message cannot be hashed faster than its
// steps follow each other; sixteen can, side by side, where the processor has AVX-512.

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace barrio {

/// Of data that comes in pieces. A value; used by one thread at a time.
class Md5 {
 public:
  static constexpr size_t lanes = 16;
  struct Piece;

  void add(std::string_view data);
  /// As add() of each, of pieces of different messages; sooner, where is_faster_together().
  static void add_each(std::span<const Piece> pieces);
  /// On this processor.
  static bool is_faster_together();
  /// The 16 raw bytes of all that came. The object is done afterwards.
  std::string finish();

  using State = std::array<uint32_t, 4>;

 private:
  /// What completes a block that began before is taken, or all that there is; the rest begins with a block.
  std::string_view fill_block(std::string_view data);
  void keep(std::string_view rest);

  static constexpr size_t block_bytes = 64;
  State state_ = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
  std::array<char, block_bytes> begun_{};  // of a block
  uint64_t length_ = 0;
};

struct Md5::Piece {
  Md5* message;
  std::string_view data;
};

}  // namespace barrio
