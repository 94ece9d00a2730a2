"""The exact answers to Lab 2: where a Langevin move leads on average, and how the rule judges it."""

from scipy import stats


def move_mean(x, delta, force):
    """The mean of a Langevin move of step delta from x, the same shape; its variance is delta."""
    return x + delta / 2 * force(x)


def log_ratio(x, x_new, delta, energy, force):
    """log R of Langevin moves from x to x_new, both of shape (n,): Metropolis and Hastings' rule (Hastings 1970)."""
    forward = stats.norm.logpdf(x_new, move_mean(x, delta, force), delta**0.5)
    backward = stats.norm.logpdf(x, move_mean(x_new, delta, force), delta**0.5)
    return energy(x) - energy(x_new) + backward - forward
