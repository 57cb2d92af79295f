#include "base/json.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/text.h"

namespace barrio {

namespace {

struct Tally {
  size_t members = 0;
  bool finite = true;
};

void tally(const Json& value, Tally& sum) {
  if (value.is_array()) {
    for (const Json& item : value.get_array()) tally(item, sum);
  } else if (value.is_object()) {
    sum.members += value.get_object().size();
    for (const auto& item : value.get_object()) tally(item.value(), sum);
  } else if (value.is_double()) {
    sum.finite = sum.finite && std::isfinite(value.get_double());
  }
}

/// Of text that is valid JSON: every colon outside of strings belongs to a member.
size_t count_colons(std::string_view text) {
  size_t count = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (in_string && text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      in_string = !in_string;
    } else if (text[i] == ':' && !in_string) {
      ++count;
    }
  }
  return count;
}

}  // namespace

Result<Json> parse_json(std::string_view text) {
  boost::json::parse_options options;
  options.max_depth = 32;
  boost::json::stream_parser parser({}, options);
  boost::json::error_code error;
  size_t read = parser.write_some(text.data(), text.size(), error);
  if (!error && read < text.size()) {
    return fail(Code::invalid, "not JSON: unexpected text after the value, at byte " + std::to_string(read));
  }
  if (!error) parser.finish(error);
  if (error) return fail(Code::invalid, "not JSON: " + error.message() + " at byte " + std::to_string(read));
  Json value = parser.release();
  // Two readers could take different ones of two equal keys, so such text has no meaning. Boost.JSON keeps the last.
  Tally sum;
  tally(value, sum);
  if (sum.members != count_colons(text)) return fail(Code::invalid, "not JSON: a key stands twice");
  // Boost.JSON reads 1e999 as infinity, which could not be printed again.
  if (!sum.finite) return fail(Code::invalid, "not JSON that is read here: a number is beyond 1.8e308");
  return value;
}

