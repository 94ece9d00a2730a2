"""The exact law of diffused points, against scipy and against brute force."""

import numpy as np
import pytest
from scipy import integrate, stats

from labutils import checks
from labutils.distributions import diffused_points
from labutils.reference import expected_noise

DATA, ALPHA_BAR = {0.4: 0.8, -0.6: 0.2}, 0.3
LAW = diffused_points(DATA, ALPHA_BAR)


def test_one_point_gives_a_gaussian():
    law, gaussian = diffused_points({0.4: 1.0}, 0.3), stats.norm(0.4 * 0.3**0.5, 0.7**0.5)
    x = np.linspace(-5, 5, 31)
    for name in ("pdf", "logpdf", "cdf", "sf"):
        assert getattr(law, name)(x) == pytest.approx(getattr(gaussian, name)(x), rel=1e-12)
    assert law.ppf([1e-6, 0.3, 0.99]) == pytest.approx(gaussian.ppf([1e-6, 0.3, 0.99]), abs=1e-12)
    assert (law.mean(), law.std()) == pytest.approx((gaussian.mean(), gaussian.std()))


def test_density_and_moments_agree():
    def moment(k):
        return integrate.quad(lambda x: x**k * LAW.pdf(x), -8, 8)[0]

    assert moment(0) == pytest.approx(1)
    assert LAW.mean() == pytest.approx(moment(1))
    assert LAW.std() ** 2 == pytest.approx(moment(2) - moment(1) ** 2)
    assert LAW.cdf(0.2) == pytest.approx(integrate.quad(LAW.pdf, -8, 0.2)[0])


def test_quantiles_invert_the_cumulative_curve():
    q = np.array([1e-9, 0.01, 0.5, 0.99])
    assert LAW.cdf(LAW.ppf(q)) == pytest.approx(q, rel=1e-6)
    x = np.array([-1.0, 0.2, 3.0])
    assert LAW.cdf(x) + LAW.sf(x) == pytest.approx(np.ones(3))


def test_it_is_the_law_of_diffused_draws():
    def draws(n):
        rng = np.random.default_rng()
        x_0 = rng.choice(list(DATA), n, p=list(DATA.values()))
        return np.sqrt(ALPHA_BAR) * x_0 + np.sqrt(1 - ALPHA_BAR) * rng.standard_normal(n)

    checks.distribution(draws, LAW, n=2000).assert_ok()


def test_the_expected_noise_is_the_mean_over_draws_that_end_nearby():
    rng = np.random.default_rng(1)
    x_0, z = rng.choice(list(DATA), 400_000, p=list(DATA.values())), rng.standard_normal(400_000)
    x_t = np.sqrt(ALPHA_BAR) * x_0 + np.sqrt(1 - ALPHA_BAR) * z
    for x in (-1.0, 0.0, 0.7):
        near = np.abs(x_t - x) < 0.02
        assert expected_noise(np.array([x]), DATA, ALPHA_BAR)[0] == pytest.approx(
            z[near].mean(), abs=4 * z[near].std() / near.sum() ** 0.5
        )


def test_far_out_everything_stays_finite():
    law, x = diffused_points(DATA, 0.9999), np.array([-120.0, 90.0])
    assert np.isfinite(law.logpdf(x)).all()
    nearest = np.array([-0.6, 0.4])
    assert expected_noise(x, DATA, 0.9999) == pytest.approx((x - 0.9999**0.5 * nearest) / 1e-2, rel=1e-9)


@pytest.mark.parametrize(
    ("data", "alpha_bar", "named"),
    [
        ({0.4: 0.8, -0.6: 0.3}, 0.5, "1.1"),
        ({0.4: 1.2, -0.6: -0.2}, 0.5, "1.2"),
        ({0.4: np.nan}, 0.5, "nan"),
        ({0.4: 0.9, 0.1: 0.3, -0.6: -0.2}, 0.5, "-0.2"),
        ({0.4: 1.0}, 1.0, "1.0"),
        ({0.4: 1.0}, -0.1, "-0.1"),
    ],
)
def test_bad_laws_are_refused(data, alpha_bar, named):
    with pytest.raises(ValueError, match=named):
        diffused_points(data, alpha_bar)
