"""Pictures of Lab 5 draw the images and numbers they are given."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from scipy import stats

from labutils import plots


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def numbered(n):
    """n images, image i of the grey level -1 + i / n everywhere."""
    return (torch.arange(n) / n - 1).reshape(n, 1, 1, 1).expand(n, 1, 28, 28)


def test_digits_stand_row_by_row_with_a_line_between_them():
    _, ax = plt.subplots()
    plots.digits(numbered(5), columns=3, rows=["a", "b"], ax=ax)
    canvas = np.asarray(ax.images[0].get_array())
    assert canvas.shape == (60, 90)
    assert canvas[15, [15, 45, 75]] == pytest.approx([-1, -0.8, -0.6]) and canvas[45, 15] == pytest.approx(-0.4)
    assert canvas[45, 75] == 1 and (canvas[:, 30] == 1).all()  # an empty place, and a line
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]


def test_noising_has_a_row_a_digit_and_a_column_a_time():
    film = torch.stack([numbered(2), numbered(2) / 2, numbered(2) * 0])
    plots.noising(film, torch.tensor([1e-5, 0.5, 1.0]))
    (ax,) = plt.gcf().axes
    canvas = np.asarray(ax.images[0].get_array())
    assert canvas[15, [15, 45, 75]] == pytest.approx([-1, -0.5, 0]) and canvas[45, 15] == pytest.approx(-0.5)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["1e-05", "0.5", "1"]


def test_the_chain_lies_on_its_limit():
    _, ax = plt.subplots()
    alpha_bar = np.linspace(1, 0, 1001)
    plots.chain_and_limit([0, 1], [1, 0], [0, 1], alpha_bar, ax=ax)
    signal = ax.lines[2].get_xydata()
    assert len(signal) == 21 and signal[10] == pytest.approx([0.5, np.sqrt(0.5)])


def test_curves_and_histograms_take_tensors():
    normal = torch.randn(2000, 1)
    plots.samplers_on_law({"a": normal, "b": normal[:, 0]}, stats.norm())
    assert len(plt.gcf().axes) == 2
    times, paths = torch.linspace(1, 0.1, 5), torch.randn(5, 100, 1)
    plots.two_ways_back(times, paths, paths, lambda t: stats.norm(), shown=7)
    assert len(plt.gcf().axes[0].lines) == 7
    _, ax = plt.subplots()
    plots.against_steps({"a": ([10, 20], [3, 2])}, ylabel="y", exact=1, ax=ax)
    assert ax.get_xscale() == "log" and len(ax.lines) == 2


def test_likelihoods_show_both_ends():
    bits = torch.arange(24.0)
    plots.likelihoods(numbered(24), bits)
    top, bottom = plt.gcf().axes
    canvas = np.asarray(top.images[0].get_array())
    assert canvas[15, 15] == pytest.approx(-1) and canvas[45, 285] == pytest.approx(-1 / 24)
    assert "11.50 ± 1.44" in bottom.get_legend().get_texts()[0].get_text()


def test_the_newest_log_is_drawn(tmp_path):
    folder = tmp_path / "log" / "version_0"
    folder.mkdir(parents=True)
    (folder / "metrics.csv").write_text("epoch,loss,step,validation_loss\n0,8.0,19,\n0,4.0,39,\n0,,40,5.0\n")
    _, ax = plt.subplots()
    plots.training_log(tmp_path, ax=ax)
    assert [line.get_xydata().tolist() for line in ax.lines] == [[[19, 8], [39, 4]], [[40, 5]]]
