"""Pictures of diffusion and undiffusion in one dimension: runs, histograms, guesses, the density in time.

Arrays of runs have shape (K + 1, n), one row per time; `t` says which times the rows are, 0..K unless given.
"""

import matplotlib.pyplot as plt
import numpy as np

from labutils.plots.style import BLUE, DENSEST, DENSITY_MAP, GREY, ORANGE, PALETTE, axes, values_of

SHOWN = 10  # runs per picture of lines: more of them hide one another


def runs(x, t=None, *, beta=None, points=None, title="", ylabel="$x_t$", ax=None):
    """The first ten runs x, shape (K + 1, n), against t and, given `beta` (T + 1,), the cumulated beta too.

    t: the times of the rows, (K + 1,); falling for an undiffusion, which the picture marks. points: dotted levels.
    """
    x, t = values_of(x), np.arange(len(x)) if t is None else np.asarray(t)
    panels = [axes(ax)] if beta is None else plt.subplots(1, 2, figsize=(9, 3.4), sharey=True)[1]
    across = [t] if beta is None else [t, np.cumsum(beta)[t]]
    names = ["$t$", r"$\sum_{s\leq t}\beta_s$"]
    for panel, u, name in zip(panels, across, names, strict=False):
        for point in () if points is None else points:
            panel.axhline(point, color=GREY, lw=1, ls=":")
        for i in range(min(x.shape[1], SHOWN)):
            panel.plot(u, x[:, i], lw=1.1, color=PALETTE[i % len(PALETTE)])
        panel.set(xlabel=name)
        if t[0] > t[-1]:
            panel.annotate("", (0.82, 1.03), (0.98, 1.03), xycoords="axes fraction", arrowprops={"arrowstyle": "->"})
        _at_least(panel, 0.5)
    panels[0].set(title=title, ylabel=ylabel)


def _at_least(ax, height):
    """Don't let a flat line fill the axes with its rounding errors."""
    low, high = ax.get_ylim()
    if high - low < height:
        ax.set_ylim((low + high - height) / 2, (low + high + height) / 2)


def two_histograms(first, second, law=None, *, labels, title="", xlabel="$x$", bins=50, ax=None):
    """Two samples that should agree, as bars and an outline, with the density of `law` (pdf, ppf), if any."""
    ax, samples = axes(ax), [np.ravel(values_of(sample)) for sample in (first, second)]
    low, high = np.min(samples[0]), np.max(samples[0])
    if law is not None:
        low, high = law.ppf([1e-4, 1 - 1e-4])
    edges = np.linspace(low, high, bins + 1)
    ax.hist(samples[0], bins=edges, density=True, color=BLUE, alpha=0.4, label=labels[0])
    ax.hist(samples[1], bins=edges, density=True, histtype="step", color=GREY, lw=1.8, label=labels[1])
    if law is not None:
        x = np.linspace(low, high, 400)
        ax.plot(x, law.pdf(x), color=ORANGE, label="theory")
    ax.set(xlabel=xlabel, ylabel="density", title=title)
    ax.legend()


def points_histogram(sample, law, *, title="", ax=None):
    """Where undiffused particles end: a histogram in shares, and how many lie nearest to each point of `law`.

    law: {point: weight}; the weights are marked. A particle may miss its point, as the guesses of a net do.
    """
    ax, sample = axes(ax), np.ravel(values_of(sample))
    points = np.array(sorted(law))
    low, high = min(points.min(), sample.min()) - 0.2, max(points.max(), sample.max()) + 0.2
    width = min(0.04, (high - low) / 30)
    edges = points[0] + width * (np.arange(np.floor((low - points[0]) / width), (high - points[0]) / width + 1) - 0.5)
    ax.hist(sample, bins=edges, weights=np.full(sample.shape, 1 / sample.size), color=BLUE, alpha=0.6)
    nearest = points[np.abs(sample[:, None] - points).argmin(axis=1)]
    ceiling = max(law.values())
    for point in points:
        ax.plot([point - 0.08, point + 0.08], [law[point]] * 2, color=ORANGE, lw=3)
        share = np.mean(nearest == point)
        text, top = f"{share:.3f}\n({law[point]:g})", max(share, law[point])
        ceiling = max(ceiling, share)
        ax.annotate(text, (point, top), (0, 6), textcoords="offset points", ha="center", va="bottom")
    ax.set(xlabel="$x_0$", ylabel="share, and (expected)", title=title, ylim=(0, 1.3 * ceiling))


