#include "agent/usage_ledger.h"

#include <algorithm>

#include "base/crypto.h"
#include "base/log.h"

namespace barrio::agent {

struct CheckpointRow {
  UsageKey app;
  WallTime hour;
  WallTime until;
  int64_t touched = 0;
  Usage usage;
};
BARRIO_DESCRIBE(CheckpointRow, (), (app, hour, until, touched, usage))

struct UsageCheckpoint {
  int64_t journal = 0;
  int64_t sequence = 0;
  int64_t shipped = 0;
  int64_t dropped = 0;
  WallTime floor;
  std::vector<JournaledPeriod> metered;
  std::vector<CheckpointRow> rows;
};
BARRIO_DESCRIBE(UsageCheckpoint, (), (journal, sequence, shipped, dropped, floor, metered, rows))

/// Of a journal file.
struct UsageLedger::Content {
  std::optional<UsageCheckpoint> checkpoint;
  std::vector<UsageRecord> records;
  std::vector<std::string> damage;  // in the middle: lines that cannot be read though whole ones follow
  bool torn = false;                // the last line is not whole
  size_t checkpoint_bytes = 0;
};

namespace {

constexpr size_t hash_size = 64;
constexpr const char* aside_file = "usage.journal.damaged";

/// "<sha256> <json>\n".
std::string line_of(const Json& value) {
  const std::string json = print_json(value);
  return sha256_hex(json) + " " + json + "\n";
}

template <class T>
Result<T> read_line(std::string_view line) {
  if (line.size() <= hash_size || line[hash_size] != ' ') return fail(Code::invalid, "has no hash");
  const std::string_view json = line.substr(hash_size + 1);
  if (sha256_hex(json) != line.substr(0, hash_size)) return fail(Code::invalid, "is damaged: its hash differs");
  TRY(auto value, parse_json(json));
  return from_json<T>(value);
}

}  // namespace

UsageLedger::UsageLedger(ports::Runtime& runtime, SiteFiles& files, UsageLimits limits)
    : runtime_(runtime), files_(files), limits_(limits) {}

// --- from disk ---

UsageLedger::Content UsageLedger::read(const std::string& text) {
  Content content;
  std::string_view rest = text;
  for (size_t number = 1; !rest.empty(); ++number) {
    const size_t end = rest.find('\n');
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    std::optional<Error> fault;
    if (end == std::string_view::npos && number > 1) {
      content.torn = true;
    } else if (number == 1) {
      auto checkpoint = read_line<UsageCheckpoint>(line);
      content.checkpoint_bytes = line.size() + 1;
      if (checkpoint)
        content.checkpoint = std::move(*checkpoint);
      else
        fault = checkpoint.error();
    } else {
      auto record = read_line<UsageRecord>(line);
      if (record)
        content.records.push_back(std::move(*record));
      else
        fault = record.error();
    }
    if (!fault) continue;
    content.torn = content.torn || (rest.empty() && number > 1);
    if (!rest.empty() || number == 1) content.damage.push_back("line " + std::to_string(number) + " " + fault->text());
  }
  return content;
}

Result<void> UsageLedger::load() {
  TRY(auto text, files_.read(file));
  Content content;
  if (text) runtime_.offload([&] { content = read(*text); });
  if (!content.damage.empty()) {
    TRY_DO(files_.write(aside_file, *text));
    log_error("the usage journal is damaged; a copy is kept, and what can be read is used",
              {{"kept", files_.path(aside_file)}, {"where", content.damage.front()}});
  }
  if (content.checkpoint) {
    adopt(std::move(*content.checkpoint));
    // What follows a checkpoint that cannot be read may be what control has already: it is in the copy only.
    for (const UsageRecord& record : content.records) apply(record);
  } else {
    begin_journal();
  }
  whole_ = content.checkpoint && content.damage.empty() && !content.torn;
  checkpoint_bytes_ = content.checkpoint_bytes;
  appended_bytes_ = text ? text->size() - checkpoint_bytes_ : 0;
  loaded_ = true;
  return {};
}

void UsageLedger::adopt(UsageCheckpoint checkpoint) {
  head_ = {checkpoint.journal, checkpoint.sequence, checkpoint.shipped,
           checkpoint.dropped, checkpoint.floor,    checkpoint.metered};
  for (CheckpointRow& row : checkpoint.rows) {
    const Key key{row.hour, row.app};
    by_touch_.emplace(row.touched, key);
    WallTime& last = last_hour_[row.app];
    last = std::max(last, row.hour);
    rows_[key] = {row.until, row.touched, row.usage};
  }
}

/// Numbers start again from 1; nothing that an old journal held goes on, since control may have it.
void UsageLedger::begin_journal() {
  Head next;
  next.journal = static_cast<int64_t>(runtime_.rng().next() >> 1 | 1);
  next.metered = head_.metered;
  head_ = next;
  rows_.clear();
  by_touch_.clear();
  last_hour_.clear();
  whole_ = false;
}

// --- to disk ---

Result<void> UsageLedger::add(UsageRecord record) {
  if (record.period <= journaled_of(record.meter, head_.metered).period) return {};
  if (record.lines.empty()) {
    note(head_.metered, record);
    return {};
  }
  if (begin_again_) begin_journal();
  begin_again_ = false;
  record.sequence = head_.sequence + 1;
  const bool small = appended_bytes_ < std::max(limits_.appended_bytes, checkpoint_bytes_);
  auto kept = whole_ && small ? append(record) : write_checkpoint(record);
  whole_ = kept.has_value();  // else its end is not known, and the next one writes it anew
  if (!kept) return kept;
  apply(record);
  return {};
}

Result<void> UsageLedger::append(const UsageRecord& record) {
  std::string line;
  runtime_.offload([&] { line = line_of(to_json(record)); });
  TRY_DO(files_.append(file, line));
  appended_bytes_ += line.size();
  return {};
}

Result<void> UsageLedger::write_checkpoint(const UsageRecord& record) {
  prune(record.until);
  std::string text;
  std::string line;
  const Head head = head_;  // the shipping fiber may write there meanwhile; the rows are this fiber's
  runtime_.offload([&] {
    text = checkpoint_line(head);
    line = line_of(to_json(record));
  });
  TRY_DO(files_.write(file, text + line));
  checkpoint_bytes_ = text.size();
  appended_bytes_ = line.size();
  return {};
}

std::string UsageLedger::checkpoint_line(const Head& head) const {
  UsageCheckpoint checkpoint{head.journal, head.sequence, head.shipped, head.dropped, head.floor, head.metered, {}};
  checkpoint.rows.reserve(rows_.size());
  for (const auto& [key, row] : rows_)
    checkpoint.rows.push_back({key.app, key.hour, row.until, row.touched, row.usage});
  return line_of(to_json(checkpoint));
}

// --- rows ---

void UsageLedger::apply(const UsageRecord& record) {
  head_.sequence = record.sequence;
  note(head_.metered, record);
  for (const UsageLine& line : record.lines) {
    const auto row = row_for(line.app, record.from);
    by_touch_.erase({row->second.touched, row->first});
    row->second.usage += line.usage;
    row->second.until = std::max(row->second.until, record.until);
    row->second.touched = record.sequence;
    by_touch_.emplace(record.sequence, row->first);
  }
}

void UsageLedger::note(std::vector<JournaledPeriod>& metered, const UsageRecord& record) {
  std::erase_if(metered, [&](const JournaledPeriod& one) { return one.meter == record.meter; });
  if (metered.size() == most_meters) metered.erase(metered.begin());
  metered.push_back({record.meter, record.period});
}

std::map<UsageLedger::Key, UsageLedger::Row>::iterator UsageLedger::row_for(const UsageKey& app, WallTime from) {
  // A clock that was set back must not make a row begin again from nothing: control would take its total for the old's.
  WallTime hour = hour_of(from);
  if (!rows_.contains({hour, app})) hour = std::max(hour, head_.floor + 1h);
  const auto last = last_hour_.find(app);
  if (last != last_hour_.end() && rows_.size() >= limits_.rows && !rows_.contains({hour, app})) hour = last->second;
  WallTime& newest = last_hour_[app];
  newest = std::max(newest, hour);
  return rows_.try_emplace({hour, app}).first;
}

/// Of rows that control has and whose hour is over: those that are old, or all when there are too many.
void UsageLedger::prune(WallTime now) {
  const bool full = rows_.size() >= limits_.rows;
  for (auto row = rows_.begin(); row != rows_.end();) {
    const WallTime end = row->first.hour + 1h;
    const bool go = row->second.touched <= head_.shipped && end <= now && (full || end + limits_.keep_shipped <= now);
    if (!go) {
      ++row;
      continue;
    }
    head_.dropped = std::max(head_.dropped, row->second.touched);
    head_.floor = std::max(head_.floor, row->first.hour);
    by_touch_.erase({row->second.touched, row->first});
    const auto last = last_hour_.find(row->first.app);
    if (last != last_hour_.end() && last->second == row->first.hour) last_hour_.erase(last);
    row = rows_.erase(row);
  }
}

// --- to control ---

std::optional<UsageShipment> UsageLedger::shipment() const {
  if (!loaded_ || begin_again_ || head_.shipped >= head_.sequence) return std::nullopt;
  UsageShipment shipment{head_.journal, head_.shipped, head_.shipped, {}};
  for (auto next = by_touch_.lower_bound({head_.shipped + 1, Key{}}); next != by_touch_.end(); ++next) {
    const auto& [touched, key] = *next;
    // What one record touched goes together: `through` must hold for all of it.
    if (shipment.rows.size() >= limits_.rows_shipped && touched != shipment.through) return shipment;
    const Row& row = rows_.at(key);
    shipment.rows.push_back({key.app, key.hour, row.until, row.usage});
    shipment.through = touched;
  }
  shipment.through = head_.sequence;
  return shipment;
}

void UsageLedger::acknowledged(int64_t through) {
  if (through > head_.sequence) {
    log_error(
        "control has usage of this site that its own journal does not have: the site's disk is older than it was. "
        "What was used since it went back is not billed; a new journal begins",
        {{"control has", std::to_string(through)}, {"here", std::to_string(head_.sequence)}});
    begin_again_ = true;
    return;
  }
  if (through < head_.shipped) {
    log_warning("control has less usage of this site than it had; it gets what is still here",
                {{"control has", std::to_string(through)}, {"had", std::to_string(head_.shipped)}});
  }
  head_.shipped = std::max(through, head_.dropped);
}

}  // namespace barrio::agent
