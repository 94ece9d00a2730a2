"""The one style of all pictures: quiet axes, large enough letters, a palette safe for colour-blind eyes.

The colours are those of Okabe & Ito (2008), "Color universal design".
"""

import matplotlib.pyplot as plt
from cycler import cycler

from labutils.arrays import plain as values_of  # noqa: F401  tensors as numpy, for drawing

BLUE, ORANGE, GREEN, RED, PURPLE, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#5F6B76"
PALETTE = (BLUE, ORANGE, GREEN, RED, PURPLE, "#56B4E9", GREY)
DENSITY_MAP = "viridis"
DENSEST = 1.5  # per unit of x: denser places get this colour, or the spikes of the first steps leave the rest dark

STYLE = {
    "axes.prop_cycle": cycler(color=PALETTE),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 12,
    "axes.titlelocation": "left",
    "axes.labelsize": 11,
    "axes.grid": False,
    "figure.figsize": (7, 3.6),
    "figure.constrained_layout.use": True,
    "figure.dpi": 100,
    "font.size": 10,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
}


def use_style():
    """Set the course's style for every figure that follows."""
    plt.rcParams.update(STYLE)


def axes(ax=None, **figure_options):
    """`ax` itself, or the axes of a new figure."""
    return ax if ax is not None else plt.subplots(**figure_options)[1]
