#include "mutation.h"

#include <algorithm>

#include "base/text.h"

namespace barrio::fuzz {

using namespace std::string_view_literals;

namespace {

/// Where lines, numbers and lists end; likelier than chance to matter to a parser.
constexpr std::string_view telling = "\r\n\t :;,=\"\\{}[]()0129afxX+-.%/?#&@\x7f\x80\xff\0"sv;

size_t place(const std::string& text, Rng& rng) {
  return static_cast<size_t>(rng.below(text.size() + 1));
}

std::string part_of(const std::string& text, Rng& rng) {
  const size_t begin = place(text, rng);
  return text.substr(begin, 1 + static_cast<size_t>(rng.below(32)));
}

void change_once(std::string& text, std::span<const std::string> corpus, std::span<const std::string> dictionary,
                 Rng& rng) {
  const size_t at = place(text, rng);
  const char sign = telling[static_cast<size_t>(rng.below(telling.size()))];
  switch (rng.below(8)) {
    case 0:
      if (at < text.size()) text[at] = static_cast<char>(static_cast<unsigned char>(text[at]) ^ (1U << rng.below(8)));
      return;
    case 1:
      if (at < text.size()) text[at] = sign;
      return;
    case 2: text.insert(at, 1, sign); return;
    case 3: text.erase(at, 1 + static_cast<size_t>(rng.below(8))); return;
    case 4: text.insert(at, part_of(text, rng)); return;
    case 5: text.insert(at, part_of(corpus[static_cast<size_t>(rng.below(corpus.size()))], rng)); return;
    case 6:
      if (!dictionary.empty()) text.insert(at, dictionary[static_cast<size_t>(rng.below(dictionary.size()))]);
      return;
    default: text.resize(at); return;
  }
}

std::string unescape(std::string_view text) {
  auto digit = [](char c) { return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10; };
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      plain += text[i];
    } else if (text[i + 1] == 'x' && i + 3 < text.size()) {
      plain += static_cast<char>(digit(text[i + 2]) * 16 + digit(text[i + 3]));
      i += 3;
    } else {
      plain += text[++i];
    }
  }
  return plain;
}

}  // namespace

std::string mutate(std::string input, std::span<const std::string> corpus, std::span<const std::string> dictionary,
                   Rng& rng) {
  for (uint64_t changes = 1 + rng.below(6); changes > 0; --changes) change_once(input, corpus, dictionary, rng);
  if (input.size() > most_input_bytes) input.resize(most_input_bytes);
  return input;
}

std::vector<std::string> read_dictionary(std::string_view text) {
  std::vector<std::string> words;
  for (std::string_view line : split(text, '\n')) {
    const size_t first = line.find('"');
    const size_t last = line.rfind('"');
    if (line.starts_with('#') || first == std::string_view::npos || last == first) continue;
    words.push_back(unescape(line.substr(first + 1, last - first - 1)));
  }
  return words;
}

}  // namespace barrio::fuzz