def undiffusion(x, guess, law, *, t_end=0, title=""):
    """The three typical pictures of an undiffusion: runs, final histogram, guess of x_0 against t.

    x: (T - t_end + 1, n), the states at t = T..t_end; guess: (T, n), guesses of x_0 at t = T..1; law: {point: weight}.
    """
    left, middle, right = plt.subplots(1, 3, figsize=(12, 3.4))[1]
    times = np.arange(len(x) - 1 + t_end, t_end - 1, -1)
    runs(x, times, points=law, title=title or "runs", ax=left)
    points_histogram(x[-1], law, title=f"{x.shape[1]:,} runs end here", ax=middle)
    guesses(guess, times[: len(guess)], points=law, ax=right)


def guesses(guess, t, *, points, title=r"guess of $x_0$", ax=None):
    """Guesses of x_0, shape (K, n), at the times t (K,), for the first ten runs, with the data `points` dotted."""
    runs(guess, t, points=points, title=title, ylabel=r"$\hat x_0$", ax=ax)


def there_and_back(x, data, forward, t, law):
    """Where runs of an undiffusion end, and how they are spread on their way, at t, against forward-diffused points.

    x: (T + 1, n), states at t = T..0. data: {point: weight}. forward: a sample at t. law: of x_t, with pdf and ppf.
    """
    left, right = plt.subplots(1, 2, figsize=(10, 3.4))[1]
    points_histogram(x[-1], data, title=f"{x.shape[1]:,} runs, back at t = 0", ax=left)
    two_histograms(forward, x[-1 - t], law, labels=("forward", "backward"), title=f"on the way, t = {t}", ax=right)


def films(forward, backward, *, rng=None):
    """Runs there, (T + 1, n) at t = 0..T, and back, at t = T..0, as images over t; which is which is not said."""
    pair = [values_of(forward), values_of(backward)[::-1]]
    panels = plt.subplots(1, 2, figsize=(11, 3.6), sharey=True)[1]
    for i, name, ax in zip(np.random.default_rng(rng).permutation(2), ("film A", "film B"), panels, strict=True):
        density_in_time(pair[i], len(pair[i]) - 1, paths=pair[i], title=name, ax=ax)


def density_in_time(law, T, *, paths=None, window=(-2.5, 2.5), title="", ax=None):
    """The evolving density as an image, t = 1..T across, x up, with runs on top if `paths` (T + 1, n) are given.

    law: t -> a distribution with `pdf`, or runs, many of them, (T + 1, n), of which each row is drawn as a histogram.
    Colours go by the square root, so that the broad late densities stay visible beside the narrow early ones.
    """
    ax, edges = axes(ax), np.linspace(*window, 201)
    if callable(law):
        x = (edges[1:] + edges[:-1]) / 2
        image = np.array([law(t).pdf(x) for t in range(1, T + 1)])
    else:
        image = np.array([np.histogram(row, edges)[0] for row in values_of(law)[1:]]) / len(law[0]) / np.diff(edges)
    ax.imshow(np.sqrt(np.minimum(image.T, DENSEST)), origin="lower", aspect="auto", cmap=DENSITY_MAP,
              extent=(0.5, T + 0.5, *window), interpolation="nearest")  # fmt: skip
    if paths is not None:
        ax.plot(values_of(paths)[:, :SHOWN], color="white", lw=0.6, alpha=0.8)
    ax.set(xlabel="$t$", ylabel="$x$", title=title, xlim=(0.5, T + 0.5), ylim=window)
