"""One step: right ones pass, and the symptom of wrong ones is named."""

import numpy as np
import pytest

from labutils.checks.statistical import one_step

rng = np.random.default_rng(2)


def verdict(step):
    return one_step(step, (1, 3), lambda x: 0.5 * x, lambda x: 0.2 * x)


def test_a_right_step_passes():
    assert verdict(lambda x: 0.5 * x + 0.2 * x * rng.standard_normal(len(x))).status != "fail"


@pytest.mark.parametrize(
    ("step", "symptom"),
    [
        (lambda x: x + 0.2 * x * rng.standard_normal(len(x)), "mean"),
        (lambda x: 0.5 * x + 0.04 * x * rng.standard_normal(len(x)), "spread"),
        (lambda x: 0.5 * x + 0.2 * x * rng.standard_normal(), "independence"),
        (lambda x: 0.5 * x + 0.2 * x * rng.uniform(-(3**0.5), 3**0.5, len(x)), "law"),
    ],
)
def test_wrong_steps_are_named(step, symptom):
    report = verdict(step)
    assert (report.status, report.symptom) == ("fail", symptom)


def test_a_wrong_shape_is_named():
    with pytest.raises(AssertionError, match=r"\(100,\).*\(100, 1\)"):
        verdict(lambda x: x[:, None])


def test_a_step_that_writes_into_its_input_is_judged_by_its_result():
    def in_place(x):
        x *= 0.5
        x += 0.4 * x * rng.standard_normal(len(x))
        return x

    assert verdict(in_place).status != "fail"
