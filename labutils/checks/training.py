"""Checks of the loop that trains a net, and of the trial of a search that calls one.

A loop is right when its losses are those of its batches, and when they fall to zero on a problem without noise.
`labutils.checks.batches` judges what it is fed, `labutils.checks.networks` the net.
"""

import contextlib
import io

import numpy as np
import torch

from labutils.arrays import plain
from labutils.checks.report import Finding, Report, as_floats

HINTS = {
    "learning": "Which three calls turn a loss into a step, and what does each leave behind?",
    "losses": "Which batch, and which average, does the loss of one step belong to?",
}


class Line(torch.nn.Module):
    """The smallest net: w · inputs + b from a known start. `flat` returns (n,) in the place of (n, 1)."""

    def __init__(self, n_input=2, flat=False):
        super().__init__()
        self.w = torch.nn.Parameter(torch.linspace(0.5, -0.7, n_input)[:, None])
        self.b = torch.nn.Parameter(torch.tensor([0.3]))
        self.flat = flat

    def forward(self, inputs):
        answers = inputs @ self.w + self.b
        return answers[:, 0] if self.flat else answers


class LineBatches:
    """Batches of a linear target without noise: calling it with n gives inputs (n, 2) and target (n, 1).

    The k-th call gives the same numbers in every object, so that losses can be foretold.
    """

    def __init__(self):
        self.calls = 0

    def __call__(self, n):
        self.calls += 1
        inputs = np.random.default_rng([n, self.calls]).normal([0.4, 0.5], 1.0, (n, 2))
        target = inputs @ [[-1.2], [0.8]] - 0.6
        return torch.tensor(inputs, dtype=torch.float32), torch.tensor(target, dtype=torch.float32)


def _losses(train, steps, batch_size, lr, what):
    """The losses of a quiet training of a Line; what `train` writes to stderr would cost points in nbgrader."""
    __tracebackhide__ = True
    with contextlib.redirect_stderr(io.StringIO()):
        losses = train(Line(), steps, batch_size, lr, LineBatches())
    if isinstance(losses, list | tuple):
        losses = np.array([float(plain(loss)) for loss in losses])
    return as_floats(losses, (steps,), f"{what}: losses of {steps} steps")


def loop_losses(train, steps=6, batch_size=7, what="The losses"):
    """Check the losses of a loop that hardly moves: each is the mean squared error of a new batch of that size."""
    __tracebackhide__ = True
    got = _losses(train, steps, batch_size, 1e-12, what)
    net, draw = Line(), LineBatches()
    batches = [draw(batch_size) for _ in range(steps)]
    want = np.array([torch.mean((net(inputs) - target) ** 2).item() for inputs, target in batches])
    wrong = np.abs(got - want) > 1e-4 * want
    if not wrong.any():
        return Report(what, summary=f"{steps} steps give the mean squared errors of their {steps} batches.")
    k = int(wrong.argmax())
    same = " All losses are equal: is there a new batch in every step?" if np.ptp(got) < 1e-4 * want.min() else ""
    text = f"step {k + 1}: with a learning rate of almost 0 expected {want[k]:.4f}, got {got[k]:.4f}.{same}"
    return Report(what, [Finding("losses", 0.0, text)], "fail", hints=HINTS)


def loop_learns(train, steps=400, batch_size=64, lr=0.05, what="The loop"):
    """Check that a loop brings the loss of a linear net on a linear target to zero."""
    __tracebackhide__ = True
    losses = _losses(train, steps, batch_size, lr, what)
    first, last = losses[:5].mean(), losses[-20:].mean()
    text = f"on a straight line, {steps} steps take the loss from {first:.3g} to {last:.3g}; expected almost 0."
    if last < 0.01 * first:
        return Report(what, summary=text)
    return Report(what, [Finding("learning", 0.0, text)], "fail", hints=HINTS)


# A trial of a search --------------------------------------------------------------------------------------------------


def recipe_values(trial, names):
    """A function of one value per name; it returns, as a flat tensor, what arrives of them in the trained recipe.

    trial: as in Lab 5, a function (values, train, measure) that trains with the recipe made of a dict of values.
    """

    def arrived(*values):
        recipes = []
        trial(dict(zip(names, values, strict=True)), lambda recipe: recipes.append(recipe), lambda score_fn, eps: 2.0)
        return torch.tensor([float(number) for name in names for number in np.ravel(getattr(recipes[0], name))])

    return arrived
