#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <vector>

#include "adapters/model_process/confinement.h"
#include "base/system_call_filter.h"

namespace barrio::adapters {

namespace {

using Answer = SystemCallFilter::Answer;
using Condition = SystemCallFilter::Condition;

Condition equals(unsigned argument, uint64_t value) {
  return {argument, ~uint64_t{0}, value};
}
Condition has_none_of(unsigned argument, uint64_t bits) {
  return {argument, bits, 0};
}

/// Memory, waiting for a lock, time, and facts about the machine: they reach nothing outside the process.
constexpr int harmless_calls[] = {
    SYS_brk,
    SYS_munmap,
    SYS_mremap,
    SYS_madvise,
    SYS_futex,
    SYS_sched_yield,
    SYS_clock_gettime,
    SYS_clock_getres,
    SYS_gettimeofday,
    SYS_nanosleep,
    SYS_clock_nanosleep,
    SYS_restart_syscall,
    SYS_getrandom,
    SYS_getpid,
    SYS_gettid,
    SYS_getcpu,
    SYS_rt_sigreturn,
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_sigaltstack,
    SYS_sysinfo,
    SYS_uname,
    SYS_sched_getaffinity,
    SYS_close,
    SYS_fstat,
    SYS_lseek,
    SYS_set_robust_list,
    SYS_exit,
    SYS_exit_group,
    SYS_getrusage,
};

/// No library asks for these by chance: who does has taken the process over.
constexpr int attacks[] = {
    SYS_execve,      SYS_execveat,       SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev,
    SYS_bpf,         SYS_socket,         SYS_mount,  SYS_unshare,          SYS_setns,
    SYS_init_module, SYS_finit_module,   SYS_keyctl, SYS_perf_event_open,  SYS_userfaultfd,
    SYS_pidfd_getfd, SYS_io_uring_setup,
};

void add_rules(SystemCallFilter& filter, uint64_t socket, uint64_t words) {
  const auto allow = [&](int call, const std::vector<Condition>& all_of) { filter.add(Answer::allow, call, all_of); };
  for (int call : harmless_calls) filter.add(Answer::allow, call);
  for (int call : attacks) filter.add(Answer::kill, call);
  // Memory that others share does not count against the limits; memory that can be executed is how data becomes code.
  allow(SYS_mmap, {has_none_of(2, PROT_EXEC), has_none_of(3, MAP_SHARED)});
  allow(SYS_mprotect, {has_none_of(2, PROT_EXEC)});
  allow(SYS_recvfrom, {equals(0, socket)});
  allow(SYS_sendmsg, {equals(0, socket)});
  allow(SYS_write, {equals(0, words)});
  allow(SYS_writev, {equals(0, words)});
  // fstat() of newer C libraries.
  allow(SYS_newfstatat, {{3, AT_EMPTY_PATH, AT_EMPTY_PATH}});
  // abort().
  allow(SYS_tgkill, {equals(0, static_cast<uint64_t>(getpid()))});
  // getrlimit().
  allow(SYS_prlimit64, {equals(0, 0), equals(2, 0)});
}

}  // namespace

Result<void> filter_system_calls(int socket, int words) {
  SystemCallFilter filter(Answer::refuse);
  add_rules(filter, static_cast<uint64_t>(socket), static_cast<uint64_t>(words));
  return filter.load();
}

}  // namespace barrio::adapters
