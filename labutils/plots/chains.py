"""Pictures of Lab 2: chains with what they are worth, acceptance rates, densities with score arrows, moving clouds."""

import base64
import io
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

from labutils.mcmc import batch_means, effective_sample_size, langevin_acceptance, metropolis_acceptance
from labutils.plots.histograms import histogram_on_law
from labutils.plots.style import BLUE, DENSITY_MAP, GREY, ORANGE, PURPLE, RED, values_of

BINS = 40  # bars: few enough for error bars between them
BATCHES = 30  # pieces of a chain whose means give an error: enough to know it to 13 %, few enough to be independent


def energy_and_density(energy, force, law, *, title=""):
    """An energy landscape with force arrows, and below it the density e^{-E} / Z of `law`, a BoltzmannLaw."""
    top, bottom = plt.subplots(2, 1, sharex=True, figsize=(6.4, 4.2))[1]
    low, high = law.ppf([0.0005, 0.9995])
    x = np.linspace(low, high, 400)
    at = np.linspace(low, high, 17)[1:-1]
    top.plot(x, energy(x), color=GREY)
    push = 0.12 * (high - low) * np.tanh(force(at) / (np.abs(force(at)).mean() or 1))
    top.quiver(at, energy(at), push, 0 * at, angles="xy", scale_units="xy", scale=1, color=RED, width=0.004, zorder=3)
    top.set(ylabel="energy $E(x)$", title=title or "Force arrows point downhill")
    bottom.fill_between(x, law.pdf(x), color=ORANGE, alpha=0.5)
    bottom.set(xlabel="$x$", ylabel=r"$p(x) \propto e^{-E(x)}$")


def chain_and_histogram(locations, law, *, burn_in=1000, title=""):
    """One chain against the move, and its histogram on `law`, with the number of independent draws it is worth.

    locations: shape (T + 1,) or (T + 1, n), of which the first particle is shown. The error bars, two standard errors
    each way, come from batch means, so they know that the draws are correlated.
    """
    chain = np.asarray(values_of(locations))
    chain = chain if chain.ndim == 1 else chain[:, 0]
    if not 0 <= burn_in < len(chain) - 2 * BATCHES:
        raise ValueError(f"burn_in must leave {2 * BATCHES} of the {len(chain) - 1} moves, got {burn_in}")
    kept, (left, right) = chain[burn_in + 1 :], plt.subplots(1, 2, figsize=(9.5, 3.4), width_ratios=(3, 2))[1]
    left.plot(chain, lw=0.5, color=BLUE)
    left.axvspan(0, burn_in, color=GREY, alpha=0.25, lw=0)
    left.set(xlabel="move (grey: dropped)", ylabel="$x$", title=title)
    right.set(xlabel="$x$", ylabel="density")
    if np.ptp(kept) == 0:
        right.set(title="this chain never moves")
        return
    histogram_on_law(kept, law, bins=BINS, ax=right)
    _batch_errors(kept, right)
    mean, error = batch_means(kept, BATCHES)
    right.set_title(f"{len(kept):,} moves ≈ {effective_sample_size(kept):,.0f} independent draws\n"
                    f"mean {mean:.2f} ± {error:.2f}, variance {kept.var():.2f}", fontsize=10)  # fmt: skip


def _batch_errors(chain, ax):
    """Error bars on the bars of a histogram of `chain` that `ax` already shows."""
    bars = [patch for patch in ax.patches if patch.get_width() > 0][:BINS]
    edges = np.array([bar.get_x() for bar in bars] + [bars[-1].get_x() + bars[-1].get_width()])
    inside = [1.0 * ((chain >= low) & (chain < high)) for low, high in pairwise(edges)]
    errors = [batch_means(hits, BATCHES)[1] if np.ptp(hits) else 0 for hits in inside] / np.diff(edges)
    heights = [bar.get_height() for bar in bars]
    ax.errorbar((edges[1:] + edges[:-1]) / 2, heights, 2 * errors, fmt="none", ecolor=GREY, elinewidth=1)


def acceptance_against_step(deltas, *, metropolis, langevin):
    """Acceptance ratios measured on E = x²/2 at steps delta, both movers, with their closed-form curves.

    metropolis, langevin: shape (len(deltas),), measured with proposals of variance delta. Left the share accepted,
    right the share refused, where straight lines are powers of delta.
    """
    left, right = plt.subplots(1, 2, figsize=(9.5, 3.6))[1]
    curve = np.geomspace(min(deltas), max(deltas), 200)
    movers = (("Metropolis", metropolis, metropolis_acceptance(np.sqrt(curve)), BLUE, "o"),
              ("Langevin–Metropolis", langevin, langevin_acceptance(curve), RED, "s"))  # fmt: skip
    for name, measured, exact, colour, marker in movers:
        measured = np.asarray(measured)
        for ax, points, line in ((left, measured, exact), (right, 1 - measured, 1 - exact)):
            ax.plot(curve, line, color=colour)
            ax.plot(deltas, np.where(points > 0, points, np.nan), marker, color=colour, mfc="white", label=name)
    left.set(xscale="log", ylim=(0, 1.05), xlabel=r"step $\delta$", ylabel="accepted $A$", title="Accepted moves")
    right.set(xscale="log", yscale="log", xlabel=r"step $\delta$", ylabel="refused $1 - A$",
              title=r"Refused moves: slopes 1/2 and 3/2")  # fmt: skip
    left.legend()


