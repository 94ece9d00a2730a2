"""What the power table measures is what students get: one wrong answer and one right style of each exercise."""

import pytest

from tests import judged, power

pytestmark = pytest.mark.needs("sandbox")
CHEAP = {"lab4_training_prompts": ("4.1", "4.2"), "lab5_vpsde_mnist": ("5.1", "5.2")}  # the others train nets


def sample():
    """(lab, exercise) of all exercises that are graded in seconds."""
    for lab in power.labs():
        for exercise in sorted({one.exercise for one in power.variants(lab)}):
            if exercise in CHEAP.get(lab, (exercise,)):
                yield lab, exercise


@pytest.mark.parametrize("lab, exercise", [*sample()])
def test_the_judge_gives_the_points_that_the_tests_give(lab, exercise):
    answers = [one for one in power.variants(lab) if one.exercise == exercise]
    wrong = [one for one in answers if hasattr(one, "misconception") and not one.equal]
    right = [one for one in answers if not hasattr(one, "misconception")]
    for one in (wrong[0], right[0]):
        assert judged.difference(lab, one, whole=lab not in CHEAP) == {}, one


def test_a_difference_is_seen(monkeypatch):
    lab = power.labs()[0]
    monkeypatch.setattr(judged, "in_sandbox", lambda lab, cells: {c.grade_id: False for c in cells if c.kind == "test"})
    right = next(one for one in power.variants(lab) if not hasattr(one, "misconception"))
    found = judged.differences(lab, [right])
    assert "passes in process only" in judged.report(lab, found, 1) and len(found[0][1]) > 5
