#include "base/md5.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

namespace barrio {

namespace {

static_assert(std::endian::native == std::endian::little);

/// floor(2^32 * |sin(i + 1)|), RFC 1321 3.4.
constexpr std::array<uint32_t, 64> sines = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};
constexpr std::array<std::array<int, 4>, 4> turns = {
    {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}}};
/// Which word of the block is taken at step i of a round: (first + i * stride) mod 16.
constexpr std::array<std::array<size_t, 2>, 4> orders = {{{0, 1}, {1, 5}, {5, 3}, {0, 7}}};

template <size_t step>
constexpr size_t word_of = (orders[step / 16][0] + (step % 16) * orders[step / 16][1]) % 16;

/// RFC 1321's F, G, H and I.
template <size_t round>
uint32_t mixed(uint32_t b, uint32_t c, uint32_t d) {
  if constexpr (round == 0) return d ^ (b & (c ^ d));
  if constexpr (round == 1) return (c & ~d) + (b & d);
  if constexpr (round == 2) return b ^ c ^ d;
  return c ^ (b | ~d);
}

template <size_t step>
void take_step(Md5::State& s, const std::array<uint32_t, 16>& block) {
  constexpr size_t round = step / 16;
  // The names a, b, c, d move on by one with each step.
  uint32_t& a = s[(64 - step) % 4];
  const uint32_t b = s[(65 - step) % 4];
  a += sines[step] + block[word_of<step>] + mixed<round>(b, s[(66 - step) % 4], s[(67 - step) % 4]);
  a = b + std::rotl(a, turns[round][step % 4]);
}

void hash_blocks(Md5::State& state, const char* data, size_t blocks) {
  for (; blocks > 0; --blocks, data += 64) {
    std::array<uint32_t, 16> block{};
    std::memcpy(block.data(), data, sizeof(block));
    Md5::State next = state;
    [&]<size_t... step>(std::index_sequence<step...>) {
      (take_step<step>(next, block), ...);
    }(std::make_index_sequence<64>());
    for (size_t i = 0; i < state.size(); ++i) state[i] += next[i];
  }
}

#if defined(__x86_64__)

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f")
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // g++ 12's own header, of registers that no mask lets through
#endif

/// Sixteen messages: one word of each in a register.
class Lanes {
 public:
  explicit Lanes(std::span<Md5::State* const> states) {
    for (size_t word = 0; word < 4; ++word) {
      alignas(64) std::array<uint32_t, Md5::lanes> of_each{};
      for (size_t lane = 0; lane < states.size(); ++lane) of_each[lane] = (*states[lane])[word];
      state_[word] = _mm512_load_si512(of_each.data());
    }
  }
  void give(std::span<Md5::State* const> states) const {
    for (size_t word = 0; word < 4; ++word) {
      alignas(64) std::array<uint32_t, Md5::lanes> of_each{};
      _mm512_store_si512(of_each.data(), state_[word]);
      for (size_t lane = 0; lane < states.size(); ++lane) (*states[lane])[word] = of_each[lane];
    }
  }
  void hash_block(const std::array<const char*, Md5::lanes>& at) {
    __m512i block[16];
    for (size_t lane = 0; lane < Md5::lanes; ++lane) block[lane] = _mm512_loadu_si512(at[lane]);
    transpose(block);
    __m512i a = state_[0];
    __m512i b = state_[1];
    __m512i c = state_[2];
    __m512i d = state_[3];
    [&]<size_t... quad>(std::index_sequence<quad...>) {
      ((take_step<4 * quad>(a, b, c, d, block), take_step<4 * quad + 1>(d, a, b, c, block),
        take_step<4 * quad + 2>(c, d, a, b, block), take_step<4 * quad + 3>(b, c, d, a, block)),
       ...);
    }(std::make_index_sequence<16>());
    state_[0] = _mm512_add_epi32(state_[0], a);
    state_[1] = _mm512_add_epi32(state_[1], b);
    state_[2] = _mm512_add_epi32(state_[2], c);
    state_[3] = _mm512_add_epi32(state_[3], d);
  }

 private:
  template <size_t step>
  static void take_step(__m512i& a, const __m512i& b, const __m512i& c, const __m512i& d, const __m512i* block) {
    // Truth tables of RFC 1321's F, G, H and I of b, c, d.
    constexpr int tables[] = {0xca, 0xe4, 0x96, 0x39};
    constexpr int table = tables[step / 16];
    constexpr int turn = turns[step / 16][step % 4];
    const __m512i sum =
        _mm512_add_epi32(_mm512_add_epi32(a, _mm512_set1_epi32(static_cast<int>(sines[step]))), block[word_of<step>]);
    const __m512i mixed = _mm512_ternarylogic_epi32(b, c, d, table);
    a = _mm512_add_epi32(b, _mm512_rol_epi32(_mm512_add_epi32(sum, mixed), turn));
  }

