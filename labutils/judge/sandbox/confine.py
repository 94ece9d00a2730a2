"""Confine a forked process, inside the sandbox: one for each submission, so that none sees or touches another.

bubblewrap keeps files and network out. Inside its sandbox one process with everything imported forks for each
submission; here the fork gives up what it shares with its siblings. A supervisor stays outside the new process
namespace and is the only one who can interrupt or kill what runs in it.
"""

import contextlib
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
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | errno.EPERM  # actions of seccomp(2)
SCRATCH = "/scratch"
NOBODY = 65534  # the user and group that own nothing
UNCOUNTED = ("memfd_create", "memfd_secret", "shmget")  # system calls for memory that belongs to no process
WATCH = 0.2  # seconds between two looks at the memory of a submission: torch fills about 500 MiB in them
COUNTED_FROM = 700  # MiB resident, below which the exact sum, which costs milliseconds, is not computed
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
    """A scratch folder in memory as the only place to write, no /proc; then no way back: all privileges are dropped."""
    _call("unshare", NEW_MOUNTS)
    _call("mount", b"none", b"/", None, PRIVATE | RECURSIVE, None)
    _call("mount", b"none", b"/proc", b"tmpfs", READ_ONLY | NO_SUID | NO_DEVICES, b"size=4k")
    size = f"size={megabytes}m,nr_inodes={INODES},mode=700".encode()
    _call("mount", b"none", SCRATCH.encode(), b"tmpfs", NO_SUID | NO_DEVICES, size)
    for capability in range(64):
        ctypes.CDLL(None).prctl(DROP_CAPABILITY, capability, 0, 0, 0)
    _call("prctl", NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    _call("capset", (ctypes.c_uint32 * 2)(VERSION_3, 0), (ctypes.c_uint32 * 6)())
    _refuse_uncounted()


def libseccomp() -> ctypes.CDLL:
    """The library that writes filters of system calls, on Debian the package libseccomp2; OSError without it."""
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    return library


def _refuse_uncounted() -> None:
    """From now on the system calls of `UNCOUNTED` fail with EPERM; nobody can take the filter off."""
    library = libseccomp()
    context = ctypes.c_void_p(library.seccomp_init(ALLOW))
    numbers = [library.seccomp_syscall_resolve_name(name.encode()) for name in UNCOUNTED]
    results = [library.seccomp_rule_add(context, REFUSE, number, 0) for number in numbers]
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
    seconds that the child has waited for a core, once it is interrupted.
    """
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        ready, _, _ = select.select([control], [], [], WATCH)
        if ready:
            if control.recv(1) != b"i":
                break
            os.kill(child, signal.SIGINT)
            with contextlib.suppress(OSError):
                control.send(f"i{waited(child):.2f}".encode())
        if _used(child) > memory:
            control.send(f"it used more than {memory} MiB of memory".encode())
            break
    else:
        return
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def waited(process: int | str) -> float:
    """Seconds for which the threads of a process were ready to run while others had the cores; inf if nobody knows."""
    if not os.path.exists("/proc/self/schedstat"):
        return math.inf
    threads = [_read(f"/proc/{process}/task/{t}/schedstat", "0 0 0") for t in _listed(f"/proc/{process}/task")]
    return sum(int(text.split()[1]) for text in threads) / 1e9


def _used(process: int) -> float:
    """MiB in use by a process and its descendants: private memory, and their share of what they have in common."""
    family = _family(process, time.monotonic() + FAMILY)
    resident = sum(int(_read(f"/proc/{one}/statm", "0 0").split()[1]) * 4096 for one in family) / 2**20
    if resident < COUNTED_FROM:
        return 0
    lines = [line for one in family for line in _read(f"/proc/{one}/smaps_rollup", "").splitlines()]
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 2**10


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
