"""What the tests need of the system, from `system-packages.txt`: `python -m tests.system` installs it, or says how.

Root gets it installed, and so does CI, by sudo; another user is told the one command, and the tests that need a package
are left out (see tests/needs.py). With CI=true nothing may be missing.
"""

import os
import platform
import shutil
import subprocess
import sys
from glob import glob
from pathlib import Path
from typing import NamedTuple

LIST = Path(__file__).with_name("system-packages.txt")


class Package(NamedTuple):
    """A line of the list. evidence: programs and patterns of paths; one of them shows that the package is there."""

    name: str
    evidence: list
    purpose: str

    def found(self):
        """The path of what shows that the package is installed, or None."""
        for item in self.evidence:
            paths = sorted(glob(os.path.expanduser(item))) if item[0] in "/~" else [shutil.which(item)]
            if any(paths):
                return Path(paths[-1])
        return None


def packages():
    """{name: Package} of the list."""
    lines = [line for line in LIST.read_text().splitlines() if line and not line.startswith("#")]
    columns = [[part.strip() for part in line.split("|")] for line in lines]
    return {name: Package(name, evidence.split(), purpose) for name, evidence, purpose in columns}


def missing():
    """The names of the packages that are not there."""
    return [name for name, package in packages().items() if not package.found()]


def in_ci():
    """Whether CI=true, so that nothing may be left out."""
    return os.environ.get("CI") == "true"


def commands(names):
    """The commands that bring these packages. Ubuntu has Chromium only as a snap, so Playwright brings its own."""
    by_apt = [name for name in names if not (name == "chromium" and _system() == "ubuntu")]
    browser = ["-m", "playwright", "install", "--with-deps", "chromium"]
    yield from [["apt-get", "install", *by_apt]] if by_apt else []
    yield from [[sys.executable, *browser]] if by_apt != names else []


def _system():
    try:
        return platform.freedesktop_os_release()["ID"]
    except OSError:
        return platform.system()


def how_to(names):
    """What a person types to get these packages, in one line."""
    if not shutil.which("apt-get"):
        return f"install with your package manager: {' '.join(names)}"
    lines = [" ".join(command).replace("apt-get", "sudo apt") for command in commands(names)]
    return " && ".join(lines)


def install(names):
    """Install packages, as root or by sudo. Raises CalledProcessError where that fails."""
    prefix = [*([] if os.geteuid() == 0 else ["sudo", "-n"]), "env", "DEBIAN_FRONTEND=noninteractive"]
    print(f"Installing what the tests need of the system: {' '.join(names)}", flush=True)
    subprocess.run([*prefix, "apt-get", "update", "-q"], check=True)
    for command in commands(names):
        options = ["-q", "-y", "--no-install-recommends"] if command[0] == "apt-get" else []
        subprocess.run([*(prefix if options else []), *command, *options], check=True)


def main():
    """Returns the exit status: 1 if something is missing that may not be."""
    names = missing()
    if names and shutil.which("apt-get") and (os.geteuid() == 0 or in_ci()):
        try:
            install(names)
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"error: {error}", file=sys.stderr)
        names = missing()
    if names:
        print(f"{'error: missing' if in_ci() else 'To check everything'}: {how_to(names)}", file=sys.stderr, flush=True)
    return int(bool(names) and in_ci())


if __name__ == "__main__":
    sys.exit(main())
