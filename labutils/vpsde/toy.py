"""Toy problems for the checks and pictures of Lab 5: an SDE and data for which scores and densities are exact.

`LinearSDE` is given by its kernel x_t = alpha(t) x_0 + sqrt(variance(t)) z; its drift and diffusion are read off that
kernel by differentiation. `Mixture` is a law of data made of Gaussians, which such a kernel carries to Gaussians again.
What would answer an exercise is not here but in `labutils.reference`.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from scipy import stats
from torch.distributions import Normal

from labutils.distributions.line import COMPLEX_STEP, MixtureLaw
from labutils.distributions.points import GaussianMixture
from labutils.vpsde.interfaces import Times

TimeFunction = Callable[[torch.Tensor], torch.Tensor]  # analytic: it takes complex times, too


class LinearSDE:
    """An SDE with the kernel N(alpha(t) x_0, variance(t)), and the prior N(0, scale**2) in every coordinate.

    alpha, variance: functions of a tensor of times, analytic, so that they can be differentiated.
    """

    def __init__(self, alpha: TimeFunction, variance: TimeFunction, scale: float = 1.0) -> None:
        self.alpha, self.variance, self.prior = alpha, variance, Normal(0.0, scale)

    def sde(self, x: torch.Tensor, t: Times) -> tuple[torch.Tensor, torch.Tensor]:
        """Drift, of x's shape (n, ...), and diffusion, of the shape of t, which is () or (n,)."""
        t = torch.as_tensor(t)
        rate = _slope(self.alpha, t) / self.alpha(t.double())
        squared = _slope(self.variance, t) - 2 * rate * self.variance(t.double())
        return _like(rate, x) * x, squared.sqrt().to(x.dtype)

    def marginal_prob(self, x: torch.Tensor, t: Times) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean, of x's shape (n, ...), and standard deviation, of the shape of t, of x_t given x_0 = x."""
        t = torch.as_tensor(t).double()
        return _like(self.alpha(t), x) * x, self.variance(t).sqrt().to(x.dtype)

    def law(self, x: float, t: float) -> Any:
        """The law of x_t given x_0 = x, two numbers: a frozen `scipy.stats.norm`."""
        alpha, variance = (float(f(torch.tensor(t).double())) for f in (self.alpha, self.variance))
        return stats.norm(alpha * x, math.sqrt(variance))

    def prior_sample(self, shape: tuple[int, ...], rng: torch.Generator | None = None) -> torch.Tensor:
        """A draw of the prior, of any shape."""
        return self.prior.scale * torch.randn(shape, generator=rng)

    def prior_logp(self, z: torch.Tensor) -> torch.Tensor:
        """The log density of the prior, (n, ...) -> (n,)."""
        return self.prior.log_prob(z).flatten(1).sum(1)


def practice_sde() -> LinearSDE:
    """The SDE that the checks bring along: its noise ends at 1.2, not 1, and both its coefficients change in time."""

    def alpha(t: torch.Tensor) -> torch.Tensor:
        return torch.exp(-1.5 * t - t**2)

    return LinearSDE(alpha, lambda t: 1.44 * (1 - alpha(t) ** 2), scale=1.2)


class StillSDE(LinearSDE):
    """As `practice_sde`, but without noise: dx = speed(x, t) dt. start: as in `still_sde`.

    The class has a name in this module, for objects of it travel to the student's side of the judge.
    """

    def __init__(self, speed: Callable[[torch.Tensor, Times], torch.Tensor], start: float | None) -> None:
        practice = practice_sde()
        super().__init__(practice.alpha, practice.variance, float(practice.prior.scale))
        self.speed, self.start = speed, start

    def sde(self, x: torch.Tensor, t: Times) -> tuple[torch.Tensor, torch.Tensor]:
        return self.speed(x, t), torch.zeros_like(torch.as_tensor(t, dtype=x.dtype))

    def prior_sample(self, shape: tuple[int, ...], rng: torch.Generator | None = None) -> torch.Tensor:
        return super().prior_sample(shape, rng) if self.start is None else torch.full(shape, self.start)


