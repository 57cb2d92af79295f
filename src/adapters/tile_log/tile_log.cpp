#include "adapters/tile_log/tile_log.h"

#include <algorithm>

#include "base/text.h"

namespace barrio::adapters {

namespace {

/// Holds a flag that fibers wait for; gives it to the next when it goes, also when its fiber is unwound.
class Turn {
 public:
  Turn(ports::Runtime& runtime, bool& busy, std::deque<ports::Signal*>& queue)
      : busy_(busy), queue_(queue), signal_(runtime.make_signal()) {}
  ~Turn() {
    std::erase(queue_, signal_.get());
    if (holds_) busy_ = false;
    if (!busy_ && !queue_.empty()) queue_.front()->notify();
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  void take() {
    if (busy_) queue_.push_back(signal_.get());
    while (busy_) signal_->wait_until(Time::max());
    std::erase(queue_, signal_.get());
    busy_ = holds_ = true;
  }

 private:
  bool& busy_;
  std::deque<ports::Signal*>& queue_;
  std::unique_ptr<ports::Signal> signal_;
  bool holds_ = false;
};

std::string witness_file(const std::string& origin) {
  return "witness/" + to_hex(sha256(origin));
}

}  // namespace

struct TileLog::Waiting {
  std::vector<LogEvent> events;
  std::unique_ptr<ports::Signal> signal;
  std::optional<Result<uint64_t>> answer = {};
};

Result<std::unique_ptr<TileLog>> TileLog::open(ports::Runtime& runtime, std::unique_ptr<LogDisk> disk, SiteId site,
                                               std::string salt_secret, TileStoreLimits limits) {
  auto log = std::unique_ptr<TileLog>(new TileLog(runtime, std::move(disk), std::move(site), std::move(salt_secret)));
  TRY(log->store_, TileStore::open(*log->disk_, limits));
  log->size_ = log->store_->size();
  return log;
}

template <class T>
Result<T> TileLog::blocking(const std::function<Result<T>()>& work) {
  Turn turn(runtime_, busy_, for_store_);
  turn.take();
  Result<T> result = fail(Code::cancelled, "this process is stopping");
  runtime_.offload([&] { result = work(); });
  size_ = store_->size();
  return result;
}

Result<uint64_t> TileLog::append(std::span<const LogEvent> events) {
  for (const LogEvent& event : events) TRY_DO(event.check());
  if (events.size() > most_events_at_once || waiting_.size() >= most_waiting) {
    return fail(Code::exhausted, "too much waits for this site's log at once", "log");
  }
  const auto me = std::make_shared<Waiting>();
  me->events.assign(events.begin(), events.end());
  me->signal = runtime_.make_signal();
  waiting_.push_back(me);
  while (!me->answer) {
    if (committing_)
      me->signal->wait_until(Time::max());
    else
      commit_batch();
  }
  return *me->answer;
}

/// Of everybody who waits, as far as it fits; then the next one who waits does the same.
void TileLog::commit_batch() {
  committing_ = true;
  std::vector<std::shared_ptr<Waiting>> batch;
  std::vector<LogEvent> events;
  while (!waiting_.empty() && events.size() + waiting_.front()->events.size() <= most_events_at_once) {
    batch.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
    events.insert(events.end(), batch.back()->events.begin(), batch.back()->events.end());
  }
  const WallTime now = runtime_.wall();
  const auto first = blocking<uint64_t>([&] { return write(events, now); });
  committing_ = false;
  uint64_t index = first.value_or(0);
  for (const auto& one : batch) {
    one->answer = first ? Result<uint64_t>(index) : first;
    index += one->events.size();
    one->signal->notify();
  }
  if (!waiting_.empty()) waiting_.front()->signal->notify();
}

Result<uint64_t> TileLog::write(const std::vector<LogEvent>& events, WallTime now) {
  return store_->append([&](const std::string& last_leaf) {
    const auto last = decide::parse_leaf(last_leaf);
    const WallTime time = last ? std::max(last->time, now) : now;  // a clock that was set back changes no order
    std::vector<std::string> leaves;
    leaves.reserve(events.size());
    for (const LogEvent& event : events) {
      leaves.push_back(decide::make_leaf(event, site_, decide::tenant_salt(salt_secret_, event.tenant), time).str());
    }
    return leaves;
  });
}

Result<bool> TileLog::has(const LogEvent& event, uint64_t from) {
  return blocking<bool>([&]() -> Result<bool> {
    TRY_DO(store_->refresh());
    auto wanted = decide::make_leaf(event, site_, decide::tenant_salt(salt_secret_, event.tenant), {});
    for (uint64_t index = from; index < store_->size(); ++index) {
      TRY(const std::string text, store_->leaf(index));
      const auto leaf = decide::parse_leaf(text);
      if (!leaf) continue;
      wanted.time = leaf->time;
      if (*leaf == wanted) return true;
    }
    return false;
  });
}

Result<ports::LogPublication::Head> TileLog::head() {
  return blocking<Head>([&]() -> Result<Head> {
    TRY_DO(store_->refresh());
    TRY(const Digest root, store_->root(store_->size()));
    return Head{store_->size(), root};
  });
}

Result<std::vector<Digest>> TileLog::consistency(uint64_t old_size, uint64_t size) {
  return blocking<std::vector<Digest>>([&] { return decide::consistency_proof(old_size, size, store_->nodes(size)); });
}

Result<std::string> TileLog::tile(const std::string& path) {
  TRY(const auto name, decide::parse_tile_path(path));
  return blocking<std::string>([&]() -> Result<std::string> {
    auto found = store_->read(name);
    if (found || found.error().code != Code::not_found) return found;
    TRY_DO(store_->refresh());  // another process of this site may have written it
    return store_->read(name);
  });
}

Result<std::optional<std::string>> TileLog::checkpoint() {
  return blocking<std::optional<std::string>>([&] { return store_->checkpoint(); });
}

Result<void> TileLog::publish(const std::string& note) {
  return blocking<void>([&] { return store_->publish(note); });
}

Result<std::optional<std::string>> DiskWitnessMemory::load(const std::string& origin) {
  Result<std::optional<std::string>> result = fail(Code::cancelled, "this process is stopping");
  runtime_.offload([&] { result = disk_->read(witness_file(origin)); });
  return result;
}

Result<void> DiskWitnessMemory::save(const std::string& origin, const std::string& checkpoint) {
  Result<void> result = fail(Code::cancelled, "this process is stopping");
  runtime_.offload([&] { result = disk_->replace(witness_file(origin), checkpoint); });
  return result;
}

}  // namespace barrio::adapters
