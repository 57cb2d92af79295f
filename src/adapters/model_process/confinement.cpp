#include "adapters/model_process/confinement.h"

#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

namespace barrio::adapters {

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool limits_memory = false;  // their shadow memory is larger than any honest limit
#else
constexpr bool limits_memory = true;
#endif

/// As the sandboxes of programs have it.
constexpr int ends_first = 500;

/// Of addresses, on top of the limit on memory: what is reserved is not all used.
constexpr rlim_t address_room = 64u << 20;

std::string failed(const std::string& doing) {
  return doing + ": " + std::strerror(errno);
}

/// Lowers soft and hard limit; one that is lower already stays.
Result<void> lower(__rlimit_resource resource, rlim_t most, const char* name) {
  rlimit limit{};
  if (getrlimit(resource, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max = std::min(limit.rlim_max, most);
    if (setrlimit(resource, &limit) == 0) return {};
  }
  return fail(Code::unavailable, failed("cannot set a limit"), name);
}

/// Of this process now: all addresses, and the private memory among them that can be written.
struct Mapped {
  rlim_t addresses = 0;
  rlim_t data = 0;
};
Result<Mapped> mapped_now() {
  std::ifstream file("/proc/self/statm");
  rlim_t size = 0, resident = 0, shared = 0, text = 0, library = 0, data = 0;
  if (!(file >> size >> resident >> shared >> text >> library >> data))
    return fail(Code::unavailable, "cannot read how much memory is in use", "/proc/self/statm");
  const auto page = static_cast<rlim_t>(sysconf(_SC_PAGESIZE));
  return Mapped{size * page, data * page};
}

}  // namespace

std::string enter_namespaces() {
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) == 0) return "";
  return failed("no namespaces of its own");
}

std::string leave_file_system() {
  constexpr unsigned long closed = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  // pivot_root(".", ".") puts the old root on top of the new one, whose place is taken away with it.
  const bool left = mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                    mount("barrio", "/tmp", "tmpfs", closed, "size=4k,nr_inodes=1,mode=0500") == 0 &&
                    chdir("/tmp") == 0 && syscall(SYS_pivot_root, ".", ".") == 0 && umount2(".", MNT_DETACH) == 0 &&
                    mount(nullptr, "/", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | closed, nullptr) == 0 &&
                    chdir("/") == 0;
  return left ? "" : failed("the file system stays in sight");
}

Result<void> limit_resources(Bytes memory, Bytes longest_file) {
  // Where the machine itself runs out of memory, the kernel ends this process before others. It goes on without.
  std::ofstream("/proc/self/oom_score_adj") << ends_first;
  if (memory.count() > 0 && limits_memory) {
    TRY(const Mapped now, mapped_now());
    const auto more = static_cast<rlim_t>(memory.count());
    TRY_DO(lower(RLIMIT_DATA, now.data + more, "RLIMIT_DATA"));
    TRY_DO(lower(RLIMIT_AS, now.addresses + more + address_room, "RLIMIT_AS"));
  }
  TRY_DO(lower(RLIMIT_NOFILE, 0, "RLIMIT_NOFILE"));
  TRY_DO(lower(RLIMIT_MEMLOCK, 0, "RLIMIT_MEMLOCK"));
  TRY_DO(lower(RLIMIT_FSIZE, static_cast<rlim_t>(longest_file.count()), "RLIMIT_FSIZE"));
  return lower(RLIMIT_CORE, 0, "RLIMIT_CORE");
}

Result<void> drop_privileges() {
  __user_cap_header_struct head{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
  if (syscall(SYS_capset, &head, none) != 0) return fail(Code::unavailable, failed("cannot drop capabilities"));
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
    return fail(Code::unavailable, failed("cannot give up privileges"));
  return {};
}

}  // namespace barrio::adapters
