"""A check of one random step, for functions that move particles once instead of returning whole trajectories."""

import numpy as np

from labutils.checks import as_floats, transition


def one_step(step, start, mean, sd, n=100, what="The step", hints=None):
    """Check that step(x), shape (n,), has the law N(mean(x), sd(x)**2), independently for n spread-out starts x.

    start: the lowest and the highest start; best away from 0 and off symmetry, where mistakes show.
    mean, sd: functions of the starts (n,), broadcastable to them; sd > 0.
    """
    __tracebackhide__ = True

    def simulate(n):
        __tracebackhide__ = True
        x = np.linspace(*start, n)
        return np.stack([x, as_floats(step(x.copy()), (n,), what)])

    return transition(simulate, lambda x, k: mean(x), lambda x, k: sd(x), n, what, hints)
