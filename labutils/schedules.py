"""Noise schedules: how much of the signal each noising step takes away.

A step mixes a state with fresh noise, x_t = sqrt(1 - beta_t) x_{t-1} + sqrt(beta_t) z. All arrays of a schedule have
length T + 1 and are indexed by t, the number of noising steps taken: t = 0 is data, beta[0] = 0 and alpha_bar[0] = 1.
"""

import numpy as np


def linear_schedule(T=200, beta_max=0.02, beta_min=1e-4):
    """Return `beta, alpha, alpha_bar`, each of shape (T + 1,), with beta growing evenly from beta_min to beta_max.

    Raises ValueError for T < 1 or a beta outside [0, 1).
    Source: Ho, Jain & Abbeel (2020), "Denoising diffusion probabilistic models", section 4.
    """
    if not isinstance(T, int | np.integer) or T < 1:
        raise ValueError(f"T = {T!r}: the number of noising steps is an integer, at least 1")
    beta = check_beta(np.concatenate([[0.0], np.linspace(beta_min, beta_max, T)]), T)
    alpha = 1 - beta
    return beta, alpha, np.cumprod(alpha)


def check_beta(beta, T=None):
    """Return `beta` as an array if it is a schedule, else raise ValueError: (T + 1,), beta[0] = 0, all in [0, 1)."""
    beta = np.asarray(beta, dtype=np.float64)
    if beta.ndim != 1 or len(beta) < 2 or (T is not None and len(beta) != T + 1):
        expected = "(T + 1,)" if T is None else f"({T + 1},) for T = {T}"
        raise ValueError(f"beta has shape {beta.shape}, expected {expected}")
    bad = np.flatnonzero(~((beta >= 0) & (beta < 1)))  # written so that NaN is bad, too
    if bad.size:
        raise ValueError(f"beta[{bad[0]}] = {beta[bad[0]]:g} is outside [0, 1)")
    if beta[0] != 0:
        raise ValueError(f"beta[0] = {beta[0]:g}, expected 0: t = 0 is data, so beta has length T + 1")
    return beta


def check_times(t, T, first=0):
    """Return `t` if it is an integer, or an array of integers, in [first, T]; else raise ValueError."""
    times = np.asarray(t)
    if times.dtype.kind not in "iu":
        raise ValueError(f"t = {_first(times)}: a number of steps is an integer, not {times.dtype}")
    bad = times[(times < first) | (times > T)]
    if bad.size:
        raise ValueError(f"t = {bad.flat[0]} is outside {first}..{T}")
    return t


def _first(array):
    return array.flat[0] if array.size else "[]"
