"""`make lab` on a newcomer's machine: JupyterLab starts for anyone, says where, and asks and warns about nothing."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from labutils.course import lab
from labutils.course.release import work
from tests.courses import course_at, notebook

ROOT = Path(__file__).parents[1]


@pytest.fixture
def home(tmp_path):
    """The variables of a user with an empty home, in a folder of an unusual name."""
    (tmp_path / "home").mkdir()
    (tmp_path / "[x]? ü").mkdir()
    (tmp_path / "[x]? ü" / ".venv").symlink_to(sys.prefix)
    jupyter = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "XDG"))}
    return jupyter | {"HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT)}


@contextlib.contextmanager
def started(folder, environment):
    """JupyterLab as `make lab` starts it; yields its address and all that it printed until it answered."""
    command = ["../.venv/bin/python", "-m", "labutils.course.lab", "--no-browser"]
    output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    process = subprocess.Popen(command, cwd=folder, env=environment, **output)
    try:
        said = []
        for line in process.stdout:
            said.append(line)
            if address := re.search(r"^JupyterLab answers at (http://localhost:\d+)/lab\?token=(\w+) ", line):
                break
        assert address, "".join(said)
        yield address[1], address[2], said
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


def get(address, path, token, data=None):
    request = urllib.request.Request(f"{address}{path}", data, headers={"Authorization": f"token {token}"})
    with urllib.request.urlopen(request) as answer:
        return answer.read().decode()


def test_it_starts_for_this_user_without_a_warning_or_a_question(home, tmp_path):
    work(course_at(tmp_path / "[x]? ü", notebook()))
    with started(tmp_path / "[x]? ü" / "work", home) as (address, token, said):
        as_root = os.geteuid() == 0
        assert len(said) == 1 + as_root, "one line, and one more for root"
        assert not as_root or "--allow-root" in said[0]
        settings = get(address, "/lab/api/settings/@jupyterlab/apputils-extension:notification", token)
        defaults = json.loads(settings)["schema"]["properties"]
        assert (defaults["fetchNews"]["default"], defaults["checkForUpdates"]["default"]) == ("false", False)
        page = get(address, "/lab", token)
        assert "nbgrader" in page.partition("federated_extensions")[2], "the button"
        validated = json.loads(get(address, "/assignments/validate", token, b"path=mini/mini.ipynb"))
        assert validated["success"] and "Doubling numbers" in validated["value"]["failed"][0]["source"]


def test_only_root_gets_what_jupyterlab_asks_of_root(monkeypatch, capsys):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "--allow-root" not in lab.options([]) and not capsys.readouterr().out
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert "--allow-root" in lab.options(["--port=9000"])
    assert capsys.readouterr().out.count("\n") == 1
    assert lab.options(["--allow-root"]).count("--allow-root") == 1 and not capsys.readouterr().out


def test_only_a_path_with_patterns_gets_a_link(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert lab.plain_path("/a b/ü") == Path("/a b/ü") and not (tmp_path / "cache").exists()
    (tmp_path / "[x]").mkdir()
    link = lab.plain_path(str(tmp_path / "[x]"))
    assert link.samefile(tmp_path / "[x]") and lab.plain_path(str(tmp_path / "[x]")) == link
    assert lab.plain_path(str(tmp_path / "[y]")) != link
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "[x]"))
    assert lab.plain_path("/[a]") == Path("/[a]"), "a link there would be no better"
