"""What was handed in: a notebook under another name, in another folder, twice, of another lab, behind a link."""

import json
import os
import zipfile

import nbformat
import pytest

from labutils.course import reading, submissions
from labutils.course.submissions import Submission, find_submissions, unreadable
from tests.courses import course_at, notebook

OTHER = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("my notes")])


@pytest.fixture
def course(tmp_path):
    return course_at(tmp_path, notebook())


def put(course, path, book=None, text=None):
    path = course.build / "submitted" / "ann" / path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(nbformat.writes(book or notebook()) if text is None else text)
    return path


def found(course):
    return find_submissions(course, "mini")["ann"]


@pytest.mark.parametrize("place", ["mini/mini (1).ipynb", "mini.ipynb", "Mini/x.ipynb", "mini/deep/er/mini.ipynb"])
def test_the_only_notebook_of_the_lab_is_graded_wherever_it_lies(course, place):
    path = put(course, place)
    put(course, "mini/notes.ipynb", OTHER)
    put(course, "mini/.ipynb_checkpoints/mini-checkpoint.ipynb")
    name = path.name if path.parent.name == "mini" else place
    assert found(course) == found(course) == Submission(note=f"graded from {name}")
    assert (course.build / "submitted" / "ann" / "mini" / "mini.ipynb").read_bytes() == path.read_bytes()


def test_a_later_version_replaces_the_copy_and_never_what_is_rightly_named(course):
    path, copy = put(course, "mini/final.ipynb"), course.build / "submitted" / "ann" / "mini" / "mini.ipynb"
    assert found(course).note and copy.exists()
    path.write_text(path.read_text().replace("Mini lab", "Second try"))
    assert found(course).note == "graded from final.ipynb" and "Second try" in copy.read_text()
    path.unlink()
    assert found(course) == Submission(note="graded from final.ipynb"), "the copy stays"
    put(course, "mini/mini.ipynb", text=copy.read_text().replace("Second try", "Third try"))
    put(course, "mini/again.ipynb")
    assert found(course) == Submission() and "Third try" in copy.read_text()


def test_half_of_the_tests_make_it_the_lab(course):
    book = notebook()
    book.cells = [c for c in book.cells if c.metadata.get("nbgrader", {}).get("grade_id") != "ex_1_1_double"]
    put(course, "a.ipynb", book)
    assert found(course).note == "graded from a.ipynb"


def test_equal_copies_are_one_and_different_ones_are_a_question(course):
    put(course, "mini/a.ipynb")
    put(course, "backup/a.ipynb")
    assert found(course).sound and found(course).note
    (course.build / "submitted" / "ann" / "mini" / "mini.ipynb").unlink()
    put(course, "mini/b.ipynb", text=json.dumps(notebook(), indent=3))
    assert found(course).reason == "no mini.ipynb, and several could be it: backup/a.ipynb, mini/b.ipynb; keep one"


def test_other_notebooks_are_not_graded(course):
    put(course, "lab9/lab9.ipynb", OTHER)
    assert found(course).absent
    put(course, "mini/notes.ipynb", OTHER)
    put(course, "mini/torn.ipynb", text=nbformat.writes(notebook())[:-40])
    assert found(course).reason == "no mini.ipynb, but notes.ipynb, torn.ipynb, without its cells"


@pytest.mark.parametrize("link", ["mini", "mini/mini.ipynb", "mini/other.ipynb"])
def test_no_link_is_followed(course, link):
    put(course, "../bob/mini/mini.ipynb")
    path = course.build / "submitted" / "ann" / link
    path.parent.mkdir(parents=True, exist_ok=True)
    bob = course.build / "submitted" / "bob" / "mini"
    path.symlink_to(bob if link == "mini" else bob / "mini.ipynb")
    assert not found(course).sound and find_submissions(course, "mini")["bob"].sound


