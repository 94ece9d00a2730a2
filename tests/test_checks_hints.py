"""A hint is chosen by what was measured, and numbers are printed to the digits that count."""

import numpy as np
import pytest
import torch
from scipy import stats

from labutils import checks
from labutils.checks.report import HINTS, measured_text, number, spread_cause

rng = np.random.default_rng(5)


def walk(z, sd=0.5):
    return lambda n: np.cumsum(np.concatenate([np.zeros((1, n, 2)), sd * z(n)]), axis=0)


NOISE = {
    "same in all steps": lambda n: np.repeat(rng.standard_normal((1, n, 2)), 4, axis=0),
    "same in all coordinates": lambda n: np.repeat(rng.standard_normal((4, n, 1)), 2, axis=2),
    "independence": lambda n: np.repeat(rng.standard_normal((4, 1, 2)), n, axis=1),
    "squared spread": lambda n: 0.5 * rng.standard_normal((4, n, 2)),
    "root of the spread": lambda n: 2**0.5 * rng.standard_normal((4, n, 2)),
    "spread": lambda n: 1.2 * rng.standard_normal((4, n, 2)),
}


@pytest.mark.parametrize("cause", NOISE)
def test_the_hint_of_a_step_follows_what_was_measured(cause):
    report = checks.transition(walk(NOISE[cause]), lambda x, k: x, 0.5)
    assert report.status == "fail" and str(report).endswith(HINTS[cause])


def test_a_measured_cause_says_more_than_the_hint_of_a_cell():
    hints = {"independence": "How many?", "same in all coordinates": "How many coordinates?"}

    def say(cause):
        return str(checks.transition(walk(NOISE[cause]), lambda x, k: x, 0.5, hints=hints)).splitlines()[-1]

    assert say("independence") == "How many?" and say("same in all coordinates") == "How many coordinates?"
    assert say("same in all steps") == HINTS["same in all steps"]


def test_standardised_noise_is_named():
    def standardised(n):
        z = rng.standard_normal(n)
        return (z - z.mean()) / z.std()

    report = checks.distribution(standardised, stats.norm())
    assert (report.status, report.symptom) == ("fail", "independence")
    assert "add up to 0" in str(report) and str(report).endswith(HINTS["standardised"])
    assert checks.distribution(rng.standard_normal, stats.norm()).status != "fail"


def test_a_spread_near_1_tells_nothing_about_a_root():
    assert [spread_cause(0.5, x) for x in (0.25, 0.5**0.5, 0.4)] == ["squared spread", "root of the spread", ""]
    assert spread_cause(1.1, 1.21) == "" and spread_cause(0.5, 0.0) == "" and spread_cause(0.5, np.inf) == ""


MOVES = {
    "all move": lambda x: np.stack([x, x + 1]),
    "none move": lambda x: np.stack([x, x]),
    "move together": lambda x: np.stack([x, x + (rng.random() < 1 / 3)]),
    "acceptance": lambda x: np.stack([x, x + (rng.random(len(x)) < 0.7)]),
}


@pytest.mark.parametrize("cause", MOVES)
def test_the_hint_of_a_share_of_moves_follows_what_was_measured(cause):
    report = checks.share_moved(lambda x: (MOVES[cause](x), 0.0), 1 / 3)
    assert (report.status, report.symptom) == ("fail", "acceptance") and str(report).endswith(HINTS[cause])


def test_a_known_mistake_has_its_own_question():
    swapped = {"Which comes first?": [10.0, 10.0]}

    def ask(value):
        return checks.answer(lambda x: value + 0 * x, (np.ones(2),), [0.5, 0.5], mistakes=swapped)

    assert str(ask(10.0)).endswith("Which comes first?") and str(ask(3.0)).endswith(HINTS["value"])
    assert ask(0.5).status == "pass"


def test_a_tensor_is_called_a_tensor():
    with pytest.raises(checks.CheckFailed, match="expected a tensor of shape"):
        checks.as_floats(torch.zeros(3, 1), (3,))
    with pytest.raises(checks.CheckFailed, match="expected an array of shape"):
        checks.as_floats(np.zeros((3, 1)), (3,))


def test_nothing_is_said_about_a_value_that_need_not_be_named():
    assert "expected a RuntimeError, but the call returned" in str(checks.raises(lambda: None, RuntimeError))


def test_a_value_beside_the_right_one_is_told_apart_from_it():
    report = checks.distribution(lambda n: np.full(n, -0.60004), {0.4: 0.8, -0.6: 0.2})
    assert "value -0.60004 came up, expected only 0.4, -0.6" in str(report)


def test_numbers_are_printed_to_the_digits_that_count():
    assert measured_text(-9.63e-4, 0.0473) == "measured -0.001 ± 0.047"
    assert measured_text(1234.5, 80.0) == "measured 1234 ± 80" and measured_text(0.5, 0.0) == "measured 0.5 ± 0"
    assert number(-3e-18) == "0" and number(0.01234) == "0.0123"
    assert "got 0." in str(checks.answer(lambda x: 1e-13 * x, (np.ones(2),), [1.0, 1.0]))
