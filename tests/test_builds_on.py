"""One mistake costs one exercise: what a test does when the tests it builds on failed before it."""

import ast

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from labutils import judge
from labutils.builds_on import declared, wrong_before
from labutils.checks.networks import unless_inherited
from labutils.checks.report import CheckFailed, Finding, Report
from labutils.course.prepare import prepare
from tests import graded

LABS = sorted(path.stem for path in graded.ROOT.glob("notebooks/*/*.ipynb"))
GOOD, BAD = Report("part", summary="good"), Report("part", [Finding("shape", 0.0, "bad")], "fail")


def good():
    return GOOD


def bad():
    return BAD


def unanswered():
    raise NotImplementedError


def broken():
    raise ValueError("broken")


def test_a_net_that_is_right_needs_no_excuse():
    with wrong_before({"part"}):
        assert unless_inherited(good, {"part": broken}, broken) is GOOD


@pytest.mark.parametrize("check", [bad, broken])
@pytest.mark.parametrize("part", [bad, broken])
def test_a_wrong_part_excuses_a_net_but_only_if_its_own_part_is_right(check, part):
    with wrong_before({"part"}):
        assert unless_inherited(check, {"other": good, "part": part}, good) is GOOD
        assert unless_inherited(check, {"part": part}, bad) is BAD


@pytest.mark.parametrize("parts", [{}, {"a": good}, {"a": unanswered}, {"a": good, "b": unanswered}])
def test_right_and_unanswered_parts_excuse_nothing(parts):
    with wrong_before({"a", "b"}), pytest.raises(CheckFailed):
        unless_inherited(bad, parts, good)


def test_a_part_that_was_spoilt_after_it_was_graded_excuses_nothing():
    with wrong_before({"another"}), pytest.raises(CheckFailed):
        unless_inherited(bad, {"part": bad}, good)


def test_an_unanswered_net_stays_unanswered():
    with wrong_before({"part"}), pytest.raises(NotImplementedError):
        unless_inherited(unanswered, {"part": broken}, good)


def test_where_nobody_knows_what_failed_before_the_parts_are_asked_anew():
    assert unless_inherited(bad, {"part": bad}, good) is GOOD
    with pytest.raises(CheckFailed):
        unless_inherited(bad, {"part": good}, good)


# Declared in the notebooks --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lab", LABS)
def test_a_test_declares_the_earlier_tests_that_it_asks_about(lab):
    cells = graded.graded_cells(lab)
    for place, cell in enumerate(cells):
        earlier = [other.grade_id for other in cells[:place] if other.kind == "test"]
        dicts = [node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Dict)]
        asked = {key.value for node in dicts for key in node.keys if isinstance(key, ast.Constant)}
        assert set(cell.builds_on) <= set(earlier), f"{cell.grade_id} builds on what does not come before it"
        named = {name for name in asked if isinstance(name, str) and name.startswith("ex_")}
        assert named == set(cell.builds_on), f"{cell.grade_id} declares {cell.builds_on}, asks about {sorted(named)}"
    assert any(cell.builds_on for cell in cells) == (lab == "lab4_training_prompts")


# A lab of two exercises, the second made by the first -----------------------------------------------------------------

NET = """@checks.run
def test():
    right = lambda: checks.values(net, lambda: 2.0, [()])
    part = lambda: checks.values(make, lambda: 2.0, [()])
    whole = lambda: checks.values(lambda: len(steps), lambda: 3.0, [()])
    checks.networks.unless_inherited(right, {"ex_1_1_make": part}, instead=whole).assert_ok()"""
MAKE = "@checks.run\ndef test():\n    checks.values(make, lambda: 2.0, [()]).assert_ok()"
ANSWERS = {
    "make": "def make():\n    return 2.0",
    "net": "net, steps = (lambda made: lambda: made)(make()), [1, 2, 3]",
}


def lab(**changed):
    """The cells of a submission: `make`, its test, `net`, its test."""
    answers, cells = ANSWERS | changed, []
    for source, flags in (
        ("from labutils import checks", {"grade_id": "imports", "locked": True}),
        (answers["make"], {"grade_id": "ex_1_1", "solution": True}),
        (MAKE, {"grade_id": "ex_1_1_make", "grade": True, "points": 1}),
        (answers["net"], {"grade_id": "ex_1_2", "solution": True}),
        (NET, {"grade_id": "ex_1_2_net", "grade": True, "points": 1}),
    ):
        cells.append(new_code_cell(source, metadata={"nbgrader": flags}))
    cells[-1].metadata["labutils"] = {"builds_on": ["ex_1_1_make"]}
    return new_notebook(cells=cells)


WRONG, UNANSWERED = "def make():\n    return 3.0", "def make():\n    raise NotImplementedError"
CASES = {
    "all is right": ({}, set()),
    "the part was wrong": ({"make": WRONG}, {"ex_1_1_make"}),
    "the part was wrong, and the rest is": (
        {"make": WRONG, "net": ANSWERS["net"].replace("2, 3", "2")},
        {"ex_1_1_make", "ex_1_2_net"},
    ),
    "the net alone is wrong": ({"net": ANSWERS["net"].replace("make()", "7.0")}, {"ex_1_2_net"}),
    "the part was spoilt afterwards": ({"net": f"{WRONG}\n\n\n{ANSWERS['net']}"}, {"ex_1_2_net"}),
    "the part was wrong, and is right now": (
        {"make": WRONG, "net": f"{ANSWERS['make']}\n\n\n{ANSWERS['net'].replace('make()', '7.0')}"},
        {"ex_1_1_make", "ex_1_2_net"},
    ),
    "the part is not answered": (
        {"make": UNANSWERED, "net": ANSWERS["net"].replace("make()", "7.0")},
        {"ex_1_1_make", "ex_1_2_net"},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_who_loses_what_in_one_process(name, monkeypatch, tmp_path):
    changed, lost = CASES[name]
    path = tmp_path / "notebooks" / "mini" / "mini.ipynb"
    path.parent.mkdir(parents=True)
    nbformat.write(lab(**changed), path)
    monkeypatch.setattr(graded, "ROOT", tmp_path)
    outcome = graded.grade(graded.graded_cells.__wrapped__("mini"))
    assert {test for test, error in outcome.items() if error} == lost


@pytest.mark.needs("sandbox")
@pytest.mark.needs("sandbox")
@pytest.mark.parametrize("name", CASES)
def test_who_loses_what_in_the_judge(name):
    changed, lost = CASES[name]
    results = judge.run(prepare(lab(**changed), lab()).job)
    errors = [any(item["output_type"] == "error" for item in result.outputs) for result in results]
    assert {test for test, failed in (("ex_1_1_make", errors[2]), ("ex_1_2_net", errors[4])) if failed} == lost


def test_metadata_that_makes_no_sense_declares_nothing():
    assert declared(new_code_cell("1", metadata={"labutils": "ex_1_1"})) == ()
    assert declared(new_code_cell("1")) == ()
