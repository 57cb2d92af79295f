#include "base/system_call_filter.h"

#include <seccomp.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace barrio {

namespace {

uint32_t filter_action(SystemCallFilter::Answer answer) {
  switch (answer) {
    case SystemCallFilter::Answer::allow: return SCMP_ACT_ALLOW;
    case SystemCallFilter::Answer::refuse: return SCMP_ACT_ERRNO(EPERM);
    case SystemCallFilter::Answer::missing: return SCMP_ACT_ERRNO(ENOSYS);
    case SystemCallFilter::Answer::kill: break;
  }
  return SCMP_ACT_KILL_PROCESS;
}

}  // namespace

SystemCallFilter::SystemCallFilter(Answer otherwise)
    : filter_(seccomp_init(filter_action(otherwise)), seccomp_release), otherwise_(otherwise) {
  if (!filter_) {
    first_failure_ = -ENOMEM;
    return;
  }
  first_failure_ = seccomp_attr_set(filter_.get(), SCMP_FLTATR_CTL_TSYNC, 1);
  // A tree by number: a long list costs each call no more than a short one.
  if (first_failure_ == 0) first_failure_ = seccomp_attr_set(filter_.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
}

void SystemCallFilter::add(Answer answer, int call, const std::vector<Condition>& all_of) {
  if (first_failure_ != 0 || answer == otherwise_) return;
  std::vector<scmp_arg_cmp> conditions;
  for (const Condition& one : all_of) conditions.push_back({one.argument, SCMP_CMP_MASKED_EQ, one.mask, one.value});
  first_failure_ = seccomp_rule_add_array(filter_.get(), filter_action(answer), call,
                                          static_cast<unsigned>(conditions.size()), conditions.data());
}

Result<void> SystemCallFilter::load() {
  return outcome(first_failure_ != 0 ? first_failure_ : seccomp_load(filter_.get()));
}

Result<void> SystemCallFilter::write_to(int descriptor) {
  return outcome(first_failure_ != 0 ? first_failure_ : seccomp_export_bpf(filter_.get(), descriptor));
}

bool SystemCallFilter::is_known(int call) {
  char* name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, call);
  std::free(name);
  return name != nullptr;
}

Result<void> SystemCallFilter::outcome(int code) {
  if (code == 0) return {};
  return fail(Code::unavailable, std::string("cannot filter system calls: ") + std::strerror(-code));
}

}  // namespace barrio
