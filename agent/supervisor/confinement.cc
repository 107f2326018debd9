// SPDX-License-Identifier: Apache-2.0
#include "agent/supervisor/confinement.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <vector>

#include "agent/supervisor/message.h"

// Not in Debian 12's headers for every architecture, or younger than they are.
#ifndef CAP_PERFMON
#define CAP_PERFMON 38
#endif
#ifndef CAP_BPF
#define CAP_BPF 39
#endif

namespace handprint {
namespace {

constexpr uint32_t nobody = 65534;

struct CapabilitySets {
  uint64_t effective = 0, permitted = 0, inheritable = 0;
};

bool read_capabilities(CapabilitySets& out) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  if (syscall(SYS_capget, &header, data) != 0) return false;
  const auto both = [&](uint32_t low, uint32_t high) { return uint64_t{high} << 32 | low; };
  out.effective = both(data[0].effective, data[1].effective);
  out.permitted = both(data[0].permitted, data[1].permitted);
  out.inheritable = both(data[0].inheritable, data[1].inheritable);
  return true;
}

bool write_capabilities(const CapabilitySets& sets) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  const auto low = [](uint64_t set) { return static_cast<uint32_t>(set); };
  const auto high = [](uint64_t set) { return static_cast<uint32_t>(set >> 32); };
  data[0] = {low(sets.effective), low(sets.permitted), low(sets.inheritable)};
  data[1] = {high(sets.effective), high(sets.permitted), high(sets.inheritable)};
  return syscall(SYS_capset, &header, data) == 0;
}

Error failure(const std::string& what) {
  Error error;
  error.message = "cannot " + what + ": " + std::strerror(errno);
  return error;
}

