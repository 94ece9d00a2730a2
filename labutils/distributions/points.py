"""Densities of points in d dimensions, shape (n, d): their logarithm, its gradient (the score), and draws from them.

A `Density` need not be normalised: its score, grad log p(x), does not feel a constant factor.
"""

from abc import ABC, abstractmethod

import numpy as np
import torch


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
    """

    def __init__(self, means, covariances, weights=None):
        self.means = torch.as_tensor(means, dtype=torch.float64)
        if self.means.ndim != 2:
            raise ValueError(f"means must have shape (K, d), got {tuple(self.means.shape)}")
        self.covariances = _covariances(covariances, *self.means.shape)
        self.weights = _weights(weights, len(self.means))
        self._roots = torch.linalg.cholesky(self.covariances)

    def log_density(self, x):
        gaps = x[:, None, :] - self.means
        whitened = torch.linalg.solve_triangular(self._roots, gaps[..., None], upper=False)[..., 0]
        log_root = self._roots.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        constant = 0.5 * self.means.shape[1] * np.log(2 * np.pi)
        return torch.logsumexp(self.weights.log() - 0.5 * (whitened**2).sum(-1) - log_root - constant, dim=1)

    def sample(self, n, rng=None):
        which = torch.multinomial(self.weights, n, replacement=True, generator=rng)
        z = torch.randn(n, self.means.shape[1], 1, dtype=torch.float64, generator=rng)
        return self.means[which] + (self._roots[which] @ z)[..., 0]


class Gaussian(GaussianMixture):
    """N(mean, covariance). mean: shape (d,). covariance: shape (d, d), or one variance for all directions."""

    def __init__(self, mean, covariance):
        covariance = torch.as_tensor(covariance, dtype=torch.float64)
        super().__init__(torch.as_tensor(mean, dtype=torch.float64)[None], covariance[None])
        self.mean, self.covariance = self.means[0], self.covariances[0]


def _weights(weights, k):
    weights = torch.full((k,), 1 / k) if weights is None else torch.as_tensor(weights)
    weights = weights.to(torch.float64)
    if weights.shape != (k,) or bool((weights < 0).any()):
        raise ValueError(f"weights must be {k} numbers that are not negative, got {weights.tolist()}")
    if abs(float(weights.sum()) - 1) > 1e-6:
        raise ValueError(f"weights must sum to 1, got {weights.tolist()}, which sum to {float(weights.sum()):g}")
    return weights / weights.sum()


def _covariances(covariances, k, d):
    given = torch.as_tensor(covariances, dtype=torch.float64)
    full = given[:, None, None] * torch.eye(d, dtype=torch.float64) if given.shape == (k,) else given
    if full.shape != (k, d, d):
        raise ValueError(f"covariances must have shape ({k}, {d}, {d}) or ({k},), got {tuple(given.shape)}")
    if not torch.allclose(full, full.mT) or bool((torch.linalg.eigvalsh(full) <= 0).any()):
        raise ValueError(f"covariances must be symmetric and positive, got {given.tolist()}")
    return full
