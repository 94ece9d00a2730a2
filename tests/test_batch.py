"""One preparation, one run, one record: however a submission is graded, what was executed is not executed again."""

import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import nbformat
import pytest
from nbgrader.apps.api import NbGraderAPI

from labutils import judge
from labutils.course import batch, layout
from labutils.course.autograde import grade, recorded
from labutils.course.preprocessors import Judge
from labutils.judge import Cell, CellResult, Job, pool
from labutils.judge.cache import Cache
from labutils.judge.job import CROWDED, error_output
from tests.courses import course_at, notebook

NBGRADER = Path(sys.executable).parent / "nbgrader"
RIGHT = {"1.1": [2, 2], "1.2": [3, 3]}
JOB = Job((Cell("", "1 + 1"),))


@pytest.fixture
def course(tmp_path):
    """Two students have handed in the right answers, one half of them."""
    course = course_at(tmp_path, notebook())
    half = notebook()
    half.cells[5].source = "def half(x):\n    return 0"
    for student, book in {"ann": notebook(), "bob": notebook(), "cyd": half}.items():
        folder = course.build / "submitted" / student / "mini"
        folder.mkdir(parents=True)
        nbformat.write(book, folder / "mini.ipynb")
    return course


def nobody(*_):
    raise AssertionError("this must not be executed")


@pytest.mark.needs("sandbox")
def test_a_second_run_executes_nothing(course, monkeypatch):
    rows = grade(course, "mini")
    assert [row.points for row in rows] == [RIGHT, RIGHT, {"1.1": [2, 2], "1.2": [0, 3]}]
    assert len(list((course.build / "executed").iterdir())) == 2, "equal submissions are executed once"
    monkeypatch.setattr(pool, "pool_for", nobody)
    monkeypatch.setenv("SANDBOX", "broken")  # for processes that this one starts
    command = [NBGRADER, "autograde", "mini", "--force"]
    done = subprocess.run(command, cwd=course.root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert NbGraderAPI(config=course.config()).autograde("mini", "ann")["success"], "as formgrader's button does"
    assert [recorded(course, "mini", row.student).points for row in rows] == [row.points for row in rows]
    monkeypatch.delenv("SANDBOX")
    assert grade(course, "mini") == rows

    for path in (course.build / "executed").iterdir():  # what would be seen if they executed
        path.unlink()
    assert not NbGraderAPI(config=course.config()).autograde("mini", "ann")["success"]
    assert all("must not be executed" in row.note for row in grade(course, "mini"))
    environment = {**os.environ, "SANDBOX": "broken"}
    done = subprocess.run(command, cwd=course.root, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode and "SANDBOX=broken is not known" in done.stderr


@pytest.mark.needs("sandbox")
@pytest.mark.parametrize("first", ["command", "formgrader"])
def test_make_grade_takes_up_what_others_have_executed(course, monkeypatch, first):
    judge_once = grade(course, "mini")
    for path in (course.build / "executed").iterdir():
        path.unlink()
    if first == "command":
        command = [NBGRADER, "autograde", "mini", "--force"]
        subprocess.run(command, cwd=course.root, capture_output=True, text=True, check=True)
    else:
        api = NbGraderAPI(config=course.config())
        assert all(api.autograde("mini", student)["success"] for student in course.submitted())
    monkeypatch.setattr(pool, "pool_for", nobody)
    assert grade(course, "mini") == judge_once


@pytest.mark.needs("sandbox")
def test_every_submission_is_prepared_once(course, monkeypatch):
    prepared, prepare = [], Judge.prepare
    monkeypatch.setattr(judge, "run", lambda job: [CellResult([], 1) for _ in job.cells])
    monkeypatch.setattr(Judge, "prepare", lambda *of: prepared.append(of[2]["nbgrader"]["student"]) or prepare(*of))
    rows = grade(course, "mini")
    assert prepared == ["ann", "bob", "cyd"] and not any(row.failed for row in rows)


@pytest.mark.needs("sandbox")
def test_what_ran_out_of_time_beside_others_runs_once_more_alone(course, monkeypatch):
    executed, running, both = [], [], threading.Barrier(2, timeout=60)

    def run(job):
        running.append(job)
        if first := len(executed) < 2:
            both.wait()
        beside = len(running)
        if first:
            both.wait()
        executed.append(beside)
        running.remove(job)
        late = [error_output(CROWDED, "it took too long")] if beside > 1 else []
        return [CellResult(late, count) for count, _ in enumerate(job.cells, 1)]

    monkeypatch.setattr(judge, "run", run)
    monkeypatch.setenv("JOBS", "2")
    shutil.rmtree(course.build / "submitted" / "bob")
    rows = grade(course, "mini")
    assert executed == [2, 2, 1, 1]
    assert [row.points for row in rows if not row.note] == [RIGHT, RIGHT]
    monkeypatch.setattr(judge, "run", nobody)
    assert grade(course, "mini") == rows, "what was executed alone is kept"


def test_what_ran_out_of_time_by_itself_is_not_run_again(course, monkeypatch):
    late, executed = [error_output("OutOfTime", "half took longer than 120 s")], []

    def run(job):
        executed.append(job)
        return [CellResult(late, count) for count, _ in enumerate(job.cells, 1)]

    monkeypatch.setattr(judge, "run", run)
    monkeypatch.setenv("JOBS", "2")
    grade(course, "mini")
    assert len(executed) == 2, "two of the three submissions are equal"


def test_the_bar_says_who_is_waited_for(course, monkeypatch):
    told, both = [], threading.Barrier(2, timeout=60)

    def progress(*options):
        told.append(options[-1])
        return layout.progress(*options)

    def run(job):
        both.wait()
        told.append(told[0]())
        both.wait()
        return [CellResult([], count) for count, _ in enumerate(job.cells, 1)]

    monkeypatch.setattr(batch, "progress", progress)
    monkeypatch.setattr(judge, "run", run)
    monkeypatch.setenv("JOBS", "2")
    shutil.rmtree(course.build / "submitted" / "bob")
    grade(course, "mini")
    assert {*told[1].split(", ")} == {"ann 0 s", "cyd 0 s"} and told[0]() == ""
    running = batch.Running(None)
    running.since = {name: time.monotonic() - k - 0.2 for k, name in enumerate("abcde")}
    assert running.told() == "e 4 s, d 3 s, c 2 s, ..."


@pytest.mark.parametrize("damage", [b"", b'[[[{"output_type": "str', b"null", b"[[1, 2, 3]]", b"\xff"])
def test_a_damaged_file_of_the_cache_is_a_job_that_was_never_run(tmp_path, damage):
    cache, results = Cache(tmp_path), [CellResult([{"output_type": "stream", "name": "stdout", "text": "2"}], 1)]
    assert cache.get(JOB) is None
    assert cache.run(JOB, lambda _: results) == cache.run(JOB, nobody) == results
    cache.path(JOB).write_bytes(damage)
    assert cache.get(JOB) is None
    assert cache.run(JOB, lambda _: results) == cache.run(JOB, nobody) == results


def test_a_failure_of_the_judge_is_not_kept(tmp_path):
    cache, failed = Cache(tmp_path), [CellResult([error_output("Stopped", "out of memory?")], None)]
    assert cache.run(JOB, lambda _: failed) == failed and cache.get(JOB) is None
