"""What students get: no solution, no hidden test, and a notebook that asks for every answer."""

import ast
import re
import subprocess
import zipfile
from collections import Counter
from pathlib import Path

import nbformat
import pytest

from labutils.course.layout import Course, CourseError
from labutils.course.release import BUNDLED, ensure_released, fingerprint, release, work
from tests.courses import course_at, notebook

ROOT = Path(__file__).parents[1]
LABS = Course(ROOT).labs()


@pytest.fixture(scope="module", params=LABS)
def released(request, tmp_path_factory):
    """(source notebook, released notebook, path of the bundle) of a lab."""
    lab = request.param
    course = course_at(tmp_path_factory.mktemp("course"), ROOT / "notebooks" / lab)
    for name in (
        "labutils",
        "Makefile",
        "pyproject.toml",
        "constraints.txt",
        "environment.yml",
        "README.md",
        "LICENSE",
    ):
        (course.root / name).symlink_to(ROOT / name)
    folder, bundle = release(course, lab)
    return nbformat.read(course.source(lab), 4), nbformat.read(folder / f"{lab}.ipynb", 4), bundle


def hidden_lines(source, what):
    """The lines of a cell between `### BEGIN what` and its END, stripped, without the short ones."""
    inside, lines = False, []
    for line in source.splitlines():
        if f"BEGIN {what}" in line or f"END {what}" in line:
            inside = "BEGIN" in line
        elif inside and len(line.strip()) > 12:
            lines.append(line.strip())
    return lines


def graded(book, **flags):
    cells = [cell for cell in book.cells if "nbgrader" in cell.metadata]
    return [cell for cell in cells if all(cell.metadata.nbgrader[flag] == value for flag, value in flags.items())]


def test_labs_are_found():
    assert LABS, "no notebooks/<lab>/<lab>.ipynb"


def test_release_holds_no_solution_and_no_hidden_test(released):
    source, student, _ = released
    given = "\n".join(cell.source for cell in student.cells)
    shown = Counter(line.strip() for line in given.splitlines())
    visible = Counter(
        line.strip() for cell in source.cells for line in _without(cell.source, "SOLUTION", "HIDDEN TESTS").splitlines()
    )
    assert "### BEGIN" not in given and "### END" not in given
    for cell in source.cells:
        for line in hidden_lines(cell.source, "SOLUTION") + hidden_lines(cell.source, "HIDDEN TESTS"):
            assert shown[line] <= visible[line], f"the release shows {line!r}"


def _without(source, *regions):
    kept, inside = [], False
    for line in source.splitlines():
        if any(f"{end} {region}" in line for region in regions for end in ("BEGIN", "END")):
            inside = "BEGIN" in line
        elif not inside:
            kept.append(line)
    return "\n".join(kept)


def test_every_answer_is_asked_for(released):
    source, student, _ = released
    answers = graded(student, solution=True)
    assert len(answers) == len(graded(source, solution=True)) > 0
    for cell in answers:
        if cell.cell_type == "markdown":
            assert "*Your answer here.*" in cell.source
            continue
        assert 'raise NotImplementedError("your code goes here")' in cell.source
        functions = [node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.FunctionDef)]
        contract = not functions or any(ast.get_docstring(f) for f in functions)
        assert contract, f"{cell.metadata.nbgrader.grade_id}: the contract is gone"


def test_ids_are_unique_and_name_their_exercise(released):
    _, student, _ = released
    ids = [cell.metadata.nbgrader.grade_id for cell in graded(student)]
    assert len(ids) == len(set(ids))
    assert all(cell.metadata.nbgrader.grade_id.startswith("ex_") for cell in graded(student, grade=True))
    assert all(cell.metadata.nbgrader.points > 0 for cell in graded(student, grade=True))


