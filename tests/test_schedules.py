"""Schedules are aligned with t, and what is none is refused with the value that is wrong."""

import numpy as np
import pytest

from labutils.schedules import check_beta, check_times, linear_schedule


def test_the_schedule_of_the_course():
    beta, alpha, alpha_bar = linear_schedule(200, beta_max=0.02)
    assert beta.shape == alpha.shape == alpha_bar.shape == (201,)
    assert (beta[0], beta[1], beta[200]) == (0, 1e-4, 0.02) and alpha_bar[0] == 1
    assert alpha_bar[200] == pytest.approx(0.1322, abs=5e-5)
    assert alpha_bar[3] == pytest.approx(alpha[1] * alpha[2] * alpha[3])
    assert linear_schedule(200, beta_max=0.05)[2][200] == pytest.approx(0.0061, abs=5e-5)


@pytest.mark.parametrize("T", [0, -3, 2.5])
def test_a_number_of_steps_is_a_positive_integer(T):
    with pytest.raises(ValueError, match=f"T = {T}"):
        linear_schedule(T)


@pytest.mark.parametrize(
    ("beta", "named"),
    [
        ([0, 0.1, 1.0], r"beta\[2\] = 1 "),
        ([0, -0.25], r"beta\[1\] = -0.25"),
        ([0, np.nan], r"beta\[1\] = nan"),
        ([0.125, 0.2], r"beta\[0\] = 0.125"),
        ([0.0], r"\(1,\)"),
        ([[0, 0.1], [0, 0.2]], r"\(2, 2\)"),
    ],
)
def test_what_is_no_schedule_is_refused(beta, named):
    with pytest.raises(ValueError, match=named):
        check_beta(beta)


def test_the_length_is_compared_with_T():
    assert check_beta([0, 0.1, 0.2], T=2).shape == (3,)
    with pytest.raises(ValueError, match=r"\(3,\), expected \(4,\)"):
        check_beta([0, 0.1, 0.2], T=3)
    with pytest.raises(ValueError, match="beta"):
        linear_schedule(5, beta_max=1.0)


@pytest.mark.parametrize("t", [0, 5, np.int64(3), np.array([0, 5, 2]), [1, 2]])
def test_times_are_given_back(t):
    assert check_times(t, 5) is t


@pytest.mark.parametrize(
    ("t", "named"), [(-1, "-1"), (6, "6"), (2.5, "2.5"), (2.0, "2.0"), (np.array([1, -4, 9]), "-4"), ("2", "2")]
)
def test_other_times_are_refused(t, named):
    with pytest.raises(ValueError, match=f"t = {named}"):
        check_times(t, 5)


def test_the_first_time_can_be_later():
    with pytest.raises(ValueError, match=r"t = 0 is outside 1\.\.5"):
        check_times(0, 5, first=1)
