#include <doctest/doctest.h>
// doctest first: base/check.h leaves its CHECK alone.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "adapters/local_files/folder_test.h"
#include "adapters/local_files/local_medium.h"
#include "adapters/sealed_store/sealed_store.h"
#include "adapters/sealed_store/store_steps_test.h"
#include "ports/object_store_contract.h"

// A disk that fails, or loses its power, at each of the operations that a store asks of it, one run for each: what was
// acknowledged is there and whole, what was not is there whole or not at all.

namespace barrio::adapters::disk_faults_test {

namespace fs = std::filesystem;
using local_files::Disk;
using local_files::OpenFile;
using local_files::TestFolder;
using ports::contract_bucket;
using ports::get_text;
using ports::put_text;
using ports::sample_text;
using sealed_store::do_all;
using sealed_store::Expected;
using sealed_store::Steps;

namespace {

const std::string site_key(32, 's');
const std::string second(32, 'b');  // other buckets
const std::string theirs(32, 'c');

enum class Fault { no_space, sync_fails, dies };     // `dies`: nothing works from there on
enum class After { all_kept, unsynced_lost, torn };  // what is found when the power is back

/// What is on the device, and what only the kernel has yet. Every file is kept open, so that no inode is used twice.
/// A sync that fails loses what it was to write: a later one that succeeds has not written that (as Linux does).
class DeviceDisk final : public Disk {
 public:
  DeviceDisk(std::string folder, Fault fault, int at) : folder_(std::move(folder)), fault_(fault), left_(at) {}

  bool has_failed() const { return failed_; }
  /// From now on.
  void fail_at(int at) { left_ = at; }

  Result<void> write_at(const OpenFile& file, std::string_view bytes, uint64_t offset) override {
    const bool fails = failing() && fault_ != Fault::sync_fails;
    if (fails) bytes = bytes.substr(0, bytes.size() / 2);  // what fits, or came through
    TRY_DO(Disk::write_at(file, bytes, offset));
    std::string& state = inode(file).state;
    state.resize(std::max<size_t>(state.size(), offset + bytes.size()), dirty);
    std::fill_n(state.begin() + static_cast<std::ptrdiff_t>(offset), bytes.size(), dirty);
    return fails ? refuse() : Result<void>();
  }

  Result<void> sync(const OpenFile& file) override {
    const bool fails = failing();
    struct stat found{};
    ::fstat(file.fd(), &found);
    if (S_ISDIR(found.st_mode)) {
      const std::string part = fs::path(path_of(file.fd())).filename();
      if (!fails) names_[part] = names_in_now(part);
    } else {
      sync_content(inode(file), content_of(file), fails);
    }
    return fails ? refuse() : Result<void>();
  }

  /// The folder as it is found afterwards, in a fresh one.
  void restore(const std::string& to, After after) {
    freeze();
    for (const auto& [part, now] : names_now_) {
      const std::string target = to + "/" + part;
      fs::create_directories(target);
      for (const auto& [name, number] : after == After::unsynced_lost ? names_[part] : now) {
        const std::string& whole = contents_now_[number];
        std::string content = after == After::all_kept ? whole : inodes_[number].durable;
        // Half of what was on its way.
        if (after == After::torn && whole.size() > content.size())
          content += whole.substr(content.size(), (whole.size() - content.size()) / 2);
        std::ofstream(target + "/" + name, std::ios::binary) << content;
      }
    }
  }

 private:
  static constexpr char dirty = 'd';
  static constexpr char synced = 's';
  static constexpr char lost = 'l';
  struct Inode {
    local_files::SharedFile pin;
    std::string state;    // of each byte
    std::string durable;  // the content that is on the device
  };
  using Names = std::map<std::string, ino_t>;

  bool failing() {
    if (failed_ && fault_ == Fault::dies) return true;
    if (left_-- != 0) return false;
    failed_ = true;
    return true;
  }

