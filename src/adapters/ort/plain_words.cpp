#include "adapters/ort/plain_words.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/text.h"

namespace barrio::adapters::ort {

namespace {

constexpr size_t longest = 600;
constexpr size_t none = std::string_view::npos;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// Behind the bracket that closes the one at `open`; the end where none does.
size_t behind_bracket(std::string_view text, size_t open) {
  int depth = 0;
  for (size_t i = open; i < text.size(); ++i) {
    if (text[i] == '(') ++depth;
    if (text[i] == ')' && --depth == 0) return i + 1;
  }
  return text.size();
}

/// Behind a function as compilers write it: "virtual Status ns::Op<T>::Compute(Context*) const [with T = float] ".
std::string_view behind_function(std::string_view text) {
  size_t at = 0;
  for (;;) {
    const size_t open = text.find('(', at);
    // A sentence that stands here instead has its end, or a quote, before its first bracket.
    if (open == none || text.substr(at, open - at).find_first_of("'\"") != none) return text;
    if (text.substr(at, open - at).find(". ") != none) return text;
    const std::string_view anonymous = "(anonymous namespace)";
    const bool goes_on = text.substr(open).starts_with(anonymous) || text.substr(0, open).ends_with("operator");
    at = behind_bracket(text, open);
    if (goes_on || text.substr(at).starts_with("::")) continue;
    break;
  }
  text = text.substr(at);
  for (bool more = true; more;) {
    text = trim(text);
    more = false;
    for (const std::string_view word : {"const", "noexcept", "&&", "&"}) {
      if (!text.starts_with(word)) continue;
      text.remove_prefix(word.size());
      more = true;
    }
    if (text.starts_with("[with ") && text.find(']') != none) {
      text.remove_prefix(text.find(']') + 1);
      more = true;
    }
  }
  return text;
}

/// Of "path/file.cc:41" its begin and end; both none: there is none.
std::pair<size_t, size_t> place_in(std::string_view text) {
  for (const std::string_view kind : {".cc:", ".h:", ".cpp:", ".hpp:", ".inc:", ".cu:", ".cuh:"}) {
    for (size_t at = text.find(kind); at != none; at = text.find(kind, at + 1)) {
      size_t end = at + kind.size();
      if (end >= text.size() || !is_digit(text[end])) continue;
      while (end < text.size() && is_digit(text[end])) ++end;
      const size_t before = text.substr(0, at).find_last_of(" :\n\t");
      return {before == none ? 0 : before + 1, end};
    }
  }
  return {none, none};
}

/// "node 'N' of kind K: M" of what says that a node did not run.
std::string say_node(std::string_view text) {
  constexpr std::string_view begins = "Non-zero status code returned while running ";
  const size_t at = text.find(begins);
  const size_t kind_end = at == none ? none : text.find(" node.", at);
  const size_t name = kind_end == none ? none : text.find("Name:'", kind_end);
  const size_t name_end = name == none ? none : text.find('\'', name + 6);
  constexpr std::string_view message = "Status Message: ";
  const size_t said = name_end == none ? none : text.find(message, name_end);
  if (said == none) return std::string(text);
  const std::string kind(text.substr(at + begins.size(), kind_end - at - begins.size()));
  const std::string_view called = text.substr(name + 6, name_end - name - 6);
  std::string node = "its node of kind " + kind;
  if (!called.empty()) node += ", '" + std::string(called) + "'";
  return node + ": " + std::string(text.substr(said + message.size()));
}

/// A check that did not hold is code; what follows it is for people.
void cut_check(std::string& text, size_t from) {
  constexpr std::string_view fails = "was false.";
  const size_t at = text.find(fails, from);
  if (at != std::string::npos) text.erase(from, at + fails.size() - from);
}

}  // namespace

std::string plain_words(std::string_view said) {
  std::string text(trim(said.substr(0, said.find("Stacktrace"))));
  std::ranges::replace(text, '\n', ' ');
  text = say_node(text);
  for (auto [begin, end] = place_in(text); begin != none; std::tie(begin, end) = place_in(text)) {
    const std::string rest(behind_function(trim(std::string_view(text).substr(end))));
    text = std::string(trim(std::string_view(text).substr(0, begin)));
    if (!text.empty()) text += ' ';
    const size_t from = text.size();
    text += rest;
    cut_check(text, from);
  }
  text = trim(text);
  const auto two_blanks = [](char a, char b) { return a == ' ' && b == ' '; };
  text.erase(std::ranges::unique(text, two_blanks).begin(), text.end());
  const bool inner = text.find("::") != std::string::npos || text.find("onnxruntime") != std::string::npos;
  if (text.empty() || text.ends_with(':') || inner) return "it does not fit the model";
  if (text.size() > longest) text = text.substr(0, longest) + " ...";
  return text;
}

}  // namespace barrio::adapters::ort
