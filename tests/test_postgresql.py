"""A team of graders: the gradebook on a real PostgreSQL server, started here, gives what SQLite gives."""

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import nbformat
import pytest

from labutils.course.autograde import grade
from labutils.course.export import export
from labutils.course.feedback import feedback
from labutils.course.release import release
from tests import system
from tests.courses import course_at, notebook

pytestmark = [pytest.mark.needs("postgresql"), pytest.mark.needs("sandbox")]


@pytest.fixture(scope="module")
def server():
    """The address of a server of our own, on a socket in a folder of its own; it refuses to run as root."""
    programs = system.packages()["postgresql"].found().resolve().parent
    folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
    someone = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
    if someone:
        os.chown(folder, 65534, 65534)
    make = [*someone, programs / "initdb", "-D", folder / "data", "-U", "grader", "--auth=trust", "-E", "UTF8"]
    subprocess.run([*make, "--locale=C"], check=True, capture_output=True, cwd=folder)
    start = [*someone, programs / "postgres", "-D", folder / "data", "-k", folder, "-F", "-c", "listen_addresses="]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(start, stdout=log, stderr=log, cwd=folder)
    address = f"postgresql://grader@/postgres?host={folder}"
    try:
        _wait(address, folder / "log")
        yield address
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(folder)


def _wait(address, log):
    import psycopg

    for _ in range(300):
        with contextlib.suppress(psycopg.OperationalError), psycopg.connect(address):
            return
        time.sleep(0.1)
    pytest.fail(log.read_text())


def shuffle(address):
    """Write the rows of the cells anew in another order, as an update does; a database promises none."""
    import psycopg

    with psycopg.connect(address) as connection:
        for (name,) in connection.execute("select id from source_cell order by name desc").fetchall():
            connection.execute("update source_cell set source = source where id = %s", [name])


def submissions():
    """Right answers, half of them, and only the last cell of a notebook."""
    right, half, last = notebook(), notebook(), notebook()
    half.cells[5].source = "def half(x):\n    return 0"
    last.cells = last.cells[-2:]
    return {"ann": right, "bob": half, "cyd": last}


def test_release_grade_feedback_export(server, tmp_path, monkeypatch):
    monkeypatch.setenv("GRADEBOOK_URL", server)
    course = course_at(tmp_path, notebook())
    release(course, "mini")
    shuffle(server)
    for student, book in submissions().items():
        folder = course.build / "submitted" / student / "mini"
        folder.mkdir(parents=True)
        nbformat.write(book, folder / "mini.ipynb")
    for _ in range(2):
        points = {row.student: {k: got for k, (got, _) in row.points.items()} for row in grade(course, "mini")}
        assert points == {"ann": {"1.1": 2, "1.2": 3}, "bob": {"1.1": 2, "1.2": 0}, "cyd": {"1.1": 0, "1.2": 3}}
    graded = nbformat.read(course.build / "autograded" / "cyd" / "mini" / "mini.ipynb", as_version=4)
    names = [cell.metadata.nbgrader.grade_id for cell in graded.cells if "nbgrader" in cell.metadata]
    assert names == [cell.id for cell in notebook().cells[1:]], "what was missing is back in its place"
    assert all(path.exists() for path in feedback(course, "mini").values())
    assert (course.build / "canvas.csv") in export(course)
    assert "ann,,,ann,,5.0" in (course.build / "canvas.csv").read_text()
    assert not (course.build / "gradebook.db").exists()
