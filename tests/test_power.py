"""The hidden tests catch wrong answers and let right ones pass: a sample of what `make power` measures in full."""

import pytest

from tests import power


@pytest.mark.parametrize("lab", power.labs())
def test_wrong_answers_lose_their_own_points_and_right_ones_none(lab):
    answers, repeats = power.variants(lab)
    sample = answers if repeats >= power.REPEATS else answers[::12]  # answers that train a network take seconds each
    rows = [power.measure(lab, answer, 1) for answer in sample]
    assert not [(row.exercise, row.variant, row.elsewhere, row.unclear) for row in rows if not row.good]


def test_a_patch_that_no_longer_applies_is_an_error():
    lab = power.labs()[0]
    stale = power.variants(lab)[0][0].__class__("1.1", "stale", (("no such text", ""),), "value")
    with pytest.raises(ValueError, match=r"stale.*no such text"):
        power.patched(power.graded_cells(lab), stale)


def test_a_right_answer_that_loses_points_is_reported():
    row = power.Row("lab", "1.1", "loops", right=True, points=4, repeats=3, lost=1)
    assert not row.good and "WRONG" in power.markdown([row])
    assert power.Row("lab", "1.1", "no root", right=False, points=4, repeats=3, lost=2).good is False
