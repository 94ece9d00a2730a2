"""Checks of what moves images, tensors of shape (n, ...)."""

import torch

from labutils.checks.report import as_floats
from labutils.checks.statistical import transition


def one_step(move, start, shape, mean, sd, n=100, what="The step", hints=None):
    """Check that move(x) of n images x, (n, *shape), has the law N(mean(x), sd(x)**2), independently in every pixel.

    start: the lowest and the highest pixel; all of a batch differ. mean, sd: functions of x, broadcastable to it.
    """
    __tracebackhide__ = True

    def simulate(n):
        __tracebackhide__ = True
        x = torch.linspace(*start, n * torch.Size(shape).numel(), dtype=torch.float64).reshape(n, *shape)
        new = as_floats(move(x.clone()), (n, *shape), what)
        return torch.stack([x, torch.as_tensor(new)]).reshape(2, n, -1)

    def flat(coefficient):
        def at(state, k):
            x = torch.as_tensor(state).reshape(-1, *shape)
            return torch.broadcast_to(torch.as_tensor(coefficient(x)), x.shape).reshape(state.shape)

        return at

    return transition(simulate, flat(mean), flat(sd), n, what, hints)
