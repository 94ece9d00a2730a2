"""What a chain of correlated draws is worth, and how often the movers of Lab 2 accept; for display.

The mean of T steps of a stationary chain varies like the mean of T / tau independent draws, where
tau = 1 + 2 sum_k autocorrelation(k); T / tau is the effective sample size.
"""

import numpy as np


def autocorrelation(chain, lags):
    """Correlation of chain[i] and chain[i + k] for k = 0 .. lags. chain: shape (T,). Returns shape (lags + 1,)."""
    chain = _chain(chain)
    if not 0 <= lags < len(chain):
        raise ValueError(f"lags must be between 0 and {len(chain) - 1}, got {lags}")
    centred = chain - chain.mean()
    spectrum = np.fft.rfft(centred, 2 * len(centred))
    products = np.fft.irfft(np.abs(spectrum) ** 2)[: lags + 1]
    return products / products[0]


def effective_sample_size(chain):
    """How many independent draws give the mean as precisely as this chain, shape (T,).

    The sum of autocorrelations stops where a pair of neighbours turns negative, the initial positive sequence of
    Geyer (1992), "Practical Markov chain Monte Carlo", section 3.3.
    """
    chain = _chain(chain)
    rho = autocorrelation(chain, len(chain) - 1)
    pairs = rho[: len(rho) // 2 * 2].reshape(-1, 2).sum(axis=1)
    stop = np.argmax(pairs < 0) if (pairs < 0).any() else len(pairs)
    return min(len(chain) / max(2 * pairs[:stop].sum() - 1, 1e-9), float(len(chain)))


def batch_means(chain, batches=30):
    """The mean of a chain, shape (T,), and its standard error from the means of `batches` consecutive pieces."""
    chain = _chain(chain)
    if not 2 <= batches <= len(chain):
        raise ValueError(f"batches must be between 2 and {len(chain)}, got {batches}")
    size = len(chain) // batches
    means = chain[: size * batches].reshape(batches, size).mean(axis=1)
    return chain.mean(), means.std(ddof=1) / np.sqrt(batches)


def metropolis_acceptance(step):
    """The share of moves x + step z that Metropolis accepts on the standard normal."""
    return 2 / np.pi * np.arctan(2 / step)


def langevin_acceptance(delta):
    """The share of Langevin moves of step delta that Metropolis–Hastings accepts on the standard normal.

    For small delta it is 1 - delta**1.5 / (4 pi).
    """
    delta = np.asarray(delta, dtype=float)
    rho = (delta**2 / 4) / np.sqrt((delta + delta**2 / 4) * ((2 - delta / 2) ** 2 + delta))
    return 2 / np.pi * np.arccos(rho)


def _chain(chain):
    chain = np.asarray(chain, dtype=float)
    if chain.ndim != 1 or len(chain) < 2 or np.ptp(chain) == 0:
        raise ValueError(f"a chain must be a row of numbers, shape (T,), that moves; got shape {chain.shape}")
    return chain
