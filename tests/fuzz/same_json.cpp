#include "same_json.h"

#include <algorithm>
#include <cmath>

namespace barrio::fuzz {

namespace {

bool same_number(const Json& a, const Json& b) {
  if (!a.is_double() && !b.is_double()) return a == b;
  const double x = a.to_number<double>();
  const double y = b.to_number<double>();
  return x == y || std::abs(x - y) <= std::abs(x) * 1e-15 + 1e-300;
}

}  // namespace

bool same_json(const Json& a, const Json& b) {
  if (a.is_number() && b.is_number()) return same_number(a, b);
  if (a.is_array() && b.is_array()) {
    return std::equal(a.get_array().begin(), a.get_array().end(), b.get_array().begin(), b.get_array().end(),
                      same_json);
  }
  if (!a.is_object() || !b.is_object()) return a == b;
  return a.get_object().size() == b.get_object().size() &&
         std::all_of(a.get_object().begin(), a.get_object().end(), [&](const auto& member) {
           const Json* other = b.get_object().if_contains(member.key());
           return other != nullptr && same_json(member.value(), *other);
         });
}

}  // namespace barrio::fuzz
