#include "gateway/meter.h"

#include <atomic>
#include <cstring>

#include "base/check.h"

namespace barrio::gateway {

namespace {

constexpr uint64_t format = 0x4241525249'4f5534;  // "BARRIOU4": grows when the layout below changes
constexpr size_t longest_name = 63;               // of a tenant, an app, a site (base/id.h) or a bucket
constexpr size_t most_places = 4 * Meter::most_lines;

/// Whoever looks after a kill sees all stores before this one, if it sees this one: the processor has them in order,
/// and so must the compiler.
template <class T>
void store_after_all(T& to, T value) {
  std::atomic_ref<T>(to).store(value, std::memory_order_release);
  std::atomic_signal_fence(std::memory_order_seq_cst);
}

}  // namespace

struct alignas(128) Meter::Line {
  int64_t period;  // written last
  Usage usage;
  struct Name {
    uint8_t length;  // 0: none
    char text[longest_name];
    std::string_view view() const { return {text, std::min<size_t>(length, longest_name)}; }
    void set(std::string_view wanted) {
      CHECK(wanted.size() <= longest_name);
      length = static_cast<uint8_t>(wanted.size());
      std::memcpy(text, wanted.data(), wanted.size());
    }
  };
  Name tenant;
  Name name;  // of the app, or of the bucket
  Name to;
  bool is_bucket;
  UsageKey key() const;
  void set(const AppKey& app);
  void set(const UsageKey& key);
};

UsageKey Meter::Line::key() const {
  if (!is_bucket) return AppKey{TenantId::of(tenant.view()), AppName::of(name.view())};
  const auto bucket = BucketName::parse(name.view());
  return {TenantId::of(tenant.view()), bucket.value_or(BucketName()),
          to.length == 0 ? std::nullopt : std::optional(SiteId::of(to.view()))};
}

void Meter::Line::set(const AppKey& app) {
  tenant.set(app.tenant.str());
  name.set(app.name.str());
  to.set("");
  is_bucket = false;
}

void Meter::Line::set(const UsageKey& key) {
  CHECK(key.check());
  tenant.set(key.tenant.str());
  name.set(key.bucket ? key.bucket->str() : key.name->str());
  to.set(key.to ? key.to->str() : "");
  is_bucket = key.bucket.has_value();
}

struct Meter::Header {
  uint64_t format;  // written last
  int64_t id;
  int64_t period;
  int64_t from_ms[2];  // of the periods in the banks
  /// An add in the middle: line `index` is to become `usage`.
  struct Begun {
    uint64_t valid;
    uint64_t index;
    Usage usage;
  } begun;
};

namespace {
constexpr size_t header_bytes = 512;
}

size_t Meter::memory_bytes() {
  static_assert(std::is_trivially_copyable_v<Line> && std::is_trivially_copyable_v<Header>);
  static_assert(sizeof(Line) == 384 && sizeof(Header) <= header_bytes && header_bytes % alignof(Line) == 0);
  return header_bytes + 2 * most_lines * sizeof(Line);
}

size_t Meter::Hash::operator()(const AppKey& app) const {
  const std::hash<std::string> hash;
  return hash(app.tenant.str()) * 31 + hash(app.name.str());
}

size_t Meter::Hash::operator()(const UsageKey& key) const {
  const std::hash<std::string> hash;
  if (key.name) return hash(key.tenant.str()) * 31 + hash(key.name->str());
  return hash(key.tenant.str()) * 31 + hash(key.bucket ? key.bucket->str() : "") + (key.to ? hash(key.to->str()) : 0);
}

Meter::Meter(std::span<std::byte> memory, int64_t new_id, WallTime now)
    : header_(*reinterpret_cast<Header*>(memory.data())),
      lines_(reinterpret_cast<Line*>(memory.data() + header_bytes)),
      last_cut_(now) {
  CHECK(memory.size() >= memory_bytes() && new_id > 0);
  CHECK(reinterpret_cast<uintptr_t>(memory.data()) % alignof(Line) == 0);
  header_.format == format ? recover() : begin(new_id, now);
}

void Meter::begin(int64_t new_id, WallTime now) {
  std::memset(static_cast<void*>(&header_), 0, memory_bytes());
  header_.id = new_id;
  header_.period = 1;
  header_.from_ms[1] = now.time_since_epoch().count();
  store_after_all(header_.format, format);
}

void Meter::recover() {
  if (header_.begun.valid == 1 && header_.begun.index < 2 * most_lines) {
    lines_[header_.begun.index].usage = header_.begun.usage;
    store_after_all(header_.begun.valid, uint64_t{0});
  }
  // Which lines of the period before are in use is told by the lines themselves.
  used_[(header_.period + 1) % 2] = most_lines;
  size_t& used = used_[header_.period % 2];
  for (size_t i = 0; i < most_lines; ++i) {
    const Line& line = at(header_.period, i);
    if (line.period != header_.period) continue;
    used = i + 1;
    Place& place = places_[line.key()];
    place.period[header_.period % 2] = header_.period;
    place.line[header_.period % 2] = i;
  }
}

Meter::Line& Meter::at(int64_t period, size_t index) const {
  return lines_[static_cast<size_t>(period % 2) * most_lines + index];
}

int64_t Meter::id() const {
  return header_.id;
}

void Meter::add(const AppKey& app, const Usage& usage) {
  Account once;
  add(app, once, usage);
}

void Meter::add(const AppKey& app, Account& account, const Usage& usage) {
  add_to(app, account, usage);
}

void Meter::add(const UsageKey& key, Account& account, const Usage& usage) {
  add_to(key, account, usage);
}

template <class Key>
void Meter::add_to(const Key& key, Account& account, const Usage& usage) {
  Line* to = line(key, account);
  if (to == nullptr) {
    ++unmetered_;
    return;
  }
  Header::Begun& begun = header_.begun;
  begun.index = static_cast<uint64_t>(to - lines_);
  begun.usage = to->usage;
  begun.usage += usage;
  store_after_all(begun.valid, uint64_t{1});
  to->usage = begun.usage;
  store_after_all(begun.valid, uint64_t{0});
}

template <class Key>
std::pair<const UsageKey, Meter::Place>& Meter::place_of(const Key& key) {
  const auto found = places_.find(key);
  if (found != places_.end()) return *found;
  if (places_.size() >= most_places) {  // apps come and go; those that are used come back
    places_.clear();
    ++places_dropped_;
  }
  return *places_.try_emplace(UsageKey(key)).first;
}

template <class Key>
Meter::Line* Meter::line(const Key& key, Account& account) {
  if (account.place_ == nullptr || account.dropped_ != places_dropped_) {
    if (last_ == nullptr || !Same()(key, last_->first)) last_ = &place_of(key);
    account.place_ = &last_->second;
    account.dropped_ = places_dropped_;
  }
  Place& place = *account.place_;
  const size_t bank = static_cast<size_t>(header_.period % 2);
  if (place.period[bank] == header_.period) return &at(header_.period, place.line[bank]);
  return new_line(key, place);
}

template <class Key>
Meter::Line* Meter::new_line(const Key& key, Place& place) {
  if (used_[header_.period % 2] == most_lines) {
    if (!can_close()) return nullptr;
    close(last_cut_);
  }
  const size_t bank = static_cast<size_t>(header_.period % 2);
  const size_t index = used_[bank]++;
  Line& line = at(header_.period, index);
  line.usage = {};
  line.set(key);
  store_after_all(line.period, header_.period);
  place.period[bank] = header_.period;
  place.line[bank] = index;
  return &line;
}

/// The other bank is free.
bool Meter::can_close() const {
  return header_.period - 1 <= journaled_;
}

void Meter::close(WallTime now) {
  const int64_t next = header_.period + 1;
  used_[next % 2] = 0;
  header_.from_ms[next % 2] = now.time_since_epoch().count();
  store_after_all(header_.period, next);
}

std::vector<UsageRecord> Meter::cut(const JournaledPeriod& journaled, WallTime now) {
  last_cut_ = now;
  if (journaled.meter == header_.id) journaled_ = std::max(journaled_, journaled.period);
  if (can_close()) {
    if (used_[header_.period % 2] == 0) {
      header_.from_ms[header_.period % 2] = now.time_since_epoch().count();
      return {};
    }
    close(now);
  }
  UsageRecord record = record_of(header_.period - 1);
  record.until = std::max(record.from, WallTime(std::chrono::milliseconds(header_.from_ms[header_.period % 2])));
  return {std::move(record)};
}

UsageRecord Meter::record_of(int64_t period) const {
  UsageRecord record;
  record.meter = header_.id;
  record.period = period;
  record.from = WallTime(std::chrono::milliseconds(header_.from_ms[period % 2]));
  for (size_t i = 0; i < used_[period % 2]; ++i) {
    const Line& line = at(period, i);
    if (line.period != period) continue;
    record.lines.push_back({line.key(), line.usage});
  }
  return record;
}

}  // namespace barrio::gateway
