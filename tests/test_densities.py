"""Densities know their logarithm, its slope and how to draw; chains know what they are worth."""

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.linalg import sqrtm

from labutils import checks
from labutils import mcmc as chains
from labutils.distributions import BoltzmannLaw
from labutils.distributions.points import Density, Gaussian, GaussianMixture

MEANS, SPREADS, WEIGHTS = [[-1.0, 0.5], [2.0, 1.0]], [[[1.0, 0.4], [0.4, 0.5]], [[0.3, 0.0], [0.0, 2.0]]], [0.3, 0.7]
torch.set_default_dtype(torch.float64)
mixture = GaussianMixture(MEANS, SPREADS, WEIGHTS)
points = torch.linspace(-2, 3, 10).reshape(5, 2)
torch.set_default_dtype(torch.float32)


@pytest.fixture(autouse=True)
def double_precision(single_precision):
    """As in Lab 2, after the fixture that every test begins with."""
    torch.set_default_dtype(torch.float64)


def test_the_log_density_is_that_of_scipy():
    parts = [w * stats.multivariate_normal(m, c).pdf(points) for m, c, w in zip(MEANS, SPREADS, WEIGHTS, strict=True)]
    assert np.allclose(mixture.log_density(points), np.log(sum(parts)))


def test_the_score_is_the_slope_of_the_log_density():
    sides = 1e-6 * torch.eye(2)
    slopes = [(mixture.log_density(points + s) - mixture.log_density(points - s)) / 2e-6 for s in sides]
    assert torch.allclose(mixture.score(points), torch.stack(slopes, dim=1), rtol=1e-6)
    assert torch.allclose(Gaussian([1.0, -1.0], 4.0).score(points), -(points - torch.tensor([1.0, -1.0])) / 4)
    tilted, x = torch.tensor([[2.0, 0.6, -0.3], [0.6, 1.0, 0.2], [-0.3, 0.2, 0.5]]), torch.arange(12.0).reshape(4, 3)
    assert torch.allclose(Gaussian(torch.ones(3), tilted).score(x), -torch.linalg.solve(tilted, (x - 1).T).T)
    with torch.no_grad():
        assert not mixture.score(points).requires_grad


def test_the_score_can_be_differentiated():
    x = points.clone().requires_grad_()
    (slope,) = torch.autograd.grad(mixture.score(x)[:, 0].sum(), x)
    side = 1e-6 * torch.eye(2)[1]
    change = (mixture.score(points + side) - mixture.score(points - side))[:, 0] / 2e-6
    assert torch.allclose(slope[:, 1], change, rtol=1e-6)


def test_noise_carries_a_mixture_to_a_mixture():
    """Of alpha x_0 + sqrt(v) z: means times alpha, covariances times alpha^2 plus v; one alpha and v per point, too."""
    alpha, variance = torch.linspace(0.2, 1, 5), torch.linspace(2, 0, 5)
    each = mixture.diffused(alpha, variance)
    for i, (a, v) in enumerate(zip(alpha, variance, strict=True)):
        spreads = a**2 * torch.tensor(SPREADS) + v * torch.eye(2)
        known, one = GaussianMixture(a * torch.tensor(MEANS), spreads, WEIGHTS), mixture.diffused(a, v)
        assert torch.allclose(one.covariances, spreads) and torch.equal(one.means, known.means)
        for found in (one.log_density(points)[i], each.log_density(points)[i]):
            assert torch.allclose(found, known.log_density(points)[i])
        assert torch.allclose(each.score(points)[i], known.score(points)[i])
    far = GaussianMixture([[100.0, 0.0]], [1e-6]).diffused(alpha, alpha * 0)
    assert torch.allclose(far.sample(5)[:, 0], 100 * alpha, atol=0.1)
    assert torch.equal(Gaussian([2.0, 0.0], 1.0).diffused(0.5, 0).mean, torch.tensor([1.0, 0.0]))
    with pytest.raises(ValueError, match=r"got -0\.5"):
        mixture.diffused(1.0, torch.tensor([0.1, -0.5]))


def test_a_mixture_on_the_line_is_a_law_of_scipys_kind():
    law, line = GaussianMixture([[-1.0], [2.0]], [0.25, 4.0], WEIGHTS).law(), np.linspace(-3, 5, 9)
    parts = [stats.norm(-1, 0.5), stats.norm(2, 2)]
    assert np.allclose(law.pdf(line), 0.3 * parts[0].pdf(line) + 0.7 * parts[1].pdf(line))
    assert law.mean() == pytest.approx(1.1) and law.cdf(law.ppf(0.3)) == pytest.approx(0.3)
    with pytest.raises(ValueError, match=r"got \(2, 2\)"):
        mixture.law()


def test_any_density_has_a_score():
    class Ring(Density):
        def log_density(self, x):
            return -((x.norm(dim=1) - 2) ** 2)

    radius = points.norm(dim=1, keepdim=True)
    assert torch.allclose(Ring().score(points), -2 * (radius - 2) * points / radius)


