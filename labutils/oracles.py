"""What the checks and pictures know and a student's program has to find out: the exact law of diffused points.

Noising carries a law of finitely many points to a mixture of Gaussians, one around each shrunken point,

    p_t(x) = sum_i w_i N(x; sqrt(alpha_bar_t) a_i, 1 - alpha_bar_t),

and everything else here is read off that density by general means: quantiles by bisection, the expected noise from the
slope of log p_t (Robbins 1956, Miyasawa 1961; "Tweedie's formula"), the slope by a complex step.
"""

import numpy as np
from scipy import special

COMPLEX_STEP = 1e-30  # so small that the derivative is exact; no difference is taken, so nothing cancels


class MixtureLaw:
    """A mixture of Gaussians on the line, with the methods of a frozen scipy.stats distribution that checks use.

    weights, centres: arrays (k,); deviations: (k,) or one number for all.
    """

    def __init__(self, weights, centres, deviations):
        self.weights, self.centres = weights, centres
        self.deviations = np.broadcast_to(deviations, np.shape(centres))

    def _units(self, x):
        """Distances to the centres in standard deviations, shape (..., k)."""
        return (np.asarray(x)[..., None] - self.centres) / self.deviations

    def logpdf(self, x):
        """log p at x, of any shape; finite far out, where the density itself underflows. x may be complex."""
        with np.errstate(divide="ignore"):
            exponents = np.log(self.weights / self.deviations) - self._units(x) ** 2 / 2
        top = exponents.real.max(axis=-1, keepdims=True)
        total = np.exp(exponents - top).sum(axis=-1)
        return np.log(total) + top[..., 0] - np.log(2 * np.pi) / 2

    def pdf(self, x):
        """p at x, of any shape."""
        return np.exp(self.logpdf(x))

    def cdf(self, x):
        """P(X <= x)."""
        return special.ndtr(self._units(x)) @ self.weights

    def sf(self, x):
        """P(X > x), accurate in the upper tail."""
        return special.ndtr(-self._units(x)) @ self.weights

    def ppf(self, q):
        """The quantiles of q, by bisection: they lie between the smallest and the largest of the Gaussians'."""
        ends = self.centres + self.deviations * special.ndtri(np.asarray(q, dtype=np.float64))[..., None]
        low, high = ends.min(-1), ends.max(-1)
        for _ in range(60):
            middle = (low + high) / 2
            below = self.cdf(middle) < q
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        return (low + high) / 2

    def mean(self):
        """E X."""
        return float(self.weights @ self.centres)

    def std(self):
        """The standard deviation of X."""
        return float(np.sqrt(self.weights @ (self.deviations**2 + (self.centres - self.mean()) ** 2)))


class DiffusedPoints(MixtureLaw):
    """The law of x_t when x_0 follows `data`, a dict {point: weight}, at one value of alpha_bar in [0, 1).

    Raises ValueError when a weight is negative, the weights don't sum to 1, or alpha_bar leaves no noise at all.
    """

    def __init__(self, data, alpha_bar):
        weights = check_weights(data)
        if not 0 <= alpha_bar < 1:
            raise ValueError(f"alpha_bar = {alpha_bar}: a density needs alpha_bar in [0, 1), which t >= 1 gives")
        self.noise = np.sqrt(1 - alpha_bar)
        super().__init__(weights, np.sqrt(alpha_bar) * np.array(list(data), dtype=np.float64), self.noise)

    def expected_noise(self, x):
        """E[z | x_t = x]: the best guess of the noise in the mean square, same shape as x."""
        slope = self.logpdf(np.asarray(x) + 1j * COMPLEX_STEP).imag / COMPLEX_STEP
        return -self.noise * slope


def check_weights(data):
    """Return the weights of a dict {point: weight} as an array if they are probabilities; else raise ValueError."""
    weights = np.array(list(data.values()), dtype=np.float64)
    for point, weight in data.items():
        if not 0 <= weight <= 1:
            raise ValueError(f"the weight of {point:g} is {weight:g}, expected a number from 0 to 1")
    if abs(weights.sum() - 1) > 1e-9:
        raise ValueError(f"the weights sum to {weights.sum():g}, expected 1")
    return weights
