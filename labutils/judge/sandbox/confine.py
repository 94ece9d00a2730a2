"""Confine a forked process, inside the sandbox: one for each submission, so that none sees or touches another.

bubblewrap keeps files and network out. Inside its sandbox one process with everything imported forks for each
submission; here the fork gives up what it shares with its siblings. A supervisor stays outside the new process
namespace and is the only one who can interrupt or kill what runs in it.
"""

import ctypes
import errno
import math
import os
import resource
import select
import signal
import socket
import sys
import time
from typing import Any

from labutils.judge.job import Limits

# Flags of unshare(2), of mount(2), options of prctl(2) and the version of capset(2), which Python 3.11 does not name.
NEW_USER, NEW_PID, NEW_MOUNTS, NEW_IPC, NEW_NET = 0x10000000, 0x20000000, 0x00020000, 0x08000000, 0x40000000
PRIVATE, RECURSIVE, READ_ONLY, NO_SUID, NO_DEVICES = 0x40000, 0x4000, 1, 2, 4
SET_DUMPABLE, DROP_CAPABILITY, NO_NEW_PRIVILEGES, VERSION_3 = 4, 24, 38, 0x20080522
ALLOW, REFUSE, DENY = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS  # actions of seccomp(2)
EQUAL, MASKED_EQUAL = 4, 7  # comparisons of libseccomp: argument == value, (argument & mask) == value
NEW_ANY = 0x7E020000  # the flags of clone(2) for all kinds of namespaces
INTERRUPTED = "interrupted; waited "  # how a supervisor says so, before the seconds that the process has waited
SCRATCH = "/scratch"
NOBODY = 65534  # the user and group that own nothing
REFUSED: tuple[str, ...] = (
    "memfd_create",
    "memfd_secret",
    "shmget",
)  # memory that belongs to no process
REFUSED += (
    "msgget",
    "io_uring_setup",
    "userfaultfd",
    "unshare",
    "setns",
    "bpf",
    "perf_event_open",
    "keyctl",
    "add_key",
)
REFUSED += ("mount", "fsopen", "open_tree", "pivot_root", "chroot", "ptrace", "process_vm_readv", "process_vm_writev")
UNKNOWN = ("clone3",)  # its flags lie where no filter sees them; libc then asks for clone, whose flags a filter sees
WATCH = 0.2  # seconds between two looks at the memory of a submission: torch fills about 500 MiB in them
SOCKET = 212_992 / 2**20  # MiB that a socket keeps of what nobody has read, while its buffers cannot be enlarged
SHARED, SHARED_SIZE = "/dev/shm", 64  # where processes exchange arrays and semaphores, and its MiB
BUFFERS = (7, 8, 32, 33)  # SO_SNDBUF, SO_RCVBUF and their forced forms, of the level SOL_SOCKET = 1
FAMILY = 0.1  # seconds that the search for descendants may take, else forks without end keep the supervisor busy
INODES = 20_000  # files and folders in the scratch folder: each takes a kilobyte of the kernel's memory
OPEN_FILES = 256  # of a process: far more than a notebook opens


def _call(name: str, *arguments: Any) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments):
        error = ctypes.get_errno()
        raise OSError(error, f"{name}: {os.strerror(error)}")


