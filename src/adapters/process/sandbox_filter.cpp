// What a program may ask the kernel for: what Linux had when Debian 12 came out, without what changes the machine,
// leaves the sandbox, or is known above all for its holes.

#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>

#include "adapters/process/sandbox.h"
#include "base/system_call_filter.h"

namespace barrio::adapters {

namespace {

using Answer = SystemCallFilter::Answer;

/// What came later has not been looked at: it is missing here, and C libraries do without.
constexpr int first_unknown_call = SYS_set_mempolicy_home_node + 1;

constexpr int refused_calls[] = {
    // Mounts and namespaces.
    SYS_mount, SYS_umount2, SYS_pivot_root, SYS_fsopen, SYS_fsconfig, SYS_fsmount, SYS_fspick, SYS_move_mount,
    SYS_open_tree, SYS_mount_setattr, SYS_unshare, SYS_setns, SYS_chroot,
    // Other processes.
    SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_kcmp, SYS_pidfd_getfd, SYS_process_madvise,
    // Keys, which are shared among all that a user of the machine runs.
    SYS_keyctl, SYS_add_key, SYS_request_key,
    // The kernel's own programs, figures and faults.
    SYS_bpf, SYS_perf_event_open, SYS_userfaultfd, SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register,
    SYS_lookup_dcookie, SYS_syslog, SYS_fanotify_init,
    // The machine.
    SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_kexec_load, SYS_kexec_file_load, SYS_reboot, SYS_swapon,
    SYS_swapoff, SYS_acct, SYS_quotactl, SYS_quotactl_fd, SYS_sethostname, SYS_setdomainname, SYS_settimeofday,
    SYS_clock_settime, SYS_adjtimex, SYS_clock_adjtime, SYS_vhangup, SYS_nfsservctl,
#ifdef SYS_iopl
    SYS_iopl, SYS_ioperm, SYS_modify_ldt, SYS_create_module, SYS_get_kernel_syms, SYS_query_module, SYS_uselib,
    SYS_ustat, SYS_sysfs, SYS__sysctl,
#endif
    // Files by number instead of by name.
    SYS_open_by_handle_at, SYS_name_to_handle_at,
    // Other nodes' memory.
    SYS_mbind, SYS_migrate_pages, SYS_move_pages, SYS_set_mempolicy, SYS_set_mempolicy_home_node};

/// Allowed with some arguments only.
constexpr int narrowed_calls[] = {SYS_socket, SYS_socketpair, SYS_clone, SYS_clone3, SYS_personality};

/// Memory that no process needs to have mapped.
constexpr int hidden_memory_calls[] = {SYS_memfd_create, SYS_memfd_secret, SYS_shmget,
                                       SYS_msgget,       SYS_semget,       SYS_mq_open};

bool is_among(std::span<const int> calls, int call) {
  return std::ranges::find(calls, call) != calls.end();
}

void add_narrowed(SystemCallFilter& filter) {
  constexpr uint64_t all = ~uint64_t{0};
  constexpr uint64_t new_namespaces =
      CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWCGROUP;
  // Of the network it has a loopback. Others, like vsock, belong to no network namespace.
  for (const uint64_t family : {uint64_t{AF_UNIX}, uint64_t{AF_INET}, uint64_t{AF_INET6}}) {
    filter.add(Answer::allow, SYS_socket, {{0, all, family}});
    filter.add(Answer::allow, SYS_socketpair, {{0, all, family}});
  }
  // Which interfaces there are: servers ask that when they start.
  filter.add(Answer::allow, SYS_socket, {{0, all, AF_NETLINK}, {2, all, NETLINK_ROUTE}});
  // clone3's flags lie in memory, where no filter sees them: C libraries then use clone.
  filter.add(Answer::allow, SYS_clone, {{0, new_namespaces, 0}});
  for (const uint64_t ordinary : {0x0u, 0xffffffffu}) filter.add(Answer::allow, SYS_personality, {{0, all, ordinary}});
}

}  // namespace

Result<OwnedDescriptor> sandbox_filter(bool counts_memory) {
  SystemCallFilter filter(Answer::missing);
  for (int call = 0; call < first_unknown_call; ++call) {
    if (!SystemCallFilter::is_known(call) || is_among(narrowed_calls, call)) continue;
    const bool refused = is_among(refused_calls, call) || (!counts_memory && is_among(hidden_memory_calls, call));
    filter.add(refused ? Answer::refuse : Answer::allow, call);
  }
  add_narrowed(filter);
  OwnedDescriptor file(memfd_create("barrio-filter", MFD_CLOEXEC));
  if (!file) return fail(Code::exhausted, std::string("cannot make a file in memory: ") + std::strerror(errno));
  TRY_DO(filter.write_to(file.get()));
  if (::lseek(file.get(), 0, SEEK_SET) != 0) return fail(Code::unavailable, "cannot read the filter back");
  return file;
}

}  // namespace barrio::adapters
