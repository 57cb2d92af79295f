#include "adapters/process/log_file.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "base/text.h"

namespace barrio::adapters {
namespace {

constexpr size_t longest_tail = 256 * 1024;

Result<std::string> read_tail(const std::string& path, size_t most) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return fail(Code::not_found, "there is no log", path);
  const auto size = static_cast<size_t>(std::max<std::streamoff>(0, file.tellg()));
  file.seekg(static_cast<std::streamoff>(size - std::min(size, most)));
  // No more than that: whoever writes it can make it longer meanwhile, also without writing.
  std::string tail(std::min(size, most), '\0');
  file.read(tail.data(), static_cast<std::streamsize>(tail.size()));
  tail.resize(static_cast<size_t>(file.gcount()));
  return tail;
}

}  // namespace

void trim_log(const std::string& path, size_t most) {
  std::error_code problem;
  const auto size = std::filesystem::file_size(path, problem);
  if (problem || size <= most) return;
  const auto tail = read_tail(path, most / 4);
  if (!tail) return;
  // In place: the child holds this very file open, in append mode.
  std::ofstream(path, std::ios::binary | std::ios::trunc) << *tail;
}

Result<std::vector<std::string>> last_lines(const std::string& path, size_t lines,
                                            const std::function<bool(std::string_view)>& wanted) {
  TRY(auto tail, read_tail(path, longest_tail));
  std::vector<std::string> all;
  for (const std::string_view line : split(tail, '\n')) {
    if (!line.empty() && wanted(line)) all.emplace_back(line);
  }
  if (all.size() > lines) all.erase(all.begin(), all.end() - static_cast<std::ptrdiff_t>(lines));
  return all;
}

}  // namespace barrio::adapters
