#include "gateway/meter.h"

#include <atomic>
#include <cstring>

#include "base/check.h"

namespace barrio::gateway {

namespace {

constexpr uint64_t format = 0x4241525249'4f5531;  // "BARRIOU1": grows when the layout below changes
constexpr size_t longest_name = 63;               // of a tenant or an app (base/id.h)
constexpr size_t most_places = 4 * Meter::most_lines;

/// Whoever looks after a kill sees all stores before this one, if it sees this one: the processor has them in order,
/// and so must the compiler.
template <class T>
void store_after_all(T& to, T value) {
  std::atomic_ref<T>(to).store(value, std::memory_order_release);
  std::atomic_signal_fence(std::memory_order_seq_cst);
}

}  // namespace

struct alignas(256) Meter::Line {
  int64_t period;  // written last
  Usage usage;
  uint8_t tenant_length;
  uint8_t app_length;
  char tenant[longest_name];
  char app[longest_name];
};

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
  static_assert(sizeof(Line) == 256 && sizeof(Header) <= header_bytes);
  return header_bytes + 2 * most_lines * sizeof(Line);
}

size_t Meter::Hash::operator()(const AppKey& app) const {
  const std::hash<std::string> hash;
  return hash(app.tenant.str()) * 31 + hash(app.name.str());
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
    Place& place =
        places_[AppKey{TenantId::of({line.tenant, line.tenant_length}), AppName::of({line.app, line.app_length})}];
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
  Line* to = line(app, account);
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

Meter::Line* Meter::line(const AppKey& app, Account& account) {
  if (account.place_ == nullptr || account.dropped_ != places_dropped_) {
    auto found = places_.find(app);
    if (found == places_.end()) {
      if (places_.size() >= most_places) {  // apps come and go; those that are used come back
        places_.clear();
        ++places_dropped_;
      }
      found = places_.try_emplace(app).first;
    }
    account.place_ = &found->second;
    account.dropped_ = places_dropped_;
  }
  Place& place = *account.place_;
  const size_t bank = static_cast<size_t>(header_.period % 2);
  if (place.period[bank] == header_.period) return &at(header_.period, place.line[bank]);
  return new_line(app, place);
}

Meter::Line* Meter::new_line(const AppKey& app, Place& place) {
  if (used_[header_.period % 2] == most_lines) {
    if (!can_close()) return nullptr;
    close(last_cut_);
  }
  const size_t bank = static_cast<size_t>(header_.period % 2);
  const size_t index = used_[bank]++;
  Line& line = at(header_.period, index);
  const std::string& tenant = app.tenant.str();
  const std::string& name = app.name.str();
  CHECK(tenant.size() <= longest_name && name.size() <= longest_name);
  line.usage = {};
  line.tenant_length = static_cast<uint8_t>(tenant.size());
  line.app_length = static_cast<uint8_t>(name.size());
  std::memcpy(line.tenant, tenant.data(), tenant.size());
  std::memcpy(line.app, name.data(), name.size());
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
    record.lines.push_back(
        {{TenantId::of({line.tenant, line.tenant_length}), AppName::of({line.app, line.app_length})}, line.usage});
  }
  return record;
}

}  // namespace barrio::gateway
