"""Where no sandbox can be made, grading stops with a line that says what to do; where one can, any user may grade."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
import pytest

import labutils
from labutils.judge.sandbox import SandboxError, bubblewrap
from tests.courses import course_at
from tests.submissions import answered, source

linux = pytest.mark.needs("sandbox")
GRADE = [sys.executable, "-m", "labutils.course", "--root"]
REAL = shutil.which("bwrap")


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.delenv("SANDBOX", raising=False)
    bubblewrap.require.cache_clear()
    yield
    bubblewrap.require.cache_clear()


def fake(folder, text, monkeypatch):
    """Put a bwrap of our own in front."""
    (folder / "bwrap").write_text(f"#!/bin/sh\n{text}\n")
    (folder / "bwrap").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)


def handed_in(root):
    course = course_at(root, source())
    folder = course.build / "submitted" / "ann" / "mini"
    folder.mkdir(parents=True)
    nbformat.write(answered({}), folder / "mini.ipynb")
    return course


def test_without_bubblewrap_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SandboxError, match=r"bubblewrap is missing.*apt install bubblewrap.*SANDBOX=none"):
        bubblewrap.require()
    monkeypatch.setenv("SANDBOX", "no")
    with pytest.raises(SandboxError, match="SANDBOX=no is not known"):
        bubblewrap.require()


@linux
def test_without_libseccomp_it_says_what_to_install(monkeypatch):
    def missing():
        raise OSError("libseccomp.so.2: cannot open shared object file")

    monkeypatch.setattr(bubblewrap, "libseccomp", missing)
    with pytest.raises(SandboxError, match=r"libseccomp is missing.*apt install libseccomp2.*SANDBOX=none"):
        bubblewrap.require()


@linux
def test_here_it_can_be_made():
    bubblewrap.require()


@linux
@pytest.mark.parametrize(
    "text, said",
    [
        ("echo 'bwrap: No permissions to create new namespace' >&2; exit 1", "No permissions to create new namespace"),
        (f'exec {REAL} --unshare-user --disable-userns "$@"', "inside the sandbox"),
    ],
    ids=["none at all", "none inside"],
)
def test_where_namespaces_are_forbidden_it_says_what_to_allow(tmp_path, monkeypatch, text, said):
    fake(tmp_path, text, monkeypatch)
    with pytest.raises(SandboxError, match=f"{said}.*: allow user namespaces.*SANDBOX=none") as error:
        bubblewrap.require()
    assert "\n" not in str(error.value)


def test_the_setting_that_forbids_is_named(tmp_path):
    (tmp_path / "kernel").mkdir()
    (tmp_path / "kernel" / "unprivileged_userns_clone").write_text("1\n")
    assert "--security-opt" in bubblewrap.remedy(tmp_path)
    (tmp_path / "kernel" / "apparmor_restrict_unprivileged_userns").write_text("1\n")
    expected = "allow user namespaces with sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
    assert bubblewrap.remedy(tmp_path) == expected


def test_grading_stops_in_one_line_or_goes_on_without(tmp_path, monkeypatch):
    (tmp_path / "bin").mkdir()
    fake(tmp_path / "bin", "exit 1", monkeypatch)
    handed_in(tmp_path)
    done = subprocess.run([*GRADE, str(tmp_path), "grade", "mini"], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and not done.stdout
    assert done.stderr.startswith("error: bubblewrap cannot make a sandbox here") and done.stderr.count("\n") == 1
    monkeypatch.setenv("SANDBOX", "none")
    done = subprocess.run([*GRADE, str(tmp_path), "grade", "mini"], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "10 = 100%" in done.stdout, done.stderr
    assert bubblewrap.UNCONFINED_WARNING in done.stderr and "gradebook" in bubblewrap.UNCONFINED_WARNING


@linux
def test_the_root_of_the_sandbox_belongs_to_nobody():
    look = "import os\nfor place in ('/', '/judge'):\n    try:\n        open(f'{place}/x', 'w')\n        print(place)\n"
    look += "    except OSError:\n        pass\nopen('x', 'w')"
    done = subprocess.run(bubblewrap.command([sys.executable, "-c", look]), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@linux
def test_the_solutions_of_an_installed_labutils_are_hidden_too(tmp_path, monkeypatch):
    """Not from a checkout but among the packages of the Python that the sandbox shows."""
    package = tmp_path / "site-packages" / "labutils"
    (package / "reference").mkdir(parents=True)
    for path in (package / "__init__.py", package / "sde.py", package / "reference" / "__init__.py"):
        path.write_text("")
    folders = bubblewrap._python_folders()
    monkeypatch.setattr(bubblewrap, "_python_folders", lambda: [*folders, tmp_path])
    monkeypatch.setattr(bubblewrap, "_package", lambda: package)
    look = "import os, sys\nfor place in sys.argv[1:]:\n    print(sorted(os.listdir(place)), os.access(place, os.W_OK))"
    places = ["/judge/labutils", str(package), str(package / "reference")]
    command = bubblewrap.command([sys.executable, "-c", look, *places])
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == [
        "['__init__.py', 'sde.py'] False",
        "['__init__.py', 'reference', 'sde.py'] False",
        "[] False",
    ], done.stderr


@linux
@pytest.mark.skipif(os.geteuid() != 0, reason="this user is not root: all other tests show that it works")
def test_a_user_without_rights_can_grade():
    root = Path(tempfile.mkdtemp(prefix="course-"))
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    try:
        for path in (Path(sys.executable), Path(sys.executable).resolve(), Path(labutils.__file__)):
            if subprocess.run([*nobody, "test", "-r", path], check=False).returncode:
                pytest.skip(f"only root may read {path}")  # such as a checkout in root's home
        handed_in(root)
        subprocess.run(["chown", "-R", "65534:65534", str(root)], check=True)
        environment = {**os.environ, "HOME": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [*nobody, *GRADE, str(root), "grade", "mini"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        assert done.returncode == 0 and "10 = 100%" in done.stdout, done.stderr
    finally:
        shutil.rmtree(root)
