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
#include <span>
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

/// A field of a described struct, for code that is compiled once for all structs.
struct Member {
  std::string_view name;
  bool skippable = false;           // may be missing
  bool optional = false;            // null is as good as missing
  bool empty_text_is_none = false;  // ids are empty by default, but parse never makes one
  Result<void> (*read)(const Json& value, const std::string& path, void* object) = nullptr;
  bool (*write)(const void* object, Json& into) = nullptr;  // false: there is nothing to write
};
Result<void> read_members(const Json& value, const std::string& path, std::span<const Member> members, void* object);
Json write_members(const void* object, std::span<const Member> members);
/// The error of a struct's own check, at the struct's path.
tl::unexpected<Error> check_failed(Error error, const std::string& path);

struct Enumerator {
  std::string_view name;
  int64_t value = 0;
};
Result<int64_t> read_enumerator(const Json& value, const std::string& path, std::span<const Enumerator> all);

}  // namespace json_detail

template <class T>
Json to_json(const T& value);
/// Errors: invalid; `where` is the path of the offending field, starting with `path`.
template <class T>
Result<T> from_json(const Json& value, const std::string& path = {});

namespace json_detail {

template <class T>
Result<void> read(const Json& value, const std::string& path, T& into);

template <class T, class Described>
constexpr Member member_of() {
  using Field = std::decay_t<decltype(std::declval<T&>().*Described::pointer)>;
  constexpr bool may_miss = may_be_missing<T>(Described::name);
  Member member;
  member.name = Described::name;
  member.optional = IsOptional<Field>::value;
  member.skippable = may_miss || IsOptional<Field>::value || IsVector<Field>::value || IsMap<Field>::value;
  member.empty_text_is_none = may_miss && Textual<Field>;
  member.read = [](const Json& value, const std::string& path, void* object) {
    auto& field = static_cast<T*>(object)->*Described::pointer;
    if constexpr (IsOptional<Field>::value) {
      return read(value, path, field.emplace());
    } else {
      return read(value, path, field);
    }
  };
  member.write = [](const void* object, Json& into) {
    const auto& field = static_cast<const T*>(object)->*Described::pointer;
    if constexpr (IsOptional<Field>::value) {
      if (field) into = to_json(*field);
      return field.has_value();
    } else {
      into = to_json(field);
      return true;
    }
  };
  return member;
}

template <class T, template <class...> class List, class... Described>
constexpr std::array<Member, sizeof...(Described)> members_in(List<Described...>) {
  return {member_of<T, Described>()...};
}
template <DescribedStruct T>
inline constexpr auto members_of =
    members_in<T>(boost::describe::describe_members<T, boost::describe::mod_any_access>());

template <template <class...> class List, class... Described>
constexpr std::array<Enumerator, sizeof...(Described)> enumerators_in(List<Described...>) {
  return {Enumerator{Described::name, static_cast<int64_t>(Described::value)}...};
}
template <DescribedEnum T>
inline constexpr auto enumerators_of = enumerators_in(boost::describe::describe_enumerators<T>());

template <DescribedStruct T>
Result<void> read_struct(const Json& value, const std::string& path, T& into) {
  into = T{};
  TRY_DO(read_members(value, path, members_of<T>, &into));
  if constexpr (Checked<T>) {
    auto checked = into.check();
    if (!checked) return check_failed(std::move(checked).error(), path);
  }
  return {};
}

template <class T>
Result<void> read_text(const Json& value, std::string_view wanted, const std::string& path,
                       Result<T> (*parse)(std::string_view), T& into) {
  TRY(auto text, as_text(value, wanted, path));
  auto parsed = parse(text);
  if (!parsed) {
    parsed.error().where = path;
    return fail(std::move(parsed).error());
  }
  into = std::move(*parsed);
  return {};
}

template <class T>
Result<void> read_list(const Json& value, const std::string& path, T& into) {
  if (!value.is_array()) return wrong_kind(value, "a list", path);
  into.clear();
  for (size_t i = 0; i < value.get_array().size(); ++i) {
    typename T::value_type item{};
    TRY_DO(read(value.get_array()[i], path + "[" + std::to_string(i) + "]", item));
    into.push_back(std::move(item));
  }
  return {};
}

template <class T>
Result<void> read_map(const Json& value, const std::string& path, T& into) {
  if (!value.is_object()) return wrong_kind(value, "an object", path);
  into.clear();
  for (const auto& item : value.get_object()) {
    std::string key(item.key());
    typename T::mapped_type mapped{};
    TRY_DO(read(item.value(), join(path, key), mapped));
    into.emplace(std::move(key), std::move(mapped));
  }
  return {};
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
    return write_members(&value, members_of<T>);
  }
}

/// Whatever was there is gone; what fails leaves it half filled.
template <class T>
Result<void> json_detail::read(const Json& value, const std::string& path, T& into) {
  if constexpr (std::same_as<T, Json>) {
    into = value;
  } else if constexpr (std::same_as<T, bool>) {
    if (!value.is_bool()) return wrong_kind(value, "true or false", path);
    into = value.get_bool();
  } else if constexpr (std::integral<T>) {
    constexpr int64_t low = std::is_signed_v<T> ? static_cast<int64_t>(std::numeric_limits<T>::min()) : 0;
    constexpr int64_t high =
        sizeof(T) >= 8 ? std::numeric_limits<int64_t>::max() : static_cast<int64_t>(std::numeric_limits<T>::max());
    TRY(int64_t number, as_integer(value, low, high, path));
    into = static_cast<T>(number);
  } else if constexpr (std::floating_point<T>) {
    TRY(double number, as_number(value, path));
    into = static_cast<T>(number);
  } else if constexpr (std::same_as<T, std::string>) {
    TRY(into, as_text(value, "text", path));
  } else if constexpr (std::same_as<T, Duration>) {
    return read_text(value, "a duration like 250ms", path, parse_duration, into);
  } else if constexpr (std::same_as<T, Bytes>) {
    return read_text(value, "a size like 512MiB", path, parse_bytes, into);
  } else if constexpr (std::same_as<T, Watts>) {
    return read_text(value, "a power like 75W", path, parse_watts, into);
  } else if constexpr (std::same_as<T, WallTime>) {
    return read_text(value, "a time like 2026-11-24T10:00:00Z", path, parse_wall_time, into);
  } else if constexpr (Textual<T>) {
    return read_text(value, "text", path, T::parse, into);
  } else if constexpr (DescribedEnum<T>) {
    TRY(int64_t number, read_enumerator(value, path, enumerators_of<T>));
    into = static_cast<T>(number);
  } else if constexpr (IsVector<T>::value) {
    return read_list(value, path, into);
  } else if constexpr (IsMap<T>::value) {
    return read_map(value, path, into);
  } else {
    return read_struct(value, path, into);
  }
  return {};
}

template <class T>
Result<T> from_json(const Json& value, const std::string& path) {
  T result{};
  TRY_DO(json_detail::read(value, path, result));
  return result;
}

}  // namespace barrio

/// For a described struct that many sources read and print: after its description in the header, with BARRIO_JSON_HERE
/// in one source, so that its mapping is compiled once.
#define BARRIO_JSON_APART(Type)                    \
  extern template Json to_json<Type>(const Type&); \
  extern template Result<void> json_detail::read<Type>(const Json&, const std::string&, Type&);
#define BARRIO_JSON_HERE(Type)              \
  template Json to_json<Type>(const Type&); \
  template Result<void> json_detail::read<Type>(const Json&, const std::string&, Type&);
