#pragma once
// JSON <-> structs. A struct described with BARRIO_DESCRIBE(Type, (), (fields...)) maps to an object: unknown keys are
// refused, missing keys are refused unless the field is an optional, a vector, a map, or named in
// `static constexpr std::string_view defaulted[]`; errors carry the path ("sites[3].power.budget").
// After its fields, a struct's `Result<void> check() const` is asked, if it has one.
// Types with `static Result<T> parse(std::string_view)` and `str()` are JSON strings; so are described enums (by name),
// Duration ("250ms"), Bytes ("512MiB"), Watts ("75W") and WallTime (RFC 3339).

#include <array>
#include <boost/describe.hpp>
#include <boost/json.hpp>
#include <boost/mp11.hpp>
#include <concepts>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/quantity.h"
#include "base/result.h"
#include "base/time.h"

#define BARRIO_DESCRIBE BOOST_DESCRIBE_STRUCT
#define BARRIO_DESCRIBE_ENUM BOOST_DESCRIBE_ENUM

namespace barrio {

using Json = boost::json::value;
using JsonObject = boost::json::object;
using JsonArray = boost::json::array;

/// Strict RFC 8259, at most 32 levels deep, no key twice in an object. Errors: invalid with the byte offset.
Result<Json> parse_json(std::string_view text);
std::string print_json(const Json& value);
/// Indented by two spaces, for people.
std::string pretty_json(const Json& value);

namespace json_detail {

template <class T>
concept Textual = requires(std::string_view text, const T& value) {
  { T::parse(text) } -> std::same_as<Result<T>>;
  { value.str() } -> std::convertible_to<std::string>;
};
template <class T>
concept DescribedStruct = boost::describe::has_describe_members<T>::value;
template <class T>
concept DescribedEnum = boost::describe::has_describe_enumerators<T>::value;
template <class T>
concept Checked = requires(const T& value) {
  { value.check() } -> std::same_as<Result<void>>;
};
template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};
template <class T>
struct IsVector : std::false_type {};
template <class T>
struct IsVector<std::vector<T>> : std::true_type {};
template <class T>
struct IsMap : std::false_type {};
template <class T>
struct IsMap<std::map<std::string, T>> : std::true_type {};

template <class T>
constexpr bool may_be_missing(std::string_view name) {
  if constexpr (requires { T::defaulted; }) {
    for (std::string_view field : T::defaulted) {
      if (field == name) return true;
    }
  }
  return false;
}

std::string join(const std::string& path, std::string_view key);
tl::unexpected<Error> wrong_kind(const Json& value, std::string_view wanted, const std::string& path);
Result<std::string_view> as_text(const Json& value, std::string_view wanted, const std::string& path);
Result<int64_t> as_integer(const Json& value, int64_t low, int64_t high, const std::string& path);
Result<double> as_number(const Json& value, const std::string& path);
tl::unexpected<Error> unknown_key(std::string_view key, const std::vector<std::string_view>& known,
                                  const std::string& path);

}  // namespace json_detail

template <class T>
Json to_json(const T& value);
/// Errors: invalid; `where` is the path of the offending field, starting with `path`.
template <class T>
Result<T> from_json(const Json& value, const std::string& path = {});

