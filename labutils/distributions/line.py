"""Distributions on the line, with the methods of a frozen scipy.stats distribution that checks and pictures use.

`MixtureLaw` is a mixture of Gaussians, `BoltzmannLaw` is p(x) = e^{-E(x)} / Z with Z by quadrature. Noising carries
finitely many points to a mixture of Gaussians, one around each shrunken point, which `diffused_points` gives:

    p_t(x) = sum_i w_i N(x; sqrt(alpha_bar_t) a_i, 1 - alpha_bar_t).
"""

import numpy as np
from scipy import special

COMPLEX_STEP = 1e-30  # of x: so small that the derivative is exact; no difference is taken, so nothing cancels
HALVINGS = 60  # of a bracket: its width ends below the last digit of a double


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

    def score(self, x):
        """The slope of log p at x, of any shape, by a complex step."""
        return self.logpdf(np.asarray(x) + 1j * COMPLEX_STEP).imag / COMPLEX_STEP

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
        for _ in range(HALVINGS):
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


class BoltzmannLaw:
    """The distribution p(x) = e^{-E(x)} / Z on [low, high], by quadrature, with the methods of a scipy.stats one.

    energy: a function of arrays. Raises ValueError for an empty interval or an energy that is not finite on it.
    """

    def __init__(self, energy, low, high, points=4001):
        if not low < high:
            raise ValueError(f"the interval must have low < high, got [{low}, {high}]")
        self.energy, self.x = energy, np.linspace(low, high, points)
        values = np.asarray(energy(self.x), dtype=float) + np.zeros(points)
        if not np.isfinite(values).all():
            raise ValueError(f"the energy must be finite, got {values[~np.isfinite(values)][0]} on [{low}, {high}]")
        density = np.exp(values.min() - values)
        areas = (density[1:] + density[:-1]) / 2 * np.diff(self.x)
        self._cdf = np.append(0, np.cumsum(areas) / areas.sum())
        self._log_total = np.log(areas.sum()) - values.min()

    def pdf(self, x):
        """p at x, of any shape; 0 outside the interval."""
        x = np.asarray(x)
        inside = (x >= self.x[0]) & (x <= self.x[-1])
        return np.where(inside, np.exp(-self.energy(np.clip(x, self.x[0], self.x[-1])) - self._log_total), 0)

    def cdf(self, x):
        """P(X <= x)."""
        return np.interp(x, self.x, self._cdf)

    def sf(self, x):
        """P(X > x)."""
        return 1 - self.cdf(x)

    def ppf(self, q):
        """The quantiles of q, of any shape."""
        return np.interp(q, self._cdf, self.x)

    def rvs(self, size, random_state=None):
        """Independent draws, an array of this size; random_state: a seed, a numpy Generator or None."""
        return self.ppf(np.random.default_rng(random_state).random(size))

    def mean(self):
        """E X."""
        return np.trapezoid(self.x * self.pdf(self.x), self.x)

    def std(self):
        """The standard deviation of X."""
        return np.sqrt(np.trapezoid((self.x - self.mean()) ** 2 * self.pdf(self.x), self.x))


def diffused_points(data, alpha_bar):
    """The distribution of x_t at one value of alpha_bar, a `MixtureLaw`. data: that of x_0, {point: weight}.

    Raises ValueError when a weight is negative, the weights don't sum to 1, or alpha_bar leaves no noise at all.
    """
    weights = check_weights(data)
    if not 0 <= alpha_bar < 1:
        raise ValueError(f"alpha_bar = {alpha_bar}: a density needs alpha_bar in [0, 1), which t >= 1 gives")
    centres = np.sqrt(alpha_bar) * np.array(list(data), dtype=np.float64)
    return MixtureLaw(weights, centres, np.sqrt(1 - alpha_bar))


def check_weights(data):
    """Return the weights of a dict {point: weight} as an array if they are probabilities; else raise ValueError."""
    weights = np.array(list(data.values()), dtype=np.float64)
    for point, weight in data.items():
        if not 0 <= weight <= 1:
            raise ValueError(f"the weight of {point:g} is {weight:g}, expected a number from 0 to 1")
    if abs(weights.sum() - 1) > 1e-9:
        raise ValueError(f"the weights sum to {weights.sum():g}, expected 1")
    return weights