@pytest.mark.parametrize(
    "text", ["yesterday", "2026-13-40", "13.03.2026 23:59", "05/03/2026", "2026-01-01 10:00:00 99999999999999999999"]
)
def test_a_date_that_is_none_is_a_reason(course, text):
    folder = put(course, "mini/mini.ipynb").parent
    (folder / "timestamp.txt").write_text(text)
    wanted = f"timestamp.txt holds no date but {text!r}; write it as 2026-03-05 23:59:00 UTC"
    assert unreadable(folder, "mini") == wanted


@pytest.mark.parametrize("name", ["mini.ipynb", "timestamp.txt"])
def test_a_pipe_is_no_notebook_and_no_date(course, name):
    folder = course.build / "submitted" / "jo" / "mini"
    folder.mkdir(parents=True)
    os.mkfifo(folder / name)
    assert "no plain file" in find_submissions(course, "mini")["jo"].reason


def test_a_reason_is_one_line_whatever_the_notebook_holds(course):
    book = notebook()
    book.metadata.kernelspec = "a\nb"
    path = put(course, "mini/mini.ipynb", text=json.dumps(book))
    assert "kernelspec: 'a\\nb' is not of type" in unreadable(path.parent, "mini")
    book.metadata.kernelspec, book.cells[0]["a\nb"] = {"name": "python3", "display_name": "x"}, 1
    path.write_text(json.dumps(book))
    assert "\n" not in unreadable(path.parent, "mini")


def many(cells):
    return nbformat.v4.new_notebook(cells=cells)


CAPS = {
    "has 2,001 cells, at most 2,000": nbformat.writes(many([nbformat.v4.new_code_cell() for _ in range(2001)])),
    "have 1,000,001 characters, at most 1,000,000": nbformat.writes(many([nbformat.v4.new_raw_cell("x" * 1_000_001)])),
    "has 5,000,001 pieces of JSON, at most 5,000,000": "[" * 5_000_001,
    "has 101 MiB, at most 100": " " * 101 * 2**20,
}


@pytest.mark.parametrize("reason", CAPS)
def test_a_notebook_is_measured_before_it_is_parsed(course, monkeypatch, reason):
    put(course, "mini/mini.ipynb", text=CAPS[reason])
    monkeypatch.setattr(reading, "_newest", None)  # where nbformat comes in
    assert reason in found(course).reason


def test_a_timestamp_is_measured_before_it_is_read(course, monkeypatch):
    stamp = put(course, "mini/mini.ipynb").with_name("timestamp.txt")
    stamp.write_text("1" * 101)
    monkeypatch.setattr(submissions, "parse_utc", None)
    assert found(course).reason == "timestamp.txt has 101 bytes, expected a date of at most 100"


def test_files_are_counted_before_they_are_read(course, monkeypatch):
    monkeypatch.setattr(submissions, "FILES", 3)
    put(course, "mini/mini.ipynb")
    assert found(course).sound
    for name in "ab":
        put(course, f"mini/{name}.txt", text="")
    assert found(course).reason == "the folder holds more than 3 files"


def test_a_zip_is_not_unpacked_beyond_the_limit(course, monkeypatch):
    monkeypatch.setattr(submissions, "LARGEST", 10_000)
    with zipfile.ZipFile(put(course, "mini/mini.zip", text=""), "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mini.ipynb", nbformat.writes(notebook()) + " " * 10_000)
    assert found(course).reason == "no mini.ipynb, but mini.zip, without its cells"


@pytest.mark.parametrize(
    "text", ["2026-03-05", "2026-03-05 23:59", "2026-03-05T23:59:00+01:00", "2026-03-05 23:59:00 UTC"]
)
def test_dates_that_cannot_be_mistaken_are_taken(course, text):
    folder = put(course, "mini/mini.ipynb").parent
    (folder / "timestamp.txt").write_bytes(b"\xef\xbb\xbf" + text.encode() + b"\r\n")
    assert unreadable(folder, "mini") == "" and (folder / "timestamp.txt").read_text() == text
