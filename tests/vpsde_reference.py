"""A stand-in for what a student writes in Lab 5, so that the library around it can be tested without a notebook."""

import math
from itertools import pairwise

import numpy as np
import torch
from scipy.integrate import solve_ivp


def along(t, x):
    return torch.as_tensor(t, dtype=x.dtype, device=x.device).reshape(-1, *[1] * (x.ndim - 1))


class VPSDE:
    def __init__(self, beta_min=0.1, beta_max=20.0):
        self.beta_min, self.beta_max = beta_min, beta_max

    def beta(self, t):
        return self.beta_min + t * (self.beta_max - self.beta_min)

    def sde(self, x, t):
        return -along(self.beta(t), x) * x / 2, torch.sqrt(torch.as_tensor(self.beta(t)))

    def marginal_prob(self, x, t):
        total = t**2 / 2 * (self.beta_max - self.beta_min) + t * self.beta_min
        return along(torch.exp(-total / 2), x) * x, torch.sqrt(-torch.expm1(-total))

    def prior_sample(self, shape, rng=None):
        return torch.randn(shape, generator=rng)

    def prior_logp(self, z):
        return (-(z**2) / 2 - math.log(2 * math.pi) / 2).flatten(1).sum(1)


def sample_times(n, eps=1e-5, rng=None):
    return eps + (1 - eps) * torch.rand(n, generator=rng)


def dsm_loss(score_fn, x, sde, rng=None, sample_times=sample_times):
    t = sample_times(len(x), rng=rng)
    mean, std = sde.marginal_prob(x, t)
    z = torch.randn(x.shape, generator=rng, device=x.device)
    error = along(std, x) * score_fn(mean + along(std, x) * z, t) + z
    return error.square().flatten(1).sum(1).mean()


@torch.no_grad()
def pc_sampler(times, shape, score_fn, sde, corrections=0, snr=0.16, rng=None):
    """Euler-Maruyama, with the mean of the last step; with corrections the annealed Langevin steps of Song et al."""
    x = sde.prior_sample(shape, rng)
    for t, t_next in pairwise(times):
        for _ in range(corrections):
            score, z = score_fn(x, t), torch.randn(shape, generator=rng)
            norms = (v.flatten(1).norm(dim=1).mean() for v in (z, score))
            step = 2 * (snr * next(norms) / next(norms)) ** 2
            x = x + step * score + torch.sqrt(2 * step) * z
        drift, diffusion = sde.sde(x, t)
        mean = x - (drift - diffusion**2 * score_fn(x, t)) * (t - t_next)
        x = mean + diffusion * torch.sqrt(t - t_next) * torch.randn(shape, generator=rng)
    return mean


def ode_sampler(z, score_fn, sde, eps=1e-3, tol=1e-3):
    @torch.no_grad()
    def slope(t, flat):
        x = torch.as_tensor(flat, dtype=z.dtype).reshape(z.shape)
        drift, diffusion = sde.sde(x, torch.tensor(t, dtype=z.dtype))
        return (drift - diffusion**2 * score_fn(x, t) / 2).flatten().numpy()

    end = solve_ivp(slope, (1.0, eps), z.flatten().numpy(), rtol=tol, atol=tol).y[:, -1]
    return torch.as_tensor(end, dtype=z.dtype).reshape(z.shape)


def log_likelihood(x, score_fn, sde, eps=1e-5, tol=1e-3, rng=None):
    n, probe = len(x), 2.0 * torch.randint(0, 2, x.shape, generator=rng).to(x.dtype) - 1

    def slope(t, y):
        with torch.enable_grad():
            x_t = torch.as_tensor(y[:-n], dtype=x.dtype).reshape(x.shape).requires_grad_()
            drift, diffusion = sde.sde(x_t, torch.tensor(t, dtype=x.dtype))
            v = drift - diffusion**2 * score_fn(x_t, t) / 2
            (product,) = torch.autograd.grad(v, x_t, probe)
        return torch.cat([v.detach().flatten(), (product * probe).flatten(1).sum(1)]).numpy()

    start = np.concatenate([x.flatten().numpy(), np.zeros(n)])
    end = torch.as_tensor(solve_ivp(slope, (eps, 1.0), start, rtol=tol, atol=tol).y[:, -1], dtype=x.dtype)
    return sde.prior_logp(end[:-n].reshape(x.shape)) + end[-n:]


def bits_per_dim(logp, d):
    return -logp / (d * math.log(2)) + 7
