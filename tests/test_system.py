"""What the system lacks: installed for root, one line for others, a failure in CI, and never a silent skip."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import needs, system

ROOT = Path(__file__).parents[1]


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with apt and without the packages; what is run of its commands is in the file `calls`."""
    listed = "tool-a | tool-a | the way A\ntool-b | tool-x /nowhere/*/tool-b | the way B\n"
    (tmp_path / "list.txt").write_text(f"# a comment\n{listed}")
    for name, text in (("apt-get", f'echo "apt-get $*" >> {tmp_path}/calls'), ("env", 'shift; exec "$@"')):
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setattr(system, "LIST", tmp_path / "list.txt")
    monkeypatch.setattr(system, "_system", lambda: "debian")
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    monkeypatch.delenv("CI", raising=False)
    return tmp_path


def installs(machine, *names):
    """Let apt-get install bring these programs."""
    made = "".join(f"cp {machine}/env {machine}/{name}; " for name in names)
    (machine / "apt-get").write_text(
        f'#!/bin/sh\necho "apt-get $*" >> {machine}/calls\n[ $1 = update ] || {{ {made} :; }}\n'
    )


def test_root_gets_all_that_is_missing_in_one_announced_step(machine, monkeypatch, capfd):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    installs(machine, "tool-a", "tool-x")
    assert system.main() == 0
    assert capfd.readouterr().out == "Installing what the tests need of the system: tool-a tool-b\n"
    expected = ["apt-get update -q", "apt-get install tool-a tool-b -q -y --no-install-recommends"]
    assert (machine / "calls").read_text().splitlines() == expected
    assert system.main() == 0 and len((machine / "calls").read_text().splitlines()) == 2, "nothing is left to do"


def test_a_user_is_told_one_line_and_goes_on(machine, monkeypatch, capfd):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert system.main() == 0
    assert capfd.readouterr() == ("", "To check everything: sudo apt install tool-a tool-b\n")
    assert not (machine / "calls").exists()


def test_in_ci_nothing_may_be_missing(machine, monkeypatch, capfd):
    monkeypatch.setenv("CI", "true")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    installs(machine, "tool-a")
    assert system.main() == 1
    assert capfd.readouterr().err == "error: missing: sudo apt install tool-b\n"


def test_a_system_without_apt_is_told_the_names(machine, monkeypatch, capfd):
    (machine / "apt-get").unlink()
    monkeypatch.setenv("PATH", str(machine))
    assert system.main() == 0
    assert "install with your package manager: tool-a tool-b" in capfd.readouterr().err


def test_ubuntu_gets_chromium_from_playwright(machine, monkeypatch):
    monkeypatch.setattr(system, "_system", lambda: "ubuntu")
    by_apt, by_playwright = system.commands(["bubblewrap", "chromium"])
    assert by_apt == ["apt-get", "install", "bubblewrap"]
    assert by_playwright[1:] == ["-m", "playwright", "install", "--with-deps", "chromium"]
    assert list(system.commands(["bubblewrap"])) == [by_apt]


def test_each_need_of_a_test_is_in_the_list_and_all_are_needed():
    used = set()
    for path in (ROOT / "tests").glob("test_*.py"):
        used |= set(re.findall(r"mark\.needs\(\"([\w-]+)\"\)", path.read_text()))
    assert used == {*system.packages(), *needs.OTHERS} - {"bubblewrap", "libseccomp2"}, "the sandbox needs both"
    assert system.packages()["bubblewrap"].evidence == ["bwrap"]


def test_a_machine_without_a_sandbox_is_told_so(tmp_path, monkeypatch):
    monkeypatch.delenv("SANDBOX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert needs._no_sandbox().startswith("bubblewrap is missing")


def test_the_readme_names_the_list():
    assert "](tests/system-packages.txt)" in (ROOT / "README.md").read_text()


TEST = """
import pytest
from tests.needs import pytest_configure, pytest_runtest_setup, pytest_terminal_summary
"""
CASES = """
import pytest

@pytest.mark.needs("fonts-dejavu-core")
@pytest.mark.parametrize("n", range(3))
def test_a(n):
    pass

def test_b():
    pass
"""


@pytest.mark.parametrize("ci", [True, False])
def test_what_was_not_checked_is_listed_or_fails_in_ci(tmp_path, ci):
    (tmp_path / "conftest.py").write_text(f"{TEST}\nfrom tests import system\nsystem.LIST = system.Path('list.txt')\n")
    (tmp_path / "list.txt").write_text("fonts-dejavu-core | /nowhere/* | pages\n")
    (tmp_path / "test_it.py").write_text(CASES)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "CI": "true" if ci else "", "PYTEST_ADDOPTS": ""}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir", tmp_path]
    done = subprocess.run(
        [*command, "-n", "2", tmp_path], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    if ci:
        assert done.returncode == 1 and "1 passed, 3 errors" in done.stdout, done.stdout
        assert "fonts-dejavu-core is missing" in done.stdout
    else:
        assert done.returncode == 0 and "1 passed, 3 skipped" in done.stdout, done.stdout
        listed = done.stdout.split("not checked")[1].splitlines()[1]
        assert re.fullmatch(r"pages: fonts-dejavu-core is missing \(.*fonts-dejavu-core\) \[3 tests\]", listed)
