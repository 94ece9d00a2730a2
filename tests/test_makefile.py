"""The commands: what `make` offers, and what it says when the machine is not ready."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

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
    folder = tmp_path / "a b" / "[x]? ü's"
    folder.mkdir(parents=True)
    for name in ("Makefile", "constraints.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    return folder


def recorder(checkout, text='"$@"'):
    """Shell code that appends a line to the file `calls`."""
    return f'echo {text} >> "{checkout}/calls"'


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
        (None, "no python-not-here here: install Python 3.11 to 3.14"),
        (
            'case "$*" in *sys.exit*) exit 1;; *) echo Python 3.9.18;; esac',
            "is Python 3.9.18, Python 3.11 to 3.14 (not 3.14.1) is needed: PYTHON=python3.13 make",
        ),
        (
            'case "$*" in *ensurepip*) exit 1;; *python%d*) echo python3.12-venv;; esac',
            "on Debian and Ubuntu, sudo apt install python3.12-venv",
        ),
    ],
    ids=["missing", "too old", "without venv"],
)
def test_what_is_missing_is_said_in_one_line(checkout, python, said):
    program(checkout / "bin" / "id", "echo 1000")
    python = program(checkout / "bin" / "python", python) if python else "python-not-here"
    done = make(checkout, "lab", PYTHON=python, PATH=f"{checkout / 'bin'}:{os.environ['PATH']}")
    errors = [line for line in done.stderr.splitlines() if not line.startswith("make: ***")]
    assert done.returncode and len(errors) == 1 and said in errors[0], done.stderr
    assert not (checkout / ".venv").exists()


def test_root_gets_the_venv_module_installed(checkout):
    """Debian splits it from Python: in a fresh container there is none."""
    program(checkout / "bin" / "id", "echo 0")
    program(checkout / "bin" / "apt-get", recorder(checkout, '"apt-get $*"'))
    python = program(
        checkout / "bin" / "python",
        f"""case "$*" in *ensurepip*) exit 1;; *python%d*) echo python3.12-venv;;
        *venv*) mkdir -p .venv/bin; cp "$0" .venv/bin/python; {recorder(checkout)};; esac""",
    )
    done = make(checkout, "export", PYTHON=python, PATH=f"{checkout / 'bin'}:{os.environ['PATH']}")
    assert done.returncode == 0 and "Installing python3.12-venv" in done.stdout, done.stderr
    update, install, venv = (checkout / "calls").read_text().splitlines()
    assert (update, venv) == ("apt-get update -q", "-m venv --clear .venv")
    assert install == "apt-get install -q -y --no-install-recommends python3.12-venv"


def test_environment_is_set_up_once_and_again_when_pins_change(checkout):
    program(checkout / ".venv" / "bin" / "python", recorder(checkout))
    for changed in (None, None, "constraints.txt", "pyproject.toml"):
        for age, name in [(300, "constraints.txt"), (300, "pyproject.toml"), (200, ".venv/.ready"), (100, changed)]:
            if name and (checkout / name).exists():
                os.utime(checkout / name, (time.time() - age,) * 2)
        assert make(checkout, "export", PIP_FLAGS="--my-flag").returncode == 0
    calls = (checkout / "calls").read_text().splitlines()
    installs = [call for call in calls if "pip install" in call]
    assert len(installs) == 3 and all(call.endswith("--my-flag -c constraints.txt -e .") for call in installs)
    assert calls.count("-m labutils.course export") == 4


@pytest.mark.parametrize(
    "command, variables, extras",
    [
        ("lab", {}, []),
        ("grade", {"LAB": "x"}, []),
        ("test", {}, ["test"]),
        ("test", {"CI": "true"}, ["test", "ray"]),
        ("search", {}, ["ray"]),
        ("grade", {"LAB": "x", "RAY": "auto"}, ["ray"]),
        ("export", {"GRADEBOOK_URL": "postgresql://me@here/grades"}, ["postgresql"]),
    ],
)
@pytest.mark.parametrize("active", [True, False])
def test_what_only_some_need_is_installed_once_when_they_first_need_it(checkout, command, variables, extras, active):
    (checkout / "work").mkdir()
    environment = checkout / ("my env" if active else ".venv")
    program(environment / "bin" / "python", recorder(checkout))
    for _ in range(2):
        done = make(checkout, command, **variables, **({"VIRTUAL_ENV": str(environment)} if active else {}))
        assert done.returncode == 0, done.stderr
    calls = (checkout / "calls").read_text().splitlines()
    installed = [call.split(" -e ")[1] for call in calls if "pip install" in call]
    assert installed == [".", *(f".[{extra}]" for extra in extras)]


@pytest.mark.parametrize("variable", ["VIRTUAL_ENV", "CONDA_PREFIX"])
@pytest.mark.parametrize("has_us", [True, False])
def test_active_environment_is_used_if_this_checkout_is_installed_there(checkout, variable, has_us):
    active = checkout / "my env"
    here = f'case "$*" in *direct_url*) exit {int(not has_us)};; *) {recorder(checkout, "active")};; esac'
    program(active / "bin" / "python", here)
    program(checkout / ".venv" / "bin" / "python", recorder(checkout, "own"))
    assert make(checkout, "export", **{variable: str(active)}).returncode == 0
    assert set((checkout / "calls").read_text().split()) == {"active" if has_us else "own"}


def test_lab_writes_the_notebooks_and_opens_jupyterlab_beside_them(checkout):
    (checkout / "work").mkdir()
    program(checkout / ".venv" / "bin" / "python", recorder(checkout, '"$(pwd) $*"'))
    assert make(checkout, "lab", JUPYTER_FLAGS="--no-browser").returncode == 0
    *_, work, lab = (checkout / "calls").read_text().splitlines()
    assert work == f"{checkout} -m labutils.course work"
    assert lab == f"{checkout}/work -m labutils.course.lab --no-browser"


def test_this_checkout_is_found_in_an_environment_by_its_real_place(tmp_path):
    """The Makefile asks an active environment; pip notes the place of an installation as an address, with %20."""
    code = re.search(r"^HAS_US := (.+?)\nUSE_ACTIVE", (ROOT / "Makefile").read_text(), re.DOTALL | re.MULTILINE)[1]
    here, info = tmp_path / "[x]? ü's", tmp_path / "site" / "diffusion_labs-0.1.0.dist-info"
    for folder in (here, info):
        folder.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: diffusion-labs\nVersion: 0.1.0\n")
    (info / "direct_url.json").write_text(json.dumps({"url": here.as_uri(), "dir_info": {"editable": True}}))
    command = [sys.executable, "-c", code.replace("\\\n", "")]
    for folder, found in ((here, True), (tmp_path, False)):
        asked = subprocess.run(command, cwd=folder, env={"PYTHONPATH": str(tmp_path / "site")}, check=False)
        assert (asked.returncode == 0) == found


@pytest.mark.parametrize("version", ["3.10.13", "3.11.0", "3.12.1", "3.14.0", "3.14.1", "3.14.2", "3.15.0"])
def test_the_makefile_takes_the_pythons_that_pyproject_takes(version):
    code = re.search(r"^IS_FIT := (.+)", (ROOT / "Makefile").read_text(), re.MULTILINE)[1]
    promised = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    claimed = f"import sys; sys.version_info = {(*map(int, version.split('.')), 'final', 0)}; {code}"
    taken = subprocess.run([sys.executable, "-c", claimed], check=False).returncode == 0
    assert taken == SpecifierSet(promised).contains(version)
