"""What the checks of Lab 5 know: a noising SDE and a distribution of data for which everything can be computed exactly.

`LinearSDE` is given by its kernel x_t = alpha(t) x_0 + sqrt(variance(t)) z; its drift and diffusion are read off that
kernel by differentiation. `Mixture` is data made of Gaussians, which such a kernel carries to Gaussians again: scores,
densities and (in one dimension) the probability flow are known, for the flow keeps every point on its quantile.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
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


def still_sde(speed: Callable[[torch.Tensor, Times], torch.Tensor]) -> LinearSDE:
    """No noise at all: dx = speed(x, t) dt. For checks of what remains of a sampler then."""

    class StillSDE(LinearSDE):
        def sde(self, x: torch.Tensor, t: Times) -> tuple[torch.Tensor, torch.Tensor]:
            return speed(x, t), torch.zeros_like(torch.as_tensor(t, dtype=x.dtype))

    practice = practice_sde()
    return StillSDE(practice.alpha, practice.variance, float(practice.prior.scale))


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

    def flow(self, x: torch.Tensor, t: Times, t_end: Times) -> torch.Tensor:
        """Where the probability flow carries one-dimensional points x, (n, 1), from time t to t_end."""
        moved = self.law(t_end).ppf(self.law(t).cdf(x.double().numpy()))
        return torch.as_tensor(moved, dtype=x.dtype)

    def straight_flow(self, x: torch.Tensor, t: Times, t_end: Times) -> torch.Tensor:
        """As `flow`, for a single Gaussian in any dimension: there the flow keeps distances to the mean, in units."""
        here, there = self.at(t), self.at(t_end)
        units = (x.double() - here.means[..., 0, :]) / here.variances[..., 0, :].sqrt()
        return (there.means[..., 0, :] + units * there.variances[..., 0, :].sqrt()).to(x.dtype)

    def log_model(self, x: torch.Tensor, t: Times) -> torch.Tensor:
        """The log density at t of one-dimensional points that the flow carries back from the SDE's *prior*, (n,).

        The flow carries p_1 back to p_t; the prior is not quite p_1, and the factor between them travels along.
        """
        end = self.flow(x, t, 1.0)
        return self.log_density(x, t) + self.kernel.prior_logp(end) - self.log_density(end, 1.0)


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


def straight_chain(
    step: Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor],
    deviation: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    times: torch.Tensor,
    mean: float,
    std: float,
) -> tuple[float, float]:
    """Mean and standard deviation at the end of x' = step(x, t, h) + deviation(t, h) z, where `step` is a line in x.

    times: falling, (K + 1,); h = times[k] - times[k + 1]. mean, std: those of the Gaussian start.
    """
    for t, t_next in pairwise(times):
        h = t - t_next
        at_0, at_1 = (float(step(torch.full((1, 1), place, dtype=torch.float64), t, h)) for place in (0.0, 1.0))
        mean = at_0 + (at_1 - at_0) * mean
        std = math.hypot((at_1 - at_0) * std, float(deviation(t, h)))
    return mean, std


def _slope(f, t):
    """f'(t) for an analytic f, by a complex step."""
    return (f(t.to(torch.complex128) + COMPLEX_STEP * 1j).imag / COMPLEX_STEP).double()


def _like(factor, x):
    """One number, or one per point (n,), as a factor for x, shape (n, ...)."""
    return factor.reshape(-1, *[1] * (x.ndim - 1)).to(x.dtype)
