"""The hidden tests catch wrong answers and let right ones pass: a sample of what `make power` measures in full."""

import re

import numpy as np
import pytest

from tests import graded, power, power_tables
from tests.calibration import Reference
from tests.mutants import Mutant, Style


def sample(lab):
    """The answers of a lab to grade once, and how many of these gradings run every test: fewer where nets train."""
    for i, answer in enumerate(power.variants(lab)):
        whole = not power.slow(lab) or i % 20 == 0
        if whole or answer.exercise not in power.slow(lab):
            yield answer, int(whole)


@pytest.mark.filterwarnings("ignore")  # wrong answers may divide by zero
@pytest.mark.parametrize("lab", power.labs())
def test_wrong_answers_lose_their_own_points_and_right_ones_none(lab):
    rows = [power.measure(lab, answer, 1, whole) for answer, whole in sample(lab)]
    assert not [(row.exercise, row.variant, row.elsewhere, row.unclear) for row in rows if not row.good]


def test_the_readme_counts_the_answers_of_every_lab():
    text = (graded.ROOT / "README.md").read_text(encoding="utf-8")
    lines = re.findall(r"^\| (\d) \| (\d+)\b[^|]*\| (\d+) \|", text, re.MULTILINE)
    answers = {lab: power.variants(lab) for lab in power.labs()}
    wrong = {lab: sum(isinstance(answer, Mutant) for answer in answers[lab]) for lab in answers}
    assert lines == [(lab[3], str(wrong[lab]), str(len(answers[lab]) - wrong[lab])) for lab in answers]


# Parts of the runner, on a lab of two exercises ----------------------------------------------------------------------


CELLS = (
    graded.GradedCell("setup", "imports", "", 0, "ran = []"),
    graded.GradedCell("solution", "ex_9_1", "9.1", 0, "def one():\n    return 1\n\n\nran.append(1)"),
    graded.GradedCell("test", "ex_9_1_value", "9.1", 2, "assert one() == 1"),
    graded.GradedCell("solution", "ex_9_2", "9.2", 0, "def two():\n    return 2"),
    graded.GradedCell("test", "ex_9_2_value", "9.2", 3, "assert two() == 2, ran"),
    graded.GradedCell("test", "ex_9_2_type", "9.2", 1, "assert type(two()) is int and one() == 1"),
)


@pytest.fixture
def lab(monkeypatch):
    monkeypatch.setattr(power, "graded_cells", lambda name: CELLS)
    monkeypatch.setattr(graded, "graded_cells", lambda name: CELLS)
    monkeypatch.setattr(power, "prepared", graded.PreparedExercise)
    return "lab9"


def test_points_lost_are_those_of_the_first_gradings_and_every_grading_counts(lab):
    row = power.measure(lab, Mutant("9.2", "three", (("2", "3"),), "error"), repeats=5, whole=2)
    assert (row.lost, row.mean_loss, row.points, row.elsewhere, row.good) == (5, 3, 4, "", True)
    assert row.tests == 2 * 3 + 3 * 1  # later gradings stop at the first failure


def test_points_lost_in_another_exercise_are_reported_wherever_it_stands(lab):
    early = power.measure(lab, Mutant("9.2", "takes one's name", (("return 2", "return 3\none = two"),), "error"), 1, 1)
    late = power.measure(lab, Mutant("9.1", "two", (("return 1", "return 2"),), "error"), 1, 1)
    assert early.elsewhere == "ex_9_1_value" and late.elsewhere == "ex_9_2_type"
    assert not early.good and not late.good


def test_a_style_is_graded_by_every_test_of_its_exercise(lab):
    right = power.measure(lab, Style("9.2", "by a lambda", "two = lambda: 1 + 1"), repeats=3, whole=1)
    wrong = power.measure(lab, Style("9.2", "a float", "two = lambda: 2.0"), repeats=3, whole=1)
    assert right.good and right.lost == 0
    assert not wrong.good and (wrong.lost, wrong.mean_loss) == (3, 1)


