"""The exact answer to Labs 3 and 4: the best guess of the noise in diffused points."""

import numpy as np

from labutils.distributions import diffused_points


def expected_noise(x, data, alpha_bar):
    """E[z | x_t = x], the best guess of the noise in the mean square, same shape as x.

    data: the law of x_0, {point: weight}; alpha_bar in [0, 1). It is the score of x_t times the noise's standard
    deviation, by "Tweedie's formula" (Robbins 1956, Miyasawa 1961). Raises what `diffused_points` raises.
    """
    return -np.sqrt(1 - alpha_bar) * diffused_points(data, alpha_bar).score(x)
