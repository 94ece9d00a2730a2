"""The exact answers to Lab 3: the jump to x_t, and the step back from it.

beta, alpha_bar: schedules of shape (T + 1,). t: a number of noising steps, or one for each particle.
Source: Ho, Jain & Abbeel (2020), "Denoising diffusion probabilistic models", equations 4, 7 and 11.
"""

import numpy as np


def jump_mean_and_std(x_0, alpha_bar, t):
    """The mean and the standard deviation of x_t given x_0."""
    return np.sqrt(alpha_bar[t]) * x_0, np.sqrt(1 - alpha_bar[t])


def jump_noise(x_t, x_0, alpha_bar, t):
    """The noise that brings x_0 to x_t in one jump."""
    mean, std = jump_mean_and_std(x_0, alpha_bar, t)
    return (x_t - mean) / std


def back_mean(x_t, t, beta, z_hat):
    """The mean of x_{t-1} given x_t and a guess z_hat of its noise."""
    return (x_t - beta[t] / np.sqrt(1 - np.cumprod(1 - beta)[t]) * z_hat) / np.sqrt(1 - beta[t])


def back_std(t, beta):
    """The standard deviation of x_{t-1} given x_t; 0 for t = 1."""
    alpha_bar = np.cumprod(1 - beta)
    return np.sqrt(beta[t] * (1 - alpha_bar[t - 1]) / (1 - alpha_bar[t]))