  /// From one row a message to one row a word.
  static void transpose(__m512i* rows) {
    __m512i other[16];
    for (size_t i = 0; i < 16; i += 2) {
      other[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
      other[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
    }
    // rows[4i + j]: word j of each four, of messages 4i to 4i + 3.
    for (size_t i = 0; i < 16; i += 4) {
      rows[i] = _mm512_unpacklo_epi64(other[i], other[i + 2]);
      rows[i + 1] = _mm512_unpackhi_epi64(other[i], other[i + 2]);
      rows[i + 2] = _mm512_unpacklo_epi64(other[i + 1], other[i + 3]);
      rows[i + 3] = _mm512_unpackhi_epi64(other[i + 1], other[i + 3]);
    }
    for (size_t j = 0; j < 4; ++j) {
      const __m512i even_low = _mm512_shuffle_i32x4(rows[j], rows[4 + j], 0x88);
      const __m512i odd_low = _mm512_shuffle_i32x4(rows[j], rows[4 + j], 0xdd);
      const __m512i even_high = _mm512_shuffle_i32x4(rows[8 + j], rows[12 + j], 0x88);
      const __m512i odd_high = _mm512_shuffle_i32x4(rows[8 + j], rows[12 + j], 0xdd);
      other[j] = _mm512_shuffle_i32x4(even_low, even_high, 0x88);
      other[8 + j] = _mm512_shuffle_i32x4(even_low, even_high, 0xdd);
      other[4 + j] = _mm512_shuffle_i32x4(odd_low, odd_high, 0x88);
      other[12 + j] = _mm512_shuffle_i32x4(odd_low, odd_high, 0xdd);
    }
    std::copy(other, other + 16, rows);
  }

  __m512i state_[4];
};

void hash_lanes(std::span<Md5::State* const> states, std::array<const char*, Md5::lanes> at, size_t blocks) {
  Lanes lanes(states);
  for (; blocks > 0; --blocks) {
    lanes.hash_block(at);
    for (const char*& each : at) each += 64;
  }
  lanes.give(states);
}

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC diagnostic pop
#pragma GCC pop_options
#endif

#endif

/// What is left to do of a message.
struct Rest {
  Md5::State* state;
  std::string_view data;  // whole blocks
};

/// As far as the shortest of them goes.
void hash_together(std::span<Rest> rests) {
  size_t bytes = rests.front().data.size();
  for (const Rest& rest : rests) bytes = std::min(bytes, rest.data.size());
#if defined(__x86_64__)
  std::array<Md5::State*, Md5::lanes> states{};
  std::array<const char*, Md5::lanes> at{};
  at.fill(rests.front().data.data());  // of lanes that nobody needs
  for (size_t lane = 0; lane < rests.size(); ++lane) {
    states[lane] = rests[lane].state;
    at[lane] = rests[lane].data.data();
  }
  hash_lanes(std::span(states).first(rests.size()), at, bytes / 64);
#endif
  for (Rest& rest : rests) rest.data.remove_prefix(bytes);
}

}  // namespace

std::string_view Md5::fill_block(std::string_view data) {
  const size_t at = length_ % block_bytes;
  length_ += data.size();
  if (at == 0) return data;
  const size_t taken = std::min(block_bytes - at, data.size());
  std::memcpy(begun_.data() + at, data.data(), taken);
  if (at + taken == block_bytes) hash_blocks(state_, begun_.data(), 1);
  return data.substr(taken);
}

void Md5::keep(std::string_view rest) {
  if (!rest.empty()) std::memcpy(begun_.data(), rest.data(), rest.size());
}

void Md5::add(std::string_view data) {
  const std::string_view whole = fill_block(data);
  hash_blocks(state_, whole.data(), whole.size() / block_bytes);
  keep(whole.substr(whole.size() / block_bytes * block_bytes));
}

bool Md5::is_faster_together() {
#if defined(__x86_64__)
  static const bool found = __builtin_cpu_supports("avx512f") != 0;
  return found;
#else
  return false;
#endif
}

void Md5::add_each(std::span<const Piece> pieces) {
  if (!is_faster_together()) {
    for (const Piece& piece : pieces) piece.message->add(piece.data);
    return;
  }
  std::array<Rest, lanes> rests{};
  size_t busy = 0;
  const auto advance = [&] {
    if (busy == 1) {
      hash_blocks(*rests[0].state, rests[0].data.data(), rests[0].data.size() / block_bytes);
      rests[0].data = {};
    } else if (busy > 1) {
      hash_together(std::span(rests).first(busy));
    }
    busy = static_cast<size_t>(
        std::remove_if(rests.begin(), rests.begin() + busy, [](const Rest& rest) { return rest.data.empty(); }) -
        rests.begin());
  };
  for (const auto& [message, data] : pieces) {
    const std::string_view whole = message->fill_block(data);
    const std::string_view blocks = whole.substr(0, whole.size() / block_bytes * block_bytes);
    message->keep(whole.substr(blocks.size()));
    if (!blocks.empty()) rests[busy++] = {&message->state_, blocks};
    if (busy == lanes) advance();
  }
  while (busy != 0) advance();
}

std::string Md5::finish() {
  const uint64_t bits = length_ * 8;
  const size_t at = length_ % block_bytes;
  std::array<char, 2 * block_bytes> end{};
  end[0] = static_cast<char>(0x80);
  const size_t zeroes_until = at < block_bytes - 8 ? block_bytes - 8 : 2 * block_bytes - 8;
  add({end.data(), zeroes_until - at});
  add({reinterpret_cast<const char*>(&bits), sizeof(bits)});
  return {reinterpret_cast<const char*>(state_.data()), sizeof(state_)};
}

}  // namespace barrio
