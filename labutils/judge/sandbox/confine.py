"""Shut a forked process in, inside the sandbox: one for each submission, so that none sees or touches another.

bubblewrap draws the outer wall and keeps files and network out. Inside it one process with everything imported forks
for each submission; here the fork gives up what it shares with its siblings. A supervisor stays outside the new process
namespace and is the only one who can interrupt or kill what runs in it.
"""

import ctypes
import errno
import os
import platform
import resource
import select
import signal
import struct
import sys
import time

NEW_USER, NEW_PID, NEW_MOUNTS, NEW_IPC, NEW_NET = 0x10000000, 0x20000000, 0x00020000, 0x08000000, 0x40000000
PRIVATE, RECURSIVE, READ_ONLY, NO_SUID, NO_DEVICES = 0x40000, 0x4000, 1, 2, 4
SET_DUMPABLE, DROP_CAPABILITY, NO_NEW_PRIVILEGES, VERSION_3 = 4, 24, 38, 0x20080522
SET_SECCOMP, FILTER = 22, 2
SCRATCH = "/scratch"
UNCOUNTED = {  # system calls for memory that belongs to no process: machine: (its audit number, calls)
    "x86_64": (0xC000003E, (319, 447, 29)),  # memfd_create, memfd_secret, shmget
    "aarch64": (0xC00000B7, (279, 447, 194)),
}


def _call(name, *arguments):
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments):
        error = ctypes.get_errno()
        raise OSError(error, f"{name}: {os.strerror(error)}")


def drop_root(user=65534):
    """Become nobody, if root."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    if sys.platform == "linux":
        _call("prctl", SET_DUMPABLE, 1, 0, 0, 0)  # else /proc/self belongs to root, and no namespace can be made


def own_namespaces():
    """A user and process namespace for the children of this process. Raises OSError where the system forbids it."""
    user, group = os.getuid(), os.getgid()
    _call("unshare", NEW_USER | NEW_PID | NEW_IPC | NEW_NET)
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def own_files(megabytes):
    """A scratch folder in memory as the only place to write, no /proc; then no way back: all privileges are dropped."""
    _call("unshare", NEW_MOUNTS)
    _call("mount", b"none", b"/", None, PRIVATE | RECURSIVE, None)
    _call("mount", b"none", b"/proc", b"tmpfs", READ_ONLY | NO_SUID | NO_DEVICES, b"size=4k")
    size = f"size={megabytes}m,nr_inodes=20000,mode=700".encode()
    _call("mount", b"none", SCRATCH.encode(), b"tmpfs", NO_SUID | NO_DEVICES, size)
    for capability in range(64):
        ctypes.CDLL(None).prctl(DROP_CAPABILITY, capability, 0, 0, 0)
    _call("prctl", NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    _call("capset", (ctypes.c_uint32 * 2)(VERSION_3, 0), (ctypes.c_uint32 * 6)())
    _refuse_uncounted()


def _refuse_uncounted():
    """A filter of system calls, seccomp(2), that answers EPERM to those of `UNCOUNTED`; it cannot be taken off."""
    if platform.machine() not in UNCOUNTED:
        return
    machine, calls = UNCOUNTED[platform.machine()]
    load, equal, at_least, answer = 0x20, 0x15, 0x35, 0x06
    refuse, allow, end = 0x00050000 | errno.EPERM, 0x7FFF0000, 0x80000000
    steps = [(load, 0, 0, 4), (equal, 1, 0, machine), (answer, 0, 0, end), (load, 0, 0, 0)]
    steps += [(at_least, 0, 1, 0x40000000), (answer, 0, 0, refuse)]  # other numbers for the same calls
    for call in calls:
        steps += [(equal, 0, 1, call), (answer, 0, 0, refuse)]
    code = b"".join(struct.pack("<HBBI", *step) for step in [*steps, (answer, 0, 0, allow)])
    buffer = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("@HP", len(code) // 8, ctypes.addressof(buffer))
    _call("prctl", SET_SECCOMP, FILTER, program, 0, 0)


def limit(limits):
    """Limits of one process; the supervisor watches over their sum."""
    for name, most in (
        ("RLIMIT_DATA", limits["memory"] * 2**20),
        ("RLIMIT_FSIZE", limits["scratch"] * 2**20),
        ("RLIMIT_NPROC", limits["processes"]),
        ("RLIMIT_CPU", limits["total"]),
        ("RLIMIT_CORE", 0),
        ("RLIMIT_NOFILE", 256),
    ):
        resource.setrlimit(getattr(resource, name), (most, most))


def supervise(child, control, memory):
    """Wait for the child; obey what comes on the socket: "i" interrupts it, its end or "k" kills it.

    memory: MiB that the child and its descendants may use together. Says on the socket why it killed.
    """
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        ready, _, _ = select.select([control], [], [], 0.2)
        if ready:
            if control.recv(1) != b"i":
                break
            os.kill(child, signal.SIGINT)
        if _used(child) > memory:
            control.send(f"it used more than {memory} MiB of memory".encode())
            break
    else:
        return
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def _used(process):
    """MiB in use by a process and its descendants: private memory, and their share of what they have in common."""
    family = _family(process, time.monotonic() + 0.1)
    resident = sum(int(_read(f"/proc/{one}/statm", "0 0").split()[1]) * 4096 for one in family) / 2**20
    if resident < 700:
        return 0
    lines = [line for one in family for line in _read(f"/proc/{one}/smaps_rollup", "").splitlines()]
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 2**10


def _family(process, until):
    found = [process]
    for one in found:
        if time.monotonic() < until:
            threads = _listed(f"/proc/{one}/task")  # any of them may have forked
            found += [int(child) for t in threads for child in _read(f"/proc/{one}/task/{t}/children", "").split()]
    return found


def _listed(path):
    try:
        return os.listdir(path)
    except OSError:
        return []


def _read(path, otherwise):
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return otherwise


def main():
    """Try whether a process can be shut in here; it says why not."""
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
