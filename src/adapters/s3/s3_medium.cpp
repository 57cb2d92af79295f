#include "adapters/s3/s3_medium.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "base/crypto.h"
#include "base/digest.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/seal.h"
#include "base/text.h"

namespace barrio::adapters {

using namespace s3;

namespace {

constexpr std::string_view journal_folder = "journal/";
constexpr std::string_view floor_folder = "journal-floor/";
constexpr std::string_view probe_folder = "probe/";
constexpr std::string_view names_bound = "barrio names on a medium";

std::string folder_of(ports::Folder folder) {
  switch (folder) {
    case ports::Folder::keys: return "keys/";
    case ports::Folder::journal: return std::string(journal_folder);
    case ports::Folder::content: return "objects/";
  }
  return "";
}

/// Of the segment "0000000012.log".
std::optional<uint32_t> number_of(std::string_view name) {
  const auto number = parse_uint(name.substr(0, name.find('.')));
  return number && *number < UINT32_MAX ? std::optional(static_cast<uint32_t>(*number)) : std::nullopt;
}

std::string floor_key(uint32_t number) {
  return std::string(floor_folder) + fmt::format("{:010}", number);
}

/// What is in the service of a file, as it is known.
std::vector<std::string> keys_of(Layout& layout) {
  const std::lock_guard lock(layout.mutex);
  std::vector<std::string> keys;
  for (const Piece& piece : layout.run.pieces) keys.push_back(layout.key_of(piece));
  return keys;
}

}  // namespace

S3Medium::S3Medium(ServiceConfig config, std::unique_ptr<Transport> transport, std::string names_key, Together together)
    : service_(std::move(config), std::move(transport)),
      names_key_(std::move(names_key)),
      shared_{service_, hex_of(random_bytes(16)), std::move(together)} {}

std::string S3Medium::segment_path(uint32_t number) const {
  return std::string(journal_folder) + fmt::format("{:010}.log", number);
}

std::string S3Medium::place_of(ports::Folder folder, const std::string& name) const {
  return "S3 object " + folder_of(folder) + (folder == ports::Folder::keys ? key_name(name) : name);
}

/// The same name is always sealed to the same text: its nonce is made of it.
std::string S3Medium::key_name(const std::string& name) const {
  const std::string nonce =
      std::string(text_of(hmac_sha256(names_key_, std::string(names_bound) + name))).substr(0, seal_nonce_bytes);
  return hex_of(nonce + seal(names_key_, nonce, names_bound, name));
}

Result<std::string> S3Medium::name_of_key(std::string_view key) const {
  const auto bytes = bytes_of_hex(key);
  auto name = bytes && bytes->size() > seal_nonce_bytes
                  ? unseal(names_key_, bytes->substr(0, seal_nonce_bytes), names_bound, bytes->substr(seal_nonce_bytes))
                  : Result<std::string>(fail(Code::invalid, ""));
  if (name) return name;
  return fail(Code::denied, "cannot be opened: is this the key that the site's storage was made with?",
              "S3 object keys/" + std::string(key));
}

Result<void> S3Medium::take() {
  TRY_DO(probe());
  TRY_DO(load_journal());
  TRY_DO(end_predecessor());
  TRY_DO(fill_gaps());
  return clear_probes();
}

/// What all depends on, asked rather than believed.
Result<void> S3Medium::probe() const {
  TRY(const bool keeps, service_.keeps_versions());
  if (keeps) {
    return fail(Code::invalid,
                "keeps versions of objects, or has kept some: what is erased must be gone; take one that never did",
                "storage.s3.bucket");
  }
  const std::string key = std::string(probe_folder) + shared_.owner;
  TRY(const auto first, service_.put_new(key, "1", shared_.owner));
  TRY(const auto second, service_.put_new(key, "22", shared_.owner));
  const auto there = service_.get(key);
  TRY_DO(service_.remove({&key, 1}));
  TRY(const std::string text, there);
  if (first == Service::Stored::yes && second == Service::Stored::exists && text == "1") return {};
  return fail(Code::invalid,
              "this service replaces an object that it was asked not to replace (PutObject with If-None-Match: *): two "
              "processes could not be kept apart",
              "storage.s3.endpoint");
}

/// Of processes that ended while they asked.
Result<void> S3Medium::clear_probes() const {
  std::vector<std::string> keys;
  TRY_DO(service_.list(std::string(probe_folder), [&](const Listed& listed) { keys.push_back(listed.key); }));
  return service_.remove(keys);
}

Result<std::map<std::string, std::vector<Piece>>> S3Medium::files_below(const std::string& folder) const {
  std::map<std::string, std::vector<Piece>> files;
  TRY_DO(service_.list(folder, [&](const Listed& listed) {
    const size_t slash = listed.key.rfind('/');
    const auto piece = read_piece(std::string_view(listed.key).substr(slash + 1), listed.size);
    if (slash >= folder.size() && piece) files[listed.key.substr(0, slash)].push_back(*piece);
  }));
  return files;
}

Result<void> S3Medium::load_journal() {
  TRY_DO(service_.list(std::string(floor_folder), [&](const Listed& listed) {
    floor_ = std::max(floor_, number_of(listed.key.substr(floor_folder.size())).value_or(0));
  }));
  TRY(auto files, files_below(std::string(journal_folder)));
  for (auto& [path, pieces] : files) {
    const auto number = number_of(path.substr(journal_folder.size()));
    if (!number || *number == 0) continue;
    auto layout = std::make_shared<Layout>(path);
    layout->run = run_of(pieces);
    if (*number < floor_) {
      // Its removal was not ended, or somebody who had not heard of it has packed it.
      if (!layout->run.pieces.empty()) TRY_DO(clear_segment(*layout));
      continue;
    }
    // A list may lack what was put last.
    while (layout->run.has_gap) {
      uint64_t at = 0;
      for (const Piece& piece : layout->run.pieces) {
        if (piece.offset != at) break;
        at = piece.end();
      }
      TRY(const auto head, service_.head(layout->slot(at)));
      if (!head || head->size == 0) break;
      pieces.push_back({at, head->size, false});
      layout->run = run_of(pieces);
    }
    remember(std::move(layout));
  }
  return {};
}

/// True: an end stands where the file's next piece would go. False: a piece does, which is known now.
Result<bool> S3Medium::end_at(Layout& layout, bool& is_mine) {
  const std::string slot = layout.slot(layout.run.end);
  TRY(const auto stored, service_.put_new(slot, "", shared_.owner));
  is_mine = stored == Service::Stored::yes;
  if (!is_mine) {
    TRY(const auto head, service_.head(slot));
    if (!head) return fail(Code::unavailable, "the S3 service says that it is there, and that it is not", slot);
    if (head->size != 0) {
      layout.run.pieces.push_back({layout.run.end, head->size, false});
      layout.run.end += head->size;
      return false;
    }
    is_mine = head->owner == shared_.owner;
  }
  layout.run.ended = true;
  return true;
}

/// A process that lives packs its last segment, too: then a key within that is free again, and an end that was put
/// there ends nothing. But the packed object was there before the key became free, so a list that begins after the end
/// was seen shows it. False: it does; what is behind is known now.
Result<bool> S3Medium::is_the_end(Layout& layout) {
  TRY(auto listed, list_pieces(service_, layout.path));
  if (!goes_on(listed, layout.run.end)) return true;
  TRY_DO(take_in(layout, std::move(listed)));
  return false;
}

Result<void> S3Medium::take_in(Layout& layout, std::vector<Piece> listed) {
  const auto dropped = [](const Piece& piece) { return piece.offset == 0 && piece.size == 0; };
  if (layout.run.end != 0 && std::ranges::any_of(listed, dropped)) {
    return fail(Code::unavailable, "the process before drops parts of the journal right now", layout.path);
  }
  listed.insert(listed.end(), layout.run.pieces.begin(), layout.run.pieces.end());
  layout.run = run_of(std::move(listed));
  return {};
}

/// What was packed between two pages of a list is on neither.
Result<void> S3Medium::fill_gaps() {
  for (const auto& [path, layout] : layouts_) {
    if (layout->run.ended && !layout->run.has_gap) continue;
    TRY(auto listed, list_pieces(service_, path));
    TRY_DO(take_in(*layout, std::move(listed)));
    if (layout->run.has_gap) log_error("storage: an object of the journal is missing", {{"segment", path}});
  }
  return {};
}

Result<void> S3Medium::end_predecessor() {
  constexpr int most_steps = 100'000;  // pieces that a list lacked, and processes that begin at the same time
  SharedLayout last;
  uint32_t number = floor_ - 1;
  for (const auto& [path, layout] : layouts_) {
    const auto found = number_of(path.substr(journal_folder.size()));
    if (found && *found > number) {
      number = *found;
      last = layout;
    }
  }
  for (int step = 0; step < most_steps; ++step) {
    if (!last) last = remember(std::make_shared<Layout>(segment_path(++number)));
    bool is_mine = false;
    if (!last->run.ended) {
      TRY(const bool ended, end_at(*last, is_mine));
      if (!ended) continue;
    }
    TRY(const bool is_end, is_the_end(*last));
    if (!is_end) continue;
    if (is_mine) {
      tail_ = number;
      return {};
    }
    last = nullptr;
  }
  return fail(Code::conflict, "other processes keep opening this storage", "storage.s3");
}

Result<void> S3Medium::check_taken() {
  if (shared_.is_fenced) return shared_.fenced();
  SharedLayout tail;
  std::string slot;
  {
    const std::lock_guard lock(mutex_);
    tail = layouts_.at(segment_path(tail_));
    const std::lock_guard of_layout(tail->mutex);
    slot = tail->run.ended ? Layout(segment_path(tail_ + 1)).slot(0) : tail->slot(tail->run.end);
  }
  TRY(const auto head, service_.head(slot));
  if (head && head->owner != shared_.owner) return shared_.fenced();
  return {};
}

S3Medium::SharedLayout S3Medium::known(const std::string& path) {
  const std::lock_guard lock(mutex_);
  const auto found = layouts_.find(path);
  return found == layouts_.end() ? nullptr : found->second;
}

S3Medium::SharedLayout S3Medium::remember(SharedLayout layout) {
  const std::lock_guard lock(mutex_);
  if (layouts_.size() >= most_layouts) {
    std::erase_if(layouts_, [](const auto& entry) {
      return !entry.first.starts_with(journal_folder) && entry.second.use_count() == 1;
    });
  }
  layouts_[layout->path] = layout;
  return layout;
}

Result<S3Medium::SharedLayout> S3Medium::layout_of(const std::string& path) {
  if (auto layout = known(path)) return layout;
  {
    const std::lock_guard lock(mutex_);
    const auto is_it = [&](const SharedLayout& layout) { return layout->path == path; };
    if (std::ranges::any_of(condemned_, is_it)) return fail(Code::not_found, "there is no such file", path);
  }
  TRY(auto files, files_below(path + "/"));
  if (files.empty()) return fail(Code::not_found, "there is no such file", path);
  auto layout = std::make_shared<Layout>(path);
  layout->run = run_of(std::move(files.begin()->second));
  return remember(std::move(layout));
}

Result<std::vector<std::string>> S3Medium::names(ports::Folder folder) {
  const std::string below = folder_of(folder);
  std::vector<std::string> names;
  if (folder == ports::Folder::journal) {
    const std::lock_guard lock(mutex_);
    for (const auto& [path, layout] : layouts_) {
      if (path.starts_with(below)) names.push_back(path.substr(below.size()));
    }
    return names;
  }
  if (folder == ports::Folder::keys) {
    std::vector<std::string> keys;
    TRY_DO(service_.list(below, [&](const Listed& listed) { keys.push_back(listed.key.substr(below.size())); }));
    for (const std::string& key : keys) {
      TRY(auto name, name_of_key(key));
      names.push_back(std::move(name));
    }
  } else {
    TRY(auto files, files_below(below));
    for (auto& [path, pieces] : files) {
      names.push_back(path.substr(below.size()));
      if (known(path)) continue;
      auto layout = std::make_shared<Layout>(path);
      layout->run = run_of(std::move(pieces));
      remember(std::move(layout));
    }
  }
  std::ranges::sort(names);
  return names;
}

Result<ports::SharedFile> S3Medium::create(ports::Folder folder, const std::string& name) {
  const bool is_journal = folder == ports::Folder::journal;
  if (is_journal) {
    if (shared_.is_fenced) return shared_.fenced();
    const auto number = number_of(name);
    CHECK(number && *number > tail_);
    TRY(const bool ended, end_file(shared_, *known(segment_path(tail_)), ""));
    CHECK(ended);
    const std::lock_guard lock(mutex_);
    tail_ = *number;
  }
  auto layout = remember(std::make_shared<Layout>(folder_of(folder) + name));
  return std::make_shared<S3File>(shared_, std::move(layout), is_journal);
}

Result<ports::SharedFile> S3Medium::open(ports::Folder folder, const std::string& name, bool) {
  TRY(auto layout, layout_of(folder_of(folder) + name));
  return std::make_shared<S3File>(shared_, std::move(layout), folder == ports::Folder::journal);
}

Result<void> S3Medium::remove(ports::Folder folder, std::span<const std::string> names) {
  TRY_DO(remove_condemned());
  std::vector<std::string> keys;
  for (const std::string& name : names) {
    if (folder == ports::Folder::keys) {
      keys.push_back(folder_of(folder) + key_name(name));
      continue;
    }
    if (folder == ports::Folder::journal) {
      TRY_DO(drop_segment(name));
      continue;
    }
    auto layout = layout_of(folder_of(folder) + name);
    if (!layout && layout.error().code == Code::not_found) continue;
    if (!layout) return fail(std::move(layout).error());
    const std::lock_guard lock(mutex_);
    layouts_.erase((*layout)->path);
    // Whoever has it open reads on.
    if (layout->use_count() > 1) {
      condemned_.push_back(std::move(*layout));
      continue;
    }
    for (std::string& key : keys_of(**layout)) keys.push_back(std::move(key));
  }
  return service_.remove(keys);
}

/// Counts no more as soon as the floor says so; what it held goes when nobody reads it any more.
Result<void> S3Medium::drop_segment(const std::string& name) {
  const auto number = number_of(name);
  CHECK(number && *number < tail_);
  TRY_DO(service_.put(floor_key(*number + 1), ""));
  const std::string lower = floor_key(*number);
  static_cast<void>(service_.remove({&lower, 1}));  // the highest counts
  const std::lock_guard lock(mutex_);
  floor_ = *number + 1;
  const auto found = layouts_.find(segment_path(*number));
  if (found == layouts_.end()) return {};
  condemned_.push_back(std::move(found->second));
  layouts_.erase(found);
  return {};
}

/// All but the keys that an earlier process could still come to: these are empty from now on.
Result<void> S3Medium::clear_segment(Layout& layout) {
  TRY_DO(service_.put(layout.slot(0), ""));
  std::vector<std::string> keys;
  const std::string below = layout.path + "/";
  TRY_DO(service_.list(below, [&](const Listed& listed) {
    if (listed.size != 0 && listed.key != layout.slot(0)) keys.push_back(listed.key);
  }));
  return service_.remove(keys);
}

Result<void> S3Medium::remove_condemned() {
  std::vector<SharedLayout> removable;
  {
    const std::lock_guard lock(mutex_);
    const auto unread =
        std::partition(condemned_.begin(), condemned_.end(), [](const auto& layout) { return layout.use_count() > 1; });
    removable.assign(std::make_move_iterator(unread), std::make_move_iterator(condemned_.end()));
    condemned_.erase(unread, condemned_.end());
  }
  // One that stays goes when the medium is taken the next time.
  for (const SharedLayout& layout : removable) {
    if (layout->path.starts_with(journal_folder)) {
      TRY_DO(clear_segment(*layout));
    } else {
      TRY_DO(service_.remove(keys_of(*layout)));
    }
  }
  return {};
}

Result<void> S3Medium::rename(ports::Folder folder, const std::string& from, const std::string& to) {
  CHECK(folder == ports::Folder::content);
  TRY(const auto source, layout_of(folder_of(folder) + from));
  auto target = std::make_shared<Layout>(folder_of(folder) + to);
  {
    const std::lock_guard lock(source->mutex);
    target->run = source->run;
  }
  for (const Piece& piece : target->run.pieces) {
    TRY_DO(service_.copy(source->key_of(piece), target->key_of(piece)));
  }
  std::vector<std::string> keys = keys_of(*source);
  // What stood under the name and is not of it now. The same bytes have the same name: who reads them reads on.
  TRY(const auto files, files_below(target->path + "/"));
  for (const auto& [path, pieces] : files) {
    for (const Piece& piece : pieces) {
      const auto& kept = target->run.pieces;
      if (std::ranges::find(kept, piece) == kept.end()) keys.push_back(target->key_of(piece));
    }
  }
  {
    const std::lock_guard lock(mutex_);
    layouts_.erase(source->path);
    std::erase_if(condemned_, [&](const SharedLayout& layout) { return layout->path == target->path; });
  }
  remember(std::move(target));
  return service_.remove(keys);
}

Result<void> S3Medium::make_whole(ports::Folder folder, const std::string& name, std::string_view content) {
  CHECK(folder == ports::Folder::keys);
  const std::string key = folder_of(folder) + key_name(name);
  TRY(const auto stored, service_.put_new(key, content, shared_.owner));
  if (stored == Service::Stored::yes) return {};
  TRY(const std::string there, service_.get(key));
  if (there == content) return {};
  return fail(Code::conflict, "is there already", place_of(folder, name));
}

Result<std::string> S3Medium::read_whole(ports::Folder folder, const std::string& name) {
  CHECK(folder == ports::Folder::keys);
  return service_.get(folder_of(folder) + key_name(name));
}

}  // namespace barrio::adapters
