"""The judge: what a submission gets that cheats, breaks things or has bad luck, and equal grades for all others."""

import importlib
import os
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from nbgrader.utils import determine_grade

from labutils.course.autograde import grade
from labutils.course.prepare import imported_modules, prepare
from labutils.judge import Cell, Job, Limits
from labutils.judge.pool import JudgePool
from tests import power
from tests.bench_judge import damage, killed
from tests.submissions import ALL, answered, hostile, source

ROOT = Path(__file__).parents[1]
PATIENT = Limits(timeout=60, grace=1, memory=1200)
QUICK = replace(PATIENT, timeout=5)  # for what would never end
needs_sandbox = pytest.mark.needs("sandbox")


@pytest.fixture(scope="module")
def pools():
    os.environ["JUDGE_TEST_TOKEN"] = "a secret of the grader's"
    pools = {limits: JudgePool(imported_modules(source()), limits) for limits in (QUICK, PATIENT)}
    yield pools
    for pool in pools.values():
        pool.close()
    del os.environ["JUDGE_TEST_TOKEN"]


@pytest.fixture(scope="module")
def pool(pools):
    return pools[PATIENT]


def judged(pool, notebook, instructors):
    """{test: points}, and the notebook with its outputs."""
    prepared = prepare(notebook, instructors, limits=pool.limits)
    prepared.executed(pool.run(prepared.job))
    tests = [cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade")]
    return {cell.metadata.nbgrader.grade_id: determine_grade(cell)[0] for cell in tests}


@needs_sandbox
@pytest.mark.parametrize("name", hostile.CASES)
def test_a_submission_gets_the_points_of_its_answers(pools, name):
    changes, lost = hostile.CASES[name]
    pool = pools[QUICK if name in hostile.ENDLESS else PATIENT]
    notebook = answered(changes)
    points = judged(pool, notebook, source())
    expected = {test: 0 if test in lost else most for test, most in ALL.items()}
    assert points == expected | hostile.CREDIT.get(name, {})
    assert len(nbformat.writes(notebook)) < 2**20, "no submission fills the disk of the grader"
    nbformat.writes(notebook).encode()


def test_there_are_enough_of_them():
    assert len(hostile.CASES) >= 80


@needs_sandbox
def test_what_the_sandbox_shows(pool):
    look = (
        "import os\nprint(sorted(os.listdir('/')), os.listdir('/proc'), os.getpid(), sorted(os.environ), os.listdir())"
    )
    notebook = answered({"ex_1_1": look})
    judged(pool, notebook, source())
    shown = next(c for c in notebook.cells if c.id == "ex_1_1").outputs[0].text
    assert "] [] 1 [" in shown and "JUDGE_TEST_TOKEN" not in shown and "notebooks" not in shown


@needs_sandbox
def test_outputs_land_in_the_notebook(pool):
    drawn = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()\nprint('here')\n1 / 0"
    notebook = answered({"ex_1_1": drawn})
    judged(pool, notebook, source())
    cell = next(c for c in notebook.cells if c.id == "ex_1_1")
    kinds = [output.output_type for output in cell.outputs]
    assert kinds == ["display_data", "stream", "error"] and "image/png" in cell.outputs[0].data
    assert "ZeroDivisionError" in cell.outputs[2].traceback[-1]
    test = next(c for c in notebook.cells if c.id == "ex_1_1_values")
    assert "double" in test.outputs[-1].evalue and cell.execution_count == 2


@needs_sandbox
def test_no_output_of_a_student_carries_a_script(pool):
    code = "from IPython.display import HTML, Latex, Markdown, SVG, display\n"
    code += "for kind in (HTML, Latex, Markdown):\n    display(kind('<script>alert(1)</script>'))\n"
    code += "display({'image/svg+xml': '<svg onload=alert(1)>', 'text/plain': 'a picture'}, raw=True)"
    notebook = answered({"ex_1_1": hostile.RIGHT + code})
    assert judged(pool, notebook, source()) == ALL
    shown = [set(output.data) for cell in notebook.cells if cell.id == "ex_1_1" for output in cell.outputs]
    assert shown == [{"text/plain"}] * 4


@needs_sandbox
def test_what_knows_the_answers_is_on_the_trusted_side_only(pool):
    search = """
import os
try:
    import labutils.reference
    imported = True
except ImportError:
    imported = False
found = [folder for folder, _, names in os.walk("/") if folder.endswith("labutils/reference") and names]
def type_of(function):
    return type(function).__module__ + "." + type(function).__name__
"""
    test = """
from labutils.reference import expected_noise
assert not imported and not found, found
assert type_of(expected_noise) == "labutils.judge.requests.Callback"
"""
    cells = (
        Cell("setup", "import numpy as np"),
        Cell("", search),
        Cell("test", test, 1, ("imported", "found", "type_of")),
    )
    assert [result.outputs for result in pool.run(Job(cells, limits=PATIENT))] == [[], [], []]


LABS = sorted(p.stem for p in (ROOT / "tests" / "mutants").glob("lab*.py"))


@needs_sandbox
@pytest.mark.parametrize("lab", LABS)
def test_grades_equal_those_of_the_kernel(lab):
    """As in one process: the reference and other styles lose nothing, a mutant points of its own exercise only."""
    instructors = nbformat.read(ROOT / "notebooks" / lab / f"{lab}.ipynb", as_version=4)
    variants, cells = importlib.import_module(f"tests.mutants.{lab}"), power.graded_cells(lab)
    right = [(cells, ""), *((power.restyled(cells, style), "") for style in variants.STYLES[::5])]
    wrong = [(power.patched(cells, one), one.exercise) for one in variants.MUTANTS[::20] if not one.equal]
    pool = JudgePool(imported_modules(instructors), Limits())
    try:
        for answer, exercise in right + wrong:
            points = judged(pool, _notebook(answer, instructors), instructors)
            lost = {c.exercise for c in answer if c.kind == "test" and points[c.grade_id] < c.points}
            assert lost == ({exercise} if exercise else set())
    finally:
        pool.close()


def _notebook(cells, instructors):
    """A submission of these cells (see `tests.power`)."""
    metadata = {c.metadata.nbgrader.grade_id: c.metadata for c in instructors.cells if "nbgrader" in c.metadata}
    made = [nbformat.v4.new_code_cell(c.source, metadata=metadata.get(c.grade_id, {})) for c in cells]
    return nbformat.v4.new_notebook(cells=made)


# Many -----------------------------------------------------------------------------------------------------------------


@needs_sandbox
def test_a_killed_batch_is_taken_up_again(tmp_path):
    ((moments, same),) = killed(tmp_path, rounds=1, kills=2)
    assert same, f"killed after {moments} seconds"


@needs_sandbox
def test_damaged_notebooks_get_a_row_each(tmp_path):
    course = damage(tmp_path, 60)
    rows = grade(course, "mini")
    assert [row.student for row in rows] == course.submitted() and len(rows) == 60
    assert all(row.points or row.note for row in rows) and "Traceback" not in str(rows)
    assert {row.failed for row in rows} == {True, False}
