#include "adapters/process/program_files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/tar.h"

namespace barrio::adapters {

namespace {

tl::unexpected<Error> cannot_write(const std::string& path) {
  return fail(Code::unavailable, std::string("cannot write a program's file: ") + std::strerror(errno), path);
}

/// read_tar() has seen to it that nothing lies below a link.
Result<void> unpack_entry(const TarEntry& entry, const std::string& folder) {
  const std::string path = folder + "/" + entry.name;
  if (entry.kind == TarEntry::Kind::folder) return make_open_folder(path);
  TRY_DO(make_open_folder(std::filesystem::path(path).parent_path().string()));
  if (entry.kind == TarEntry::Kind::file) return write_open_file(path, entry.content, entry.executable);
  if (::symlink(entry.target.c_str(), path.c_str()) != 0) return cannot_write(path);
  return {};
}

Result<void> unpack_all(const std::string& content, const std::string& folder) {
  TRY_DO(make_open_folder(folder));
  if (!is_tar(content)) return write_open_file(folder + "/program", content, true);
  TRY(const auto entries, read_tar(content));
  for (const TarEntry& entry : entries) TRY_DO(unpack_entry(entry, folder));
  return {};
}

}  // namespace

Result<void> make_open_folder(const std::string& path) {
  std::error_code problem;
  if (std::filesystem::is_directory(path, problem)) return {};
  TRY_DO(make_open_folder(std::filesystem::path(path).parent_path().string()));
  // chmod: whatever this process's umask is.
  if (::mkdir(path.c_str(), 0755) != 0 || ::chmod(path.c_str(), 0755) != 0) return cannot_write(path);
  return {};
}

Result<void> write_open_file(const std::string& path, std::string_view content, bool executable) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(content.data(), static_cast<std::streamsize>(content.size()));
  file.close();
  if (!file || ::chmod(path.c_str(), executable ? 0755 : 0644) != 0) return cannot_write(path);
  return {};
}

Result<std::shared_ptr<ProgramFiles>> ProgramFiles::unpack(const std::string& content, const std::string& folder) {
  std::shared_ptr<ProgramFiles> files(new ProgramFiles(folder));
  TRY_DO(unpack_all(content, folder));
  return files;
}

ProgramFiles::~ProgramFiles() {
  std::error_code gone;
  std::filesystem::remove_all(folder_, gone);
}

}  // namespace barrio::adapters
