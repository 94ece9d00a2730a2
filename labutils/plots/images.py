"""Pictures of Lab 5: grids of digits, their way to noise, two ways back, and what steps and likelihoods do.

Images are tensors (n, 1, 28, 28) with pixels in [-1, 1]; what lies outside is drawn black or white.
"""

import csv
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from labutils.plots.style import BLUE, DENSEST, DENSITY_MAP, GREY, ORANGE, PALETTE, axes, values_of

INK = {"cmap": "gray", "vmin": -1, "vmax": 1, "interpolation": "nearest"}  # pixels are -1, black, to 1, white


def digits(images, *, columns=10, title="", rows=None, ax=None):
    """A grid of images, row by row. rows: a label for each row of the grid, or None."""
    tiles = values_of(images)[:, 0]
    height = -(-len(tiles) // columns)
    ax = axes(ax, figsize=(0.62 * columns + (rows is not None), 0.62 * height + 0.4))
    ax.imshow(mosaic(tiles, columns), **INK)
    ax.set(xticks=[], yticks=[], title=title)
    if rows is not None:
        ax.set_yticks(30 * np.arange(height) + 15, rows)
        ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def mosaic(tiles, columns):
    """Tiles (n, 28, 28) as one image, `columns` in a row, with a thin white line between them."""
    height, side = -(-len(tiles) // columns), tiles.shape[-1] + 2
    canvas = np.ones((height * side, columns * side))
    for i, tile in enumerate(tiles):
        row, column = divmod(i, columns)
        canvas[row * side + 1 : (row + 1) * side - 1, column * side + 1 : (column + 1) * side - 1] = tile
    return canvas


def noising(images, times, *, title=""):
    """Digits at several times, one row per digit. images: (k, n, 1, 28, 28); times: (k,)."""
    images = values_of(images)
    k, n = images.shape[:2]
    ax = axes(None, figsize=(0.75 * k, 0.75 * n + 0.5))
    ax.imshow(mosaic(images.transpose(1, 0, 2, 3, 4).reshape(k * n, 28, 28), k), **INK)
    ax.set(yticks=[], title=title, xlabel="$t$")
    ax.set_xticks(30 * np.arange(k) + 15, [f"{float(t):.2g}" for t in times])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def chain_and_limit(times, signal, noise, alpha_bar, stop=None, *, title="", ax=None):
    """What is left of the data and how much noise there is: lines for the SDE, dots for a chain of T steps.

    times, signal, noise: (k,). alpha_bar: (T + 1,). stop: the alpha_bar at which another chain stops, marked.
    """
    ax, alpha_bar, signal = axes(ax), values_of(alpha_bar), values_of(signal)
    ax.plot(times, signal, color=BLUE, label="signal, SDE")
    ax.plot(times, values_of(noise), color=ORANGE, label="noise, SDE")
    T = len(alpha_bar) - 1
    dots = np.arange(0, T + 1, T // 20)
    ax.plot(dots / T, np.sqrt(alpha_bar[dots]), "o", color=BLUE, ms=5, mfc="none", label="signal, chain")
    ax.plot(dots / T, np.sqrt(1 - alpha_bar[dots]), "o", color=ORANGE, ms=5, mfc="none", label="noise, chain")
    if stop is not None:
        place = float(values_of(times)[np.argmin(np.abs(signal - np.sqrt(stop)))])
        ax.axvline(place, color=GREY, lw=1, ls=":")
        ax.annotate("Lab 3's\n200 steps", (place, 0.5), (4, 0), textcoords="offset points", color=GREY)
    ax.set(xlabel="$t$", ylabel="factor of data, of noise", title=title)
    ax.legend()


def samplers_on_law(samples, law, *, title=""):
    """One histogram per sampler, on the density it should have. samples: {name: (n,) or (n, 1)}; law: pdf and ppf."""
    panels = plt.subplots(1, len(samples), figsize=(4.6 * len(samples), 3.2), sharey=True, squeeze=False)[1][0]
    low, high = law.ppf([1e-4, 1 - 1e-4])
    x = np.linspace(low, high, 400)
    for ax, (name, sample) in zip(panels, samples.items(), strict=True):
        ax.hist(np.ravel(values_of(sample)), bins=np.linspace(low, high, 81), density=True, color=BLUE, alpha=0.45)
        ax.plot(x, law.pdf(x), color=ORANGE, label="exact")
        ax.set(xlabel="$x$", title=name)
    panels[0].set(ylabel="density")
    panels[0].legend()
    panels[0].figure.suptitle(title)


def two_ways_back(times, by_sde, by_ode, law, *, shown=12):
    """Paths of the SDE and of the ODE on the density they share, and where all of them end.

    times: falling, (K + 1,); paths: (K + 1, n, 1), `shown` of them drawn; law: t -> a distribution with pdf and ppf.
    """
    times = values_of(times)
    left, middle, right = plt.subplots(1, 3, figsize=(12, 3.6), sharey=True, width_ratios=(4, 4, 2))[1]
    x = np.linspace(-2.6, 2.6, 261)
    image = np.array([law(t).pdf(x) for t in times[::-1]]).T
    for ax, paths, name in ((left, by_sde, "by the SDE"), (middle, by_ode, "by the ODE")):
        ax.pcolormesh(times[::-1], x, np.sqrt(np.minimum(image, DENSEST)), cmap=DENSITY_MAP, rasterized=True)
        ax.plot(times, values_of(paths)[:, :shown, 0], color="white", lw=0.8, alpha=0.9)
        ax.set(xlabel="$t$", title=name, xlim=(1, 0))
    left.set(ylabel="$x_t$", ylim=(-2.6, 2.6))
    for paths, colour, name in ((by_sde, BLUE, "SDE"), (by_ode, GREY, "ODE")):
        right.hist(values_of(paths)[-1, :, 0], bins=np.linspace(-2, 2, 101), density=True, orientation="horizontal",
                   histtype="step", color=colour, label=name, lw=1.4)  # fmt: skip
    right.plot(law(times[-1]).pdf(x), x, color=ORANGE, lw=1.2, label="exact")
    right.set(xlabel="density", title="the ends")
    right.legend(loc="lower right")


def against_steps(curves, *, ylabel, exact=None, label="exact", title="", ax=None):
    """A figure of merit against the number of score evaluations. curves: {name: (evaluations, values)}.

    exact: a level to draw dashed, named `label`.
    """
    ax = axes(ax)
    for colour, (name, (evaluations, value)) in zip(PALETTE, curves.items(), strict=False):
        ax.semilogx(evaluations, value, "o-", color=colour, label=name)
    if exact is not None:
        ax.axhline(exact, color=GREY, ls="--", lw=1.2, label=label)
    ax.set(xlabel="score evaluations", ylabel=ylabel, title=title)
    ticks = sorted({int(k) for evaluations, _ in curves.values() for k in evaluations})
    ax.set_xticks(ticks, [f"{k}" for k in ticks])
    ax.minorticks_off()
    ax.legend()


def likelihoods(images, bits, *, title=""):
    """Images from the likeliest to the least likely, above the histogram of their bits per dimension, (n,)."""
    bits = values_of(bits)
    order = np.argsort(bits)
    top, bottom = plt.subplots(2, 1, figsize=(9, 4.6), height_ratios=(1.3, 2))[1]
    ends = np.concatenate([order[:10], order[-10:]])
    digits(values_of(images)[ends], title=title, rows=["least bits", "most bits"], ax=top)
    bottom.hist(bits, bins=20, color=BLUE, alpha=0.6)
    error = bits.std(ddof=1) / np.sqrt(len(bits))
    bottom.axvline(bits.mean(), color=ORANGE, label=f"mean {bits.mean():.2f} ± {error:.2f}")
    bottom.set(xlabel="bits per dimension", ylabel="images")
    bottom.legend()


def training_log(folder, *, title="", ax=None):
    """The newest log in `folder`/log: the losses of batches, and of images kept aside, against the step."""
    ax = axes(ax)
    newest = max(Path(folder).glob("log/version_*/metrics.csv"), key=lambda path: path.stat().st_mtime)
    with open(newest, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = {"loss": ("one batch", BLUE, 0.5), "validation_loss": ("kept aside, averaged weights", ORANGE, 1.6)}
    for name, (label, colour, width) in names.items():
        points = [(int(row["step"]), float(row[name])) for row in rows if row.get(name)]
        ax.plot(*zip(*points, strict=True), color=colour, lw=width, marker="o", ms=2 + 2 * width, label=label)
    ax.set(xlabel="step", ylabel="loss", title=title, yscale="log")
    ax.legend()
