#include "adapters/sealed_store/versions.h"

#include <algorithm>

namespace barrio::adapters::sealed_store {

namespace {

bool is_meant(const IndexedObject& object, const ports::ObjectVersion& version) {
  const ports::ObjectVersion& has = object.version;
  return version.numbered ? has.numbered && has.order == version.order : !has.numbered;
}

}  // namespace

ObjectVersions::Others::const_iterator ObjectVersions::find_other(const std::string& key,
                                                                  const ports::ObjectVersion& version) const {
  if (version.numbered) return others_.find({key, version.order, true});
  const auto order = null_orders_.find(key);
  return order == null_orders_.end() ? others_.end() : others_.find({key, order->second, false});
}

/// Nothing is in its place.
void ObjectVersions::add_other(const std::string& key, IndexedObject object) {
  const Slot slot{key, object.version.order, object.version.numbered};
  if (!slot.numbered) null_orders_[key] = slot.order;
  others_.emplace(slot, std::move(object));
}

IndexedObject ObjectVersions::take_other(Others::const_iterator other) {
  if (!other->first.numbered) null_orders_.erase(other->first.key);
  return std::move(others_.extract(other).mapped());
}

const IndexedObject* ObjectVersions::find(const std::string& key, const ports::ObjectVersion& version) const {
  const auto current = current_.find(key);
  if (current != current_.end() && is_meant(current->second, version)) return &current->second;
  const auto other = find_other(key, version);
  return other == others_.end() ? nullptr : &other->second;
}

const IndexedObject* ObjectVersions::newest(const std::string& key) const {
  const auto current = current_.find(key);
  if (current != current_.end()) return &current->second;
  const auto other = others_.lower_bound({key, before_all, false});
  return other != others_.end() && other->first.key == key ? &other->second : nullptr;
}

ObjectVersions::Found ObjectVersions::first_behind(const std::string& key, int64_t order) const {
  auto current = current_.lower_bound(key);
  if (current != current_.end() && current->first == key && current->second.version.order >= order) ++current;
  const auto other = others_.upper_bound({key, order, true});
  const bool has_current = current != current_.end();
  if (other == others_.end()) return has_current ? Found{&current->first, &current->second} : Found{};
  // A key's current version is its newest one.
  if (has_current && current->first <= other->first.key) return {&current->first, &current->second};
  return {&other->first.key, &other->second};
}

ObjectVersions::Found ObjectVersions::first_named_behind(const std::string& key,
                                                         const std::optional<ports::ObjectVersion>& version) const {
  if (version) {
    Found next = first_behind(key, version->numbered ? version->order : before_all);
    while (next.key != nullptr && *next.key == key && !next.object->version.numbered) {
      next = first_behind(key, next.object->version.order);
    }
    if (next.key != nullptr && *next.key == key) return next;
  }
  const Found next = first_behind(key, behind_all_of);
  if (next.key == nullptr) return next;
  const IndexedObject* unnumbered = find(*next.key, {});
  return unnumbered == nullptr ? next : Found{next.key, unnumbered};
}

int64_t ObjectVersions::next_order(const std::string& key, WallTime now, uint64_t step) const {
  const int64_t clock = std::chrono::duration_cast<std::chrono::nanoseconds>(now.time_since_epoch()).count();
  const IndexedObject* last = newest(key);
  return std::max({int64_t{1}, clock, last == nullptr ? 0 : last->version.order + 1}) + static_cast<int64_t>(step);
}

std::optional<IndexedObject> ObjectVersions::put(const std::string& key, IndexedObject object) {
  auto replaced = remove(key, object.version);
  if (!object.version.marker && newest(key) == nullptr) {
    current_.emplace(key, std::move(object));
    return replaced;
  }
  add_other(key, std::move(object));
  settle(key);
  return replaced;
}

std::optional<IndexedObject> ObjectVersions::remove(const std::string& key, const ports::ObjectVersion& version) {
  std::optional<IndexedObject> removed;
  const auto current = current_.find(key);
  if (current != current_.end() && is_meant(current->second, version)) {
    removed = std::move(current->second);
    current_.erase(current);
  } else if (const auto other = find_other(key, version); other != others_.end()) {
    removed = take_other(other);
  }
  if (removed) settle(key);
  return removed;
}

void ObjectVersions::set_place(const std::string& key, const ports::ObjectVersion& version, const Place& place) {
  const auto current = current_.find(key);
  if (current != current_.end() && is_meant(current->second, version)) {
    current->second.place = place;
  } else if (const auto other = find_other(key, version); other != others_.end()) {
    others_.at(other->first).place = place;
  }
}

/// What is newest is current, or a marker; nothing else is.
void ObjectVersions::settle(const std::string& key) {
  auto current = current_.find(key);
  const auto first = others_.lower_bound({key, before_all, false});
  if (first == others_.end() || first->first.key != key) return;
  if (current != current_.end()) {
    if (current->second.version.order > first->first.order) return;
    IndexedObject older = std::move(current->second);
    current_.erase(current);
    add_other(key, std::move(older));
  }
  if (first->second.version.marker) return;
  current_.emplace(key, take_other(first));
}

}  // namespace barrio::adapters::sealed_store
