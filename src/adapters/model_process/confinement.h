#pragma once
// What a process gives up before it touches a stranger's bytes, in the order in which it must be called. Afterwards it
// can compute, use memory up to its limit, and talk through the descriptors it has; it cannot open, connect, execute,
// trace, signal another, start a thread, or make memory executable. Every step is for good.
//
// What the kernel may not permit (namespaces: containers, hardened hosts) is told as text and goes without; what every
// kernel since Linux 4.14 has (limits, no privileges, the filter of system calls) is an error where it fails.

#include <string>

#include "base/quantity.h"
#include "base/result.h"

namespace barrio::adapters {

/// Own user, mount, network, IPC and host name namespaces: no network device but a loopback that is down. Before any
/// second thread. Empty, or what is missing and why.
std::string enter_namespaces();
/// An empty, read-only file system in the place of all others. After enter_namespaces(). Empty, or why not.
std::string leave_file_system();
/// `memory` (zero: no limit) is what may be taken beyond what the process has mapped now. No core file, no descriptor
/// beyond those open, no file longer than `longest_file`. Reads /proc: before leave_file_system(). Errors: unavailable.
Result<void> limit_resources(Bytes memory, Bytes longest_file);
/// No capabilities, none to be had by executing, not to be traced or dumped. Errors: unavailable.
Result<void> drop_privileges();
/// System calls that inference does not need fail with EPERM; those that only an attacker makes end the process.
/// Packets go through `socket` only, and writes to `words`. For all threads. Errors: unavailable.
Result<void> filter_system_calls(int socket, int words);

}  // namespace barrio::adapters
