"""Processes and simulators: times, shapes, random numbers, and clear errors."""

import pytest
import torch

from labutils.sde import FunctionODE, FunctionSDE, Simulator

X = torch.tensor([[1.0, 2.0], [3.0, -4.0], [0.5, 0.0]], dtype=torch.float64)


class Taylor(Simulator):
    """Second-order steps of dx/dt = -x, so that the test does not repeat a student's answer."""

    def step(self, x, t, h):
        return x * (1 - h + h**2 / 2)


class Shaken(Simulator):
    def step(self, x, t, h):
        return x + torch.randn(x.shape, generator=self.rng, dtype=x.dtype)


def test_a_walk_uses_every_unequal_step_and_keeps_its_start():
    ts = torch.tensor([0.0, 0.1, 0.4, 1.0])
    path = Taylor(None).simulate_with_trajectory(X, ts)
    factors = torch.tensor([1.0, 0.905, 0.905 * 0.745, 0.905 * 0.745 * 0.58], dtype=torch.float64)
    assert path.shape == (4, 3, 2)
    assert torch.allclose(path, factors[:, None, None] * X)
    assert torch.equal(Taylor(None).simulate(X, ts), path[-1])


def test_the_walk_is_consistent_with_the_exact_flow():
    end = Taylor(None).simulate(X, torch.linspace(0, 2, 2001))
    assert torch.allclose(end, X * torch.exp(torch.tensor(-2.0)), atol=1e-5)


def test_times_and_steps_reach_the_step_as_scalars_of_the_states_type():
    seen = []

    class Watching(Simulator):
        def step(self, x, t, h):
            seen.append((t, h))
            return x

    Watching(None).simulate(X, [1, 1.5, 4])
    assert [(float(t), float(h)) for t, h in seen] == [(1.0, 0.5), (1.5, 2.5)]
    assert all(v.ndim == 0 and v.dtype == torch.float64 for pair in seen for v in pair)


def test_the_generator_decides_the_random_numbers():
    def walk(seed):
        return Shaken(None, torch.Generator().manual_seed(seed)).simulate(X, [0, 1, 2])

    assert torch.equal(walk(1), walk(1))
    assert not torch.equal(walk(1), walk(2))
    assert not torch.equal(Shaken(None).simulate(X, [0, 1]), Shaken(None).simulate(X, [0, 1]))


def test_functions_become_processes():
    sde = FunctionSDE(lambda x, t: t - x, lambda x, t: 2 * x)
    assert torch.equal(sde.drift_coefficient(X, 1.0), 1 - X) and torch.equal(sde.diffusion_coefficient(X, 1.0), 2 * X)
    assert torch.equal(FunctionODE(lambda x, t: 3 * x).drift_coefficient(X, 0.0), 3 * X)


@pytest.mark.parametrize(("result", "words"), [(None, "got NoneType"), (torch.zeros(3), "got shape (3,)")])
def test_a_step_that_returns_no_state_is_named(result, words):
    class Forgetful(Simulator):
        def step(self, x, t, h):
            return result

    with pytest.raises(ValueError, match="step must return a tensor of shape") as caught:
        Forgetful(None).simulate(X, [0, 1])
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("x", "ts", "words"),
    [
        ([1.0], [0, 1], "x must be a tensor of floats of shape (n, d), got list"),
        (torch.zeros(3), [0, 1], "got torch.float32 of shape (3,)"),
        (torch.zeros(3, 1, dtype=torch.int64), [0, 1], "got torch.int64 of shape (3, 1)"),
        (X, [0.0, 1.0, 1.0], "increasing times of shape (K + 1,), got [0.0, 1.0, 1.0]"),
        (X, [0.0], "got [0.0]"),
        (X, [0.0, float("nan")], "got [0.0, nan]"),
        (X, [[0.0, 1.0]], "got [[0.0, 1.0]]"),
    ],
)
def test_bad_starts_and_times_are_named(x, ts, words):
    with pytest.raises(ValueError, match="must be") as caught:
        Taylor(None).simulate(x, ts)
    assert words in str(caught.value)
