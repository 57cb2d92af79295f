#include "cli/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

#include "base/file_owner.h"
#include "base/owned_descriptor.h"

namespace barrio::cli {

namespace {

tl::unexpected<Error> failed(const std::string& what, const std::string& path) {
  const Code code = errno == ENOENT ? Code::not_found : Code::unavailable;
  return fail(code, what + ": " + std::strerror(errno), path);
}

void print_node(const Json& value, const std::string& indent, std::string& out);

void print_object(const JsonObject& object, const std::string& indent, std::string& out) {
  for (const auto& item : object) {
    out += indent + std::string(item.key()) + ":";
    print_node(item.value(), indent + "  ", out);
  }
}

void print_array(const JsonArray& array, const std::string& indent, std::string& out) {
  for (const Json& item : array) {
    if (!item.is_object() || item.get_object().empty()) {
      out += indent + "-";
      print_node(item, indent + "  ", out);
      continue;
    }
    std::string inner;
    print_object(item.get_object(), indent + "  ", inner);
    inner.replace(indent.size(), 1, "-");  // the first key stands beside the dash
    out += inner;
  }
}

void print_node(const Json& value, const std::string& indent, std::string& out) {
  if (value.is_object() && !value.get_object().empty()) {
    out += "\n";
    print_object(value.get_object(), indent, out);
  } else if (value.is_array() && !value.get_array().empty()) {
    out += "\n";
    print_array(value.get_array(), indent, out);
  } else {
    out += " " + print_json(value) + "\n";  // JSON scalars are YAML
  }
}

}  // namespace

Result<void> write_file(const std::string& path, std::string_view content, mode_t mode) {
  const std::string temporary = path + ".new";
  // Made anew: of one that was left, or laid there for root to follow, nothing counts.
  ::unlink(temporary.c_str());
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (fd < 0) return failed("cannot be written", path);
  ::fchmod(fd, mode);
  give_to_owner_of_folder(fd, path);
  while (!content.empty()) {
    const ssize_t put = ::write(fd, content.data(), content.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) {
      const auto status = failed("cannot be written", path);
      ::close(fd);
      return status;
    }
    content.remove_prefix(static_cast<size_t>(put));
  }
  ::close(fd);
  if (::rename(temporary.c_str(), path.c_str()) != 0) return failed("cannot be written", path);
  return {};
}

Result<void> make_folder(const std::string& path, mode_t mode) {
  std::error_code error;
  std::vector<std::filesystem::path> missing;  // the innermost first
  for (std::filesystem::path at = path; !at.empty() && !std::filesystem::exists(at, error); at = at.parent_path())
    missing.push_back(at);
  std::filesystem::create_directories(path, error);
  if (error) return fail(Code::unavailable, "cannot make the folder: " + error.message(), path);
  for (auto made = missing.rbegin(); made != missing.rend(); ++made) {
    if (!made->has_filename()) continue;  // "a/" is "a" once more
    const OwnedDescriptor folder(::open(made->c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (folder) give_to_owner_of_folder(folder.get(), made->string());
  }
  ::chmod(path.c_str(), mode);
  return {};
}

Result<void> remove_folder(const std::string& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (error) return fail(Code::unavailable, "cannot be removed: " + error.message(), path);
  return {};
}

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

std::string print_yaml(const Json& value) {
  std::string out;
  if (value.is_object())
    print_object(value.get_object(), "", out);
  else
    out = print_json(value) + "\n";
  return out;
}

}  // namespace barrio::cli
