#include <fcntl.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "adapters/model_process/confinement.h"

namespace barrio::adapters {

namespace {

using Filter = std::unique_ptr<void, void (*)(scmp_filter_ctx)>;
using Condition = scmp_arg_cmp;

Condition equals(unsigned argument, uint64_t value) {
  return {argument, SCMP_CMP_EQ, value, 0};
}
Condition has_none_of(unsigned argument, uint64_t bits) {
  return {argument, SCMP_CMP_MASKED_EQ, bits, 0};
}

/// Memory, waiting for a lock, time, and facts about the machine: they reach nothing outside the process.
constexpr int harmless_calls[] = {
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(futex),
    SCMP_SYS(sched_yield),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(nanosleep),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(getrandom),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(getcpu),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(sysinfo),
    SCMP_SYS(uname),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(close),
    SCMP_SYS(fstat),
    SCMP_SYS(lseek),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(getrusage),
};

/// No library asks for these by chance: who does has taken the process over.
constexpr int attacks[] = {
    SCMP_SYS(execve),
    SCMP_SYS(execveat),
    SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(bpf),
    SCMP_SYS(socket),
    SCMP_SYS(mount),
    SCMP_SYS(unshare),
    SCMP_SYS(setns),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(keyctl),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(pidfd_getfd),
    SCMP_SYS(io_uring_setup),
};

/// Collects libseccomp's codes; the first failure counts.
class Rules {
 public:
  explicit Rules(scmp_filter_ctx filter) : filter_(filter) {}
  void add(uint32_t action, int call, const std::vector<Condition>& all_of = {}) {
    keep(seccomp_rule_add_array(filter_, action, call, static_cast<unsigned>(all_of.size()), all_of.data()));
  }
  void allow(int call, const std::vector<Condition>& all_of = {}) { add(SCMP_ACT_ALLOW, call, all_of); }
  void set(scmp_filter_attr attribute, uint32_t value) { keep(seccomp_attr_set(filter_, attribute, value)); }
  void keep(int code) {
    if (first_ == 0) first_ = code;
  }
  int first() const { return first_; }

 private:
  scmp_filter_ctx filter_;
  int first_ = 0;
};

void add_rules(Rules& rules, uint64_t socket, uint64_t words) {
  for (int call : harmless_calls) rules.allow(call);
  for (int call : attacks) rules.add(SCMP_ACT_KILL_PROCESS, call);
  // Memory that others share does not count against the limits; memory that can be executed is how data becomes code.
  rules.allow(SCMP_SYS(mmap), {has_none_of(2, PROT_EXEC), has_none_of(3, MAP_SHARED)});
  rules.allow(SCMP_SYS(mprotect), {has_none_of(2, PROT_EXEC)});
  rules.allow(SCMP_SYS(recvfrom), {equals(0, socket)});
  rules.allow(SCMP_SYS(sendmsg), {equals(0, socket)});
  rules.allow(SCMP_SYS(write), {equals(0, words)});
  rules.allow(SCMP_SYS(writev), {equals(0, words)});
  // fstat() of newer C libraries.
  rules.allow(SCMP_SYS(newfstatat), {{3, SCMP_CMP_MASKED_EQ, AT_EMPTY_PATH, AT_EMPTY_PATH}});
  // abort().
  rules.allow(SCMP_SYS(tgkill), {equals(0, static_cast<uint64_t>(getpid()))});
  // getrlimit().
  rules.allow(SCMP_SYS(prlimit64), {equals(0, 0), equals(2, 0)});
}

}  // namespace

Result<void> filter_system_calls(int socket, int words) {
  const Filter filter(seccomp_init(SCMP_ACT_ERRNO(EPERM)), seccomp_release);
  if (!filter) return fail(Code::unavailable, "cannot make a filter of system calls");
  Rules rules(filter.get());
  rules.set(SCMP_FLTATR_CTL_TSYNC, 1);
  add_rules(rules, static_cast<uint64_t>(socket), static_cast<uint64_t>(words));
  if (rules.first() == 0) rules.keep(seccomp_load(filter.get()));
  if (rules.first() != 0)
    return fail(Code::unavailable, std::string("cannot filter system calls: ") + std::strerror(-rules.first()));
  return {};
}

}  // namespace barrio::adapters