// A list of allowed calls that becomes a filter. One refused rule makes the whole unusable.
class Filter {
 public:
  // What is neither allowed nor fatal fails with EPERM.
  Filter() : context_(seccomp_init(SCMP_ACT_ERRNO(EPERM))) {
    // x32 and i386 have other call numbers: calling by them ends the process.
    if (context_ != nullptr)
      seccomp_attr_set(context_, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
  }
  ~Filter() {
    if (context_ != nullptr) seccomp_release(context_);
  }
  Filter(const Filter&) = delete;
  Filter& operator=(const Filter&) = delete;

  void allow(std::initializer_list<int> calls) {
    for (const int call : calls) add(SCMP_ACT_ALLOW, call, {});
  }
  void allow(int call, std::initializer_list<scmp_arg_cmp> conditions) {
    add(SCMP_ACT_ALLOW, call, conditions);
  }
  // Nothing of ours calls these: whoever does has taken the process over.
  void end_process(std::initializer_list<int> calls) {
    for (const int call : calls) add(SCMP_ACT_KILL_PROCESS, call, {});
  }
  void answer(int call, int error) { add(SCMP_ACT_ERRNO(static_cast<uint16_t>(error)), call, {}); }

  Result<void> install() {
    errno = ENOMEM;
    if (context_ == nullptr) return failure("make a filter of system calls");
    if (error_ == 0) error_ = seccomp_load(context_);
    if (error_ == 0) return {};
    errno = -error_;
    return failure("install the filter of system calls");
  }

 private:
  void add(uint32_t action, int call, std::initializer_list<scmp_arg_cmp> conditions) {
    // A call that this architecture does not have.
    if (error_ != 0 || context_ == nullptr || call == __NR_SCMP_ERROR) return;
    const int error = seccomp_rule_add_array(
        context_, action, call, static_cast<unsigned>(conditions.size()), conditions.begin());
    // Not on this architecture (negative numbers are libseccomp's own).
    if (error != 0 && !(call < 0 && error == -EDOM)) error_ = error;
  }
  scmp_filter_ctx context_;
  int error_ = 0;
};

scmp_arg_cmp argument(unsigned number, scmp_compare how, scmp_datum_t a, scmp_datum_t b = 0) {
  return {number, how, a, b};
}

// Threads, memory, clocks, open descriptors: what any program does.
void allow_common(Filter& filter) {
  filter.allow({SCMP_SYS(read),
                SCMP_SYS(readv),
                SCMP_SYS(pread64),
                SCMP_SYS(write),
                SCMP_SYS(writev),
                SCMP_SYS(close),
                SCMP_SYS(fstat),
                SCMP_SYS(lseek),
                SCMP_SYS(fsync),
                SCMP_SYS(fdatasync),
                SCMP_SYS(dup),
                SCMP_SYS(dup2),
                SCMP_SYS(dup3),
                SCMP_SYS(poll),
                SCMP_SYS(ppoll),
                SCMP_SYS(select),
                SCMP_SYS(pselect6),
                SCMP_SYS(epoll_create1),
                SCMP_SYS(epoll_ctl),
                SCMP_SYS(epoll_wait),
                SCMP_SYS(epoll_pwait),
                SCMP_SYS(eventfd2),
                SCMP_SYS(pipe2),
                SCMP_SYS(munmap),
                SCMP_SYS(mremap),
                SCMP_SYS(madvise),
                SCMP_SYS(brk),
                SCMP_SYS(rt_sigaction),
                SCMP_SYS(rt_sigprocmask),
                SCMP_SYS(rt_sigreturn),
                SCMP_SYS(sigaltstack),
                SCMP_SYS(nanosleep),
                SCMP_SYS(clock_nanosleep),
                SCMP_SYS(clock_gettime),
                SCMP_SYS(clock_getres),
                SCMP_SYS(gettimeofday),
                SCMP_SYS(time),
                SCMP_SYS(restart_syscall),
                SCMP_SYS(getpid),
                SCMP_SYS(getppid),
                SCMP_SYS(gettid),
                SCMP_SYS(getuid),
                SCMP_SYS(geteuid),
                SCMP_SYS(getgid),
                SCMP_SYS(getegid),
                SCMP_SYS(getrandom),
                SCMP_SYS(futex),
                SCMP_SYS(sched_yield),
                SCMP_SYS(sched_getaffinity),
                SCMP_SYS(set_robust_list),
                SCMP_SYS(get_robust_list),
                SCMP_SYS(rseq),
                SCMP_SYS(membarrier),
                SCMP_SYS(uname),
                SCMP_SYS(exit),
                SCMP_SYS(exit_group),
                SCMP_SYS(connect),
                SCMP_SYS(shutdown),
                SCMP_SYS(sendto),
                SCMP_SYS(sendmsg),
                SCMP_SYS(recvfrom),
                SCMP_SYS(recvmsg),
                SCMP_SYS(getsockopt),
                SCMP_SYS(setsockopt),
                SCMP_SYS(getsockname),
                SCMP_SYS(getpeername)});
  // Threads, not processes. clone3 takes its flags from memory, where a filter cannot see them;
  // glibc falls back to clone.
  constexpr auto thread_flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;
  filter.allow(SCMP_SYS(clone), {argument(0, SCMP_CMP_MASKED_EQ, thread_flags, thread_flags)});
  filter.answer(SCMP_SYS(clone3), ENOSYS);
  // abort() signals itself; another's pid is of no use without CAP_KILL, and not wanted.
  const auto own = static_cast<scmp_datum_t>(getpid());
  filter.allow(SCMP_SYS(tgkill), {argument(0, SCMP_CMP_EQ, own)});
  for (const int command : {F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC})
    filter.allow(SCMP_SYS(fcntl), {argument(1, SCMP_CMP_EQ, static_cast<scmp_datum_t>(command))});
  for (const int command : {FIONREAD, FIONBIO, TCGETS})
    filter.allow(SCMP_SYS(ioctl), {argument(1, SCMP_CMP_EQ, static_cast<scmp_datum_t>(command))});
  // Names of threads, and of what malloc maps.
  for (const int option : {PR_SET_NAME, PR_GET_NAME, 0x53564d41})
    filter.allow(SCMP_SYS(prctl), {argument(0, SCMP_CMP_EQ, static_cast<scmp_datum_t>(option))});
  // A process may lower its limits; nobody asks for another's.
  filter.allow(SCMP_SYS(prlimit64), {argument(0, SCMP_CMP_EQ, 0), argument(2, SCMP_CMP_EQ, 0)});

  filter.end_process({SCMP_SYS(execve),
                      SCMP_SYS(execveat),
                      SCMP_SYS(ptrace),
                      SCMP_SYS(process_vm_readv),
                      SCMP_SYS(process_vm_writev),
                      SCMP_SYS(bpf),
                      SCMP_SYS(perf_event_open),
                      SCMP_SYS(mount),
                      SCMP_SYS(umount2),
                      SCMP_SYS(pivot_root),
                      SCMP_SYS(chroot),
                      SCMP_SYS(setns),
                      SCMP_SYS(unshare),
                      SCMP_SYS(init_module),
                      SCMP_SYS(finit_module),
                      SCMP_SYS(delete_module),
                      SCMP_SYS(kexec_load),
                      SCMP_SYS(kexec_file_load),
                      SCMP_SYS(reboot),
                      SCMP_SYS(swapon),
                      SCMP_SYS(keyctl),
                      SCMP_SYS(add_key),
                      SCMP_SYS(request_key),
                      SCMP_SYS(userfaultfd),
                      SCMP_SYS(io_uring_setup)});
}

void allow_memory(Filter& filter, bool executable) {
  if (executable) {
    filter.allow({SCMP_SYS(mmap), SCMP_SYS(mprotect)});
    return;
  }
  for (const int call : {SCMP_SYS(mmap), SCMP_SYS(mprotect)})
    filter.allow(call, {argument(2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)});
}

// Types carry SOCK_CLOEXEC and SOCK_NONBLOCK in their upper bits.
constexpr scmp_datum_t socket_type_mask = 0xf;

}  // namespace

