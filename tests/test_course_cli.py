"""What the person at the terminal sees of `python -m labutils.course`: one line per error, and a bar."""

import io
import re
import sys
import time

from labutils.course.cli import main
from labutils.course.layout import progress
from tests.courses import course_at, notebook


def test_command_line_speaks_in_one_line(tmp_path, capsys, monkeypatch):
    course = course_at(tmp_path, notebook())
    monkeypatch.chdir(course.root)
    for command, said in [
        (["grade", "mini"], "nobody has handed in mini"),
        (["grade", "lab9"], "there is no lab 'lab9'; the labs are: mini"),
        (["grade", ""], "which lab? say LAB=...; the labs are: mini"),
        (["feedback", "mini"], "no submission of mini has been graded yet"),
        (["export"], "the gradebook holds no grades yet"),
        (["--root", str(tmp_path / "nowhere"), "work"], "the labs are: none in"),
    ]:
        assert main(command) == 1
        error = capsys.readouterr().err
        assert error.startswith("error: ") and said in error and error.count("\n") == 1


def test_progress_is_in_students_per_minute(monkeypatch):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", terminal)
    for _ in progress((time.sleep(0.05) for _ in range(4)), "execute", total=4):
        pass
    rates = re.findall(r"execute: +\d+%\|.*\| \d/4, (\d+) students/min, [\d:?]+ left", terminal.getvalue())
    assert rates and 100 < int(rates[-1]) < 1300
