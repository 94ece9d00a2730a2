"""Differential equations, ordinary and stochastic, and the steps that simulate them.

An SDE moves a state by a drift and a diffusion,

    dX = u(X, t) dt + sigma(X, t) dW,

and an ODE is the case sigma = 0. Labs subclass `ODE`, `SDE` and `Simulator`; a simulator turns any step into
trajectories. States are float64 tensors of shape (n, d), n particles in d dimensions; times are scalars.
"""

from abc import ABC, abstractmethod
from itertools import pairwise

import torch


class ODE(ABC):
    """A vector field that moves points: dx/dt = u(x, t)."""

    @abstractmethod
    def drift_coefficient(self, x, t):
        """u(x, t). x: shape (n, d); t: scalar. Returns shape (n, d)."""


class SDE(ODE):
    """A vector field with noise: dX = u(X, t) dt + sigma(X, t) dW, in the sense of Itô."""

    @abstractmethod
    def diffusion_coefficient(self, x, t):
        """sigma(x, t), the same noise strength in every coordinate's own noise. Returns shape (n, d)."""


class FunctionODE(ODE):
    """The ODE of a plain function drift(x, t)."""

    def __init__(self, drift):
        self.drift = drift

    def drift_coefficient(self, x, t):
        return self.drift(x, t)


class FunctionSDE(SDE):
    """The SDE of two plain functions, drift(x, t) and diffusion(x, t)."""

    def __init__(self, drift, diffusion):
        self.drift, self.diffusion = drift, diffusion

    def drift_coefficient(self, x, t):
        return self.drift(x, t)

    def diffusion_coefficient(self, x, t):
        return self.diffusion(x, t)


class Simulator(ABC):
    """Repeats a step that subclasses write. `self.process`: an ODE or SDE; `self.rng`: a torch.Generator or None."""

    def __init__(self, process, rng=None):
        self.process, self.rng = process, rng

    @abstractmethod
    def step(self, x, t, h):
        """The state at t + h of particles that stand at x at time t. x: shape (n, d). Returns shape (n, d)."""

    def simulate(self, x, ts):
        """Walk from x at ts[0] to ts[-1] and return the last state, shape (n, d). Raises ValueError, see `_checked`."""
        return self._walk(x, ts)[-1]

    def simulate_with_trajectory(self, x, ts):
        """Walk through all times and return every state, shape (len(ts), n, d); entry 0 is x itself."""
        return torch.stack(self._walk(x, ts))

    def _walk(self, x, ts):
        ts = _checked(x, ts)
        states = [x]
        for t, t_next in pairwise(ts):
            new = self.step(states[-1], t, t_next - t)
            if not torch.is_tensor(new) or new.shape != x.shape:
                got = f"shape {tuple(new.shape)}" if torch.is_tensor(new) else type(new).__name__
                raise ValueError(f"step must return a tensor of shape {tuple(x.shape)}, got {got}")
            states.append(new)
        return states


def _checked(x, ts):
    """The times as a tensor, or a ValueError that names what is wrong with the start or the times."""
    if not torch.is_tensor(x) or x.ndim != 2 or not x.is_floating_point():
        got = f"{x.dtype} of shape {tuple(x.shape)}" if torch.is_tensor(x) else type(x).__name__
        raise ValueError(f"x must be a tensor of floats of shape (n, d), got {got}")
    ts = torch.as_tensor(ts, dtype=x.dtype, device=x.device)
    if ts.ndim != 1 or len(ts) < 2 or not bool((ts[1:] > ts[:-1]).all()):
        raise ValueError(f"ts must be at least two increasing times of shape (K + 1,), got {ts.tolist()}")
    return ts