  Result<void> refuse() {
    if (fault_ == Fault::dies) freeze();
    if (fault_ == Fault::no_space) return fail(Code::exhausted, "No space left on device");
    return fail(Code::unavailable, "Input/output error");
  }

  /// What the kernel has, as it is now: nobody changes anything of it later.
  void freeze() {
    if (!names_now_.empty()) return;
    for (const char* part : {"keys", "journal", "objects"}) {
      names_now_[part] = names_in_now(part);
      for (const auto& [name, number] : names_now_[part]) contents_now_[number] = content_of(*inodes_[number].pin);
    }
  }

  static std::string path_of(int fd) { return fs::read_symlink("/proc/self/fd/" + std::to_string(fd)).string(); }

  static std::string content_of(const OpenFile& file) {
    return *local_files::read_at(file, 0, *local_files::size_of(file));
  }

  Inode& inode(const OpenFile& file) {
    struct stat found{};
    ::fstat(file.fd(), &found);
    Inode& known = inodes_[found.st_ino];
    if (!known.pin) {
      const std::string link = "/proc/self/fd/" + std::to_string(file.fd());
      known.pin = std::make_shared<const OpenFile>(::open(link.c_str(), O_RDONLY | O_CLOEXEC));
    }
    return known;
  }

  static void sync_content(Inode& file, std::string now, bool fails) {
    file.state.resize(now.size(), dirty);  // cut behind our back
    for (char& byte : file.state) {
      if (byte == dirty) byte = fails ? lost : synced;
    }
    if (fails) return;
    for (size_t i = 0; i < now.size(); ++i) {
      if (file.state[i] == lost) now[i] = '\0';
    }
    file.durable = std::move(now);
  }

  Names names_in_now(const std::string& part) {
    Names names;
    std::error_code not_there_yet;
    for (const auto& entry : fs::directory_iterator(folder_ + "/" + part, not_there_yet)) {
      if (!entry.is_regular_file()) continue;
      const auto file = local_files::open_file(entry.path().string());
      static_cast<void>(inode(**file));
      struct stat found{};
      ::fstat((*file)->fd(), &found);
      names[entry.path().filename().string()] = found.st_ino;
    }
    return names;
  }

