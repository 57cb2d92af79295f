#include "control/place_name.h"

namespace barrio::control {

namespace {

/// U+00C0 to U+00FF in UTF-8 are C3 80 to C3 BF; their plain letters, upper case folded too. '*': none.
constexpr std::string_view latin1 =
    "aaaaaaaceeeeiiiidnooooo*ouuuuyts"
    "aaaaaaaceeeeiiiidnooooo*ouuuuyty";

}  // namespace

std::string folded_place(std::string_view name) {
  std::string out;
  for (size_t i = 0; i < name.size(); ++i) {
    const auto byte = static_cast<unsigned char>(name[i]);
    if (byte == 0xc3 && i + 1 < name.size()) {
      const auto next = static_cast<unsigned char>(name[++i]);
      const char plain = next >= 0x80 && next <= 0xbf ? latin1[next - 0x80U] : '*';
      if (plain != '*') out += plain;
    } else if (byte >= 'A' && byte <= 'Z') {
      out += static_cast<char>(byte - 'A' + 'a');
    } else if ((byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte >= 0x80) {
      out += name[i];
    }
  }
  return out;
}

}  // namespace barrio::control
