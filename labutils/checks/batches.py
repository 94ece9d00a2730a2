"""Checks of the batches that a net is trained on.

A batch is right when its noise is standard normal, when undoing that noise leaves nothing but the data points, each as
often as its weight says, and when the times are uniform and know nothing of the rest.
"""

import numpy as np
import torch
from scipy import stats

from labutils import checks
from labutils.arrays import plain
from labutils.checks import sequential
from labutils.checks.report import CheckFailed, Finding, Report, as_floats, share_text
from labutils.checks.sequential import binomial, fact

HINTS = {
    "time": "Which values may t take, and by what is it divided?",
    "times": "From which set is the time of each sample drawn, how often, and how wide is it?",
    "match": "Is the target the very noise that made this x_t, and the time the one it was made with?",
    "prompt": "Which prompt describes the point that this sample started from?",
    "dropped": "How often, and independently of what, is the prompt left out?",
    "untouched": "Which entries may differ between what comes in and what goes out?",
}


def shapes(draw, columns, n=64, what="The batch"):
    """Check that draw(n) returns inputs (n, columns) and target (n, 1), float32 tensors of finite numbers."""
    __tracebackhide__ = True
    _arrays(draw, n, columns, what)
    return Report(what, summary=f"inputs ({n}, {columns}) and target ({n}, 1), float32.")


def _arrays(draw, n, columns, what):
    """draw(n) as float64 arrays (n, columns) and (n,); raises CheckFailed for anything but float32 of those shapes."""
    __tracebackhide__ = True
    batch = draw(n)
    if not isinstance(batch, tuple | list) or len(batch) != 2:
        raise CheckFailed(f"{what} · expected a pair (inputs, target), got a {type(batch).__name__}.")
    out = []
    for name, value, shape in zip(("inputs", "target"), batch, ((n, columns), (n, 1)), strict=True):
        values = as_floats(value, shape, f"{what}: {name}")
        if (dtype := plain(value).dtype) != np.float32:
            raise CheckFailed(f"{what}: {name} · expected dtype float32, as the net's weights have, got {dtype}.")
        out.append(values)
    return out[0], out[1][:, 0]


def noise(draw, columns, n=500, what="The target"):
    """Check that the target of a batch is standard normal noise, a number of its own for every sample."""
    __tracebackhide__ = True
    return checks.distribution(lambda size: _arrays(draw, size, columns, what)[1], stats.norm(), n, what)


def inputs(draw, alpha_bar, law, prompts=None, n=2000, what="The batch"):
    """Check inputs (x_t, t/T) against their target noise, the law {point: weight} and uniform times 1..T.

    prompts: {point: number}, the third input that describes each point.
    """
    __tracebackhide__ = True
    points, T = np.array(list(law)), len(alpha_bar) - 1

    def stage(factor):
        __tracebackhide__ = True
        inputs, z = _arrays(draw, factor * n, 3 if prompts else 2, what)
        t = np.round(inputs[:, 1] * T)
        odd = (np.abs(inputs[:, 1] * T - t) > 1e-2) | (t < 1) | (t > T)
        a = alpha_bar[np.clip(t, 1, T).astype(int)]
        x_0 = (inputs[:, 0] - np.sqrt(1 - a) * z) / np.sqrt(a)
        gaps = np.abs(x_0[:, None] - points)
        which = gaps.argmin(axis=1)
        findings = [*_time_support(odd, inputs[:, 1], t), _match(gaps.min(axis=1) > 1e-3, x_0, t, points)]
        findings += [_share(f"share of {a:g}", "weights", which == i, w) for i, (a, w) in enumerate(law.items())]
        findings += _times(t, T) + _independence(z, t, which)
        if prompts:
            findings.append(_prompts(inputs[:, 2], np.array([prompts[a] for a in law])[which], points[which]))
        return findings, f"{len(z):,} samples fit their noise, their time and the law of the data.", None, None

    return sequential.decide(stage, what, HINTS)


def _time_support(odd, shown, t):
    first = shown[odd][0] if odd.any() else 0
    text = f"a time input of {first:.4g} came up: {odd.sum():,} of {odd.size:,} are no t/T with t in 1..T."
    same = f"all {len(t):,} samples have the same time t = {t[0]:.0f}."
    return [fact("time", not odd.any(), text), fact("times", np.ptp(t) > 0, same)]


