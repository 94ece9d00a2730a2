"""A picture of a search: one line per trial, one axis per value, the colour is what was reached."""

import matplotlib.pyplot as plt
import numpy as np

from labutils.plots.style import DENSITY_MAP, axes


def parallel_coordinates(table, objective, *, ax=None):
    """A table of trials (one row each), its last axis the objective; the best trials are drawn on top.

    Numbers that span more than a factor of ten are spread by their logarithm, pairs of multipliers by their order.
    """
    names = [name for name in table.columns if name not in (objective, "epochs")] + [objective]
    ax = axes(ax, figsize=(1.7 * len(names), 3.8))
    heights = np.stack([_axis(ax, place, table[name]) for place, name in enumerate(names)])
    colours = plt.get_cmap(DENSITY_MAP)(0.9 - 0.9 * heights[-1])
    for trial in np.argsort(-heights[-1]):
        ax.plot(heights[:, trial], color=colours[trial], lw=2.4 if heights[-1, trial] == 0 else 1.2)
    ax.set_xticks(range(len(names)), [name.replace("_", " ") for name in names])
    ax.set(yticks=[], xlim=(-0.2, len(names) - 0.5))
    ax.spines[:].set_visible(False)
    ax.set_title(f"{len(table)} trials, the best with a thick line")


def _axis(ax, place, column):
    """Draw one axis with its ticks; returns the height in [0, 1] of every trial on it."""
    values = [tuple(v) if isinstance(v, list | tuple | np.ndarray) else v for v in column]
    kinds = sorted(set(values))
    if isinstance(kinds[0], tuple):
        spread = np.array([kinds.index(value) for value in values], dtype=float)
    else:
        spread = np.asarray(values, dtype=float)
        spread = np.log(spread) if kinds[0] > 0 and kinds[-1] > 10 * kinds[0] else spread
    heights = (spread - spread.min()) / (np.ptp(spread) or 1)
    ticks = {kind: heights[values.index(kind)] for kind in (kinds if len(kinds) <= 4 else (kinds[0], kinds[-1]))}
    ax.plot([place, place], [0, 1], color="0.8", lw=1, zorder=0)
    for tick, level in ticks.items():
        text = " ".join(map(str, tick)) if isinstance(tick, tuple) else f"{tick:.3g}"
        ax.text(place + 0.04, level, text, fontsize=8, va="center", color="0.3")
    return heights