def still_sde(speed: Callable[[torch.Tensor, Times], torch.Tensor], start: float | None = None) -> StillSDE:
    """No noise at all: dx = speed(x, t) dt. For checks of what remains of a sampler then.

    start: the number that every coordinate of a draw from the prior is; by default the prior is `practice_sde`'s.
    """
    return StillSDE(speed, start)


def fixed_times(n: int, eps: float = 1e-5, rng: torch.Generator | None = None) -> torch.Tensor:
    """In the place of random times: n of them, evenly from 0.2 to 0.9, shape (n,)."""
    return torch.linspace(0.2, 0.9, n)


def fixed_noise(
    x: torch.Tensor, t: torch.Tensor, sde: LinearSDE, rng: torch.Generator | None = None
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """In the place of random noise: x_t and its noise, of x's shape (n, ...), and their std, (n,), made up."""
    return 2 * x + _like(t, x), x**2 - 0.5, t / 2 + 0.1


class Mixture:
    """Data from Gaussians N(mean_i, deviation_i**2) with weights_i, each coordinate noised by `sde`.

    means: (k, d), weights and deviations: (k,). Points have shape (n, d); times are scalars or (n,).
    """

    def __init__(
        self,
        weights: Sequence[float],
        means: Sequence[Sequence[float]],
        deviations: Sequence[float],
        sde: LinearSDE | None = None,
    ) -> None:
        self.data = GaussianMixture(means, torch.as_tensor(deviations, dtype=torch.float64) ** 2, weights)
        self.kernel = sde or practice_sde()

    def at(self, t: Times) -> GaussianMixture:
        """The distribution of x_t, a GaussianMixture; for times (n,), one for each of n points."""
        t = torch.as_tensor(t).double()
        return self.data.diffused(self.kernel.alpha(t), self.kernel.variance(t))

    def score(self, x: torch.Tensor, t: Times) -> torch.Tensor:
        """The gradient of log p_t at x, (n, d) -> (n, d); differentiable in x."""
        return self.at(t).score(x)

    def log_density(self, x: torch.Tensor, t: Times) -> torch.Tensor:
        """log p_t at x, (n, d) -> (n,)."""
        return self.at(t).log_density(x).to(x.dtype)

    def sample(self, n: int, rng: torch.Generator | None = None) -> torch.Tensor:
        """n points of the data, (n, d)."""
        return self.data.sample(n, rng, torch.float32)

    def law(self, t: Times) -> MixtureLaw:
        """The distribution of one-dimensional points at time t, a `MixtureLaw`."""
        return self.at(float(t)).law()


class Aim:
    """A score whose reverse step by `sde` from time t, h long, leads to `target` whatever the start; else it is -x."""

    def __init__(self, sde: LinearSDE, t: float, h: float, target: float) -> None:
        self.sde, self.t, self.h, self.target = sde, t, h, target

    def score(self, x: torch.Tensor, t: Times) -> torch.Tensor:
        """(n, ...) -> (n, ...)."""
        if abs(float(torch.as_tensor(t).flatten()[0]) - self.t) > 1e-4:
            return -x
        drift, diffusion = self.sde.sde(x, t)
        return (drift + (self.target - x) / self.h) / _like(diffusion**2, x)


def two_hills(sde: LinearSDE | None = None) -> Mixture:
    """The one-dimensional data of the checks and pictures: a narrow hill and a broad one, 0.7 to 0.3."""
    return Mixture([0.7, 0.3], [[0.6], [-0.8]], [0.1, 0.3], sde)


def one_hill(d: int = 1, sde: LinearSDE | None = None) -> Mixture:
    """Gaussian data in d dimensions: its scores are straight lines, so that what samplers draw is known exactly."""
    return Mixture([1.0], [[0.5 + 0.25 * i for i in range(d)]], [0.4], sde)


def _slope(f, t):
    """f'(t) for an analytic f, by a complex step."""
    return (f(t.to(torch.complex128) + COMPLEX_STEP * 1j).imag / COMPLEX_STEP).double()


def _like(factor, x):
    """One number, or one per point (n,), as a factor for x, shape (n, ...)."""
    return factor.reshape(-1, *[1] * (x.ndim - 1)).to(x.dtype)