def _match(wrong, x_0, t, points):
    at = int(wrong.argmax())
    text = (
        f"taking the target noise out of x_t at t = {t[at]:.0f} leaves {x_0[at]:.3f}, expected "
        f"{' or '.join(f'{a:g}' for a in points)} ({wrong.mean():.0%} of {len(t):,} samples are off)."
    )
    return fact("match", not wrong.any(), text)


def _share(name, symptom, hits, expected):
    text = f"{name}: expected {expected:.3f}, {share_text(hits.mean(), hits.size)}."
    return Finding(symptom, binomial(int(hits.sum()), hits.size, expected), text, counted=True)


def _times(t, T):
    """Uniform on 1..T: smeared over (0, 1] for one exact test of the whole, counted at both ends."""
    smeared = (t - np.random.default_rng().random(t.shape)) / T
    text = f"the times are not uniform on 1..{T}: their mean is {t.mean():.1f}, expected {(T + 1) / 2:.1f}."
    ends = [_share(f"share of samples at t = {end}", "times", t == end, 1 / T) for end in (1, T)]
    return [Finding("times", stats.kstest(smeared, "uniform").pvalue, text), *ends]


def _independence(z, t, which):
    """Noise, time and data point tell nothing of one another; neither does one sample of the next."""
    early, right = t <= np.median(t), which == 0
    counts = [[np.sum(part & right), np.sum(part & ~right)] for part in (early, ~early)]
    late = stats.fisher_exact(counts).pvalue
    pairs = {"the time": t, "the data point": which, "the noise of the next sample": np.roll(z, 1)}
    return [_uncorrelated(z, other, name) for name, other in pairs.items()] + [
        Finding("independence", late, "early and late times come with different data points.", counted=True)
    ]


def _uncorrelated(z, other, name):
    centred = other - other.mean()
    scale = np.sqrt(np.sum(centred**2))
    units = z @ centred / scale if scale else 0.0
    text = f"the target noise depends on {name} (correlation {units / np.sqrt(len(z)):.2f})."
    return Finding("independence", 2 * stats.norm.sf(abs(units)), text)


def _prompts(given, expected, x_0):
    wrong = np.abs(given - expected) > 1e-6
    at = int(wrong.argmax())
    text = (
        f"a sample from {x_0[at]:g} has the prompt input {given[at]:.3g} ({wrong.mean():.0%} of the samples are off)."
    )
    return fact("prompt", not wrong.any(), text)


def dropped_prompts(drop, p_drop, n=1000, what="Dropped prompts"):
    """Check drop(inputs, p_drop): a copy of inputs (n, 3), last column 0 in each row with that probability."""
    __tracebackhide__ = True

    def stage(factor):
        __tracebackhide__ = True
        before = torch.randn(factor * n, 3).sign() * torch.arange(1, 4)
        zero = np.stack([_dropped(drop, before, p_drop, what) for _ in range(2)])
        right, alike = before[:, 2].numpy() > 0, p_drop**2 + (1 - p_drop) ** 2
        findings = [
            _share("share of rows without a prompt", "dropped", zero, p_drop),
            _share("share in the first half of a batch", "dropped", zero[:, : len(before) // 2], p_drop),
            _share("share of right prompts that are dropped", "dropped", zero[:, right], p_drop),
            _share("share of rows that two calls treat alike", "repeat", zero[0] == zero[1], alike),
        ]
        return findings, f"{zero.mean():.3f} of {zero.size:,} prompts are dropped.", None, None

    return sequential.decide(stage, what, HINTS)


def _dropped(drop, before, p_drop, what):
    """Which rows lost their prompt; raises CheckFailed when anything else changed."""
    __tracebackhide__ = True
    inputs = before.clone()
    after = as_floats(drop(inputs, p_drop), tuple(before.shape), what)
    zero = after[:, 2] == 0
    if not np.array_equal(after, np.where(np.outer(zero, [False, False, True]), 0, before.numpy())):
        raise CheckFailed(f"{what} · entries other than the last of a row changed.\n{HINTS['untouched']}", "untouched")
    if not torch.equal(inputs, before):
        raise CheckFailed(f"{what} · the inputs that came in changed.\n{HINTS['untouched']}", "untouched")
    return zero
