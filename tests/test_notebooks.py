"""House rules of the instructor's notebooks: short cells, stable names, no stray outputs, points as the README says."""

import re
from collections import Counter
from pathlib import Path
from statistics import median

import nbformat
import pytest

from labutils.course import cells
from labutils.course.layout import Course
from labutils.course.release import generate

ROOT = Path(__file__).parents[1]
LABS = sorted(path.parent.name for path in ROOT.glob("notebooks/*/*.ipynb"))


def notebook_of(lab):
    return nbformat.read(ROOT / "notebooks" / lab / f"{lab}.ipynb", as_version=4)


@pytest.fixture(params=LABS)
def lab(request):
    return request.param


@pytest.fixture
def notebook(lab):
    return notebook_of(lab)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def graded(notebook):
    return [cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade")]


def exercise_of(cell):
    return cells.exercise_of(cell.metadata.nbgrader.grade_id)


def test_a_lab_is_short_cells(lab, notebook, tmp_path):
    generate(Course(ROOT), lab, tmp_path / lab, record=False)
    student = nbformat.read(tmp_path / lab / f"{lab}.ipynb", as_version=4)
    lengths = [len(cell.source.splitlines()) for cell in code_cells(notebook)]
    released = [len(cell.source.splitlines()) for cell in code_cells(student)]
    exercises = {exercise_of(cell) for cell in graded(notebook)}
    assert 25 <= len(notebook.cells) <= max(60, 10 * len(exercises))
    assert max(lengths) <= 25
    assert median(released) <= 8


def test_ids_are_unique_and_every_named_text_is_graded(notebook):
    assert max(Counter(cell.id for cell in notebook.cells).values()) == 1
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("grade_id"):
            assert cell.cell_type == "code" or cell.metadata.nbgrader.grade


def test_only_checked_outputs_are_stored(notebook):
    for cell in code_cells(notebook):
        checked = cell.source.startswith("# NBVAL_CHECK_OUTPUT")
        assert bool(cell.outputs) == checked, cell.source[:80]
        assert (cell.execution_count is not None) == checked  # nbval wants a number beside an output


def test_every_test_cell_keeps_its_names_to_itself_and_has_a_title(notebook):
    for cell in graded(notebook):
        if cell.cell_type == "code":
            assert re.match(r'@checks\.run\ndef test\(\):\n    """[^"]+\."?', cell.source), cell.source[:80]


def test_points_in_headings_add_up_and_every_exercise_is_graded(notebook):
    points = Counter()
    for cell in graded(notebook):
        points[exercise_of(cell)] += cell.metadata.nbgrader.points
    headings = Counter()
    for cell in notebook.cells:
        for number, worth in re.findall(r"^#+ Exercise (\d+\.\d+)[^\n]*?\((\d+) points?[^)]*\)", cell.source, re.M):
            headings[number] += int(worth)
    assert headings == points


def test_the_readme_names_every_lab_and_its_points():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for lab in LABS:
        total = sum(cell.metadata.nbgrader.points for cell in graded(notebook_of(lab)))
        (row,) = re.findall(rf"^\|.*\({re.escape(f'notebooks/{lab}/{lab}.ipynb')}\).*\|$", readme, re.M)
        assert row.split("|")[-2].strip() == f"{total:g}", row
