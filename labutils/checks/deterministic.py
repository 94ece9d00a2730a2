"""Checks without chance: values, errors for bad input, random numbers that follow their seed."""

import numpy as np

from labutils.arrays import changed, copied, plain
from labutils.checks.report import CheckFailed, Finding, Report, as_floats, input_text, unpacked

OURS = __file__.rpartition("deterministic.py")[0]  # the folder of the checks
FAR = 1e12  # times the spread of any noise in the labs: float64 keeps 16 digits, so of the noise only 1e-12 is left


def run(test):
    """Call a test at once, as a decorator: its names stay its own and never replace a function of the student's.

    An error in the student's code is shown from the student's line on, without the way that the test took to it.
    """
    __tracebackhide__ = True
    try:
        test()
    except CheckFailed:
        raise
    except Exception as error:
        ours = (test.__code__.co_filename, OURS)
        inner = error.__traceback__
        while inner and inner.tb_frame.f_code.co_filename.startswith(ours):
            inner = inner.tb_next
        raise error.with_traceback(inner or error.__traceback__) from None


def values(f, expected, grid, rtol=1e-5, what="The values", hints=None):
    """Compare a deterministic function with `expected(*inputs)` for every tuple of `inputs` in `grid`.

    An entry may differ by `rtol` times its own size plus a thousandth of `rtol` times the largest entry.
    """
    __tracebackhide__ = True
    for inputs in grid:
        shown = ", ".join(input_text(value) for value in inputs)
        want = np.asarray(plain(expected(*inputs)), dtype=np.float64)
        copies = [copied(value) for value in inputs]
        got = f(*copies)
        if any(changed(old, new) for old, new in zip(inputs, copies, strict=True)):
            text = f"for inputs {shown} the function wrote into its own input."
            return Report(what, [Finding("input", 0.0, text)], "fail", hints=hints or {})
        where = f"for inputs {shown}"
        if text := _difference(got, want, rtol, f"{what} {where}"):
            return Report(what, [Finding("value", 0.0, f"{where} {text}")], "fail", hints=hints or {})
    return Report(
        what, summary=f"{len(grid)} {'input gives' if len(grid) == 1 else 'inputs give'} the expected values."
    )


def answer(f, inputs, expected, rtol=1e-5, what="The values", hints=None, mistakes=None):
    """Compare f(*inputs) with what is `expected`: a number, an array, or a list of arrays. As `values`, for one input.

    inputs: a tuple; functions among them are passed on. mistakes: {question: what a known mistake gives}; who gives
    that is asked this question, in the place of the hint.
    """
    __tracebackhide__ = True
    given = []

    def kept(*inputs):
        __tracebackhide__ = True
        given[:] = [f(*inputs)]
        return given[0]

    report = values(kept, lambda *_: expected, [inputs], rtol, what, hints)
    if report.symptom == "value":
        meant = [q for q, gives in (mistakes or {}).items() if equal(given[0], gives, 1e-3).status == "pass"]
        report.hints = {**report.hints, "value": meant[0]} if meant else report.hints
    return report


def equal(got, expected, rtol=1e-5, what="The value", hints=None):
    """Compare what a student's function gave with what is `expected`, both numbers or arrays of one shape."""
    __tracebackhide__ = True
    text = _difference(got, np.asarray(plain(expected), dtype=np.float64), rtol, what)
    findings = [Finding("value", 0.0, text)] if text else []
    return Report(what, findings, "fail" if text else "pass", "the expected value.", hints=hints or {})


def _difference(got, want, rtol, what):
    """Where `got` differs from `want` first, as text, or "" where it does not."""
    __tracebackhide__ = True
    if want.ndim == 0 and isinstance(got, int | float):
        got = np.float64(got)
    got = as_floats(got, want.shape, what)
    wrong = np.abs(got - want) > rtol * (np.abs(want) + 1e-3 * max(np.max(np.abs(want), initial=0), 1e-9))
    if not wrong.any():
        return ""
    at = tuple(int(i) for i in np.argwhere(wrong)[0])
    place = f" at index {list(at)}" if at else ""
    seen = 0.0 if abs(got[at]) < 1e-9 * np.max(np.abs(want)) else got[at]  # what rounding leaves of 0
    return f"expected {want[at]:.6g}{place}, got {seen:.6g}."


def starts_at(walk, x_0, rows, what="The walk", hints=None):
    """Check that walk(x_0) has shape (rows, n) and that row 0 is x_0, shape (n,)."""
    __tracebackhide__ = True

    def first_row(x):
        __tracebackhide__ = True
        return as_floats(walk(x), (rows, len(x)), what)[0]

    return answer(first_row, (x_0,), x_0, what=f"{what}, row 0", hints=hints)


def entry(f, which, of=2, what="The result"):
    """The function that gives entry `which` of the `of` values that f returns."""

    def chosen(*inputs):
        __tracebackhide__ = True
        return unpacked(f(*inputs), of, what)[which]

    return chosen


def from_afar(walk):
    """A random walk without its noise: the function x -> walk(FAR x) / FAR, x of shape (n,).

    In this unit noise of order 1 is invisible. A force that is no straight line must be given in the same unit.
    """

    def seen(x):
        __tracebackhide__ = True
        return as_floats(walk(FAR * x), None, "The walk, from afar") / FAR

    return seen


def reproducible(draw, what="The random numbers"):
    """Warn, and only warn, when draw(seed) does not give the same array twice for the same seed."""
    __tracebackhide__ = True
    first, second, other = (as_floats(draw(seed), None, what) for seed in (7, 7, 8))
    if np.array_equal(first, second) and not np.array_equal(first, other):
        return Report(what, summary="the same seed gives the same numbers.")
    text = "`rng` is not used: the same seed gave other numbers, or another seed the same."
    return Report(what, [Finding("rng", 0.0, text)], "warn")


def follows_rng(f, inputs, make_rng=int, what="The random numbers"):
    """As `reproducible`, for f(*inputs, rng=...); if f returns several values, the first must follow.

    make_rng: what makes an `rng` out of a seed, such as np.random.default_rng; by default the seed itself is passed.
    """
    __tracebackhide__ = True

    def draw(seed):
        __tracebackhide__ = True
        result = f(*map(copied, inputs), rng=make_rng(seed))
        return result[0] if isinstance(result, tuple | list) else result

    return reproducible(draw, what)


def raises(call, error, naming="", what="Bad input"):
    """Check that `call()` raises `error` and that its message names the offending value (contains `naming`)."""
    __tracebackhide__ = True
    try:
        call()
    except NotImplementedError:
        raise
    except error as caught:
        if naming in str(caught):
            return Report(what, summary=f"refused: {caught}")
        text = f"the {error.__name__} should name the value {naming!r}, its message is {str(caught)!r}."
    except Exception as caught:
        text = f"expected a {error.__name__}, got {type(caught).__name__}: {caught}."
    else:
        that = f" that names the value {naming!r}" if naming else ""
        text = f"expected a {error.__name__}{that}, but the call returned."
    return Report(what, [Finding("error", 0.0, text)], "fail")


def refuses(f, inputs, naming, what="Bad input"):
    """Check that f(*inputs) raises a ValueError whose message names the offending value (contains `naming`)."""
    __tracebackhide__ = True
    return raises(lambda: f(*inputs), ValueError, naming, what)


def when_graded(what):
    """Say that this check waits for the grading, and for what: a sentence without its first capital and its stop."""
    print(f"Checked when your lab is graded: {what}.")
