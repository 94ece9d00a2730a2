"""Pictures of diffusion: the right rows at the right times, shares that add up, whole densities."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from scipy import stats

from labutils import distributions, plots, schedules

T = 20
beta, alpha, alpha_bar = schedules.linear_schedule(T, beta_max=0.2)
DATA = {0.4: 0.8, -0.6: 0.2}
x = np.cumsum(np.ones((T + 1, 12)), axis=0) * np.linspace(0.9, 1, 12)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def axes():
    return plt.gcf().axes


def test_runs_stand_over_t_and_over_the_cumulated_beta():
    plots.runs(torch.tensor(x), beta=beta)
    left, right = axes()
    assert len(left.lines) == 10  # of 12
    assert left.lines[3].get_xdata() == pytest.approx(np.arange(T + 1))
    assert left.lines[3].get_ydata() == pytest.approx(x[:, 3])
    assert right.lines[0].get_xdata()[-1] == pytest.approx(beta.sum())


def test_an_undiffusion_is_drawn_over_its_times_and_marked():
    plots.runs(x, np.arange(T, -1, -1), points=DATA)
    (ax,) = axes()
    assert [line.get_ydata()[0] for line in ax.lines[:2]] == [0.4, -0.6]
    assert ax.lines[2].get_xdata()[0] == T and ax.lines[2].get_ydata()[0] == x[0, 0]
    assert len(ax.texts) == 1  # the arrow is an annotation


def test_a_flat_line_does_not_show_its_rounding_errors():
    plots.guesses(0.4 + 1e-15 * np.arange(20).reshape(10, 2), np.arange(10, 0, -1), points={0.4: 1.0})
    low, high = axes()[0].get_ylim()
    assert high - low == pytest.approx(0.5) and low < 0.4 < high


def test_shares_count_the_nearest_point_also_for_runs_that_miss_it():
    sample = np.array([0.4] * 5 + [0.3, 0.5] + [-0.6, -0.7] + [-0.2])
    plots.points_histogram(sample, DATA)
    (ax,) = axes()
    assert {text.get_text().split("\n")[0] for text in ax.texts} == {"0.700", "0.300"}
    assert sum(bar.get_height() for bar in ax.patches) == pytest.approx(1)
    assert max(bar.get_height() for bar in ax.patches) == pytest.approx(0.5)


def test_there_and_back_takes_the_row_of_its_time():
    law = stats.norm(7, 1)
    backward = np.full((T + 1, 100), 0.4)
    backward[T - 5] = 7.0  # rows fall from T to 0
    plots.there_and_back(backward, {0.4: 1.0}, np.full(100, 7.0), 5, law)
    outline = axes()[1].patches[-1]
    assert 7.0 in np.round(outline.get_xy()[:, 0][outline.get_xy()[:, 1] > 1], 0)


def test_the_three_pictures_of_an_undiffusion():
    plots.undiffusion(x[:16], np.ones((15, 12)), DATA, t_end=5)
    left, middle, right = axes()
    assert (left.lines[2].get_xdata()[0], left.lines[2].get_xdata()[-1]) == (T, 5)
    assert middle.get_title(loc="left") == "12 runs end here"
    assert right.lines[2].get_xdata()[-1] == 6


@pytest.mark.parametrize("exact", [True, False])
def test_the_density_in_time_is_an_image_over_t_and_x(exact):
    def law(t):
        return distributions.diffused_points(DATA, alpha_bar[t])

    draws = np.random.default_rng(0).normal(0.2, 0.5, (T + 1, 3000))
    plots.density_in_time(law if exact else draws, T, paths=x)
    (ax,) = axes()
    image = ax.images[0].get_array()
    assert image.shape == (200, T) and tuple(ax.images[0].get_extent()) == (0.5, T + 0.5, -2.5, 2.5)
    column = image[:, T - 1] ** 2 * 5 / 200
    assert column.sum() == pytest.approx(1, abs=0.02)
    assert len(ax.lines) == 10


def test_two_films_show_both_clouds_over_t_in_an_order_that_varies():
    forward, backward = np.zeros((T + 1, 5)), np.ones((T + 1, 5))
    backward[0] = 2.0  # t = T comes first
    orders = set()
    for seed in range(20):
        plots.films(forward, backward, rng=seed)
        rows = [ax.lines[0].get_ydata() for ax in axes()]
        orders.add(tuple(row[5] for row in rows))
        assert {row[-1] for row in rows} == {0.0, 2.0}
        plt.close("all")
    assert orders == {(0.0, 1.0), (1.0, 0.0)}
