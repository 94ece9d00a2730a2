"""Checks without chance: values on a grid, errors for bad input, random numbers that follow their seed."""

import numpy as np

from labutils.arrays import changed, copied, plain
from labutils.checks.report import CheckFailed, Finding, Report, as_floats, input_text

OURS = __file__.rpartition("deterministic.py")[0]  # the folder of the checks


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
        if want.ndim == 0 and isinstance(got, int | float):
            got = np.float64(got)
        got = as_floats(got, want.shape, f"{what} for inputs {shown}")
        wrong = np.abs(got - want) > rtol * (np.abs(want) + 1e-3 * max(np.max(np.abs(want), initial=0), 1e-9))
        if wrong.any():
            at = tuple(int(i) for i in np.argwhere(wrong)[0])
            place = f" at index {list(at)}" if at else ""
            text = f"for inputs {shown} expected {want[at]:.6g}{place}, got {got[at]:.6g}."
            return Report(what, [Finding("value", 0.0, text)], "fail", hints=hints or {})
    return Report(
        what, summary=f"{len(grid)} {'input gives' if len(grid) == 1 else 'inputs give'} the expected values."
    )


def reproducible(draw, what="The random numbers"):
    """Warn, and only warn, when draw(seed) does not give the same array twice for the same seed."""
    __tracebackhide__ = True
    first, second, other = (as_floats(draw(seed), None, what) for seed in (7, 7, 8))
    if np.array_equal(first, second) and not np.array_equal(first, other):
        return Report(what, summary="the same seed gives the same numbers.")
    text = "`rng` is not used: the same seed gave other numbers, or another seed the same."
    return Report(what, [Finding("rng", 0.0, text)], "warn")


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
        text = f"expected a {error.__name__} that names the value {naming!r}, but the call returned."
    return Report(what, [Finding("error", 0.0, text)], "fail")