def densities_change(x, changes):
    """Densities p and how they would change, dp/dt: one panel for each {title: (p, change)}, all on the grid x."""
    panels = plt.subplots(1, len(changes), figsize=(4.6 * len(changes), 3.2), sharey=True, squeeze=False)[1][0]
    for ax, (title, (p, change)) in zip(panels, changes.items(), strict=True):
        ax.plot(x, p, color=ORANGE, label="$p$")
        ax.plot(x, change, color=PURPLE, label=r"$\partial p/\partial t$")
        ax.axhline(0, color=GREY, lw=0.6)
        ax.set(xlabel="$x$", title=title)
    panels[0].legend()


def densities_with_scores(densities, *, span=4.0):
    """One panel for each {title: Density} in two dimensions: the density as colour, its score as arrows."""
    panels = plt.subplots(1, len(densities), figsize=(3.6 * len(densities), 3.8), squeeze=False)[1][0]
    for ax, (title, density) in zip(panels, densities.items(), strict=True):
        _show_density(density, span, ax)
        points = _grid(0.9 * span, 13)
        score = values_of(density.score(points))
        length = np.linalg.norm(score, axis=1, keepdims=True)
        arrows = score / length.clip(1e-9) * np.tanh(length / 2)  # far arrows would otherwise hide the near ones
        ax.quiver(*points.T.numpy(), *arrows.T, color="white", scale=18, width=0.006)
        ax.set(title=title)


def cloud_snapshots(cloud, ts, density, *, count=5, span=4.0):
    """A cloud of points at `count` times, on the density it should reach. cloud: shape (K + 1, n, 2); ts: (K + 1,)."""
    cloud, ts = _cloud(cloud, ts)
    at = np.linspace(0, len(ts) - 1, count).round().astype(int)
    panels = plt.subplots(1, count, figsize=(2.3 * count, 2.6), squeeze=False)[1][0]
    for ax, k in zip(panels, at, strict=True):
        _show_density(density, span, ax)
        ax.plot(*cloud[k].T, ".", color="white", ms=2.5, alpha=0.7)
        ax.set(title=f"$t = {ts[k]:.2g}$", xticks=[], yticks=[], xlabel="", ylabel="")


def cloud_animation(cloud, ts, density, *, frames=30, span=4.0):
    """The cloud of `cloud_snapshots` as a film: an animated GIF, which plays on any page and needs no other program."""
    from IPython.display import HTML

    cloud, ts = _cloud(cloud, ts)
    with plt.rc_context({"figure.dpi": 80}):
        figure, ax = plt.subplots(figsize=(3.6, 3.8))
    _show_density(density, span, ax)
    (points,) = ax.plot([], [], ".", color="white", ms=3, alpha=0.8)
    ax.set_title("$t = 0.00$")
    figure.canvas.draw()
    figure.set_layout_engine("none")  # the frames must not jump
    images = []
    for k in np.unique(np.linspace(0, len(ts) - 1, frames).round().astype(int)):
        points.set_data(*cloud[k].T)
        ax.set_title(f"$t = {ts[k]:.2f}$")
        figure.canvas.draw()
        images.append(Image.fromarray(np.asarray(figure.canvas.buffer_rgba())).convert("RGB").quantize(64))
    plt.close(figure)
    film = io.BytesIO()
    images[0].save(
        film, "gif", save_all=True, append_images=images[1:], duration=[80] * (len(images) - 1) + [1500], loop=0
    )
    data = base64.b64encode(film.getvalue()).decode()
    return HTML(f'<img alt="a cloud of points in motion" src="data:image/gif;base64,{data}">')


def _show_density(density, span, ax):
    """The density as colour on the square [-span, span]^2, brightest at its own maximum."""
    points = _grid(span, 120)
    log_p = values_of(density.log_density(points)).reshape(120, 120)
    ax.imshow(np.exp(log_p - log_p.max()).T, extent=(-span, span, -span, span), origin="lower", cmap=DENSITY_MAP)
    ax.set(xlabel="$x_1$", ylabel="$x_2$", xlim=(-span, span), ylim=(-span, span))


def _grid(span, size):
    """The points of a square grid, shape (size**2, 2)."""
    import torch  # late: other labs draw without it

    side = torch.linspace(-span, span, size, dtype=torch.float64)
    return torch.cartesian_prod(side, side)


def _cloud(cloud, ts):
    cloud, ts = np.asarray(values_of(cloud)), np.asarray(values_of(ts))
    if cloud.ndim != 3 or cloud.shape[2] != 2 or len(cloud) != len(ts):
        raise ValueError(f"cloud must have shape (K + 1, n, 2) with {len(ts)} times, got {cloud.shape}")
    return cloud, ts