def test_draws_follow_the_density():
    law = stats.norm(0.3 * 0.8 - 0.2, np.sqrt(0.3**2 * 1 + 2 * 0.3 * 0.9 * 0.4 + 0.9**2 * 0.5))
    bell = Gaussian([0.8, -0.2 / 0.9], SPREADS[0])
    checks.distribution(lambda n: bell.sample(n) @ torch.tensor([0.3, 0.9]), law).assert_ok()
    far = GaussianMixture([[-50.0], [50.0]], [1.0, 1.0], WEIGHTS)
    checks.proportion(lambda n: int((far.sample(n) > 0).sum()), 400, 0.7).assert_ok()
    assert torch.equal(*(mixture.sample(4, torch.Generator().manual_seed(3)) for _ in range(2)))
    cloud = GaussianMixture(MEANS, SPREADS[:1] * 2).sample(40_000, torch.Generator().manual_seed(1)) - torch.tensor(
        MEANS
    ).mean(0)
    between = np.cov(np.transpose(MEANS), bias=True)
    assert np.allclose(np.cov(cloud.T), SPREADS[0] + between, atol=0.06)


@pytest.mark.parametrize("spread", [[0.09], [SPREADS[0]]], ids=["round", "tilted"])
def test_draws_with_a_seed_do_not_depend_on_the_choice_of_eigenvectors(spread):
    """The noise is stretched by the symmetric root of the covariance, which is unique."""
    bell = GaussianMixture([[1.0, -1.0]], spread)
    draws = bell.sample(50, rng := torch.Generator().manual_seed(7))
    rng.manual_seed(7)
    torch.multinomial(torch.ones(1), 50, replacement=True, generator=rng)
    root = torch.as_tensor(sqrtm(bell.covariances[0].numpy()))
    assert torch.allclose(draws, torch.tensor([1.0, -1.0]) + torch.randn(50, 2, generator=rng) @ root)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((MEANS, SPREADS, [0.3, 0.6]), "0.6"),
        ((MEANS, SPREADS, [1.3, -0.3]), "-0.3"),
        ((MEANS, SPREADS, [1.0]), "[1.0]"),
        ((MEANS, [1.0, -2.0]), "-2.0"),
        ((MEANS, [[[1.0, 2.0], [2.0, 1.0]]] * 2), "2.0"),
        ((MEANS, [1.0]), "(1,)"),
        (([1.0, 2.0], [1.0, 1.0]), "(2,)"),
    ],
)
def test_a_mixture_that_makes_no_sense_is_refused_by_name(arguments, named):
    with pytest.raises(ValueError) as caught:
        GaussianMixture(*arguments)
    assert named in str(caught.value)


def test_a_boltzmann_law_is_the_normal_law_for_a_parabola():
    law, normal, q = BoltzmannLaw(lambda x: (x - 1) ** 2 / 8, -15, 17), stats.norm(1, 2), np.linspace(0.01, 0.99, 9)
    assert np.allclose(law.ppf(q), normal.ppf(q), atol=1e-4)
    assert np.allclose(law.pdf(law.ppf(q)), normal.pdf(normal.ppf(q)), rtol=1e-4)
    assert np.allclose([law.mean(), law.std(), law.sf(2.0)], [1, 2, normal.sf(2.0)], atol=1e-5)
    assert law.pdf(40.0) == 0
    checks.distribution(lambda n: law.rvs(n), normal).assert_ok()
    for low, high, energy, named in ((2, 1, np.abs, "[2, 1]"), (-1, 1, lambda x: x / (x * 0 + np.inf) * np.inf, "nan")):
        with pytest.raises(ValueError) as caught, np.errstate(invalid="ignore"):
            BoltzmannLaw(energy, low, high)
        assert named in str(caught.value)


def test_a_correlated_chain_is_worth_what_theory_says():
    rng, keep = np.random.default_rng(4), 0.8
    chain = [0.0]
    for z in rng.standard_normal(40_000):
        chain.append(keep * chain[-1] + z)
    assert np.allclose(chains.autocorrelation(chain, 3), keep ** np.arange(4), atol=0.03)
    assert chains.effective_sample_size(chain) == pytest.approx(40_000 * (1 - keep) / (1 + keep), rel=0.15)
    assert chains.batch_means(chain)[1] == pytest.approx(1 / (1 - keep) / 200, rel=0.4)
    assert chains.effective_sample_size(rng.standard_normal(5000)) == pytest.approx(5000, rel=0.1)
    for call in (lambda: chains.autocorrelation(chain, -1), lambda: chains.batch_means(chain, 1)):
        with pytest.raises(ValueError, match="1"):
            call()
    with pytest.raises(ValueError, match=r"\(3,\)"):
        chains.effective_sample_size(np.ones(3))


@pytest.mark.parametrize("size", [0.3, 2.4])
def test_the_acceptance_rates_are_exact(size):
    """Against quadrature of E min(1, ratio) over start and proposal."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(200)
    x, z, w = nodes[:, None], nodes[None, :], np.outer(weights, weights) / (2 * np.pi)
    y = x + size * z
    assert chains.metropolis_acceptance(size) == pytest.approx(
        (w * np.minimum(1, np.exp((x**2 - y**2) / 2))).sum(), abs=2e-3
    )
    y = (1 - size / 2) * x + np.sqrt(size) * z
    expected = (w * np.minimum(1, np.exp(size * (x**2 - y**2) / 8))).sum()
    assert chains.langevin_acceptance(size) == pytest.approx(expected, abs=2e-3)
