#include "base/md5.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "base/hash.h"
#include "base/rng.h"

namespace barrio::md5_test {

std::string md5(std::string_view text) {
  Md5 message;
  message.add(text);
  return hex_of(message.finish());
}

TEST_CASE("MD5 has the digests that RFC 1321 gives") {
  CHECK(md5("") == "d41d8cd98f00b204e9800998ecf8427e");
  CHECK(md5("abc") == "900150983cd24fb0d6963f7d28e17f72");
  CHECK(md5("12345678901234567890123456789012345678901234567890123456789012345678901234567890") ==
        "57edf4a22be3c955ac49da2e2107b67a");
}

TEST_CASE("MD5 of every length is OpenSSL's, wherever the text is cut") {
  std::string text;
  for (int i = 0; i < 260; ++i) text += static_cast<char>(i * 37);
  for (size_t size = 0; size <= text.size(); ++size) {
    const auto whole = std::string_view(text).substr(0, size);
    Md5 message;
    message.add(whole.substr(0, size / 3));
    message.add(whole.substr(size / 3));
    CHECK(message.finish() == hash_of(HashKind::md5, whole));
  }
}

TEST_CASE("messages that are hashed side by side have the digests that they have alone") {
  if (!Md5::is_faster_together()) MESSAGE("this processor hashes one after the other: its lanes are not tested");
  Rng rng(7);
  std::string text(20'000, '\0');
  for (char& c : text) c = static_cast<char>(rng.next());
  for (size_t messages = 1; messages <= 2 * Md5::lanes + 1; ++messages) {
    std::vector<Md5> together(messages);
    std::vector<std::string> alone(messages);
    for (int turn = 0; turn < 8; ++turn) {
      std::vector<Md5::Piece> pieces;
      for (size_t i = 0; i < messages; ++i) {
        const size_t begin = rng.next() % text.size();
        const size_t most = turn % 2 == 0 ? 200 : 6000;
        const auto piece = std::string_view(text).substr(begin, rng.next() % most);
        pieces.push_back({&together[i], piece});
        alone[i] += piece;
      }
      Md5::add_each(pieces);
    }
    for (size_t i = 0; i < messages; ++i) CHECK(together[i].finish() == hash_of(HashKind::md5, alone[i]));
  }
}

}  // namespace barrio::md5_test
