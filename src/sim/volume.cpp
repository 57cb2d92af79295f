#include "sim/volume.h"

#include <algorithm>
#include <set>

namespace barrio::sim {

namespace {

constexpr size_t read_unit_bytes = 64 * 1024;
constexpr size_t sector_bytes = 512;

}  // namespace

class SimMedium::OpenFile final : public ports::MediumFile {
 public:
  OpenFile(SimMedium& medium, std::shared_ptr<Volume::File> file, std::string place)
      : medium_(medium), file_(std::move(file)), place_(std::move(place)) {}

  Result<void> write_at(std::string_view bytes, uint64_t offset) override {
    const auto room = medium_.check_room(place_);
    // A disk that fills up in the middle of a write has taken the first of it.
    if (!room) bytes = bytes.substr(0, bytes.size() / 2);
    file_->bytes.resize(std::max(file_->bytes.size(), offset + bytes.size()));
    file_->bytes.replace(offset, bytes.size(), bytes);
    return room;
  }
  Result<void> flush() override { return {}; }
  Result<void> sync() override {
    const size_t written = file_->bytes.size();
    medium_.wait();
    file_->synced = std::max(file_->synced, std::min(written, file_->bytes.size()));
    return {};
  }
  Result<Fate> take_back(uint64_t size) override {
    file_->bytes.resize(std::min<size_t>(size, file_->bytes.size()));
    medium_.wait();
    file_->synced = file_->bytes.size();
    return Fate::gone;
  }
  Result<void> read_to(char* out, uint64_t offset, size_t size) override {
    if (offset + size > file_->bytes.size()) return fail(Code::unavailable, "is shorter", place_);
    std::copy_n(file_->bytes.data() + offset, size, out);
    return {};
  }
  Result<uint64_t> size() override { return file_->bytes.size(); }
  size_t read_unit() const override { return read_unit_bytes; }

 private:
  SimMedium& medium_;
  const std::shared_ptr<Volume::File> file_;
  const std::string place_;
};

void Volume::lose_power(File& file, Rng& rng) {
  if (file.bytes.size() > file.synced) {
    const size_t unsynced = file.bytes.size() - file.synced;
    file.bytes.resize(file.synced + rng.below(unsynced + 1));
    // The length was written, and the last sectors were not.
    const size_t kept = file.bytes.size() - file.synced;
    if (rng.below(4) == 0) {
      const size_t torn = std::min(kept, sector_bytes);
      std::fill(file.bytes.end() - static_cast<std::ptrdiff_t>(torn), file.bytes.end(), '\0');
    }
  }
  file.synced = file.bytes.size();
}

void Volume::lose_power(Rng& rng) {
  for (size_t folder = 0; folder < now_.size(); ++folder) {
    std::set<std::string> names;
    for (const Names* side : {&now_[folder], &synced_[folder]}) {
      for (const auto& [name, file] : *side) names.insert(name);
    }
    Names left;
    for (const std::string& name : names) {
      const auto now = now_[folder].find(name);
      const auto before = synced_[folder].find(name);
      const bool is_same =
          now != now_[folder].end() && before != synced_[folder].end() && now->second == before->second;
      const bool has_changed = is_same || rng.below(2) == 0;
      const auto& side = has_changed ? now_[folder] : synced_[folder];
      const auto found = side.find(name);
      if (found != side.end()) left.insert(*found);
    }
    for (const auto& [name, file] : left) lose_power(*file, rng);
    now_[folder] = left;
    synced_[folder] = std::move(left);
  }
}

std::vector<std::string> Volume::files(ports::Folder folder) const {
  std::vector<std::string> names;
  for (const auto& [name, file] : now_[static_cast<size_t>(folder)]) names.push_back(name);
  return names;
}

std::string_view Volume::durable(ports::Folder folder, const std::string& name) const {
  const auto at = static_cast<size_t>(folder);
  const auto now = now_[at].find(name);
  const auto synced = synced_[at].find(name);
  if (now == now_[at].end() || synced == synced_[at].end() || now->second != synced->second) return {};
  return std::string_view(now->second->bytes).substr(0, now->second->synced);
}

void Volume::flip(ports::Folder folder, const std::string& name, size_t offset, char mask) {
  char& byte = now_[static_cast<size_t>(folder)].at(name)->bytes.at(offset);
  byte = static_cast<char>(byte ^ mask);
}

Result<void> SimMedium::check_room(const std::string& place) const {
  return disk_.full ? Result<void>(fail(Code::exhausted, "no space left on the disk", place)) : Result<void>();
}

std::string SimMedium::place_of(ports::Folder folder, const std::string& name) const {
  return "/sim/" + std::to_string(static_cast<int>(folder)) + "/" + name;
}

Result<std::vector<std::string>> SimMedium::names(ports::Folder folder) {
  std::vector<std::string> all;
  for (const auto& [name, file] : now(folder)) all.push_back(name);
  return all;
}

Result<ports::SharedFile> SimMedium::create(ports::Folder folder, const std::string& name) {
  const std::string place = place_of(folder, name);
  TRY_DO(check_room(place));
  const auto [entry, is_new] = now(folder).try_emplace(name, std::make_shared<Volume::File>());
  if (!is_new) return fail(Code::conflict, "is there already", place);
  return std::make_shared<OpenFile>(*this, entry->second, place);
}

Result<ports::SharedFile> SimMedium::open(ports::Folder folder, const std::string& name, bool /*writing*/) {
  const auto found = now(folder).find(name);
  if (found == now(folder).end()) return fail(Code::not_found, "there is no such file", place_of(folder, name));
  return std::make_shared<OpenFile>(*this, found->second, place_of(folder, name));
}

Result<void> SimMedium::remove(ports::Folder folder, std::span<const std::string> names) {
  for (const std::string& name : names) now(folder).erase(name);
  return {};
}

Result<void> SimMedium::rename(ports::Folder folder, const std::string& from, const std::string& to) {
  auto moved = now(folder).extract(from);
  if (moved.empty()) return fail(Code::not_found, "there is no such file", place_of(folder, from));
  now(folder)[to] = moved.mapped();
  return {};
}

Result<void> SimMedium::sync_names(ports::Folder folder) {
  // As they are when it begins: what comes while it lasts may miss it.
  Volume::Names changed;
  for (const auto& [name, file] : now(folder)) {
    const auto before = synced(folder).find(name);
    if (before == synced(folder).end() || before->second != file) changed[name] = file;
  }
  for (const auto& [name, file] : synced(folder)) {
    if (!now(folder).contains(name)) changed[name] = nullptr;
  }
  wait();
  for (auto& [name, file] : changed) {
    if (file)
      synced(folder)[name] = std::move(file);
    else
      synced(folder).erase(name);
  }
  return {};
}

Result<void> SimMedium::make_whole(ports::Folder folder, const std::string& name, std::string_view content) {
  wait();
  TRY_DO(check_room(place_of(folder, name)));
  const auto file = std::make_shared<Volume::File>(Volume::File{std::string(content), content.size()});
  now(folder)[name] = file;
  synced(folder)[name] = file;
  return {};
}

Result<std::string> SimMedium::read_whole(ports::Folder folder, const std::string& name) {
  const auto found = now(folder).find(name);
  if (found == now(folder).end()) return fail(Code::not_found, "there is no such file", place_of(folder, name));
  return found->second->bytes;
}

Result<void> SimMedium::shred(ports::Folder folder, std::span<const std::string> names) {
  wait();
  for (const std::string& name : names) {
    now(folder).erase(name);
    synced(folder).erase(name);
  }
  return {};
}

}  // namespace barrio::sim
