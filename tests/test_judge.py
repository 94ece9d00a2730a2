"""The judge: what a submission gets that cheats, breaks things or has bad luck, and equal grades for all others."""

import importlib
import itertools
import os
import socket
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest
from nbgrader.utils import determine_grade

from labutils import checks
from labutils.course.autograde import grade
from labutils.course.prepare import bound, files_beside, imported_modules, prepare
from labutils.judge import Cell, Job, Limits, protocol, runner
from labutils.judge.connection import OutOfTime, Stopped, WorkerConnection
from labutils.judge.pool import JudgePool
from labutils.judge.requests import encode_request
from tests import power
from tests.bench_judge import damage, killed
from tests.submissions import ALL, answered, hostile, source

ROOT = Path(__file__).parents[1]
PATIENT = Limits(timeout=60, grace=1, memory=1200)
QUICK = replace(PATIENT, timeout=5)  # for what would never end
needs_sandbox = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox needs Linux")


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
def noise(function):
    return function(np.zeros(3), np.array([1.0, -1.0]), 0.5)
"""
    test = """
from labutils.reference import expected_noise
assert not imported and not found, found
assert np.allclose(noise(expected_noise), expected_noise(np.zeros(3), np.array([1.0, -1.0]), 0.5))
"""
    cells = (
        Cell("setup", "import numpy as np"),
        Cell("", search),
        Cell("test", test, 1, ("imported", "found", "noise")),
    )
    assert [result.outputs for result in pool.run(Job(cells, limits=PATIENT))] == [[], [], []]


def test_an_object_of_the_reference_never_leaves_and_its_functions_are_called_here():
    Law = type("Law", (), {"__module__": "labutils.reference.laws", "score": lambda self, x: -x})
    connection = SimpleNamespace(callbacks={}, numbers=itertools.count(1))
    with pytest.raises(TypeError, match=r"a Law of labutils\.reference stays with the tests"):
        encode_request(("call", Law()), connection)
    data = encode_request(("call", Law().score), connection)
    assert b"reference" not in data and connection.callbacks[1](2) == -2


def test_the_outputs_of_a_submission_have_a_limit():
    items = [{"output_type": "stream", "name": "stdout", "text": "x" * 1000}] * 5
    kept, used = runner.truncated_outputs(items, 2500)
    assert kept[:2] == items[:2] and len(kept) == 3 and "left out" in kept[2]["text"] and used < 2500
    assert runner.truncated_outputs(items, 10_000)[0] == items


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


# Pieces ---------------------------------------------------------------------------------------------------------------


def test_the_interface_is_what_the_solutions_bind():
    text = "import a.b as c, d.e\nfrom f import g\nx, (y, *z) = 1, (2, 3)\nfor i in x: w = 1\ndef f(q): r = 1\n%time\n"
    assert bound(text) == {"c", "d", "g", "x", "y", "z", "i", "w", "f"}


@pytest.mark.parametrize(
    "node",
    [
        ["array", "float64", [10**9], 0, 8],
        ["array", "float64", [-1], 0, 8],
        ["array", "float64", [2], 0, 8],
        ["array", "float64", [1], 1, 8],
        ["array", "object", [1], 0, 8],
        ["array", "float64", [True], 0, 8],
        ["tensor", "qint8", [8], 0, 8],
        ["function", 1],
        ["__class__"],
        ["_bytes_of", [1], 0, 8, 8],
        ["dict", [[["list", []], 1]]],
        ["set", [k * (2**61 - 1) for k in range(2001)]],  # all of one hash
        ["dict", [[k, k] for k in range(2001)]],
        ["list", 5],
        [],
        {"list": []},
    ],
)
def test_forged_nodes_are_refused(node):
    with pytest.raises(protocol.ProtocolError):
        protocol.Decoder(bytes(8), None, {}.__getitem__)(node)


def test_who_never_stops_sending_has_no_more_time_than_others():
    ours, theirs = socket.socketpair()
    worker = WorkerConnection(ours, socket.socketpair()[0], grace=0)
    theirs.send(b"more than we can read in time")
    worker.set_deadline(-1)
    with pytest.raises(OutOfTime):
        worker._wait(worker.data, write=False)


def test_no_check_takes_the_end_of_a_process_for_an_error_of_the_answer():
    def crash():
        raise Stopped("os._exit")

    with pytest.raises(Stopped):
        checks.raises(crash, RuntimeError)


def test_values_survive_the_way():
    torch = pytest.importorskip("torch")
    values = [
        None,
        True,
        3,
        2**70,
        -1.5,
        float("inf"),
        1j,
        "ä",
        [1, (2, {"k": 3})],
        np.float32(2.5),
        np.arange(6).reshape(2, 3),
    ]
    values += [np.zeros((0, 3)), np.array([True, False]), np.arange(8)[::-2], torch.eye(3)[:, :2], torch.tensor(2)]
    values += [
        np.array([[1j, 2]]),
        np.array([1j], np.complex64),
        torch.tensor([1j]),
        torch.eye(2).T.to(torch.complex128),
    ]
    values += [torch.zeros(0, 2), torch.ones(2, dtype=torch.bfloat16), torch.tensor([True]), np.array(1.5)]
    for value in values:
        encode = protocol.Encoder(None)
        node = encode(value)
        back = protocol.Decoder(b"".join(encode.buffers), None, None)(node)
        assert type(back) is type(value) and getattr(back, "shape", None) == getattr(value, "shape", None)
        assert getattr(back, "dtype", None) == getattr(value, "dtype", None)
        plain = not hasattr(value, "shape")
        assert back == value if plain else np.array_equal(np.array(back.tolist()), np.array(value.tolist()))


def test_links_are_not_followed(tmp_path):
    (tmp_path / "data.csv").write_text("1")
    (tmp_path / "labutils.py").write_text("")
    (tmp_path / "passwd").symlink_to("/etc/passwd")
    (tmp_path / "etc").symlink_to("/etc")
    assert files_beside(tmp_path) == {"data.csv": b"1"}


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
