"""Exact answers to Lab 5: where the probability flow ends, what it makes of a density, and the laws of sampler steps.

`mixture` is a `labutils.vpsde.toy.Mixture`. In one dimension the probability flow keeps every point on its quantile,
and a Gaussian keeps, in any dimension, its points' distances to the mean in units of the standard deviation.
"""

import math
from itertools import pairwise

import torch


def flow(mixture, x, t, t_end):
    """Where the probability flow carries one-dimensional points x, (n, 1), from time t to t_end."""
    moved = mixture.law(t_end).ppf(mixture.law(t).cdf(x.double().numpy()))
    return torch.as_tensor(moved, dtype=x.dtype)


def gaussian_flow(gaussian, x, t, t_end):
    """As `flow`, for a mixture of a single Gaussian, and points in any dimension, (n, d)."""

    def moments(time):
        data = gaussian.at(time)
        return data.means[..., 0, :], data.variances[..., 0, :].sqrt()

    (mean, std), (mean_end, std_end) = moments(t), moments(t_end)
    return (mean_end + (x.double() - mean) / std * std_end).to(x.dtype)


def log_model(mixture, x, t):
    """The log density at t of one-dimensional points that the flow carries back from the SDE's *prior*, (n,).

    The flow carries p_1 back to p_t; the prior is not quite p_1, and the factor between them travels along.
    """
    end = flow(mixture, x, t, 1.0)
    return mixture.log_density(x, t) + mixture.kernel.prior_logp(end) - mixture.log_density(end, 1.0)


def langevin_step(score_fn, t, snr):
    """Mean and standard deviation, functions of a batch x, (n, ...), of x's Langevin step at the time t.

    Its size is 2 (snr |z| / |score|)^2 for the mean norm of the scores, with sqrt(d) for that of the noise
    (Song et al. 2021, Algorithm 4).
    """

    def size(x):
        norm = score_fn(x, t).flatten(1).norm(dim=1).mean()
        return 2 * snr**2 * x[0].numel() / norm**2

    return lambda x: x + size(x) * score_fn(x, t), lambda x: (2 * size(x)).sqrt()


def reverse_walk(score_fn, sde, times):
    """Mean and standard deviation of a coordinate that walks back from the prior by Euler-Maruyama steps.

    score_fn: a line in x, which keeps the walk Gaussian. times: falling, (K + 1,); the last step adds no noise.
    """

    def step(x, t, h):
        drift, diffusion = sde.sde(x, t)
        return x - h * drift + h * diffusion**2 * score_fn(x, t)

    mean, std = 0.0, float(sde.prior.scale)
    for t, t_next in pairwise(times):
        h = t - t_next
        at_0, at_1 = (float(step(torch.full((1, 1), place, dtype=torch.float64), t, h)) for place in (0.0, 1.0))
        noise = float(sde.sde(torch.ones(1, 1), t)[1] * h**0.5) if t_next > times[-1] else 0.0
        mean, std = at_0 + (at_1 - at_0) * mean, math.hypot((at_1 - at_0) * std, noise)
    return mean, std
