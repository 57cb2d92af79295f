#include "agent/snapshot_text.h"

#include "agent/disk_format.h"

namespace barrio::agent {
namespace {

/// Field by field: equal values have equal texts.
template <class T>
bool same(const T& a, const T& b) {
  using namespace json_detail;
  if constexpr (IsOptional<T>::value) {
    return a.has_value() == b.has_value() && (!a || same(*a, *b));
  } else if constexpr (IsVector<T>::value) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) { return same(x, y); });
  } else if constexpr (IsMap<T>::value) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](const auto& x, const auto& y) { return x.first == y.first && same(x.second, y.second); });
  } else if constexpr (DescribedStruct<T>) {
    bool all = true;
    boost::mp11::mp_for_each<boost::describe::describe_members<T, boost::describe::mod_any_access>>(
        [&](auto field) { all = all && same(a.*field.pointer, b.*field.pointer); });
    return all;
  } else if constexpr (requires { a == b; }) {
    return a == b;
  } else {
    return a.str() == b.str();
  }
}

}  // namespace

std::string SnapshotText::of(std::shared_ptr<const Snapshot> snapshot) {
  using Fields = boost::describe::describe_members<Snapshot, boost::describe::mod_any_access>;
  parts_.resize(boost::mp11::mp_size<Fields>::value);
  std::string json = "{";
  size_t index = 0;
  boost::mp11::mp_for_each<Fields>([&](auto field) {
    const auto& now = *snapshot.*field.pointer;
    std::string& part = parts_[index++];
    if (!last_ || !same(*last_.*field.pointer, now)) {
      part = "\"" + std::string(field.name) + "\":" + print_json(to_json(now));
    }
    if (index > 1) json += ',';
    json += part;
  });
  json += '}';
  last_ = std::move(snapshot);
  return sha256_hex(json) + "\n" + json;
}

}  // namespace barrio::agent
