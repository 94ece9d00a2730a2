"""Whole submissions with several mistakes: each exercise with one loses points, and no other."""

import importlib
from pathlib import Path

import pytest

from tests import graded
from tests.power import variants

LABS = sorted(path.stem for path in (Path(__file__).parent / "submissions").glob("lab*.py"))
CASES = [(lab, name) for lab in LABS for name in importlib.import_module(f"tests.submissions.{lab}").SUBMISSIONS]


def test_every_lab_from_the_second_on_has_at_least_six():
    assert all(sum(case[0] == lab for case in CASES) >= 6 for lab in LABS) and len(LABS) == 4


@pytest.mark.filterwarnings("ignore")  # wrong answers may divide by zero
@pytest.mark.parametrize("lab, name", CASES)
def test_a_wrong_submission_loses_points_where_it_is_wrong(lab, name):
    named, exercises = importlib.import_module(f"tests.submissions.{lab}").SUBMISSIONS[name]
    cells = graded.graded_cells(lab)
    for exercise, misconception in named:
        (mutant,) = [
            m for m in variants(lab) if getattr(m, "misconception", "") == misconception and m.exercise == exercise
        ]
        cells = graded.patched(cells, mutant)
    outcome = graded.grade(cells)
    lost = {cell.exercise for cell in cells if cell.kind == "test" and outcome[cell.grade_id]}
    assert lost == exercises
