"""Statistical checks with a stated error rate.

Every random check reduces a student's draws to residuals that are independent N(0, 1) when the answer is right, and
asks several exact questions of them (mean, spread, independence, law). A right answer fails one check with probability
at most `LEVEL`, so a lab of up to a hundred checks fails a correct submission at most once in a million times.
The decision is taken in stages, see `labutils.checks.sequential`.
"""

import numpy as np
from scipy import special, stats

from labutils.arrays import plain
from labutils.checks import sequential
from labutils.checks.deterministic import equal
from labutils.checks.report import (
    HINTS,
    CheckFailed,
    Finding,
    as_floats,
    measured_text,
    number,
    share_text,
    spread_cause,
    spread_text,
)
from labutils.checks.sequential import STAGES, binomial, fact, residual_findings

AGAIN = 9  # calls of a kernel of which all particles moved or none, to see whether they move together
ROUNDING = 2.0**-22  # four times the relative error of float32: 0.5 + 0.5 * torch.rand(n) may be 0.5, or 1


def transition(simulate, mean, sd, n=100, what="The step", hints=None):
    """Check that every step of a trajectory has the law x_{k+1} ~ N(mean(x_k, k), sd(x_k, k)**2), independently.

    simulate(n) returns a trajectory of n particles, shape (K + 1, n) or (K + 1, n, d), from starts of your choice.
    mean, sd: functions of a state (n,) or (n, d) and the index k of the step, broadcastable to the state, or numbers;
    sd > 0.
    """
    __tracebackhide__ = True

    def stage(factor):
        __tracebackhide__ = True
        paths = np.stack([_trajectory(simulate(factor * n), factor * n, what) for _ in range(2)])
        x, x_new = paths[:, :-1], paths[:, 1:]
        m, s = (_along_paths(coefficient, x) for coefficient in (mean, sd))
        x, x_new, m, s = (a.reshape(*a.shape[:3], -1) for a in (x, x_new, m, s))
        r = (x_new - m) / s
        k = int(np.argmax(np.abs(r.mean(axis=(0, 2, 3)))))
        error = x_new[:, k].std() / np.sqrt(x_new[:, k].size)
        measured, expected = (x_new - m).std(axis=2), np.sqrt(np.mean(s**2))
        higher = (x - x.mean(axis=(0, 2), keepdims=True)).ravel()
        lean = np.corrcoef(r.ravel(), higher)[0, 1] if np.ptp(higher) and np.ptp(r) else 0
        draws = f"({r.size:,} draws)"
        texts = {
            "mean": f"mean after step {k + 1}: expected {number(m[:, k].mean())}, "
            f"{measured_text(x_new[:, k].mean(), error)} {draws}.",
            "drift": f"mean of a step: those that start higher end {'higher' if lean > 0 else 'lower'} than expected "
            f"(correlation {lean:.2f}, {draws[1:]}.",
            "spread": f"standard deviation of a step: {spread_text(expected, np.sqrt(np.mean(measured**2)), r.size)}",
            "cause": "" if np.ptp(s) else spread_cause(expected, np.sqrt(np.mean(measured**2))),
        }
        return residual_findings(r, texts, x), f"{r.size:,} steps follow the expected law.", r.ravel(), stats.norm()

    return sequential.decide(stage, what, hints, in_units=False)


def _along_paths(coefficient, x):
    """coefficient(state, k) for every call and step, broadcast to the shape of x."""
    at = coefficient if callable(coefficient) else lambda state, k: coefficient
    rows = [[np.broadcast_to(plain(at(state, k)), state.shape) for k, state in enumerate(path)] for path in x]
    return np.array(rows, dtype=np.float64)


def _trajectory(value, n, what):
    __tracebackhide__ = True
    path = as_floats(value, None, what)
    if path.ndim not in (2, 3) or path.shape[1] != n or len(path) < 2:
        raise CheckFailed(f"{what} · expected a trajectory of shape (K + 1, {n}), got {path.shape}.\n{HINTS['shape']}")
    return path


