"""The commands: what `make` offers, and what it says when the machine is not ready."""

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
COMMANDS = {"help", "lab", "kernel", "test", "release", "grade", "feedback", "export", "demo"}
COMMANDS |= {"power", "train", "search", "bench"}


def make(where, *arguments, **environment):
    """Run make as in a plain shell, without this environment's variables."""
    plain = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
    return subprocess.run(
        ["make", *arguments], cwd=where, env=plain | environment, capture_output=True, text=True, check=False
    )


@pytest.fixture
def checkout(tmp_path):
    """A folder with the files of the project that the Makefile looks at, without an environment."""
    for name in ("Makefile", "constraints.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def program(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_help_lists_every_command():
    done = make(ROOT)
    assert done.returncode == 0
    assert set(re.findall(r"^  make (\w+) +\S", done.stdout, re.MULTILINE)) == COMMANDS
    assert set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)) >= COMMANDS


@pytest.mark.parametrize(
    "python, said",
    [
        (None, "no python-not-here here: install Python 3.11 or newer"),
        (
            'case "$*" in *version_info*) exit 1;; *) echo Python 3.9.18;; esac',
            "is Python 3.9.18, 3.11 or newer is needed",
        ),
        ('case "$*" in *ensurepip*) exit 1;; esac', "on Debian and Ubuntu, apt install python3-venv"),
    ],
    ids=["missing", "too old", "without venv"],
)
def test_what_is_missing_is_said_in_one_line(checkout, python, said):
    python = program(checkout / "bin" / "python", python) if python else "python-not-here"
    done = make(checkout, "lab", PYTHON=python)
    errors = [line for line in done.stderr.splitlines() if not line.startswith("make: ***")]
    assert done.returncode and len(errors) == 1 and said in errors[0], done.stderr
    assert not (checkout / ".venv").exists()


def test_environment_is_set_up_once_and_again_when_pins_change(checkout):
    program(checkout / ".venv" / "bin" / "python", f'echo "$@" >> {checkout}/calls')
    for changed in (None, None, "constraints.txt", "pyproject.toml"):
        for age, name in [(300, "constraints.txt"), (300, "pyproject.toml"), (200, ".venv/.ready"), (100, changed)]:
            if name and (checkout / name).exists():
                os.utime(checkout / name, (time.time() - age,) * 2)
        assert make(checkout, "export", PIP_FLAGS="--my-flag").returncode == 0
    calls = (checkout / "calls").read_text().splitlines()
    installs = [call for call in calls if "pip install" in call]
    assert len(installs) == 3 and all("--my-flag -c constraints.txt -e .[test]" in call for call in installs)
    assert calls.count("-m labutils.course export") == 4


@pytest.mark.parametrize("variable", ["VIRTUAL_ENV", "CONDA_PREFIX"])
@pytest.mark.parametrize("has_us", [True, False])
def test_active_environment_is_used_if_this_checkout_is_installed_there(checkout, variable, has_us):
    active = checkout / "elsewhere"
    here = f'case "$*" in *direct_url*) exit {int(not has_us)};; *) echo active >> {checkout}/calls;; esac'
    program(active / "bin" / "python", here)
    program(checkout / ".venv" / "bin" / "python", f"echo own >> {checkout}/calls")
    assert make(checkout, "export", **{variable: str(active)}).returncode == 0
    assert set((checkout / "calls").read_text().split()) == {"active" if has_us else "own"}


def test_lab_writes_the_notebooks_and_opens_jupyterlab_beside_them(checkout):
    (checkout / "work").mkdir()
    program(checkout / ".venv" / "bin" / "python", f'echo "$(pwd) $*" >> {checkout}/calls')
    assert make(checkout, "lab", JUPYTER_FLAGS="--no-browser").returncode == 0
    *_, work, lab = (checkout / "calls").read_text().splitlines()
    assert work == f"{checkout} -m labutils.course work"
    assert lab == f"{checkout}/work -m jupyterlab --no-browser"
