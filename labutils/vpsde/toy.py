"""Toy problems for the checks and pictures of Lab 5: an SDE and data for which scores and densities are exact.

`LinearSDE` is given by its kernel x_t = alpha(t) x_0 + sqrt(variance(t)) z; its drift and diffusion are read off that
kernel by differentiation. `Mixture` is a law of data made of Gaussians, which such a kernel carries to Gaussians again.
What would answer an exercise is not here but in `labutils.reference`.
"""

import math

import numpy as np
import torch
from scipy import stats
from torch.distributions import Normal

from labutils.distributions.line import COMPLEX_STEP, MixtureLaw


class LinearSDE:
    """An SDE with the kernel N(alpha(t) x_0, variance(t)), and the prior N(0, scale**2) in every coordinate.

    alpha, variance: functions of a tensor of times, analytic, so that they can be differentiated.
    """

    def __init__(self, alpha, variance, scale=1.0):
        self.alpha, self.variance, self.prior = alpha, variance, Normal(0.0, scale)

    def sde(self, x, t):
        """Drift, of x's shape (n, ...), and diffusion, of the shape of t, which is () or (n,)."""
        t = torch.as_tensor(t)
        rate = _slope(self.alpha, t) / self.alpha(t.double())
        squared = _slope(self.variance, t) - 2 * rate * self.variance(t.double())
        return _like(rate, x) * x, squared.sqrt().to(x.dtype)

    def marginal_prob(self, x, t):
        """Mean, of x's shape (n, ...), and standard deviation, of the shape of t, of x_t given x_0 = x."""
        t = torch.as_tensor(t).double()
        return _like(self.alpha(t), x) * x, self.variance(t).sqrt().to(x.dtype)

    def law(self, x, t):
        """The law of x_t given x_0 = x, two numbers: a frozen `scipy.stats.norm`."""
        alpha, variance = (float(f(torch.tensor(t).double())) for f in (self.alpha, self.variance))
        return stats.norm(alpha * x, math.sqrt(variance))

    def prior_sample(self, shape, rng=None):
        """A draw of the prior, of any shape."""
        return self.prior.scale * torch.randn(shape, generator=rng)

    def prior_logp(self, z):
        """The log density of the prior, (n, ...) -> (n,)."""
        return self.prior.log_prob(z).flatten(1).sum(1)


def practice_sde():
    """The SDE that the checks bring along: its noise ends at 1.2, not 1, and both its coefficients change in time."""

    def alpha(t):
        return torch.exp(-1.5 * t - t**2)

    return LinearSDE(alpha, lambda t: 1.44 * (1 - alpha(t) ** 2), scale=1.2)


def still_sde(speed, start=None):
    """No noise at all: dx = speed(x, t) dt. For checks of what remains of a sampler then.

    start: the number that every coordinate of a draw from the prior is; by default the prior is `practice_sde`'s.
    """
    still = practice_sde()
    still.sde = lambda x, t: (speed(x, t), torch.zeros_like(torch.as_tensor(t, dtype=x.dtype)))
    if start is not None:
        still.prior_sample = lambda shape, rng=None: torch.full(shape, start)
    return still


def zero_score(x, t):
    """The score of a flat density: 0, of x's shape."""
    return 0 * x


def fixed_times(n, eps=1e-5, rng=None):
    """In the place of random times: n of them, evenly from 0.2 to 0.9, shape (n,)."""
    return torch.linspace(0.2, 0.9, n)


def fixed_noise(x, t, sde, rng=None):
    """In the place of random noise: x_t and its noise, of x's shape (n, ...), and their std, (n,), made up."""
    return 2 * x + _like(t, x), x**2 - 0.5, t / 2 + 0.1


class Mixture:
    """A law of data made of Gaussians N(mean_i, deviation_i**2) with weights_i, each coordinate noised by `sde`.

    means: (k, d), weights and deviations: (k,). Points have shape (n, d); times are scalars or (n,).
    """

    def __init__(self, weights, means, deviations, sde=None):
        self.weights, self.means, self.deviations = (
            torch.as_tensor(a, dtype=torch.float64) for a in (weights, means, deviations)
        )
        self.kernel = sde or practice_sde()

    def _terms(self, x, t):
        """Log weights times densities (n, k), shrunken means (n or 1, k, d) and variances (n or 1, k) at time t."""
        t = torch.as_tensor(t).double().reshape(-1, 1)
        alpha, variance = self.kernel.alpha(t), self.kernel.variance(t)
        means, total = alpha[..., None] * self.means, alpha**2 * self.deviations**2 + variance
        squares = (x.double()[:, None] - means).square().sum(-1)
        logs = -squares / (2 * total) - x.shape[1] / 2 * torch.log(2 * math.pi * total)
        return self.weights.log() + logs, means, total

    def score(self, x, t):
        """The gradient of log p_t at x, (n, d) -> (n, d); differentiable in x."""
        logs, means, total = self._terms(x, t)
        pulls = (means - x.double()[:, None]) / total[..., None]
        return (logs.softmax(1)[..., None] * pulls).sum(1).to(x.dtype)

    def log_density(self, x, t):
        """log p_t at x, (n, d) -> (n,)."""
        return self._terms(x, t)[0].logsumexp(1).to(x.dtype)

    def sample(self, n, rng=None):
        """n points of the data, (n, d)."""
        chosen = torch.multinomial(self.weights, n, replacement=True, generator=rng)
        z = torch.randn(n, self.means.shape[1], generator=rng)
        return (self.means[chosen] + self.deviations[chosen, None] * z).float()

    def law(self, t):
        """The law of one-dimensional points at time t."""
        alpha, variance = (float(f(torch.tensor(t).double())) for f in (self.kernel.alpha, self.kernel.variance))
        spread = np.sqrt(alpha**2 * self.deviations.numpy() ** 2 + variance)
        return MixtureLaw(self.weights.numpy(), alpha * self.means.numpy()[:, 0], spread)


class Aim:
    """A score whose reverse step by `sde` from time t, h long, leads to `target` whatever the start; else it is -x."""

    def __init__(self, sde, t, h, target):
        self.sde, self.t, self.h, self.target = sde, t, h, target

    def score(self, x, t):
        """(n, ...) -> (n, ...)."""
        if abs(float(torch.as_tensor(t).flatten()[0]) - self.t) > 1e-4:
            return -x
        drift, diffusion = self.sde.sde(x, t)
        return (drift + (self.target - x) / self.h) / _like(diffusion**2, x)


def two_hills(sde=None):
    """The one-dimensional data of the checks and pictures: a narrow hill and a broad one, 0.7 to 0.3."""
    return Mixture([0.7, 0.3], [[0.6], [-0.8]], [0.1, 0.3], sde)


def one_hill(d=1, sde=None):
    """Gaussian data in d dimensions: its scores are straight lines, so that every sampler's law is known exactly."""
    return Mixture([1.0], [[0.5 + 0.25 * i for i in range(d)]], [0.4], sde)


def _slope(f, t):
    """f'(t) for an analytic f, by a complex step."""
    return (f(t.to(torch.complex128) + COMPLEX_STEP * 1j).imag / COMPLEX_STEP).double()


def _like(factor, x):
    """One number, or one a point (n,), as a factor for x, shape (n, ...)."""
    return factor.reshape(-1, *[1] * (x.ndim - 1)).to(x.dtype)
