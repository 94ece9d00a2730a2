"""The toy problems of Lab 5 are what they say: against differentiation and quadrature."""

import numpy as np
import pytest
import torch
from scipy import integrate

from labutils.vpsde import toy
from labutils.vpsde.toy import Aim, practice_sde, two_hills

TIMES = (0.02, 0.5, torch.linspace(0.1, 0.9, 9))


def test_the_sde_has_the_moments_of_its_kernel():
    """dm/dt = drift(m) and dv/dt = 2 drift(1) v + diffusion^2, by central differences."""
    sde, t, h = practice_sde(), torch.tensor([0.1, 0.4, 0.9]).double(), 1e-5
    x = torch.ones(3, 1).double()
    drift, diffusion = sde.sde(x, t)
    (low, low_sd), (here, sd), (high, high_sd) = (sde.marginal_prob(x, t + k * h) for k in (-1, 0, 1))
    assert torch.allclose((high - low) / (2 * h), sde.sde(here, t)[0], rtol=1e-6)
    growth = 2 * drift[:, 0] * sd**2 + diffusion**2
    assert torch.allclose((high_sd**2 - low_sd**2) / (2 * h), growth, rtol=1e-6)
    assert diffusion.std() > 0.1  # a coefficient taken at the wrong time must show


@pytest.mark.parametrize("t", TIMES, ids=str)
def test_the_score_is_the_slope_of_the_log_density(t):
    hills, x = two_hills(), torch.linspace(-2, 2, 9).double()[:, None].requires_grad_()
    (slope,) = torch.autograd.grad(hills.log_density(x, t).sum(), x)
    assert torch.allclose(slope, hills.score(x, t), rtol=1e-10)


def test_densities_have_area_one_and_agree_with_the_law():
    hills, x = two_hills(), np.linspace(-9, 9, 6001)
    for t in (0.01, 0.3, 1.0):
        density = hills.log_density(torch.tensor(x)[:, None], t).exp().numpy()
        assert integrate.trapezoid(density, x) == pytest.approx(1, abs=1e-6)
        law = hills.law(t)
        assert np.allclose(density, law.pdf(x), rtol=1e-9)
        assert law.cdf(law.ppf([0.01, 0.4, 0.99])) == pytest.approx([0.01, 0.4, 0.99], rel=1e-9)
        assert law.cdf(0.3) + law.sf(0.3) == pytest.approx(1, rel=1e-12)
        assert law.mean() == pytest.approx(integrate.trapezoid(x * density, x), abs=1e-6)
        assert law.std() ** 2 + law.mean() ** 2 == pytest.approx(integrate.trapezoid(x**2 * density, x), rel=1e-5)


def test_samples_follow_the_data():
    hills = two_hills()
    x = hills.sample(20_000, torch.Generator().manual_seed(1)).numpy()
    assert x.shape == (20_000, 1)
    assert x.mean() == pytest.approx(0.7 * 0.6 - 0.3 * 0.8, abs=0.02)


def test_a_still_sde_has_no_noise():
    still = toy.still_sde(lambda x, t: 2 * x)
    drift, diffusion = still.sde(torch.ones(2, 1), torch.tensor(0.4))
    assert drift.flatten().tolist() == [2, 2] and diffusion == 0


def test_a_still_sde_starts_where_it_is_told():
    assert toy.still_sde(lambda x, t: 0 * x, start=-1.5).prior_sample((2, 3)).unique().tolist() == [-1.5]
    assert toy.still_sde(lambda x, t: 0 * x).prior_sample((9, 9)).unique().numel() == 81


def test_the_law_of_a_jump_is_that_of_the_kernel():
    law = practice_sde().law(2.0, 0.1)
    mean, std = practice_sde().marginal_prob(torch.tensor([[2.0]]), torch.tensor(0.1))
    assert (law.mean(), law.std()) == pytest.approx((float(mean), float(std)), rel=1e-6)


def test_the_aim_leads_to_its_target():
    sde, x = practice_sde(), torch.randn(3, 2)
    aim = Aim(sde, t=0.3, h=0.1, target=0.75)
    drift, diffusion = sde.sde(x, torch.tensor(0.3))
    step = x - 0.1 * (drift - diffusion**2 * aim.score(x, torch.tensor(0.3)))
    assert torch.allclose(step, torch.full((3, 2), 0.75), atol=1e-5)
    assert torch.equal(aim.score(x, torch.tensor(0.5)), -x)


def test_fixed_times_and_noise_are_the_same_every_time():
    x = torch.linspace(-1, 1, 12).reshape(3, 1, 2, 2)
    t = toy.fixed_times(3)
    x_t, z, std = toy.fixed_noise(x, t, None)
    assert t.tolist() == pytest.approx([0.2, 0.55, 0.9])
    assert torch.allclose((x_t - 2 * x)[:, 0, 0, 0], t) and x_t.shape == z.shape == x.shape and std.shape == (3,)
