"""Histograms on the distributions they should follow, for students' results and for the reports of failed checks."""

import io

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from labutils.plots.style import BLUE, ORANGE, RED, STYLE, axes, values_of

BINS = 50  # bars: of 5,000 draws each holds about a hundred, give or take 10 %


def histogram_on_law(sample, law=None, *, title="", xlabel="$x$", bins=BINS, ax=None):
    """A histogram of `sample` as a density, with the curve (or, for a dict {point: weight}, the stems) of `law` on it.

    law: anything with `pdf` and `ppf`, a frozen scipy.stats distribution for instance; a second sample; or None.
    """
    ax, sample = axes(ax), np.ravel(values_of(sample))
    if isinstance(law, dict):
        _weights_on_law(sample, law, ax)
    else:
        low, high = _window(sample, law)
        shown = sample[(sample >= low) & (sample <= high)]
        weights = _unit_area(shown, sample.size, (high - low) / bins)
        ax.hist(shown, bins=bins, range=(low, high), weights=weights, color=BLUE, alpha=0.45, label="yours")
        if isinstance(law, np.ndarray):
            ax.hist(
                law, bins=bins, range=(low, high), density=True, histtype="step", color=ORANGE, lw=1.8, label="other"
            )
        elif law is not None:
            x = np.linspace(low, high, 400)
            ax.plot(x, law.pdf(x), color=ORANGE, label="expected")
    ax.set(xlabel=xlabel, ylabel="density", title=title)
    if law is not None:
        ax.legend()


def _window(sample, law):
    """The range to draw: all of the law, and nearly all of the sample unless it lies absurdly far out."""
    low, high = np.quantile(sample, [0.002, 0.998])
    if isinstance(law, np.ndarray):
        low, high = min(low, law.min()), max(high, law.max())
    elif law is not None:
        a, b = law.ppf([0.0005, 0.9995])
        low, high = max(min(low, a), a - 2 * (b - a)), min(max(high, b), b + 2 * (b - a))
    margin = 0.05 * (high - low) or 0.5
    return low - margin, high + margin


def _unit_area(shown, size, width):
    """Weights that make the histogram a density of the whole sample, also when some of it lies outside the window."""
    return np.full(shown.shape, 1 / (width * max(size, 1)))


def _weights_on_law(sample, law, ax):
    points = np.array(list(law))
    counts = [np.isclose(sample, point, rtol=1e-5, atol=1e-8).mean() for point in points]
    width = 0.08 * (np.ptp(points) or 1)
    ax.bar(points, counts, width=width, color=BLUE, alpha=0.45, label="yours")
    ax.scatter(points, list(law.values()), marker="_", s=600, color=ORANGE, lw=3, label="expected")
    elsewhere = sample[~np.isclose(sample[:, None], points, rtol=1e-5, atol=1e-8).any(axis=1)]
    if elsewhere.size:
        ax.plot(elsewhere[:500], np.zeros(elsewhere[:500].shape), "|", color=RED, ms=14, label="elsewhere")


def report_figure(report):
    """The picture of a failed check: the student's draws on the expected law. Not registered with pyplot."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(6, 3))
        residuals = "" if report.in_units else "deviation from the expected mean, in expected standard deviations"
        histogram_on_law(report.sample, report.law, title=report.what, xlabel=residuals or "$x$", ax=figure.subplots())
    return figure


def as_image(figure):
    """A figure as a PNG that any Jupyter front end shows, whatever backend the student chose."""
    from IPython.display import Image

    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=90)
    return Image(buffer.getvalue())
