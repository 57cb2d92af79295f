#pragma once
// What a stream of HTTP/1 messages was read as, written down, so that two ways of reading the same bytes can be
// compared.

#include <string>
#include <string_view>

#include "base/rng.h"
#include "net/http1_parser.h"

namespace barrio::fuzz {

/// How many bytes of the rest come in the next piece; at least 1.
class Split {
 public:
  static Split whole() { return Split(0, 0); }
  static Split bytewise() { return Split(1, 0); }
  static Split random(uint64_t seed) { return Split(0, seed | 1); }
  size_t next(size_t left);

 private:
  Split(size_t step, uint64_t seed) : step_(step), seed_(seed), rng_(seed) {}
  size_t step_;
  uint64_t seed_;
  Rng rng_;
};

/// Requests one after another, until one is rejected or the input ends.
struct Requests {
  std::string text;
  size_t complete = 0;
  bool rejected = false;
};
Requests read_requests(std::string_view input, Split split, net::http1::HeadLimits limits = {});

/// A head as read_requests writes it.
void write_head(const net::RequestHead& head, std::string& text);

/// Stable hash of an input: its own seed.
uint64_t seed_of(std::string_view input);

}  // namespace barrio::fuzz
