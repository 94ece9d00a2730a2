"""Pictures of Lab 4: what a net is shown, how its loss falls, what it has learned, and where prompts take the runs.

A guess is a function (x_t, t) -> z_hat with x_t and z_hat of shape (n,) and an integer t >= 1.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch

from labutils.plots.style import BLUE, GREY, ORANGE, PALETTE, RED, axes, values_of

NOISE_MAP, NOISE_LIMIT = "PuOr", 2.5  # standard deviations: of normal noise 1 % lies beyond, and gets the same colour
RARE = 0.01  # per unit of x: the density below which samples hardly ever come


def noise_samples(inputs, target, T, *, title="", ax=None):
    """Samples at (t, x_t), coloured by their noise. inputs: (n, 2), x_t and t/T; target: (n, 1)."""
    ax, inputs, z = axes(ax), values_of(inputs), np.ravel(values_of(target))
    dots = ax.scatter(T * inputs[:, 1], inputs[:, 0], c=z, s=8, cmap=NOISE_MAP, vmin=-NOISE_LIMIT, vmax=NOISE_LIMIT)
    ax.figure.colorbar(dots, ax=ax, label="$z$")
    ax.set(xlabel="$t$", ylabel="$x_t$", title=title)


def training_losses(losses, optimum, *, window=100, title="", ax=None):
    """Losses against the step: a faint line each, on it the mean over the last `window` steps, and the optimum.

    losses: {name: a list of one number per step}.
    """
    ax = axes(ax)
    for colour, (name, values) in zip(PALETTE, losses.items(), strict=False):
        values = np.asarray(values, dtype=np.float64)
        ax.plot(np.arange(1, len(values) + 1), values, color=colour, lw=0.5, alpha=0.2)
        width = min(window, len(values))
        means = np.convolve(values, np.full(width, 1 / width), mode="valid")
        ax.plot(np.arange(width, len(values) + 1), means, color=colour, label=name)
    ax.axhline(optimum, color=GREY, ls="--", lw=1.2, label=f"optimum {optimum:.4f}")
    ax.set(xlabel="step", ylabel="mean squared error", title=title, ylim=(0, 1.6))
    ax.legend(loc="upper right")


def learned_guess(guess, exact, T, density, *, window=(-2.0, 2.0)):
    """Three images, t across and x up: the exact guess of the noise, the learned one, and learned minus exact.

    density: (x, t) -> the density of x_t, shape (n,); the difference is drawn pale where samples hardly ever come.
    """
    x, times = np.linspace(*window, 161), np.arange(1, T + 1)
    first, second, weight = (np.array([values_of(f(x, int(t))) for t in times]).T for f in (exact, guess, density))
    panels = plt.subplots(1, 3, figsize=(12, 3.4), sharey=True)[1]
    drawn = [(first, 1, "exact"), (second, 1, "learned"), (second - first, weight > RARE, "learned − exact")]
    for ax, (image, seen, title) in zip(panels, drawn, strict=True):
        shown = ax.imshow(image, origin="lower", aspect="auto", extent=(0.5, T + 0.5, *window), cmap=NOISE_MAP,
                          vmin=-NOISE_LIMIT, vmax=NOISE_LIMIT, alpha=np.maximum(seen, 0.15))  # fmt: skip
        ax.set(xlabel="$t$", title=title)
    panels[0].set(ylabel="$x$")
    scale = plt.cm.ScalarMappable(shown.norm, NOISE_MAP)
    panels[-1].figure.colorbar(scale, ax=panels, label=r"$\hat z(x, t)$", extend="both")


def units_on(nets):
    """For each hidden ReLU unit of each net, the share of inputs for which it is on; a unit at 0 is dead.

    nets: {name: (net, inputs)}. Units are found as `torch.nn.ReLU` modules.
    """
    panels = plt.subplots(1, len(nets), figsize=(9, 3), sharey=True, squeeze=False)[1][0]
    for ax, (name, (net, inputs)) in zip(panels, nets.items(), strict=True):
        start = 0
        for i, on in enumerate(_shares_on(net, inputs)):
            colours = np.where(on > 0, PALETTE[i], RED)
            ax.bar(start + np.arange(len(on)), np.maximum(on, 0.01), color=colours)
            start += len(on) + 2
            dead = f"layer {i + 1}\n{np.sum(on == 0)} of {len(on)} dead"
            ax.text(start - 2 - len(on) / 2, 1.04, dead, ha="center", va="bottom", fontsize=9)
        ax.set(xlabel="hidden unit", xticks=[], ylim=(0, 1.3), yticks=[0, 0.5, 1], title=name)
    panels[0].set(ylabel="share of inputs it is on for")


def _shares_on(net, inputs):
    """One array per ReLU module: for every unit, the share of inputs with an output above 0."""
    shares = []
    hooks = [
        module.register_forward_hook(lambda module, args, out: shares.append((out > 0).float().mean(0).numpy()))
        for module in net.modules()
        if isinstance(module, torch.nn.ReLU)
    ]
    with torch.no_grad():
        net(inputs)
    for hook in hooks:
        hook.remove()
    return shares


def prompted_runs(left, right, law, *, shown=12, title="", ax=None):
    """Undiffusions from the same starts under two prompts: states at t = T..0, (T + 1, n); its points dotted."""
    ax, t = axes(ax), np.arange(len(left) - 1, -1, -1)
    for x, colour, name in ((left, BLUE, "left"), (right, ORANGE, "right")):
        ax.plot(t, values_of(x)[:, :shown], color=colour, lw=0.9, alpha=0.8, label=[name, *[""] * (shown - 1)])
    for point in law:
        ax.axhline(point, color=GREY, lw=1, ls=":")
    ax.set(xlabel="$t$", ylabel="$x_t$", title=title, xlim=(len(left) - 1, 0))
    ax.legend(loc="upper right", title="prompt")


def guidance_curve(weights, shares, exact, *, title="", ax=None):
    """The share of runs that end on the asked side against the guidance weight, for each prompt.

    shares, exact: {prompt: one share per weight}, of the net and of the exact guesses.
    """
    ax = axes(ax)
    for prompt, colour in (("left", BLUE), ("right", ORANGE)):
        ax.plot(weights, shares[prompt], "o-", color=colour, label=f"{prompt}, net")
        ax.plot(weights, exact[prompt], ":", color=colour, label=f"{prompt}, exact")
    for at in (0, 1):
        ax.axvline(at, color=GREY, lw=0.8)
    ax.set(xlabel="guidance weight $w$", ylabel="share on the asked side", title=title, ylim=(-0.03, 1.05))
    ax.legend()