def drop_root(user: int = NOBODY) -> None:
    """Become nobody, if root."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    if sys.platform == "linux":
        _call("prctl", SET_DUMPABLE, 1, 0, 0, 0)  # else /proc/self belongs to root, and no namespace can be made


def own_namespaces() -> None:
    """A user and process namespace for the children of this process. Raises OSError where the system forbids it."""
    user, group = os.getuid(), os.getgid()
    _call("unshare", NEW_USER | NEW_PID | NEW_IPC | NEW_NET)
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def own_files(megabytes: int) -> None:
    """Two folders in memory as the only places to write, no /proc; then no way back: all privileges are dropped."""
    _call("unshare", NEW_MOUNTS)
    _call("mount", b"none", b"/", None, PRIVATE | RECURSIVE, None)
    _call("mount", b"none", b"/proc", b"tmpfs", READ_ONLY | NO_SUID | NO_DEVICES, b"size=4k")
    size = f"size={megabytes}m,nr_inodes={INODES},mode=700".encode()
    _call("mount", b"none", SCRATCH.encode(), b"tmpfs", NO_SUID | NO_DEVICES, size)
    size = f"size={min(SHARED_SIZE, megabytes)}m,nr_inodes=1000,mode=700".encode()
    _call("mount", b"none", SHARED.encode(), b"tmpfs", NO_SUID | NO_DEVICES, size)
    for capability in range(64):
        ctypes.CDLL(None).prctl(DROP_CAPABILITY, capability, 0, 0, 0)
    _call("prctl", NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    _call("capset", (ctypes.c_uint32 * 2)(VERSION_3, 0), (ctypes.c_uint32 * 6)())
    _filter_calls()


def libseccomp() -> ctypes.CDLL:
    """The library that writes filters of system calls, on Debian the package libseccomp2; OSError without it."""
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    return library


class _Comparison(ctypes.Structure):
    """scmp_arg_cmp of libseccomp."""

    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("mask", ctypes.c_uint64), ("value", ctypes.c_uint64)]


def _filter_calls() -> None:
    """From now on the system calls of `REFUSED` fail, and no namespace can be made; nobody can take the filter off."""
    library = libseccomp()
    context = ctypes.c_void_p(library.seccomp_init(ALLOW))
    number = lambda name: library.seccomp_syscall_resolve_name(name.encode())  # noqa: E731
    results = [library.seccomp_rule_add(context, REFUSE, number(name), 0) for name in REFUSED]
    results += [library.seccomp_rule_add(context, DENY, number(name), 0) for name in UNKNOWN]
    for k in range(32):
        if (flag := 1 << k) & NEW_ANY:
            flags = _Comparison(0, MASKED_EQUAL, flag, flag)
            results.append(library.seccomp_rule_add_array(context, REFUSE, number("clone"), 1, ctypes.byref(flags)))
    for option in BUFFERS:
        two = (_Comparison * 2)(_Comparison(1, EQUAL, 1, 0), _Comparison(2, EQUAL, option, 0))
        results.append(library.seccomp_rule_add_array(context, REFUSE, number("setsockopt"), 2, two))
    for error in [*results, library.seccomp_load(context)]:
        if error:
            raise OSError(-error, f"libseccomp: {os.strerror(-error)}")


def limit(limits: Limits) -> None:
    """Limits of one process; the supervisor watches over their sum."""
    for name, most in (
        ("RLIMIT_DATA", limits.memory * 2**20),
        ("RLIMIT_FSIZE", limits.scratch * 2**20),
        ("RLIMIT_NPROC", limits.processes),
        ("RLIMIT_CPU", limits.total),
        ("RLIMIT_CORE", 0),
        ("RLIMIT_NOFILE", OPEN_FILES),
    ):
        resource.setrlimit(getattr(resource, name), (most, most))


def supervise(child: int, control: socket.socket, memory: int) -> None:
    """Wait for the child; obey what comes on the socket: "i" interrupts it, its end or "k" kills it.

    memory: MiB that the child and its descendants may use together. Says on the socket why it killed, and "i" with the
    seconds that the child has waited for a core, once it is interrupted (see `INTERRUPTED`).
    """
    ended = False
    try:
        while not ended:
            ready, _, _ = select.select([control], [], [], WATCH)
            if ready:
                if control.recv(1) != b"i":
                    break
                os.kill(child, signal.SIGINT)
                control.send(f"{INTERRUPTED}{waited(child):.2f}".encode())
            if _used(child, memory) > memory:
                control.send(f"it used more than {memory} MiB of memory".encode())
                break
            ended = os.waitpid(child, os.WNOHANG) != (0, 0)
    except OSError:  # the judge has gone, perhaps before it read what was said to it
        pass
    finally:
        if not ended:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def waited(process: int | str) -> float:
    """Seconds for which the threads of a process were ready to run while others had the cores; inf if nobody knows."""
    if not os.path.exists("/proc/self/schedstat"):
        return math.inf
    threads = [_read(f"/proc/{process}/task/{t}/schedstat", "0 0 0") for t in _listed(f"/proc/{process}/task")]
    return sum(int(text.split()[1]) for text in threads) / 1e9


def _used(process: int, memory: int) -> float:
    """MiB in use by a process and its descendants: private memory, their share of what they have in common, files, and
    what the kernel may keep for their sockets. An upper bound where that is within `memory`: the sum takes a while.
    """
    family = _family(process, time.monotonic() + FAMILY)
    others = sum(_filled(f"/proc/{process}/root{place}") for place in (SCRATCH, SHARED)) + SOCKET * _sockets(process)
    resident = sum(int(_read(f"/proc/{one}/statm", "0 0").split()[1]) * 4096 for one in family) / 2**20
    if resident + others <= memory:
        return resident + others
    lines = [line for one in family for line in _read(f"/proc/{one}/smaps_rollup", "").splitlines()]
    return others + sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 2**10


def _filled(place: str) -> float:
    """MiB of the files in a folder that is a file system."""
    try:
        found = os.statvfs(place)
    except OSError:
        return 0
    return (found.f_blocks - found.f_bfree) * found.f_frsize / 2**20


def _sockets(process: int) -> int:
    """How many sockets the network namespace of a process holds, those on their way to another process included."""
    words = _read(f"/proc/{process}/net/sockstat", "sockets: used 0").split()
    return int(words[2])


def _family(process: int, until: float) -> list[int]:
    found = [process]
    for one in found:
        if time.monotonic() < until:
            threads = _listed(f"/proc/{one}/task")  # any of them may have forked
            found += [int(child) for t in threads for child in _read(f"/proc/{one}/task/{t}/children", "").split()]
    return found


def _listed(path: str) -> list[str]:
    try:
        return os.listdir(path)
    except OSError:
        return []


def _read(path: str, otherwise: str) -> str:
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return otherwise


def main() -> None:
    """Try whether a process can be confined here; it says why not."""
    try:
        drop_root()
        own_namespaces()
        child = os.fork()
        if child == 0:
            own_files(1)
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    except OSError as error:
        sys.exit(f"{error.strerror}, inside the sandbox")
    sys.exit(status)


if __name__ == "__main__":
    main()