RunAs unprivileged_user() {
  if (geteuid() != 0) return {stay_user, stay_user};
  passwd entry{};
  passwd* found = nullptr;
  std::vector<char> buffer(16384);
  if (getpwnam_r("handprint", &entry, buffer.data(), buffer.size(), &found) == 0 &&
      found != nullptr && found->pw_uid != 0)
    return {found->pw_uid, found->pw_gid};
  return {nobody, nobody};
}

Result<void> drop_privileges(uint64_t keep, RunAs user, pid_t parent) {
  // What can never come back, first: it needs a capability that goes below.
  for (unsigned capability = 0; capability < 64; ++capability)
    if ((keep & capability_bit(capability)) == 0) prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  if (user.uid != stay_user && geteuid() == 0) {
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) return failure("keep capabilities");
    // Where this user namespace has no such user, or root may not change, root without capabilities
    // it is.
    if (setgroups(0, nullptr) == 0 && setresgid(user.gid, user.gid, user.gid) == 0 &&
        setresuid(user.uid, user.uid, user.uid) != 0 && errno != EINVAL && errno != EPERM)
      return failure("change the user");
    prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
  }
  CapabilitySets sets;
  if (!read_capabilities(sets)) return failure("read capabilities");
  sets.permitted &= keep;
  sets.effective = sets.permitted;
  sets.inheritable = 0;
  if (!write_capabilities(sets)) return failure("drop capabilities");
  // Kernels have had ambient sets since 4.3; what is not inheritable has left them already.
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failure("forbid new privileges");
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return failure("forbid being traced");
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  // Last, since a change of user takes it back.
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) return failure("follow the loader's end");
  errno = ESRCH;
  if (getppid() != parent) return failure("find the loader");
  return {};
}

void lower_loader_capabilities() {
  CapabilitySets sets;
  if (!read_capabilities(sets)) return;
  uint64_t use =
      capability_bit(CAP_BPF) | capability_bit(CAP_PERFMON) | capability_bit(CAP_NET_ADMIN);
  // root opens its output files wherever they are, and ends children of another user.
  if (geteuid() == 0) use |= capability_bit(CAP_DAC_OVERRIDE) | capability_bit(CAP_KILL);
  const uint64_t hand_on = capability_bit(CAP_SYS_PTRACE) | capability_bit(CAP_DAC_READ_SEARCH) |
                           capability_bit(CAP_SETUID) | capability_bit(CAP_SETGID) |
                           capability_bit(CAP_SETPCAP);
  sets.effective &= use;
  sets.permitted &= use | hand_on;
  write_capabilities(sets);
}

Result<void> filter_worker_calls() {
  Filter filter;
  allow_common(filter);
  allow_memory(filter, false);
  // fstat() of newer libraries: of a descriptor, not of a name.
  filter.allow(SCMP_SYS(newfstatat),
               {argument(3, SCMP_CMP_MASKED_EQ, 0x1000, 0x1000)});  // AT_EMPTY_PATH
  for (const int family : {AF_INET, AF_INET6, AF_UNIX})
    filter.allow(SCMP_SYS(socket),
                 {argument(0, SCMP_CMP_EQ, static_cast<scmp_datum_t>(family)),
                  argument(1, SCMP_CMP_MASKED_EQ, socket_type_mask, SOCK_STREAM)});
  return filter.install();
}

Result<void> filter_procinfo_calls() {
  Filter filter;
  allow_common(filter);
  // Modules of the name service are loaded when the first user is looked up.
  allow_memory(filter, true);
  for (const int call : {SCMP_SYS(open)})
    filter.allow(call, {argument(1, SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY)});
  filter.allow(SCMP_SYS(openat),
               {argument(2, SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY)});
  filter.allow({SCMP_SYS(openat2),  // its flags stand in memory; used with O_PATH only
                SCMP_SYS(newfstatat),      SCMP_SYS(stat),       SCMP_SYS(lstat),
                SCMP_SYS(statx),           SCMP_SYS(statfs),     SCMP_SYS(fstatfs),
                SCMP_SYS(access),          SCMP_SYS(faccessat),  SCMP_SYS(faccessat2),
                SCMP_SYS(readlink),        SCMP_SYS(readlinkat), SCMP_SYS(getdents64),
                SCMP_SYS(getcwd),          SCMP_SYS(fadvise64),  SCMP_SYS(memfd_create),
                SCMP_SYS(timerfd_create),
                SCMP_SYS(timerfd_settime), SCMP_SYS(sysinfo),    SCMP_SYS(getresuid),
                SCMP_SYS(getresgid),       SCMP_SYS(getgroups)});
  filter.allow(SCMP_SYS(socket), {argument(0, SCMP_CMP_EQ, AF_UNIX)});
  filter.allow(SCMP_SYS(socketpair), {argument(0, SCMP_CMP_EQ, AF_UNIX)});
  return filter.install();
}

}  // namespace handprint