def test_a_slow_right_answer_is_graded_fewer_times_and_a_wrong_one_is_not(lab, monkeypatch):
    monkeypatch.setattr(power, "PATIENCE", -1)
    assert power.measure(lab, Style("9.2", "by a lambda", "two = lambda: 1 + 1"), repeats=50, whole=1).repeats == 20
    assert power.measure(lab, Mutant("9.2", "three", (("2", "3"),), "error"), repeats=50, whole=1).repeats == 50


def test_a_wrong_answer_that_only_a_hidden_test_catches_is_not_seen(lab, monkeypatch):
    hidden = "### BEGIN HIDDEN TESTS\nassert two() == 2\n### END HIDDEN TESTS\n"
    monkeypatch.setattr(
        power, "graded_cells", lambda name: (*CELLS[:4], graded.GradedCell("test", "t", "9.2", 1, hidden))
    )
    three = Mutant("9.2", "three", (("2", "3"),), "error")
    row = power.measure_both(lab, three, 1, 1)
    assert (row.seen, row.lost) == ((), 1)


def test_what_the_visible_checks_say_is_kept_in_order(lab):
    assert power.seen(lab, Mutant("9.2", "three", (("2", "3"),), "error")) == ("error",)
    style = power.measure_both(lab, Style("9.2", "a float", "two = lambda: 2.0"), 1, 1)
    assert style.seen == ("error",) and not style.good
    assert power.seen(lab, Style("9.2", "by a lambda", "two = lambda: 1 + 1")) == ()


def test_what_stands_before_an_exercise_runs_once_and_stays_as_it_was(lab):
    exercise = graded.PreparedExercise(lab, "9.2")
    own = graded.around(CELLS, "9.2")[1]
    spoiled = (*own[:1], graded.GradedCell("solution", "", "9.2", 0, "one = None"), *own[1:])
    assert exercise.grade(spoiled)["ex_9_2_type"] is not None
    assert not any(exercise.grade(own).values()) and exercise.namespace["ran"] == [1]


def test_a_patch_that_no_longer_applies_is_an_error():
    with pytest.raises(ValueError, match=r"stale.*no such text"):
        graded.patched(CELLS, Mutant("9.1", "stale", (("no such text", ""),), "value"))


def test_a_right_answer_that_loses_points_is_reported():
    assert not power.Row("lab", "1.1", "loops", right=True, points=4, repeats=3, lost=1).good
    assert not power.Row("lab", "1.1", "no root", right=False, points=4, repeats=3, lost=2).good


def test_the_tables_name_what_is_wrong_and_keep_the_lines_of_other_labs(tmp_path):
    reference = Reference(graded=20, tests=40, checks=60, at_once=3, p_values={"mean": np.linspace(0.01, 0.99, 60)})
    rows = [power.Row("lab1_a", "1.1", "no root", False, 4, repeats=9, lost=9, mean_loss=2,
                      seen=("mean",), expected=("mean",)),
            power.Row("lab1_a", "1.1", "no sign", False, 4, repeats=9, lost=9, seen=(), expected=("value",)),
            power.Row("lab1_a", "1.1", "clipped", False, 4, repeats=9, note="the same law"),
            power.Row("lab1_a", "1.1", "loops", True, 4, repeats=9, lost=1)]  # fmt: skip
    power_tables.write("lab1_a", rows, reference, tmp_path)
    text = power_tables.write("lab2_b", rows[:3], reference, tmp_path)
    assert text.startswith("lab2_b: 0 answers")
    table = (tmp_path / "lab1_a.md").read_text()
    assert "| 1.1 | 2 | 1 | 50% | 1 | no sign |" in table and "| 100.0% | mean |" in table
    assert "equal: the same law" in table and "| loops | 4 | 8 of 9 |" in table and "WRONG" in table
    summary = (tmp_path / "summary.md").read_text().splitlines()
    assert summary[2].startswith("| 1 | 3, 1 of them equal by law | 1 | 18 of 18 | 1 of 2 |") and summary[3].startswith(
        "| 2 |"
    )
    assert "3e-08" in summary[2]
