"""What the tests of Lab 5 compare with is itself right: against a fine ODE, quadrature and simulation."""

import ast
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy import integrate

from labutils.reference import score_sde
from labutils.vpsde.toy import one_hill, practice_sde, two_hills
from tests.graded import graded_cells

X = torch.tensor([[0.3], [-1.0], [2.0]]).double()


def velocity(mixture, x, t):
    drift, diffusion = mixture.kernel.sde(x, t)
    return drift - diffusion**2 / 2 * mixture.score(x, t)


@pytest.mark.parametrize(
    ("mixture", "flow", "x"),
    [
        (two_hills(), score_sde.flow, X),
        (one_hill(), score_sde.gaussian_flow, X),
        (one_hill(3), score_sde.gaussian_flow, torch.linspace(-2, 2, 6).double().reshape(2, 3)),
    ],
)
def test_the_flow_is_the_end_of_a_fine_ode(mixture, flow, x):
    """The middle rule with 2,000 steps."""
    y = x
    for t, t_next in pairwise(torch.linspace(1, 0.01, 2001).double()):
        half = y + (t_next - t) / 2 * velocity(mixture, y, t)
        y = y + (t_next - t) * velocity(mixture, half, (t + t_next) / 2)
    assert torch.allclose(y, flow(mixture, x, 1.0, 0.01), atol=1e-4)


def test_the_model_density_is_a_density():
    hills, x = two_hills(), torch.linspace(-4, 4, 4001).double()[:, None]
    density = score_sde.log_model(hills, x, 0.2).exp()
    assert integrate.trapezoid(density.numpy(), x[:, 0].numpy()) == pytest.approx(1, abs=1e-4)


def test_the_reverse_walk_is_that_of_many_walkers():
    sde, hill, times = practice_sde(), one_hill(), torch.tensor([1.0, 0.6, 0.5])
    rng, n = torch.Generator().manual_seed(1), 400_000
    x = sde.prior_sample((n, 1), rng).double()
    for t, t_next in pairwise(times):
        h, (drift, diffusion) = t - t_next, sde.sde(x, t)
        x = x - h * (drift - diffusion**2 * hill.score(x, t))
        x = x + diffusion * h.sqrt() * torch.randn(n, 1, generator=rng) * (t_next > times[-1])
    mean, std = score_sde.reverse_walk(hill.score, sde, times)
    assert float(x.mean()) == pytest.approx(mean, abs=4 * std / n**0.5)
    assert float(x.std()) == pytest.approx(std, rel=4 / (2 * n) ** 0.5)


def test_a_langevin_step_has_its_signal_to_noise_ratio():
    """The ratio of the norms of drift and noise, averaged over a batch of equal scores, is snr."""
    x, t = torch.zeros(5000, 1, 8, 8).double(), torch.tensor(0.5)
    mean, sd = score_sde.langevin_step(lambda x, t: x + 3.0, t, snr=0.2)
    noise = sd(x) * torch.randn(x.shape, generator=torch.Generator().manual_seed(1))
    drift = (mean(x) - x).flatten(1).norm(dim=1).mean()
    assert float(drift / noise.flatten(1).norm(dim=1).mean()) == pytest.approx(0.2, rel=0.01)


def numbers(grade_id):
    """The lists of numbers in the visible half of a test cell of Lab 5, longest first."""
    (cell,) = [cell for cell in graded_cells("lab5_vpsde_mnist") if cell.grade_id == grade_id]
    visible = cell.source.split("### BEGIN HIDDEN TESTS")[0]
    lists = [ast.unparse(node) for node in ast.walk(ast.parse(visible)) if isinstance(node, ast.List)]
    return sorted((ast.literal_eval(one) for one in lists), key=len, reverse=True)


def test_the_numbers_in_the_visible_checks_are_those_of_the_reference():
    z = torch.linspace(-3, 3, 9).double()[:, None]
    landed = score_sde.flow(two_hills(), z, 1.0, 0.3)[:, 0]
    assert numbers("ex_5_6_solver")[0] == pytest.approx(landed.tolist(), abs=6e-6)
    x, rate = torch.linspace(-2, 2, 12).double().reshape(2, 1, 3, 2), torch.linspace(-0.3, 0.9, 6).reshape(3, 2)
    grown = x * torch.exp(0.75 * rate)
    known = practice_sde().prior_logp(grown) + 0.75 * rate.sum()
    assert numbers("ex_5_7_density")[0] == pytest.approx(known.tolist(), abs=6e-6)
    kept = np.exp(-1.5)  # of NoisingKernel(1, 5) at t = 1
    expected = np.array([[2, -1], [0.4 * kept, 3 * kept]])
    assert np.array(numbers("ex_5_1_mean")[0]) == pytest.approx(expected, abs=6e-9)
