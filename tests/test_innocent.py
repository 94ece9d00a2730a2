"""Innocent submissions: what programs, habits and accidents do to a notebook costs nobody what they earned."""

import json
import shutil
import zipfile

import nbformat
import pytest
from nbformat.v4 import new_code_cell

from labutils.course.autograde import grade
from labutils.course.release import release
from tests.courses import course_at, notebook
from tests.demo import filled, reference

pytestmark = pytest.mark.needs("sandbox")
FULL = {"1.1": [2, 2], "1.2": [3, 3]}
BOM = b"\xef\xbb\xbf"
DOUBLE, HALF = "def double(x):\n    return 2 * x", "def half(x):\n    return x / 2"


def cell(book, name):
    return next(one for one in book.cells if one.metadata.get("nbgrader", {}).get("grade_id") == name)


def without_metadata(book, ids=True):
    for k, one in enumerate(book.cells):
        one.metadata = nbformat.NotebookNode()
        one.id = one.id if ids else f"new-{k}"
    return book


def metadata_lost(book):
    return without_metadata(book)


def metadata_and_ids_lost(book):
    """And the tests, which all define `test`, are not quite as they were."""
    for one in book.cells:
        if one.metadata.get("nbgrader", {}).get("grade") and one.cell_type == "code":
            one.source += "\n\n\ndef test():\n    pass"
    book.cells.insert(2, new_code_cell("import math"))
    return without_metadata(book, ids=False)


def called_4_4_with_ids(book):
    book.nbformat_minor = 4
    return book


def merged(book):
    cell(book, "ex_1_1").source += "\n\n\n" + HALF
    book.cells.remove(cell(book, "ex_1_2"))
    return book


def helper_beside(book):
    cell(book, "ex_1_1").source = "from helper import double"
    return book


def helper_written(book):
    cell(book, "ex_1_1").source = "from own import double"
    book.cells.insert(1, new_code_cell(f"%%writefile own.py\n{DOUBLE}\n"))
    return book


def installs(book):
    cell(book, "ex_1_1").source = f"!pip install --quiet numpy\n%pip install numpy\n%conda install numpy\n{DOUBLE}"
    cell(book, "ex_1_2").source = f"!echo {{1 + 1}} > two.txt; cat two.txt\n!no-such-program\n{HALF}"
    return book


BOOKS = [metadata_lost, metadata_and_ids_lost, called_4_4_with_ids, merged, helper_beside, helper_written, installs]


def put(course, student, name, data):
    path = course.build / "submitted" / student / "mini" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """(course, {student: row}) of all of them, graded once."""
    course = course_at(tmp_path_factory.mktemp("innocent"), notebook())
    text = filled(release(course, "mini")[0] / "mini.ipynb", reference(course.source("mini")))
    for change in BOOKS:
        book = change(nbformat.reads(text, 4))
        put(course, change.__name__, "mini.ipynb", json.dumps(book).encode())
    put(course, "helper_beside", "helper.py", DOUBLE.encode())
    put(course, "helper_beside", "labutils.py", b"raise SystemExit")
    put(course, "helper_beside", "numpy.py", b"raise SystemExit")
    put(course, "bom", "mini.ipynb", BOM + text.encode())
    put(course, "bom", "timestamp.txt", BOM + b"2026-03-01 10:00:00\r\n")
    put(course, "txt", "mini.ipynb.txt", text.encode())
    put(course, "json", "mini.ipynb.json", text.encode())
    with zipfile.ZipFile(put(course, "zip", "mini.zip", b""), "w") as archive:
        archive.writestr("my lab/mini.ipynb", text)
        archive.writestr("__MACOSX/my lab/._mini.ipynb", "x")
    other = [new_code_cell("1 + 1")]
    put(course, "unknown", "mini.ipynb", nbformat.writes(nbformat.v4.new_notebook(cells=other)).encode())
    return course, {row.student: row for row in grade(course, "mini")}


@pytest.mark.parametrize("student", [*(change.__name__ for change in BOOKS), "bom", "txt", "json", "zip"])
def test_all_points_and_the_written_answer_waits(graded, student):
    row = graded[1][student]
    assert row.points == FULL and row.to_read == 1, row


def test_what_was_recovered_is_said(graded):
    for student in ("metadata_lost", "metadata_and_ids_lost"):
        assert graded[1][student].note == "answers told by their ids and texts, 3 of 3"
    for student, name in {"txt": "mini.ipynb.txt", "json": "mini.ipynb.json", "zip": "mini.zip"}.items():
        assert graded[1][student].note == f"graded from {name}"


def test_an_answer_without_a_cell_of_its_own_is_noted(graded):
    assert graded[1]["merged"].note == "no cell for ex_1_2"


def test_a_notebook_with_none_of_the_cells_is_a_row_that_says_so(graded):
    row = graded[1]["unknown"]
    assert row.failed and row.note.endswith("by their ids and texts, 0 of 3 could be told"), row


def test_written_answers_come_back_too(graded):
    for student in ("metadata_lost", "metadata_and_ids_lost"):
        path = graded[0].build / "autograded" / student / "mini" / "mini.ipynb"
        assert "two halves make a whole" in cell(nbformat.read(path, 4), "ex_1_2_why").source


def test_what_is_not_run_is_said_and_the_rest_of_the_cell_runs(graded):
    book = nbformat.read(graded[0].build / "autograded" / "installs" / "mini" / "mini.ipynb", 4)
    shown = {name: "".join(one.get("text", "") for one in cell(book, name).outputs) for name in ("ex_1_1", "ex_1_2")}
    assert shown["ex_1_1"].count("not run when graded, where there is no network: ") == 3
    assert shown["ex_1_2"].startswith("2\n") and "no-such-program" in shown["ex_1_2"]


def test_grading_again_finds_the_same(graded):
    course, rows = graded
    shutil.rmtree(course.build / "autograded")
    assert {row.student: row for row in grade(course, "mini")} == rows
