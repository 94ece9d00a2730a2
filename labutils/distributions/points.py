"""Densities of points in d dimensions, shape (n, d): their logarithm, its gradient (the score), and draws from them.

A `Density` need not be normalised: its score, grad log p(x), does not feel a constant factor.
"""

import copy
import math
from abc import ABC, abstractmethod

import torch

from labutils.distributions.line import MixtureLaw


class Density(ABC):
    """Something that knows log p(x), up to a constant."""

    @abstractmethod
    def log_density(self, x):
        """log p(x). x: shape (n, d). Returns shape (n,)."""

    def score(self, x):
        """The gradient of log p at every point, by automatic differentiation. x: shape (n, d). Returns shape (n, d)."""
        with torch.enable_grad():
            x = x.detach().requires_grad_(True)
            return torch.autograd.grad(self.log_density(x).sum(), x)[0]


class Sampleable(ABC):
    """Something that can be drawn from."""

    @abstractmethod
    def sample(self, n, rng=None):
        """n independent draws, shape (n, d). rng: a torch.Generator or None."""


class GaussianMixture(Density, Sampleable):
    """sum_k weights[k] N(means[k], covariances[k]).

    means: shape (K, d). covariances: shape (K, d, d), or (K,) variances of round components. weights: shape (K,), equal
    by default. Raises ValueError for weights that are negative or don't sum to 1, and for a covariance that is not
    symmetric and positive.

    Covariances are kept as principal axes, shape (K, d, d), a column each, and the variances along them, (K, d): noise
    that is the same in all directions only adds to these variances.
    """

    def __init__(self, means, covariances, weights=None):
        self.means = torch.as_tensor(means, dtype=torch.float64)
        if self.means.ndim != 2:
            raise ValueError(f"means must have shape (K, d), got {tuple(self.means.shape)}")
        self.variances, self.axes = _principal(covariances, *self.means.shape)
        self.weights = _weights(weights, len(self.means))

    @property
    def covariances(self):
        """The covariances, shape (K, d, d)."""
        return (self.axes * self.variances[..., None, :]) @ self.axes.mT

    def log_density(self, x):
        """log p(x), in double precision. x: shape (n, d). Returns shape (n,)."""
        return self._log_terms(self._along_axes(x)).logsumexp(1)

    def score(self, x):
        """The gradient of log p, in closed form and differentiable. x: shape (n, d). Returns shape (n, d)."""
        along = self._along_axes(x)
        pulls = torch.einsum("nkj,kij->nki", -along / self.variances, self.axes)
        return (self._log_terms(along).softmax(1)[..., None] * pulls).sum(1).to(x.dtype)

    def _along_axes(self, x):
        """How far points lie from the means, along each component's principal axes, shape (n, K, d)."""
        return torch.einsum("nki,kij->nkj", x[:, None, :].double() - self.means, self.axes)

    def _log_terms(self, along):
        """log weights[k] + log N(x; means[k], covariances[k]), shape (n, K)."""
        exponents = (along**2 / self.variances + torch.log(2 * math.pi * self.variances)).sum(-1) / 2
        return self.weights.log() - exponents

    def sample(self, n, rng=None, dtype=torch.float64):
        """n independent draws, shape (n, d). rng: a torch.Generator or None. dtype: of the noise and of the result."""
        which = torch.multinomial(self.weights, n, replacement=True, generator=rng)
        z = torch.randn(n, self.means.shape[-1], 1, dtype=dtype, generator=rng).double()
        means, deviations = (_chosen(part, which) for part in (self.means, self.variances.sqrt()))
        axes = self.axes[which]
        # The symmetric root of the covariance: it does not depend on the signs and the order of the axes.
        return (means + (axes @ (deviations[..., None] * (axes.mT @ z)))[..., 0]).to(dtype)

    def diffused(self, alpha, variance):
        """The distribution of alpha x_0 + sqrt(variance) z, where x_0 follows this one and z the standard normal.

        alpha, variance: numbers, or one per point, shape (n,); the second kind is a mixture for each of n points, and
        takes and draws n points at a time. Raises ValueError for a negative variance.
        """
        alpha, variance = _factor(alpha), _factor(variance)
        if bool((variance < 0).any()):
            raise ValueError(f"the variance of noise must not be negative, got {float(variance.min()):g}")
        noised = copy.copy(self)
        noised.means, noised.variances = alpha * self.means, alpha**2 * self.variances + variance
        return noised

    def law(self):
        """A mixture on the line, d = 1, with the methods of a frozen scipy.stats distribution: a `MixtureLaw`.

        Raises ValueError for points in more dimensions.
        """
        if self.means.shape[1:] != (1,):
            raise ValueError(f"only on the line are there quantiles: means of shape (K, 1), got {(*self.means.shape,)}")
        return MixtureLaw(*(a.numpy() for a in (self.weights, self.means[:, 0], self.variances[:, 0].sqrt())))


class Gaussian(GaussianMixture):
    """N(mean, covariance). mean: shape (d,). covariance: shape (d, d), or one variance for all directions."""

    def __init__(self, mean, covariance):
        covariance = torch.as_tensor(covariance, dtype=torch.float64)
        super().__init__(torch.as_tensor(mean, dtype=torch.float64)[None], covariance[None])

    @property
    def mean(self):
        """The mean, shape (d,)."""
        return self.means[..., 0, :]

    @property
    def covariance(self):
        """The covariance, shape (d, d)."""
        return self.covariances[..., 0, :, :]


def _chosen(part, which):
    """Of a part of each component, shape (K, d) or (n, K, d), that of the component which[i] for draw i, (n, d)."""
    return part.expand(len(which), *part.shape[-2:])[torch.arange(len(which)), which]


def _factor(value):
    """A number, or numbers (n,) as (n, 1, 1), beside components of shape (K, d)."""
    value = torch.as_tensor(value, dtype=torch.float64)
    return value.reshape(-1, 1, 1) if value.ndim else value


def _weights(weights, k):
    weights = torch.as_tensor([1 / k] * k if weights is None else weights, dtype=torch.float64)
    if weights.shape != (k,) or bool((weights < 0).any()):
        raise ValueError(f"weights must be {k} numbers that are not negative, got {weights.tolist()}")
    if abs(float(weights.sum()) - 1) > 1e-6:
        raise ValueError(f"weights must sum to 1, got {weights.tolist()}, which sum to {float(weights.sum()):g}")
    return weights / weights.sum()


def _principal(covariances, k, d):
    """Variances along the principal axes, shape (k, d), and these axes as columns, (k, d, d)."""
    given = torch.as_tensor(covariances, dtype=torch.float64)
    full = given[:, None, None] * torch.eye(d, dtype=torch.float64) if given.shape == (k,) else given
    if full.shape != (k, d, d):
        raise ValueError(f"covariances must have shape ({k}, {d}, {d}) or ({k},), got {tuple(given.shape)}")
    variances, axes = torch.linalg.eigh(full)
    if not torch.allclose(full, full.mT) or bool((variances <= 0).any()):
        raise ValueError(f"covariances must be symmetric and positive, got {given.tolist()}")
    return variances, axes
