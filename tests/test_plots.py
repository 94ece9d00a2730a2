"""Pictures draw the data they are given, on the axes they are given, in the one style."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from scipy import stats

from labutils import plots
from labutils.sde import FunctionODE

rng = np.random.default_rng(1)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_a_histogram_is_a_density_also_when_the_sample_is_far_off():
    for shift, inside in ((0.0, 0.99), (100.0, 0.0)):
        _, ax = plt.subplots()
        plots.histogram_on_law(rng.normal(shift, 1, 5000), stats.norm(), ax=ax)
        area = sum(bar.get_height() * bar.get_width() for bar in ax.patches)
        assert area == pytest.approx(inside, abs=0.011)
        (curve,) = ax.lines
        assert np.allclose(curve.get_ydata(), stats.norm.pdf(curve.get_xdata()))


def test_weights_are_drawn_as_stems_and_strays_are_marked():
    _, ax = plt.subplots()
    plots.histogram_on_law(np.array([0.4] * 7 + [-0.6] * 2 + [0.1]), {0.4: 0.8, -0.6: 0.2}, ax=ax)
    assert sorted(bar.get_height() for bar in ax.patches) == pytest.approx([0.2, 0.7])
    assert {text.get_text() for text in ax.get_legend().get_texts()} == {"yours", "expected", "elsewhere"}


def test_paths_take_tensors_and_draw_a_band():
    _, ax = plt.subplots()
    ts = torch.linspace(0, 1, 11)
    plots.paths(ts, torch.zeros(11, 3, 1), std=ts.sqrt(), width=2, ax=ax)
    assert len(ax.lines) == 3 + 1
    band = ax.collections[0].get_paths()[0].vertices
    assert band[:, 1].max() == pytest.approx(2.0) and band[:, 1].min() == pytest.approx(-2.0)


def test_one_band_a_path():
    _, ax = plt.subplots()
    plots.paths(np.arange(4), np.zeros((4, 2)), mean=np.ones((4, 2)), std=np.ones((4, 1)), ax=ax)
    assert len(ax.collections) == 2


def test_a_power_law_goes_through_the_last_point():
    _, ax = plt.subplots()
    plots.power_law([1, 10], [5, 70], 1, xlabel="h", ylabel="error", ax=ax)
    assert ax.lines[0].get_ydata() == pytest.approx([7, 70]) and ax.get_xscale() == "log"


def test_flow_lines_follow_the_field():
    _, ax = plt.subplots()
    plots.vector_field(FunctionODE(lambda x, t: -x), torch.tensor([[1.0, 2.0]]), t_end=3.0, ax=ax)
    line = ax.lines[0].get_xydata()
    assert line[0] == pytest.approx([1, 2]) and line[-1] == pytest.approx(np.exp(-3) * np.array([1, 2]), rel=1e-2)


def test_paths_beside_a_density_and_grids_fill_their_axes():
    plots.paths_beside_density(np.arange(5.0), np.zeros((5, 2)), np.zeros(5), np.ones(5), stats.norm())
    _, right = plt.gcf().axes
    assert right.lines[0].get_xdata().max() == pytest.approx(stats.norm.pdf(0), rel=1e-3)
    plots.path_grid(np.arange(3), [[np.ones((3, 1))] * 2] * 3, list("abc"), list("de"), xlabel="t")
    assert len(plt.gcf().axes) == 6
    _, ax = plt.subplots()
    plots.variance_growth(np.arange(3), np.array([[0, 0], [-1, 1], [-2, 2]]), np.arange(3), ax=ax)
    assert ax.lines[0].get_ydata() == pytest.approx([0, 1, 4])
