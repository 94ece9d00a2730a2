"""How a check decides: exact questions asked of residuals, and a sequential rule with a stated error rate.

The rule is that of Gandy & Scott (2020), "Unit testing for MCMC and other Monte Carlo methods": clear cases stop at the
first small sample, doubtful ones draw four times as many, at most twice, and the false-fail probability is `LEVEL`.
"""

import numpy as np
from scipy import special, stats

from labutils.checks.report import Finding, Report, law_text, share_text

LEVEL = 1e-8  # false-fail probability of one check: 1e-6 a lab, shared by at most a hundred checks
WARNING = 1e-3  # below this a check passes, but tells the student to run it again
STAGES = 3
STEADY = 1e-4  # independent numbers do not add up to less than this twice, but with probability 1e-10
TAILS = (1.75, 3.0)  # in standard deviations: uniform noise of variance 1 ends at 1.73


def decide(stage, what, hints=None, stages=STAGES, level=LEVEL, in_units=True):
    """Run `stage(factor) -> (findings, summary, sample, law)` until it is clear; return a `Report`.

    `factor` is 1, 4, 16: how many times the first sample to draw. The p-values of a stage are combined by Bonferroni.
    """
    __tracebackhide__ = True
    fail_below = level / stages
    shrink = fail_below ** (1 / stages)
    for i in range(stages):
        findings, summary, sample, law = stage(4**i)
        q = len(findings) * min(f.p for f in findings)
        if q <= fail_below or q > shrink + fail_below or i == stages - 1:
            break
        fail_below /= shrink
    status = "fail" if q <= fail_below else "warn" if q < WARNING else "pass"
    bound = max(fail_below, WARNING) / len(findings)
    kept = [f for f in findings if f.p <= bound or (f.clear and status == "fail")][:1]
    return Report(what, kept, status, summary, sample, law, in_units, hints or {})


def fact(symptom, holds, text, cause=""):
    """A question with a certain answer, beside those of chance."""
    return Finding(symptom, float(holds), text, counted=True, cause=cause)


def _two_sided(lower, upper):
    return min(1.0, 2 * min(float(lower), float(upper)))


def _normal(z):
    return _two_sided(special.ndtr(z), special.ndtr(-z))


def binomial(count, n, p):
    """The p-value of a count against the binomial law, twice that of the smaller tail: at most a with probability a."""
    return _two_sided(special.bdtr(count, n, p), special.bdtrc(count - 1, n, p))


def _chi2(total, freedom):
    return _two_sided(special.chdtr(freedom, total), special.chdtrc(freedom, total))


def _shared(r, axis):
    """Evidence that draws along `axis` repeat one another, not fooled by a bias common to all calls (axis 0).

    Returns the p-value of an F test of the differences between two calls, and the intraclass correlation. It only
    chooses which symptom to name: the verdict rests on the exact tests.
    """
    size = r.shape[axis]
    between = size * np.mean((r[0] - r[-1]).mean(axis=axis - 1) ** 2) / 2
    within = max(np.mean(r.var(axis=axis, ddof=1)), 1e-300)
    groups = r[0].size // size
    p = stats.f.sf(between / within, groups, 2 * groups * (size - 1))
    return p, (between - within) / (between + (size - 1) * within)


def _not_standardised(r):
    """The question whether the particles of a step add up to 0 in every call, as no independent draws do."""
    totals = np.abs(r.sum(axis=2))
    steady = r.shape[2] > 1 and totals.size > 1 and np.max(totals) < STEADY and np.ptp(r) > STEADY
    text = "the random numbers of a step always add up to 0; independent ones do so only on average."
    return fact("independence", not steady, text, cause="standardised")


def residual_findings(r, texts, x=None):
    """Ask residuals that should be independent N(0, 1) for mean, drift, spread, independence and law.

    r, x: shape (calls, steps, particles, coordinates); x holds the states the steps started from, if there are any.
    texts: the sentence for a mean, a drift, a spread that is off, and the "cause" of the last, a key of `HINTS`.
    The order is the order of causes: noise drawn once for all particles also moves the mean, a wrong mean also changes
    the spread, a wrong spread the law.
    """
    repeats = len(r) > 1 and np.array_equal(r[0], r[1])
    likely = [fact("repeat", not repeats, "two calls gave exactly the same numbers."), _not_standardised(r)]
    late, last = [], []
    for axis, name in enumerate(("steps", "particles", "coordinates"), start=1):
        if r.shape[axis] > 1:
            sums = r.sum(axis=axis) / np.sqrt(r.shape[axis])
            shared, correlation = _shared(r, axis) if len(r) > 1 else (1.0, 0.0)
            text = f"the random numbers of different {name} move together (correlation {correlation:.2f})."
            clear = shared < 1e-6 and correlation > 0.5
            p = _chi2(np.sum(sums**2), sums.size)  # not small when the shared number happens to be
            place = likely if clear else late if shared < 1e-3 else last  # there a common bias may be all
            place.append(Finding("independence", p, text, False, clear, "" if axis == 2 else f"same in all {name}"))
    z = r.sum(axis=(0, 2)) / np.sqrt(r.shape[0] * r.shape[2])
    clear = np.max(np.abs(z)) > 6 * np.sqrt(np.mean(r.var(axis=2)))
    (likely if clear else late).append(Finding("mean", _chi2(np.sum(z**2), z.size), texts["mean"]))
    if x is not None:
        centred = x - x.mean(axis=(0, 2), keepdims=True)
        scale = np.sqrt((centred**2).sum(axis=2))
        z = ((r * centred).sum(axis=2) / np.maximum(scale, 1e-300))[scale > 0]
        if z.size:
            clear = np.sqrt(np.mean(z**2)) > 6 * np.sqrt(np.mean(r.var(axis=2)))
            (likely if clear else late).append(Finding("drift", _chi2(np.sum(z**2), z.size), texts["drift"]))
    likely.append(Finding("spread", _chi2(np.sum(r**2), r.size), texts["spread"], cause=texts.get("cause", "")))
    gap, p = stats.ks_1samp(r.ravel(), special.ndtr)
    laws = [Finding("law", p, law_text(gap, r.size))]
    for limit in TAILS:  # a curve test alone needs thousands of draws to tell uniform noise of the right variance
        share, hits = 2 * special.ndtr(-limit), int(np.sum(np.abs(r) > limit))
        text = f"share of deviations beyond {limit:g} standard deviations: expected {share:.4f}, "
        text += f"{share_text(hits / r.size, r.size)}."
        laws.append(Finding("law", binomial(hits, r.size, share), text, counted=True))
    causes = [f for f in late if f.p**2 < p]  # a small shift bends the curve too, but no wrong law makes such a shift
    return likely + causes + laws + [f for f in late if f not in causes] + last