namespace {

/// The shortest text that is read as the same double again, as people write it: 40.40841 and not 4.040841E1. A whole
/// one keeps a point, so that it stays one.
void append_double(double number, std::string& out) {
  char text[32];
  const double size = std::abs(number);
  const bool plain = number == 0 || (size >= 1e-5 && size < 1e15);
  const auto end = plain ? std::to_chars(text, text + sizeof text, number, std::chars_format::fixed).ptr
                         : std::to_chars(text, text + sizeof text, number).ptr;
  const std::string_view written(text, static_cast<size_t>(end - text));
  out += written;
  if (written.find_first_of(".en") == std::string_view::npos) out += ".0";
}

template <class Whole>
void append_whole(Whole number, std::string& out) {
  char text[24];
  out.append(text, std::to_chars(text, text + sizeof text, number).ptr);
}

void append_scalar(const Json& value, std::string& out) {
  if (value.is_null()) {
    out += "null";
    return;
  }
  if (value.is_bool()) {
    out += value.get_bool() ? "true" : "false";
    return;
  }
  if (value.is_double() && std::isfinite(value.get_double())) return append_double(value.get_double(), out);
  if (value.is_int64()) return append_whole(value.get_int64(), out);
  if (value.is_uint64()) return append_whole(value.get_uint64(), out);
  boost::json::serializer serializer;
  serializer.reset(&value);
  char piece[1024];
  while (!serializer.done()) out += std::string_view(serializer.read(piece));
}

/// Nearly all texts have nothing that is written otherwise in JSON.
void append_text(std::string_view text, std::string& out) {
  const auto is_plain = [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\'; };
  if (std::ranges::all_of(text, is_plain)) {
    out += '"';
    out += text;
    out += '"';
    return;
  }
  boost::json::serializer serializer;
  serializer.reset(boost::json::string_view(text.data(), text.size()));
  char piece[1024];
  while (!serializer.done()) out += std::string_view(serializer.read(piece));
}

/// On one line, or indented.
struct Printer {
  std::string& out;
  bool pretty = false;

  void print(const Json& value, size_t depth) {
    if (const auto* object = value.if_object()) {
      print_all(*object, '{', '}', depth, [&](const auto& item) {
        append_text(item.key(), out);
        out += pretty ? ": " : ":";
        print(item.value(), depth + 1);
      });
    } else if (const auto* array = value.if_array()) {
      print_all(*array, '[', ']', depth, [&](const Json& item) { print(item, depth + 1); });
    } else {
      append_scalar(value, out);
    }
  }

 private:
  void new_line(size_t depth) {
    if (pretty) out.append(1, '\n').append(2 * depth, ' ');
  }

  template <class List, class Print>
  void print_all(const List& list, char open, char close, size_t depth, const Print& print_one) {
    out += open;
    bool first = true;
    for (const auto& item : list) {
      if (!first) out += ',';
      first = false;
      new_line(depth + 1);
      print_one(item);
    }
    if (!first) new_line(depth);
    out += close;
  }
};

const char* kind_name(const Json& value) {
  switch (value.kind()) {
    case boost::json::kind::null: return "nothing";
    case boost::json::kind::bool_: return "true/false";
    case boost::json::kind::int64:
    case boost::json::kind::uint64:
    case boost::json::kind::double_: return "a number";
    case boost::json::kind::string: return "text";
    case boost::json::kind::array: return "a list";
    case boost::json::kind::object: return "an object";
  }
  return "something else";
}

}  // namespace

std::string print_json(const Json& value) {
  std::string out;
  Printer{out}.print(value, 0);
  return out;
}

std::string pretty_json(const Json& value) {
  std::string out;
  Printer{out, true}.print(value, 0);
  return out;
}

namespace json_detail {

std::string join(const std::string& path, std::string_view key) {
  return path.empty() ? std::string(key) : path + "." + std::string(key);
}

tl::unexpected<Error> wrong_kind(const Json& value, std::string_view wanted, const std::string& path) {
  return fail(Code::invalid, "must be " + std::string(wanted) + ", but is " + kind_name(value), path);
}

Result<std::string_view> as_text(const Json& value, std::string_view wanted, const std::string& path) {
  if (!value.is_string()) return wrong_kind(value, wanted, path);
  return std::string_view(value.get_string().data(), value.get_string().size());
}

Result<int64_t> as_integer(const Json& value, int64_t low, int64_t high, const std::string& path) {
  std::optional<int64_t> number;
  if (value.is_int64()) number = value.get_int64();
  if (value.is_uint64() && value.get_uint64() <= static_cast<uint64_t>(high))
    number = static_cast<int64_t>(value.get_uint64());
  if (!number && !value.is_number()) return wrong_kind(value, "a whole number", path);
  if (!number || *number < low || *number > high) {
    return fail(Code::invalid, "must be a whole number from " + std::to_string(low) + " to " + std::to_string(high),
                path);
  }
  return *number;
}

Result<double> as_number(const Json& value, const std::string& path) {
  if (!value.is_number()) return wrong_kind(value, "a number", path);
  const double number = value.to_number<double>();
  if (!std::isfinite(number)) return fail(Code::invalid, "must be a finite number", path);
  return number;
}

namespace {

tl::unexpected<Error> unknown_key(std::string_view key, std::span<const Member> members, const std::string& path) {
  std::vector<std::string_view> known;
  for (const Member& member : members) known.push_back(member.name);
  std::string what = "unknown key '" + std::string(key) + "'";
  if (auto near = nearest(key, known))
    what += ", did you mean '" + std::string(*near) + "'?";
  else
    what += ", known are " + join_text(known, ", ");
  return fail(Code::invalid, what, join(path, key));
}

/// `where` is of the value at `path`.
tl::unexpected<Error> within(Error error, const std::string& path) {
  error.where = error.where.starts_with('[') ? path + error.where
                : error.where.empty()        ? path
                                             : join(path, error.where);
  return fail(std::move(error));
}

}  // namespace

/// Paths are put together only where something is wrong.
Result<void> read_members(const Json& value, const std::string& path, std::span<const Member> members, void* object) {
  if (!value.is_object()) return wrong_kind(value, "an object", path);
  for (const auto& item : value.get_object()) {
    const std::string_view key(item.key().data(), item.key().size());
    if (std::ranges::find(members, key, &Member::name) == members.end()) return unknown_key(key, members, path);
  }
  for (const Member& member : members) {
    const Json* found = value.get_object().if_contains(member.name);
    if (found == nullptr || (found->is_null() && member.optional)) {
      if (member.skippable) continue;
      return fail(Code::invalid, "'" + std::string(member.name) + "' is missing", path);
    }
    if (member.empty_text_is_none && found->is_string() && found->get_string().empty()) continue;
    auto good = member.read(*found, {}, object);
    if (!good) return within(std::move(good).error(), join(path, member.name));
  }
  return {};
}

Json write_members(const void* object, std::span<const Member> members) {
  JsonObject written;
  written.reserve(members.size());
  for (const Member& member : members) {
    Json value;
    if (member.write(object, value)) written.emplace(member.name, std::move(value));
  }
  return written;
}

tl::unexpected<Error> check_failed(Error error, const std::string& path) {
  error.where = error.where.empty() ? path : join(path, error.where);
  return fail(std::move(error));
}

Result<int64_t> read_enumerator(const Json& value, const std::string& path, std::span<const Enumerator> all) {
  if (const auto* text = value.if_string()) {
    const auto found = std::ranges::find(all, std::string_view(text->data(), text->size()), &Enumerator::name);
    if (found != all.end()) return found->value;
  }
  std::string wanted;
  for (const Enumerator& one : all) wanted += (wanted.empty() ? "one of " : ", ") + std::string(one.name);
  TRY(auto text, as_text(value, wanted, path));
  return fail(Code::invalid, "'" + std::string(text) + "' must be " + wanted, path);
}

}  // namespace json_detail
}  // namespace barrio
