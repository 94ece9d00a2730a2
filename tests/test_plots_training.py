"""Pictures of Lab 4 draw the numbers they are given."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from torch import nn

from labutils import plots

T = 20


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def drawn():
    """The axes of the last figure, without colour bars."""
    return [ax for ax in plt.gcf().axes if ax.get_label() != "<colorbar>"]


def test_samples_stand_at_their_time_and_have_the_colour_of_their_noise():
    inputs, z = torch.tensor([[0.3, 0.5], [-1.0, 1.0]]), torch.tensor([[1.5], [-0.5]])
    plots.noise_samples(inputs, z, T)
    (dots,) = drawn()[0].collections
    assert np.allclose(dots.get_offsets(), [[10, 0.3], [20, -1.0]])
    assert np.allclose(dots.get_array(), [1.5, -0.5])


def test_losses_are_averaged_over_the_last_steps_only():
    _, ax = plt.subplots()
    plots.training_losses({"a": [4.0, 2.0, 0.0, 6.0], "short": [1.0]}, 0.1425, window=2, ax=ax)
    _, means, _, short, optimum = ax.lines
    assert means.get_xdata().tolist() == [2, 3, 4]
    assert means.get_ydata().tolist() == [3, 1, 3]
    assert short.get_ydata().tolist() == [1]
    assert set(optimum.get_ydata()) == {0.1425}
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "short", "optimum 0.1425"]


def test_heat_maps_have_t_across_and_x_up_and_the_difference_is_learned_minus_exact():
    plots.learned_guess(lambda x, t: x + t, lambda x, t: x - t, T, lambda x, t: np.exp(-(x**2) * 9), window=(-2, 2))
    exact, learned, difference = (ax.images[0] for ax in drawn())
    for image, corner in ((exact, 2 - T), (learned, 2 + T), (difference, 2 * T)):
        values = np.asarray(image.get_array())
        assert values.shape == (161, T)
        assert values[-1, -1] == corner
        assert image.get_extent() == [0.5, T + 0.5, -2, 2]
    seen = difference.get_alpha()[:, 0]
    assert seen[80] == 1
    assert seen[0] == seen[-1] < 0.5


def test_dead_units_are_counted():
    net = nn.Sequential(nn.Linear(1, 3), nn.ReLU(), nn.Linear(3, 1))
    net[0].weight.data, net[0].bias.data = torch.tensor([[1.0], [0.0], [0.0]]), torch.tensor([0.0, 1.0, -1.0])
    plots.units_on({"net": (net, torch.linspace(-1, 1, 100)[:, None])})
    (ax,) = drawn()
    assert [bar.get_height() for bar in ax.patches] == pytest.approx([0.5, 1.0, 0.01])
    assert "1 of 3 dead" in ax.texts[0].get_text()
    assert not net[1]._forward_hooks


def test_prompted_runs_count_time_down():
    x = np.zeros((T + 1, 30))
    plots.prompted_runs(x - 0.6, x + 0.4, {0.4: 0.8, -0.6: 0.2}, shown=3)
    (ax,) = drawn()
    assert [line.get_ydata()[0] for line in ax.lines] == [-0.6] * 3 + [0.4] * 3 + [0.4, -0.6]
    assert ax.lines[0].get_xdata()[[0, -1]].tolist() == [T, 0]
    assert ax.get_xlim() == (T, 0)


def test_guidance_draws_net_and_exact_for_both_prompts():
    weights = [0, 1]
    plots.guidance_curve(weights, {"left": [0.2, 1], "right": [0.8, 1]}, {"left": [0.3, 1], "right": [0.7, 1]})
    (ax,) = drawn()
    assert [line.get_ydata()[0] for line in ax.lines[:4]] == [0.2, 0.3, 0.8, 0.7]
