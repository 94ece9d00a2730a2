"""Pictures of trajectories: vector fields and flows, paths in an envelope, paths beside a density, power laws."""

import matplotlib.pyplot as plt
import numpy as np
import torch
from scipy.integrate import solve_ivp

from labutils.plots.style import BLUE, GREEN, GREY, ORANGE, PALETTE, axes, values_of


def vector_field(ode, starts, t_end=4.0, *, extent=2.0, title="", ax=None):
    """Arrows of a two-dimensional `ode` at time 0, and the flow line from each start, shape (n, 2), up to `t_end`."""
    ax = axes(ax, figsize=(5, 5))
    side = np.linspace(-extent, extent, 15)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    arrows = _velocity(ode, grid, 0.0)
    ax.quiver(*grid.T, *arrows.T, color=GREY, alpha=0.6, width=0.004)
    for start, colour in zip(values_of(starts), PALETTE * 9, strict=False):
        line = solve_ivp(lambda t, x: _velocity(ode, x[None], t)[0], (0, t_end), start, max_step=t_end / 100).y
        ax.plot(*line, color=colour)
        ax.plot(*start, "o", color=colour, ms=6)
    ax.set(xlim=(-extent, extent), ylim=(-extent, extent), xlabel="$x_1$", ylabel="$x_2$", aspect="equal", title=title)


def _velocity(ode, x, t):
    return values_of(ode.drift_coefficient(torch.as_tensor(x), torch.as_tensor(t)))


def power_law(x, y, slope, *, xlabel, ylabel, title="", ax=None):
    """Points (x, y) on logarithmic axes beside a straight line of the given slope through the last point."""
    ax, x, y = axes(ax, figsize=(5, 3.6)), np.asarray(values_of(x)), np.asarray(values_of(y))
    ax.loglog(x, y[-1] * (x / x[-1]) ** slope, color=ORANGE, label=f"slope {slope:g}")
    ax.loglog(x, y, "o", color=BLUE, label="yours")
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
    ax.legend()


def paths(ts, paths, mean=None, std=None, *, width=1, title="", xlabel="$t$", ax=None):
    """Paths of shape (K + 1, n) or (K + 1, n, 1) against the times ts, shape (K + 1,), in the band mean ± width · std.

    mean, std: shape (K + 1,), or (K + 1, n) for one band per path; mean defaults to 0, no band is drawn without std.
    """
    ax, ts, paths = axes(ax), values_of(ts), _columns(paths)
    if std is not None:
        std = np.reshape(values_of(std), (len(ts), -1))
        mean = np.zeros_like(std) if mean is None else np.reshape(values_of(mean), (len(ts), -1))
        bands = list(_bands(mean, std))
        for i, (m, s) in enumerate(bands):
            label = f"mean ± {'' if width == 1 else f'{width} '}sd" if i == 0 else None
            colour = GREY if len(bands) == 1 else PALETTE[i % len(PALETTE)]
            ax.fill_between(ts, m - width * s, m + width * s, color=colour, alpha=0.18, lw=0, label=label)
            ax.plot(ts, m, "--", color=colour, lw=1)
        ax.legend(loc="upper left")
    for path, colour in zip(paths.T, PALETTE * paths.shape[1], strict=False):
        ax.plot(ts, path, color=colour, lw=1)
    ax.set(xlabel=xlabel, ylabel="$x$", title=title)


def _columns(x):
    """Paths as an array of shape (K + 1, n)."""
    x = np.asarray(values_of(x))
    return x.reshape(len(x), -1)


def _bands(mean, std):
    return zip(*(np.broadcast_to(a, np.broadcast_shapes(mean.shape, std.shape)).T for a in (mean, std)), strict=True)


def paths_beside_density(ts, paths_shown, mean, std, law, sample=None, *, title=""):
    """Paths in their mean ± 2 sd bands; to the right, on the same axis, the density of `law` that they settle in.

    sample: where many paths have ended, as a histogram under that density.
    """
    _, (left, right) = plt.subplots(1, 2, figsize=(8, 3.8), width_ratios=(4, 1), sharey=True)
    paths(ts, paths_shown, mean, std, width=2, title=title, ax=left)
    x = np.linspace(*left.get_ylim(), 300)
    if sample is not None:
        ends = np.ravel(values_of(sample))
        right.hist(ends, bins=40, density=True, orientation="horizontal", color=GREEN, alpha=0.35)
    right.plot(law.pdf(x), x, color=GREEN)
    right.set(xlabel="stationary density", xlim=(0, None))


def variance_growth(ts, sample, expected, *, title="", ax=None):
    """The variance of paths (K + 1, n) or (K + 1, n, 1) against the times ts, beside the `expected` curve, (K + 1,)."""
    ax, variance = axes(ax, figsize=(5, 3.4)), _columns(sample).var(axis=1)
    ax.plot(values_of(ts), variance, ".", color=BLUE, label="yours")
    ax.plot(values_of(ts), values_of(expected), color=ORANGE, label="expected")
    ax.set(xlabel="$t$", ylabel="variance", title=title)
    ax.legend()


def path_grid(ts, panels, rows, columns, *, xlabel, title=""):
    """A grid of small pictures: panels[i][j] holds paths (K + 1, n) or (K + 1, n, 1) at the times ts, (K + 1,).

    rows, columns: the labels of the rows and of the columns.
    """
    shared = {"sharex": True, "sharey": True, "squeeze": False}
    figure, grid = plt.subplots(len(rows), len(columns), figsize=(8, 1.2 + 1.6 * len(rows)), **shared)
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            grid[i][j].plot(values_of(ts), _columns(panels[i][j]), lw=0.8)
            grid[0][j].set_title(column)
        grid[i][0].set_ylabel(row)
    figure.supxlabel(xlabel, fontsize=11)
    figure.suptitle(title, x=0.01, ha="left", fontsize=12)