namespace json_detail {

template <DescribedStruct T>
Json struct_to_json(const T& value) {
  JsonObject object;
  boost::mp11::mp_for_each<boost::describe::describe_members<T, boost::describe::mod_any_access>>([&](auto member) {
    const auto& field = value.*member.pointer;
    if constexpr (IsOptional<std::decay_t<decltype(field)>>::value) {
      if (field) object[member.name] = to_json(*field);
    } else {
      object[member.name] = to_json(field);
    }
  });
  return object;
}

template <class T, class Member>
Result<void> read_member(T& into, const JsonObject& object, Member member, const std::string& path) {
  using Field = std::decay_t<decltype(into.*member.pointer)>;
  const Json* found = object.if_contains(member.name);
  if (found == nullptr || (found->is_null() && IsOptional<Field>::value)) {
    constexpr bool skippable = IsOptional<Field>::value || IsVector<Field>::value || IsMap<Field>::value;
    if (skippable || may_be_missing<T>(member.name)) return {};
    return fail(Code::invalid, std::string("'") + member.name + "' is missing", path);
  }
  if constexpr (Textual<Field>) {
    // An empty text stands for "none" where none is allowed: ids are empty by default, but parse never makes one.
    if (may_be_missing<T>(member.name) && found->is_string() && found->get_string().empty()) return {};
  }
  auto read = [&]<class V>(std::type_identity<V>) { return from_json<V>(*found, join(path, member.name)); };
  if constexpr (IsOptional<Field>::value) {
    TRY(into.*member.pointer, read(std::type_identity<typename Field::value_type>()));
  } else {
    TRY(into.*member.pointer, read(std::type_identity<Field>()));
  }
  return {};
}

template <DescribedStruct T>
Result<T> struct_from_json(const Json& value, const std::string& path) {
  using Members = boost::describe::describe_members<T, boost::describe::mod_any_access>;
  if (!value.is_object()) return wrong_kind(value, "an object", path);
  const JsonObject& object = value.get_object();
  std::vector<std::string_view> known;
  boost::mp11::mp_for_each<Members>([&](auto member) { known.emplace_back(member.name); });
  for (const auto& item : object) {
    std::string_view key(item.key().data(), item.key().size());
    bool is_known = false;
    for (std::string_view name : known) is_known = is_known || name == key;
    if (!is_known) return unknown_key(key, known, path);
  }
  T result{};
  Result<void> status;
  boost::mp11::mp_for_each<Members>([&](auto member) {
    if (status) status = read_member(result, object, member, path);
  });
  if (!status) return fail(std::move(status).error());
  if constexpr (Checked<T>) {
    auto checked = result.check();
    if (!checked) {
      Error error = std::move(checked).error();
      error.where = error.where.empty() ? path : join(path, error.where);
      return fail(std::move(error));
    }
  }
  return result;
}

template <DescribedEnum T>
Result<T> enum_from_json(const Json& value, const std::string& path) {
  std::string wanted;
  boost::mp11::mp_for_each<boost::describe::describe_enumerators<T>>(
      [&](auto e) { wanted += (wanted.empty() ? "one of " : ", ") + std::string(e.name); });
  TRY(auto text, as_text(value, wanted, path));
  std::optional<T> found;
  boost::mp11::mp_for_each<boost::describe::describe_enumerators<T>>([&](auto e) {
    if (text == e.name) found = e.value;
  });
  if (!found) return fail(Code::invalid, "'" + std::string(text) + "' must be " + wanted, path);
  return *found;
}

inline Error at(Error error, const std::string& path) {
  error.where = path;
  return error;
}

template <class T>
Result<T> text_from_json(const Json& value, std::string_view wanted, const std::string& path,
                         Result<T> (*parse)(std::string_view)) {
  TRY(auto text, as_text(value, wanted, path));
  auto parsed = parse(text);
  if (!parsed) return fail(at(std::move(parsed).error(), path));
  return parsed;
}

}  // namespace json_detail

namespace json_detail {

template <class T>
Result<T> list_from_json(const Json& value, const std::string& path) {
  if (!value.is_array()) return wrong_kind(value, "a list", path);
  T result;
  for (size_t i = 0; i < value.get_array().size(); ++i) {
    TRY(auto item, from_json<typename T::value_type>(value.get_array()[i], path + "[" + std::to_string(i) + "]"));
    result.push_back(std::move(item));
  }
  return result;
}

template <class T>
Result<T> map_from_json(const Json& value, const std::string& path) {
  if (!value.is_object()) return wrong_kind(value, "an object", path);
  T result;
  for (const auto& item : value.get_object()) {
    std::string key(item.key());
    TRY(auto parsed, from_json<typename T::mapped_type>(item.value(), join(path, key)));
    result.emplace(std::move(key), std::move(parsed));
  }
  return result;
}

}  // namespace json_detail

/// The name of a described enumerator: to_name(SiteStatus::active) == "active".
template <json_detail::DescribedEnum T>
const char* to_name(T value) {
  return boost::describe::enum_to_string(value, "unknown");
}