  const std::string folder_;
  const Fault fault_;
  int left_;
  bool failed_ = false;
  std::map<ino_t, Inode> inodes_;
  std::map<std::string, Names> names_;  // by folder, as they are on the device
  std::map<std::string, Names> names_now_;
  std::map<ino_t, std::string> contents_now_;
};

// Every operation; under sanitizers, where each run takes long, every ninth, from another one on for each kind of
// fault.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int step = 9;
#else
constexpr int step = 1;
#endif

/// Whether the fault took place.
bool fails_at(int at, Fault fault, After after) {
  const std::string where = "operation " + std::to_string(at) + ", fault " + std::to_string(static_cast<int>(fault)) +
                            ", after " + std::to_string(static_cast<int>(after));
  const TestFolder folder;
  const TestFolder later;
  ports::InlineRuntime runtime;
  DeviceDisk disk(folder.path(), fault, at);
  Expected expected;
  bool has_bucket = false;
  {
    auto opened = SealedStore::open(runtime, {std::make_unique<LocalMedium>(folder.path(), &disk), site_key});
    if (opened) {
      const auto added = (*opened)->add_bucket(contract_bucket, TenantId::of("acme"));
      has_bucket = added || (!disk.has_failed() || fault != Fault::dies);
      if (!added && has_bucket) REQUIRE_MESSAGE((*opened)->add_bucket(contract_bucket, TenantId::of("acme")), where);
      if (has_bucket) {
        Steps steps(**opened, where, [&] { return fault == Fault::dies && disk.has_failed(); });
        do_all(steps);
        expected = steps.expected;
      }
    }
  }
  disk.restore(later.path(), after);
  DeviceDisk good(later.path(), Fault::no_space, -1);
  for (int time = 0; time < 2; ++time) {
    auto store = SealedStore::open(runtime, {std::make_unique<LocalMedium>(later.path(), &good), site_key});
    REQUIRE_MESSAGE(store, where << ": " << (store ? "" : store.error().text()));
    if (!has_bucket) REQUIRE((*store)->add_bucket(contract_bucket, TenantId::of("acme")));
    REQUIRE_MESSAGE((*store)->has_bucket(contract_bucket), where);
    expected.check(**store, where);
    // It goes on from there.
    const std::string key = "new" + std::to_string(time);
    const auto put = put_text(**store, key, "text");
    REQUIRE_MESSAGE(put, where);
    expected.may_become(key, put, "text");
    expected.check(**store, where);
  }
  return disk.has_failed();
}

/// A tenant is erased. Whether the fault took place.
bool erasure_fails_at(int at, Fault fault, After after) {
  const std::string where = "operation " + std::to_string(at) + ", fault " + std::to_string(static_cast<int>(fault)) +
                            ", after " + std::to_string(static_cast<int>(after));
  const TestFolder folder;
  const TestFolder later;
  const TenantId acme = TenantId::of("acme");
  ports::InlineRuntime runtime;
  DeviceDisk disk(folder.path(), fault, -1);
  {
    auto store = *SealedStore::open(runtime, {std::make_unique<LocalMedium>(folder.path(), &disk), site_key});
    REQUIRE(store->add_bucket(contract_bucket, acme));
    REQUIRE(store->add_bucket(second, acme));
    REQUIRE(store->add_bucket(theirs, TenantId::of("rival")));
    REQUIRE(put_text(*store, "gone", "text"));
    REQUIRE(put_text(*store, "kept", "text", {}, theirs));
  }
  disk.fail_at(at);
  bool erased = false;
  {
    auto opened = SealedStore::open(runtime, {std::make_unique<LocalMedium>(folder.path(), &disk), site_key});
    if (opened) {
      // A fault that passes: it is asked for again.
      for (int time = 0; time < 2 && !erased; ++time) erased = static_cast<bool>((*opened)->erase_tenant(acme));
      CHECK_MESSAGE(erased != (fault == Fault::dies && disk.has_failed()), where);
      CHECK_MESSAGE(get_text(**opened, "gone").error().code == Code::not_found, where);
    }
  }
  disk.restore(later.path(), after);
  DeviceDisk healthy(later.path(), Fault::no_space, -1);
  auto store = SealedStore::open(runtime, {std::make_unique<LocalMedium>(later.path(), &healthy), site_key});
  REQUIRE_MESSAGE(store, where << ": " << (store ? "" : store.error().text()));
  CHECK_MESSAGE((*store)->open(theirs, "kept", ""), where);
  if (erased) CHECK_MESSAGE(!(*store)->has_bucket(contract_bucket), where);
  REQUIRE_MESSAGE((*store)->erase_tenant(acme), where);
  CHECK_MESSAGE((*store)->buckets() == std::vector<std::string>{theirs}, where);
  CHECK_MESSAGE(later.files("keys").size() == 2, where);
  return disk.has_failed();
}

}  // namespace

TEST_CASE("whichever operation of the disk fails while a tenant is erased: others have all, and it is erased at last") {
  for (const Fault fault : {Fault::no_space, Fault::sync_fails, Fault::dies}) {
    for (const After after : {After::all_kept, After::unsynced_lost, After::torn}) {
      int at = 0;
      while (erasure_fails_at(at, fault, after)) ++at;
      CHECK(at > 8);
    }
  }
}

TEST_CASE("whichever operation of the disk fails or is the last: what was acknowledged is whole, nothing is torn") {
  int first = 0;
  for (const Fault fault : {Fault::no_space, Fault::sync_fails, Fault::dies}) {
    for (const After after : {After::all_kept, After::unsynced_lost, After::torn}) {
      int at = first++ % step;
      while (fails_at(at, fault, after)) at += step;
      CHECK(at > 40);
    }
  }
}

}  // namespace barrio::adapters::disk_faults_test
