#include "adapters/openai/token_count.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/json.h"
#include "base/text.h"

namespace barrio::adapters::openai {

using ports::Tokens;

namespace {

constexpr uint64_t most_tokens = 1'000'000'000;  // of one answer: what says more is mistaken
constexpr size_t longest_usage = 64 * 1024;

uint64_t count_at(const JsonObject& usage, const char* name) {
  const Json* value = usage.if_contains(name);
  if (value == nullptr || !value->is_int64() || value->get_int64() < 0) return 0;
  return std::min(static_cast<uint64_t>(value->get_int64()), most_tokens);
}

/// None: it does not say.
std::optional<Tokens> tokens_of(const Json* usage) {
  if (usage == nullptr || !usage->is_object()) return std::nullopt;
  const JsonObject& said = usage->get_object();
  if (!said.contains("prompt_tokens")) return std::nullopt;
  return Tokens{count_at(said, "prompt_tokens"), count_at(said, "completion_tokens")};
}

/// The object that begins here, without what follows it. Empty: none does, or it does not end.
std::string_view object_at(std::string_view text) {
  if (!text.starts_with('{')) return {};
  int depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (quoted && text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (!quoted && text[i] == '{') {
      ++depth;
    } else if (!quoted && text[i] == '}' && --depth == 0) {
      return text.substr(0, i + 1);
    }
  }
  return {};
}

/// "usage" of a whole answer, which may be megabytes of embeddings: found from its end without reading the rest. Within
/// a text, a quote has a backslash before it.
std::optional<Tokens> usage_in(std::string_view json) {
  constexpr std::string_view key = "\"usage\"";
  for (size_t at = json.rfind(key); at != std::string_view::npos; at = at == 0 ? json.npos : json.rfind(key, at - 1)) {
    if (at > 0 && json[at - 1] == '\\') continue;
    const std::string_view after = trim(json.substr(at + key.size()));
    if (!after.starts_with(':')) continue;
    const auto parsed = parse_json(object_at(trim(after.substr(1, longest_usage))));
    if (!parsed) continue;
    if (const auto said = tokens_of(&*parsed)) return said;
  }
  return std::nullopt;
}

size_t text_at(const JsonObject& object, const char* name) {
  const Json* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? value->get_string().size() : 0;
}

/// Of a message, or of what a chunk adds to one: its content, its reasoning, and the arguments of the calls it makes.
size_t text_of(const JsonObject& message) {
  size_t bytes = text_at(message, "content") + text_at(message, "reasoning_content") + text_at(message, "reasoning");
  const Json* calls = message.if_contains("tool_calls");
  if (calls == nullptr || !calls->is_array()) return bytes;
  for (const Json& call : calls->get_array()) {
    const Json* function = call.is_object() ? call.get_object().if_contains("function") : nullptr;
    if (function != nullptr && function->is_object()) bytes += text_at(function->get_object(), "arguments");
  }
  return bytes;
}

struct Texts {
  uint64_t choices = 0;  // that have text
  size_t bytes = 0;
};

Texts texts_of(const JsonObject& answer) {
  Texts texts;
  const Json* choices = answer.if_contains("choices");
  if (choices == nullptr || !choices->is_array()) return texts;
  for (const Json& choice : choices->get_array()) {
    if (!choice.is_object()) continue;
    size_t bytes = text_at(choice.get_object(), "text");
    for (const char* member : {"delta", "message"}) {
      const Json* message = choice.get_object().if_contains(member);
      if (message != nullptr && message->is_object()) bytes += text_of(message->get_object());
    }
    if (bytes > 0) ++texts.choices;
    texts.bytes += bytes;
  }
  return texts;
}

bool has_no_choice(const JsonObject& chunk) {
  const Json* choices = chunk.if_contains("choices");
  return choices != nullptr && choices->is_array() && choices->get_array().empty();
}

}  // namespace

/// To at least these; says by how much.
Tokens TokenCount::grow(Tokens to) {
  const Tokens before = counted_;
  counted_.in = std::max(counted_.in, to.in);
  counted_.out = std::max(counted_.out, to.out);
  return {counted_.in - before.in, counted_.out - before.out};
}

TokenCount::Piece TokenCount::read(std::string_view json) {
  if (answer_.streams) return read_chunk(json);
  return {read_whole(json), json};
}

TokenCount::Piece TokenCount::read_chunk(std::string_view json) {
  auto parsed = parse_json(json);
  if (!parsed || !parsed->is_object()) return {{}, json};  // the caller may know what it is
  JsonObject& chunk = parsed->get_object();
  const uint64_t choices = texts_of(chunk).choices;
  begun_ = begun_ || choices > 0;
  const Json* usage = chunk.if_contains("usage");
  const auto said = tokens_of(usage);
  prompt_said_ = prompt_said_ || said;
  // Without its own count a piece is at least one token; with it, it is what the count says.
  Piece piece{grow(said ? *said : Tokens{0, counted_.out + choices}), json};
  if (usage == nullptr || answer_.caller_sees) return piece;
  if (said && has_no_choice(chunk)) {
    piece.json = {};
    return piece;
  }
  chunk.stable_erase("usage");
  own_ = print_json(*parsed);
  piece.json = own_;
  return piece;
}

Tokens TokenCount::read_whole(std::string_view json) {
  if (const auto said = usage_in(json)) {
    prompt_said_ = true;
    return grow(*said);
  }
  begun_ = true;
  const auto parsed = parse_json(json);
  const size_t bytes = parsed && parsed->is_object() ? texts_of(parsed->get_object()).bytes : 0;
  const auto out = static_cast<uint64_t>(std::ceil(static_cast<double>(bytes) / answer_.bytes_per_token));
  return grow({answer_.prompt_guess, out});
}

Tokens TokenCount::rest() {
  if (prompt_said_ || !begun_) return {};
  return grow({answer_.prompt_guess, 0});
}

}  // namespace barrio::adapters::openai
