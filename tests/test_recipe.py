"""The recipe of a training: its rates and times, its file, and what makes no recipe."""

import json
import math

import pytest
import torch

from labutils.vpsde import checkpoint
from labutils.vpsde.config import Recipe
from tests.trainings import student


def test_what_makes_no_recipe_is_named():
    for wrong in ({"epsilon": 0.0}, {"epsilon": -1e-3}, {"learning_rate": 0}, {"dropout": 1.5}):
        name, value = next(iter(wrong.items()))
        with pytest.raises(ValueError, match=f"{name}.*{value}"):
            Recipe(**wrong)


def test_a_file_of_an_earlier_version_says_how_its_values_are_called_now(tmp_path):
    path = tmp_path / "old.json"
    path.write_text(json.dumps({"moved": 0.5, "average": 0.99, "seed": 1}))
    with pytest.raises(ValueError, match=r"old\.json .*'moved' is now called 'augment_prob', 'average' .* 'ema_decay'"):
        Recipe.read(path)
    path.write_text(json.dumps({"momentum": 0.5}))
    with pytest.raises(ValueError, match=r"old\.json names .*momentum"):
        Recipe.read(path)


def test_a_recipe_comes_back_from_its_file_and_the_shipped_one_is_one(tmp_path):
    recipe = Recipe(multipliers=(1, 2), ema_decay=0.9, augment_prob=0.25, log_uniform_fraction=0.125)
    recipe.write(tmp_path / "new" / "recipe.json")
    assert Recipe.read(tmp_path / "new" / "recipe.json") == recipe
    assert Recipe(**checkpoint.record()["recipe"]).network().config == checkpoint.load().config


def test_the_rate_warms_up_stays_and_falls_to_zero():
    recipe = Recipe(learning_rate=2.0, warm_up=10, decay=0.25)
    rates = [
        recipe.rate(*place) for place in ((0, 0), (4, 0.1), (20, 0.5), (20, 0.75), (20, 0.875), (20, 1.0), (20, 1.1))
    ]
    assert rates == pytest.approx([0.2, 1.0, 2.0, 2.0, 1.0, 0.0, 0.0])


def test_times_cover_all_of_the_interval_and_reach_down_to_epsilon():
    recipe = Recipe(epsilon=1e-4, log_uniform_fraction=0.25)
    t = recipe.times(100_000, student.VPSDE()).sort().values
    assert recipe.times(7, student.VPSDE()).shape == (7,) and t[0] >= 1e-4 and t[-1] <= 1
    fine = 0.25 * torch.log10(t / 1e-4) / 4  # a quarter evenly in log t ...
    broad = 0.75 * ((t - 1e-4) / (1 - 1e-4)) ** (1 / 1.5)  # ... and the others as u^1.5
    assert torch.allclose(fine + broad, torch.linspace(0, 1, len(t)), atol=1e-3)


def test_times_for_the_likelihood_are_even_in_log_snr():
    t = Recipe(likelihood=True).times(1000, student.VPSDE()).double().sort().values
    alpha, sigma = student.VPSDE().marginal_prob(torch.ones_like(t), t)
    gaps = -2 * torch.log(alpha / sigma).diff()
    even = math.log(math.expm1(10.05) / math.expm1(1e-6)) / 1000  # log SNR at 1e-5, less that at 1, in 1000 parts
    assert gaps.mean() == pytest.approx(even, rel=0.01) and gaps.max() < 2.1 * even