template <class T>
Json to_json(const T& value) {
  using namespace json_detail;
  if constexpr (std::same_as<T, Json>) {
    return value;
  } else if constexpr (std::same_as<T, bool>) {
    return Json(value);
  } else if constexpr (std::integral<T>) {
    if constexpr (std::is_signed_v<T>)
      return Json(static_cast<int64_t>(value));
    else
      return Json(static_cast<uint64_t>(value));
  } else if constexpr (std::floating_point<T>) {
    return Json(static_cast<double>(value));
  } else if constexpr (std::same_as<T, std::string>) {
    return Json(boost::json::string_view(value.data(), value.size()));
  } else if constexpr (std::same_as<T, Duration> || std::same_as<T, Bytes> || std::same_as<T, Watts> ||
                       std::same_as<T, WallTime>) {
    return Json(boost::json::string(to_string(value)));
  } else if constexpr (Textual<T>) {
    return Json(boost::json::string(std::string(value.str())));
  } else if constexpr (DescribedEnum<T>) {
    return Json(boost::json::string(to_name(value)));
  } else if constexpr (IsVector<T>::value) {
    JsonArray array;
    for (const auto& item : value) array.push_back(to_json(item));
    return array;
  } else if constexpr (IsMap<T>::value) {
    JsonObject object;
    for (const auto& [key, item] : value) object[key] = to_json(item);
    return object;
  } else {
    return struct_to_json(value);
  }
}

template <class T>
Result<T> from_json(const Json& value, const std::string& path) {
  using namespace json_detail;
  if constexpr (std::same_as<T, Json>) {
    return value;
  } else if constexpr (std::same_as<T, bool>) {
    if (!value.is_bool()) return wrong_kind(value, "true or false", path);
    return value.get_bool();
  } else if constexpr (std::integral<T>) {
    constexpr int64_t low = std::is_signed_v<T> ? static_cast<int64_t>(std::numeric_limits<T>::min()) : 0;
    constexpr int64_t high =
        sizeof(T) >= 8 ? std::numeric_limits<int64_t>::max() : static_cast<int64_t>(std::numeric_limits<T>::max());
    TRY(int64_t number, as_integer(value, low, high, path));
    return static_cast<T>(number);
  } else if constexpr (std::floating_point<T>) {
    TRY(double number, as_number(value, path));
    return static_cast<T>(number);
  } else if constexpr (std::same_as<T, std::string>) {
    TRY(auto text, as_text(value, "text", path));
    return std::string(text);
  } else if constexpr (std::same_as<T, Duration>) {
    return text_from_json<Duration>(value, "a duration like 250ms", path, parse_duration);
  } else if constexpr (std::same_as<T, Bytes>) {
    return text_from_json<Bytes>(value, "a size like 512MiB", path, parse_bytes);
  } else if constexpr (std::same_as<T, Watts>) {
    return text_from_json<Watts>(value, "a power like 75W", path, parse_watts);
  } else if constexpr (std::same_as<T, WallTime>) {
    return text_from_json<WallTime>(value, "a time like 2026-11-24T10:00:00Z", path, parse_wall_time);
  } else if constexpr (Textual<T>) {
    return text_from_json<T>(value, "text", path, T::parse);
  } else if constexpr (DescribedEnum<T>) {
    return enum_from_json<T>(value, path);
  } else if constexpr (IsVector<T>::value) {
    return list_from_json<T>(value, path);
  } else if constexpr (IsMap<T>::value) {
    return map_from_json<T>(value, path);
  } else {
    return struct_from_json<T>(value, path);
  }
}

}  // namespace barrio

/// For a described struct that many sources read and print: after its description in the header, with BARRIO_JSON_HERE
/// in one source, so that its mapping is compiled once.
#define BARRIO_JSON_APART(Type)                    \
  extern template Json to_json<Type>(const Type&); \
  extern template Result<Type> from_json<Type>(const Json&, const std::string&);
#define BARRIO_JSON_HERE(Type)              \
  template Json to_json<Type>(const Type&); \
  template Result<Type> from_json<Type>(const Json&, const std::string&);