def distribution(sample, law, n=200, what="The sample", hints=None):
    """Check independent draws against a law.

    sample: a function n -> array (n,), called twice and again if in doubt, or an array that is judged as it stands.
    law: a frozen continuous scipy.stats distribution (anything with mean, std, cdf and sf), or a dict {point: weight}.
    """
    __tracebackhide__ = True
    findings_of = _weight_findings if isinstance(law, dict) else _law_findings

    def stage(factor):
        __tracebackhide__ = True
        size = factor * n
        draws = [sample(size), sample(size)] if callable(sample) else [sample]
        draws = np.stack([as_floats(x, (size,) if callable(sample) else (None,), what) for x in draws])
        return findings_of(draws, law), f"{draws.size:,} draws follow the expected law.", draws.ravel(), law

    return sequential.decide(stage, what, hints, stages=STAGES if callable(sample) else 1)


def _law_findings(x, law):
    """Transform draws to normal scores, which are independent N(0, 1) for any continuous law."""
    lower, upper = law.cdf(x), law.sf(x)
    blur = ROUNDING * np.maximum(np.abs(x), abs(law.mean()) + law.std())  # a law's very end is a right answer
    lower, upper = np.where(lower > 0, lower, law.cdf(x + blur)), np.where(upper > 0, upper, law.sf(x - blur))
    r = np.where(lower < upper, special.ndtri(lower), -special.ndtri(upper))
    units = (x - law.mean()) / law.std()  # beyond the smallest float different draws must stay different
    r = np.where(np.minimum(lower, upper) < 1e-300, 37 * np.sign(units) + units, r)
    measured, draws = x.std(), f"({x.size:,} draws)"
    texts = {
        "mean": f"mean: expected {number(law.mean())}, {measured_text(x.mean(), measured / np.sqrt(x.size))} {draws}.",
        "spread": f"standard deviation: {spread_text(law.std(), measured, x.size)}",
        "cause": spread_cause(law.std(), measured),
    }
    return residual_findings(r[:, None, :, None], texts)


def _weight_findings(x, law):
    """Draws from finitely many points: none elsewhere, every point as often as its weight says."""
    near = [np.isclose(x, point, rtol=1e-5, atol=1e-8) for point in law]
    outside = x[~np.any(near, axis=0)]
    text = (
        f"value {outside[0]:.7g} came up, expected only {', '.join(f'{point:g}' for point in law)}."
        if outside.size
        else ""
    )
    findings = [fact("support", outside.size == 0, text)]
    if len(x) > 1 and len(law) > 1:
        findings.append(fact("repeat", not np.array_equal(x[0], x[1]), "two calls gave exactly the same numbers."))
    for (point, weight), hits in zip(law.items(), near, strict=True):
        p = binomial(int(hits.sum()), x.size, weight)
        text = f"share of {point:g}: expected {weight:.3f}, {share_text(hits.mean(), x.size)}."
        findings.append(Finding("weights", p, text, counted=True))
    return findings


def invariance(kernel, target, n=500, acceptance=None, what="The move", hints=None):
    """Check that a Markov kernel leaves `target` invariant, and how often it accepts, from independent exact starts.

    kernel(x_0) -> (locations of shape (K + 1, n), acceptance ratio). target: a frozen scipy.stats distribution.
    acceptance: the exact probability that a stationary proposal is accepted; needs K = 1, where counts are binomial.
    """
    __tracebackhide__ = True

    def stage(factor):
        __tracebackhide__ = True
        x_0 = target.rvs(factor * n)
        locations, ratio = kernel(x_0)
        path = _trajectory(locations, factor * n, what)
        first = fact("start", np.array_equal(path[0], x_0), "row 0 is not the start that was passed in.")
        findings = [first]
        if acceptance is not None:
            ratio = float(as_floats(np.float64(ratio), (), f"{what}: acceptance ratio"))
            findings += _acceptance_findings(ratio, float(np.mean(path[1] != path[0])), acceptance, factor * n)
        findings += _law_findings(path[None, -1], target)
        return findings, f"{factor * n:,} chains keep the expected law.", path[-1], target

    return sequential.decide(stage, what, hints)


