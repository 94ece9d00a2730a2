"""The outer sandbox: how a process is started so that it sees Python and labutils, and nothing else of the machine."""

import os
import shutil
import site
import subprocess
import sys
from functools import cache
from pathlib import Path

import labutils
from labutils.judge.sandbox import SandboxError
from labutils.judge.sandbox.confine import SCRATCH, SHARED, libseccomp

UNCONFINED_WARNING = (
    "SANDBOX=none: submissions run with your rights. They can read and change your files, the gradebook and each "
    "other's work, and use the network. Points are still computed out of their reach, but don't do this with work that "
    "you don't trust."
)
SYSTEM = (
    "/usr",
    "/lib",
    "/lib64",
    "/bin",
    "/sbin",
    "/etc/ld.so.cache",
    "/etc/alternatives",
    "/etc/fonts",
    "/etc/localtime",
)
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "HOME": SCRATCH,
    "TMPDIR": SCRATCH,
    "MPLCONFIGDIR": f"{SCRATCH}/.matplotlib",
    "LANG": "C.UTF-8",
    "PYTHONSAFEPATH": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}

NAMESPACES = {  # what Linux distributions forbid them with: {setting: (closed, opened)}
    "kernel/unprivileged_userns_clone": ("0", "1"),
    "kernel/apparmor_restrict_unprivileged_userns": ("1", "0"),
    "user/max_user_namespaces": ("0", "10000"),
}
HIDDEN = "reference"  # the part of labutils that holds solutions: on the trusted side only
UNCONFINED_ENVIRONMENT = {
    name: value for name, value in ENVIRONMENT.items() if name.endswith(("THREADS", "PATH")) and "/" not in value
}


def opted_out() -> bool:
    """Whether SANDBOX=none is set; SandboxError for any other value but "bwrap"."""
    value = os.environ.get("SANDBOX", "bwrap")
    if value not in ("none", "bwrap"):
        raise SandboxError(f"SANDBOX={value} is not known: say SANDBOX=none or leave it out")
    return value == "none"


@cache
def require() -> None:
    """Raise SandboxError, in one line, unless a sandbox can be made here or was given up by SANDBOX=none."""
    if opted_out():
        return
    if not shutil.which("bwrap"):
        raise SandboxError(
            "bubblewrap is missing, so submissions cannot be shut in: install it (apt install bubblewrap), "
            "or SANDBOX=none runs them with your rights"
        )
    try:
        libseccomp()
    except OSError:
        raise SandboxError(
            "libseccomp is missing, so submissions cannot be shut in: install it (apt install libseccomp2), "
            "or SANDBOX=none runs them with your rights"
        ) from None
    inner = [sys.executable, "-m", "labutils.judge.sandbox.confine"]  # what every submission goes through
    tried = subprocess.run(command(inner), capture_output=True, text=True, check=False)
    if tried.returncode:
        reason = (tried.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise SandboxError(
            f"bubblewrap cannot make a sandbox here ({reason}): {remedy()}; or SANDBOX=none runs submissions with your "
            "rights"
        )


def remedy(settings: Path = Path("/proc/sys")) -> str:
    """What allows user namespaces, and namespaces inside them, on this machine."""
    for name, (closed, opened) in NAMESPACES.items():
        if (settings / name).exists() and (settings / name).read_text().strip() == closed:
            return f"allow user namespaces with sysctl -w {name.replace('/', '.')}={opened}"
    return (
        "allow user namespaces, and some inside them; a container needs --security-opt seccomp=unconfined "
        "--security-opt apparmor=unconfined --security-opt systempaths=unconfined"
    )


def _package() -> Path:
    return Path(labutils.__file__).resolve().parent


def _python_folders() -> list[Path]:
    """The folders that this Python needs: its own, the environment's, and labutils; none holds another."""
    prefixes = {sys.prefix, sys.base_prefix, sys.exec_prefix, *site.getsitepackages()}
    places = {Path(place).resolve() for place in prefixes} | {Path(sys.prefix)}
    places |= {Path(os.path.realpath(sys.executable)).parent, Path(sys.executable).parent}
    outer = {Path(place) for place in SYSTEM}
    inside = [p for p in places - outer if not (outer | places) & set(p.parents)]
    return sorted(p for p in inside if p.exists())


def _labutils() -> dict[Path, Path]:
    """labutils for the sandbox, {place inside: path}: all its parts but `HIDDEN`, each mounted by itself."""
    parts = [path for path in _package().iterdir() if path.name not in (HIDDEN, "__pycache__")]
    return {Path("/judge/labutils", path.name): path for path in sorted(parts)}


def command(inner: list[str]) -> list[str]:
    """The bubblewrap command that runs `inner` with no network, no privileges and a read-only view of Python alone."""
    shared = ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
    if os.geteuid() == 0:  # root needs no user namespace, and becomes nobody right after
        shared += ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    else:
        shared += ["--unshare-user"]
    out = ["bwrap", *shared, "--die-with-parent", "--new-session", "--clearenv", "--hostname", "sandbox"]
    mounts = {place: place for place in _python_folders()} | _labutils()
    for parent in sorted(
        {parent for inside in [Path("/etc/fonts"), Path(SHARED, "any"), *mounts] for parent in inside.parents}
    ):
        out += ["--perms", "0755", "--dir", str(parent)]  # else only root could pass through them
    for place in filter(os.path.exists, SYSTEM):
        out += ["--symlink", os.readlink(place), place] if os.path.islink(place) else ["--ro-bind", place, place]
    for inside, outside in mounts.items():
        out += ["--ro-bind", str(outside), str(inside)]
    installed = _package() / HIDDEN
    if set(installed.parents) & set(mounts.values()):  # labutils lies among the packages of a Python that is mounted
        out += ["--tmpfs", str(installed), "--remount-ro", str(installed)]
    out += ["--proc", "/proc", "--perms", "1777", "--tmpfs", SCRATCH, "--chdir", SCRATCH]
    for device in ("null", "zero", "random", "urandom"):
        out += ["--dev-bind", f"/dev/{device}", f"/dev/{device}"]
    for name, value in {**ENVIRONMENT, "PYTHONPATH": "/judge"}.items():
        out += ["--setenv", name, value]
    out += ["--remount-ro", "/"]  # else submissions could leave things for each other where no file system is mounted
    return [*out, "--", *inner]
