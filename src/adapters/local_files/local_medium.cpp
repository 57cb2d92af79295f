#include "adapters/local_files/local_medium.h"

namespace barrio::adapters {

using namespace local_files;

namespace {

constexpr std::string_view shredded_suffix = ".erased";  // of a file that is to be written over
constexpr std::string_view replacing_suffix = ".new";
constexpr size_t cached_read = 64 * 1024;  // stays in a core's cache until it is unsealed

class LocalFile final : public ports::MediumFile {
 public:
  LocalFile(Disk& disk, local_files::SharedFile file) : disk_(disk), file_(std::move(file)) {}

  Result<void> write_at(std::string_view bytes, uint64_t offset) override {
    return disk_.write_at(*file_, bytes, offset);
  }
  Result<void> flush() override { return {}; }
  Result<void> sync() override { return disk_.sync(*file_); }
  Result<Fate> take_back(uint64_t size) override {
    // A sync that failed once may succeed the next time without having written: so this one is of the new length alone,
    // and the file is not appended to any more.
    const auto cut = truncate(*file_, size);
    if (cut && disk_.sync(*file_)) return Fate::gone;
    return fail(Code::conflict, "the disk failed while writing; storage takes nothing until it is started again");
  }
  Result<void> read_to(char* out, uint64_t offset, size_t size) override {
    return local_files::read_to(out, *file_, offset, size);
  }
  Result<uint64_t> size() override { return size_of(*file_); }
  size_t read_unit() const override { return cached_read; }

 private:
  Disk& disk_;
  const local_files::SharedFile file_;
};

const char* name_of(ports::Folder folder) {
  switch (folder) {
    case ports::Folder::keys: return "keys";
    case ports::Folder::journal: return "journal";
    case ports::Folder::content: return "objects";
  }
  return "";
}

constexpr std::array all_folders = {ports::Folder::keys, ports::Folder::journal, ports::Folder::content};

}  // namespace

std::string LocalMedium::path_of(ports::Folder folder) const {
  return folder_ + "/" + name_of(folder);
}

std::string LocalMedium::place_of(ports::Folder folder, const std::string& name) const {
  return path_of(folder) + "/" + name;
}

Result<void> LocalMedium::take() {
  TRY_DO(make_folder(folder_));
  TRY(lock_, lock_file(folder_ + "/lock"));
  for (const ports::Folder folder : all_folders) {
    TRY_DO(make_folder(path_of(folder)));
    TRY(folders_[static_cast<size_t>(folder)], open_folder(path_of(folder)));
  }
  TRY(const auto root, open_folder(folder_));
  TRY_DO(disk_.sync(*root));
  TRY_DO(wipe_shredded(ports::Folder::keys));
  TRY(const auto names, names_in(path_of(ports::Folder::keys)));
  for (const std::string& name : names) {
    if (name.ends_with(replacing_suffix)) TRY_DO(remove_file(place_of(ports::Folder::keys, name)));
  }
  return {};
}

Result<std::vector<std::string>> LocalMedium::names(ports::Folder folder) {
  TRY(auto names, names_in(path_of(folder)));
  std::erase_if(names, [](const std::string& name) { return name.ends_with(shredded_suffix); });
  return names;
}

Result<ports::SharedFile> LocalMedium::create(ports::Folder folder, const std::string& name) {
  TRY(auto file, create_file(place_of(folder, name)));
  return std::make_shared<LocalFile>(disk_, std::move(file));
}

Result<ports::SharedFile> LocalMedium::open(ports::Folder folder, const std::string& name, bool writing) {
  TRY(auto file, open_file(place_of(folder, name), writing));
  return std::make_shared<LocalFile>(disk_, std::move(file));
}

Result<void> LocalMedium::remove(ports::Folder folder, std::span<const std::string> names) {
  Result<void> removed;
  for (const std::string& name : names) {
    auto one = remove_file(place_of(folder, name));
    if (removed) removed = std::move(one);
  }
  return removed;
}

Result<void> LocalMedium::rename(ports::Folder folder, const std::string& from, const std::string& to) {
  return rename_file(place_of(folder, from), place_of(folder, to));
}

Result<void> LocalMedium::sync_names(ports::Folder folder) {
  return disk_.sync(*folders_[static_cast<size_t>(folder)]);
}

Result<void> LocalMedium::make_whole(ports::Folder folder, const std::string& name, std::string_view content) {
  return replace_file(disk_, path_of(folder), name, content);
}

Result<std::string> LocalMedium::read_whole(ports::Folder folder, const std::string& name) {
  return local_files::read_whole(place_of(folder, name));
}

/// Under another name first, on the device: what is half written over must not be taken for a damaged file.
Result<void> LocalMedium::shred(ports::Folder folder, std::span<const std::string> names) {
  for (const std::string& name : names) {
    const std::string path = place_of(folder, name);
    TRY_DO(rename_file(path, path + std::string(shredded_suffix)));
  }
  TRY_DO(sync_names(folder));
  return wipe_shredded(folder);
}

Result<void> LocalMedium::wipe_shredded(ports::Folder folder) {
  TRY(const auto names, names_in(path_of(folder)));
  bool wiped = false;
  for (const std::string& name : names) {
    if (!name.ends_with(shredded_suffix)) continue;
    const std::string path = place_of(folder, name);
    TRY(const auto file, open_file(path, true));
    TRY(const auto size, size_of(*file));
    TRY_DO(disk_.write_at(*file, std::string(size, '\0'), 0));
    TRY_DO(disk_.sync(*file));
    TRY_DO(remove_file(path));
    wiped = true;
  }
  return wiped ? sync_names(folder) : Result<void>();
}

}  // namespace barrio::adapters
