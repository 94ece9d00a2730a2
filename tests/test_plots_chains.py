"""Pictures of Lab 2 show the chain they are given, say what it is worth, and move."""

import base64
import io
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from PIL import Image
from scipy import stats

from labutils import plots
from labutils.distributions.points import Gaussian
from labutils.mcmc import langevin_acceptance, metropolis_acceptance

rng = np.random.default_rng(1)
bell = Gaussian([0.0, 0.0], 1.0)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_a_chain_is_shown_beside_its_histogram_and_its_worth():
    chain = np.concatenate([np.full(100, 50.0), rng.standard_normal(3001)])
    plots.chain_and_histogram(np.stack([chain, chain + 9], axis=1), stats.norm(), burn_in=100)
    left, right = plt.gcf().axes
    assert np.array_equal(left.lines[0].get_ydata(), chain)
    worth = re.search(r"3,000 moves ≈ ([\d,]+) independent", right.get_title(loc="left"))
    assert int(worth[1].replace(",", "")) == pytest.approx(3000, rel=0.2)
    assert right.get_xlim()[1] < 10  # the dropped moves are not in the histogram
    area = sum(bar.get_height() * bar.get_width() for bar in right.patches)
    assert area == pytest.approx(1, abs=0.01)


def test_error_bars_are_as_long_as_histograms_differ():
    plots.chain_and_histogram(rng.standard_normal(9001), stats.norm(), burn_in=0)
    bars, right = plt.gcf().axes[1].collections[-1], plt.gcf().axes[1]
    middle = max((path.vertices for path in bars.get_paths()), key=lambda v: v[:, 1].mean())
    width, height = right.patches[0].get_width(), middle[:, 1].mean()
    assert np.ptp(middle[:, 1]) == pytest.approx(4 * np.sqrt(height / width / 9000), rel=0.5)


def test_a_chain_that_is_too_short_is_refused_and_one_that_rests_is_drawn():
    with pytest.raises(ValueError, match="1000"):
        plots.chain_and_histogram(np.zeros(1010), stats.norm())
    plots.chain_and_histogram(np.zeros(2000), stats.norm())
    assert "never moves" in plt.gcf().axes[1].get_title(loc="left")


def test_acceptance_is_drawn_with_both_closed_forms():
    deltas = np.geomspace(0.1, 2, 5)
    plots.acceptance_against_step(deltas, metropolis=[0.9] * 5, langevin=[1.0] * 5)
    left, right = plt.gcf().axes
    for ax, of in ((left, lambda a: a), (right, lambda a: 1 - a)):
        curves = [line for line in ax.lines if len(line.get_xdata()) > 5]
        x = curves[0].get_xdata()
        assert np.allclose(curves[0].get_ydata(), of(metropolis_acceptance(np.sqrt(x))))
        assert np.allclose(curves[1].get_ydata(), of(langevin_acceptance(x)))
        assert ax.get_xscale() == "log"
    assert right.get_yscale() == "log"


def test_changes_scores_and_landscapes_have_a_panel_each():
    x = np.linspace(-1, 1, 50)
    plots.densities_change(x, {"one": (x, x**2), "two": (x, x**3)})
    assert [ax.get_title(loc="left") for ax in plt.gcf().axes] == ["one", "two"]
    assert np.array_equal(plt.gcf().axes[1].lines[1].get_ydata(), x**3)
    plots.densities_with_scores({"bell": bell})
    arrows = plt.gcf().axes[0].collections[0]
    assert np.all(arrows.U * arrows.X <= 0) and np.any(arrows.U != 0)  # uphill: towards the middle


def test_a_cloud_is_shown_at_its_times_and_as_a_film():
    cloud, ts = torch.randn(11, 20, 2), torch.linspace(0, 1, 11)
    plots.cloud_snapshots(cloud, ts, bell, count=3)
    shown = [ax.lines[0].get_xydata() for ax in plt.gcf().axes]
    assert all(np.allclose(points, cloud[k]) for points, k in zip(shown, (0, 5, 10), strict=True))
    film = plots.cloud_animation(cloud, ts, bell, frames=4)
    data = base64.b64decode(re.search('base64,([^"]+)', film.data)[1])
    assert Image.open(io.BytesIO(data)).n_frames == 4
    assert len(plt.get_fignums()) == 1  # the film's own figure is closed
    with pytest.raises(ValueError, match=r"11 times, got \(10, 20, 2\)"):
        plots.cloud_snapshots(cloud[1:], ts, bell)


def test_sliders_redraw_and_a_page_without_widgets_has_the_picture(monkeypatch):
    calls, shown = [], []

    class Handle:
        def update(self, picture):
            shown.append(picture)

    def display(thing, **options):
        shown.append(thing)
        return Handle()

    monkeypatch.setattr("IPython.display.display", display)

    def draw(delta, t, mode):
        calls.append((delta, t, mode))
        plt.plot([0, delta])

    plots.explore(draw, delta=(0.0, 2.0, 0.5), t=(0, 200, 125), mode=["a", "b"])
    panel, picture = shown
    assert calls == [(0.5, 125, "a")] and picture.data.startswith(b"\x89PNG")
    assert panel._repr_mimebundle_()["text/plain"].startswith("δ = 0.5, t = 125, mode = a")
    panel.box.children[1].value = 7
    assert calls[-1] == (0.5, 7, "a") and shown[-1].data != b"" and not plt.get_fignums()
    for bad in ((0, 1), (0, 1, 2), []):
        with pytest.raises(ValueError, match="slider t"):
            plots.explore(draw, t=bad)
