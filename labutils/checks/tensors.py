"""Checks of functions of tensors, images (n, ...) among them: known values, seeds, and the law of a step.

`checks.values` and `checks.transition` do the asking; here are the shapes that Lab 5 needs again and again.
"""

import torch

from labutils.checks.deterministic import reproducible as _reproducible
from labutils.checks.deterministic import values
from labutils.checks.report import as_floats
from labutils.checks.statistical import transition


def split(f, count):
    """`count` functions of the same inputs as f: the k-th returns the k-th of the values that f returns."""

    def one(k):
        return lambda *inputs: f(*inputs)[k]

    return tuple(one(k) for k in range(count))


def value(f, inputs, expected, rtol=1e-5, what="The value", hints=None):
    """Check f(*inputs) against `expected`, an array or numbers in lists; see `checks.values`."""
    __tracebackhide__ = True
    return values(f, lambda *_: expected, [inputs], rtol, what, hints)


def reproducible(draw, what="The random numbers"):
    """Warn, and only warn, when draw(rng) does not follow the seed of rng, a torch.Generator."""
    __tracebackhide__ = True
    return _reproducible(lambda seed: draw(torch.Generator().manual_seed(seed)), what)


def step(move, start, shape, mean, sd, n=100, what="The step", hints=None):
    """Check that move(x) of images x, (n, *shape), has the law N(mean(x), sd(x)**2), independently in every pixel.

    start: the lowest and the highest pixel; all of a batch differ. mean, sd: functions of x, broadcastable to it.
    """
    __tracebackhide__ = True

    def simulate(n):
        __tracebackhide__ = True
        x = torch.linspace(*start, n * torch.Size(shape).numel(), dtype=torch.float64).reshape(n, *shape)
        new = torch.as_tensor(as_floats(move(x.clone()), (n, *shape), what))
        return torch.stack([x, new]).reshape(2, n, -1)

    def flat(coefficient):
        def of(state, k):
            x = torch.as_tensor(state).reshape(-1, *shape)
            return torch.broadcast_to(torch.as_tensor(coefficient(x)), x.shape).reshape(state.shape)

        return of

    return transition(simulate, flat(mean), flat(sd), n, what, hints)