def _acceptance_findings(ratio, moved, expected, n):
    text = f"expected {expected:.3f}, {share_text(moved, n)}."
    honest = f"acceptance ratio: reported {ratio:.3f}, but {moved:.3f} of the {n:,} particles moved."
    off_grid = abs(ratio * n - round(ratio * n)) > 1e-3 or not 0 <= ratio <= 1
    return [
        Finding("acceptance", binomial(round(moved * n), n, expected), f"share of moves: {text}", True),
        fact("acceptance", not off_grid and abs(ratio - moved) < 0.5 / n, honest),
    ]


def share_moved(kernel, p, n=200, what="The share of moves", hints=None):
    """Check that a Markov kernel moves a particle that stands at 0 with probability p. kernel: as for `invariance`."""
    __tracebackhide__ = True

    def moved(size):
        __tracebackhide__ = True
        return float(np.mean(as_floats(kernel(np.zeros(size))[0], (2, size), what)[1] != 0))

    def stage(factor):
        __tracebackhide__ = True
        share, total = moved(factor * n), factor * n
        together = share in (0, 1) and {share, *(moved(AGAIN) for _ in range(AGAIN))} == {0.0, 1.0}
        cause = "move together" if together else {0.0: "none move", 1.0: "all move"}.get(share, "")
        text = f"expected a share of {p:.3f}, {share_text(share, total)}."
        return (
            [Finding("acceptance", binomial(round(share * total), total, p), text, True, False, cause)],
            text,
            None,
            None,
        )

    return sequential.decide(stage, what, hints)


def one_way(kernel, x_0, what="The wall", hints=None):
    """Check that no particle comes from below 0 to above it, and that the acceptance ratio is the share of moves made.

    kernel: as for `invariance`, with any number of moves; x_0: the starts, shape (n,).
    """
    __tracebackhide__ = True
    locations, ratio = kernel(x_0)
    path = _trajectory(locations, len(x_0), what)
    ratio = float(as_floats(np.float64(ratio), (), f"{what}: acceptance ratio"))
    climbs, share = np.sum(np.diff(np.sign(path), axis=0) > 0), np.mean(path[1:] != path[:-1])
    return equal(np.array([climbs, ratio]), [0, share], what=f"{what}: climbs, and the ratio", hints=hints)


def proportion(successes, n, p, what="The share", hints=None, symptom="weights"):
    """Check a count against the binomial law with probability p. `successes`: a count, or a function n -> count."""
    __tracebackhide__ = True

    def stage(factor):
        __tracebackhide__ = True
        size = factor * n
        count = int(successes(size) if callable(successes) else successes)
        text = f"expected a share of {p:.3f}, {share_text(count / size, size)}."
        return [Finding(symptom, binomial(count, size, p), text, counted=True)], text, None, None

    return sequential.decide(stage, what, hints, stages=STAGES if callable(successes) else 1)


def same_distribution(a, b, n=500, what="The two samples", hints=None):
    """Check that two samplers (functions n -> array) have the same continuous law (Kolmogorov-Smirnov, two samples)."""
    __tracebackhide__ = True

    def stage(factor):
        __tracebackhide__ = True
        first, second = (as_floats(f(factor * n), (factor * n,), what) for f in (a, b))
        gap, p = stats.ks_2samp(first, second)
        text = f"the largest gap between the two cumulative curves is {gap:.3f}."
        return [Finding("law", p, text, counted=True)], text, first, second

    return sequential.decide(stage, what, hints)


def one_step(step, start, mean, sd, n=100, what="The step", hints=None):
    """Check that step(x), shape (n,), has the law N(mean(x), sd(x)**2), independently for n spread-out starts x.

    start: the lowest and the highest start; best away from 0 and off symmetry, where mistakes show.
    mean, sd: functions of the starts (n,), broadcastable to them, or numbers; sd > 0.
    """
    __tracebackhide__ = True

    def simulate(n):
        __tracebackhide__ = True
        x = np.linspace(*start, n)
        return np.stack([x, as_floats(step(x.copy()), (n,), what)])

    mean_at, sd_at = ((lambda x, k, c=c: c(x)) if callable(c) else c for c in (mean, sd))
    return transition(simulate, mean_at, sd_at, n, what, hints)
