#include "cli/program_folder.h"

#include <algorithm>
#include <deque>
#include <filesystem>

#include "base/quantity.h"
#include "base/read_file.h"
#include "base/tar.h"

namespace barrio::cli {

namespace {

constexpr size_t most_packed = 256 * 1024 * 1024;  // as control takes in one upload

std::vector<std::filesystem::path> all_in(const std::string& folder, std::error_code& problem) {
  std::vector<std::filesystem::path> paths;
  for (std::filesystem::recursive_directory_iterator at(folder, problem), end;
       !problem && at != end && paths.size() <= most_tar_entries; at.increment(problem))
    paths.push_back(at->path());
  std::ranges::sort(paths);
  return paths;
}

}  // namespace

Result<std::string> pack_folder(const std::string& folder) {
  namespace fs = std::filesystem;
  std::error_code problem;
  std::vector<TarEntry> entries;
  std::deque<std::string> contents;  // that the entries point into
  size_t total = 0;
  for (const fs::path& path : all_in(folder, problem)) {
    TarEntry entry{path.lexically_relative(folder).generic_string()};
    const fs::file_status status = fs::symlink_status(path, problem);
    if (fs::is_symlink(status)) {
      entry.kind = TarEntry::Kind::link;
      entry.target = fs::read_symlink(path, problem).string();
    } else if (fs::is_directory(status)) {
      entry.kind = TarEntry::Kind::folder;
    } else if (fs::is_regular_file(status)) {
      TRY(auto content, read_file(path.string()));
      total += content.size();
      entry.executable = (status.permissions() & fs::perms::owner_exec) != fs::perms::none;
      entry.content = contents.emplace_back(std::move(content));
    } else {
      return fail(Code::invalid, "is neither a file, a folder nor a link", path.string());
    }
    if (problem) break;
    if (total > most_packed) return fail(Code::exhausted, "holds more than 256 MiB", folder);
    entries.push_back(std::move(entry));
  }
  if (problem) return fail(Code::unavailable, "cannot be read: " + problem.message(), folder);
  TRY(auto packed, write_tar(entries));
  // What a site would refuse is refused here.
  TRY_DO(read_tar(packed));
  return packed;
}

}  // namespace barrio::cli