def test_bundle_works_on_its_own_and_leaks_nothing(released, tmp_path):
    _, student, bundle = released
    with zipfile.ZipFile(bundle) as archive:
        archive.extractall(tmp_path)
    lab = bundle.stem
    course = Course(tmp_path / lab)
    assert {p.name for p in course.root.iterdir()} == {*BUNDLED, "labutils", "notebooks"}
    assert (course.root / "labutils" / "judge").exists() and not (course.root / "labutils" / "reference").exists()
    assert [p.relative_to(course.root) for p in course.root.rglob("*.ipynb")] == [Path(f"notebooks/{lab}/{lab}.ipynb")]
    assert nbformat.read(course.source(lab), 4) == student, "the bundle holds another notebook than the release"
    assert work(course) == [(course.root / "work" / lab / f"{lab}.ipynb", True)]
    assert nbformat.read(course.root / "work" / lab / f"{lab}.ipynb", 4) == student


def test_the_bundles_readme_names_only_what_a_student_has(released, tmp_path):
    _, student, bundle = released
    with zipfile.ZipFile(bundle) as archive:
        archive.extractall(tmp_path)
    root = tmp_path / bundle.stem
    text = (root / "README.md").read_text()
    assert text.startswith(student.cells[0].source.splitlines()[0] + "\n") and "{" not in text
    work(Course(root))
    named = re.findall(r"\]\(([^)]+)\)", text) + re.findall(r"[\w./-]+\.(?:ipynb|yml|txt|md|png)\b", text)
    assert len(named) >= 4 and [name for name in named if not (root / name).exists()] == []
    listed = _commands(root)
    assert set(re.findall(r"\bmake ([a-z]+)", text)) == listed - {"help"}
    assert listed == {"help", "lab", "kernel"} | ({"train", "search"} if "lab5" in bundle.stem else set())


def _commands(root):
    """The commands that `make help` lists, if each is known and calls modules that are there."""
    run = {"cwd": root, "capture_output": True, "text": True, "check": True}
    listed = set(re.findall(r"^  make (\w+)", subprocess.run(["make", "help"], **run).stdout, re.MULTILINE))
    for command in listed:
        called = re.findall(r"-m ((?:labutils|tests)[\w.]*)", subprocess.run(["make", "-n", command], **run).stdout)
        places = [root / name.replace(".", "/") for name in called]
        assert all(place.is_dir() or place.with_suffix(".py").exists() for place in places), (command, called)
    return listed


def test_work_never_writes_over_a_students_notebook(tmp_path):
    course = course_at(tmp_path, notebook())
    (course.root / "notebooks" / "mini" / "cover.png").write_bytes(b"png")
    [(path, written)] = work(course)
    assert written and (path.parent / "cover.png").exists()
    assert not (course.root / "build" / "gradebook.db").exists(), "a student needs no gradebook"
    path.write_text("my work")
    assert work(course) == [(path, False)]
    assert path.read_text() == "my work"
    path.unlink()  # to get a fresh one
    (path.parent / "cover.png").write_bytes(b"mine")
    assert work(course) == [(path, True)]
    assert path.exists() and (path.parent / "cover.png").read_bytes() == b"mine"


def test_misspelt_marker_stops_the_release(tmp_path):
    book = notebook()
    book.cells[-1].source = book.cells[-1].source.replace("HIDDEN TESTS", "HIDDEN TEST")
    course = course_at(tmp_path, book)
    with pytest.raises(CourseError, match="misspelt"):
        release(course, "mini")
    assert not (course.build / "release" / "mini").exists()


def test_release_again_only_when_the_source_changed(tmp_path):
    course = course_at(tmp_path, notebook())
    assert ensure_released(course, "mini")
    assert not ensure_released(course, "mini")
    before = fingerprint(course, "mini")
    book = nbformat.read(course.source("mini"), 4)
    book.cells[0].source += " More text."
    nbformat.write(book, course.source("mini"))
    assert fingerprint(course, "mini") != before
    assert ensure_released(course, "mini")
    assert "More text." in (course.build / "release" / "mini" / "mini.ipynb").read_text()
    (course.build / "gradebook.db").unlink()
    assert ensure_released(course, "mini"), "the gradebook is gone, so the lab must be recorded again"


def test_bundles_are_reproducible(tmp_path):
    course = course_at(tmp_path, notebook())
    first = release(course, "mini")[1].read_bytes()
    assert release(course, "mini")[1].read_bytes() == first


def test_unknown_lab_lists_the_known_ones(tmp_path):
    with pytest.raises(CourseError, match="'lab9'; the labs are: mini"):
        release(course_at(tmp_path, notebook()), "lab9")
