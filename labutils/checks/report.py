"""What a check tells a student: a verdict, what was measured and expected, a question, and a picture.

`Report.show()` displays it in a notebook, `Report.assert_ok()` is silent when all is well; both raise `CheckFailed` for
a wrong answer, after displaying a picture of the draws on the expected law. No report tells the formula of the answer.
"""

import sys
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from labutils.arrays import plain

HINTS = {
    "shape": "What does the contract say about the shape of the result?",
    "value": "Which quantity in the contract does this number depend on?",
    "input": "Which line changes x itself instead of making something new?",
    "mean": "Where should a particle be on average, given where it stood before?",
    "drift": "Does your step depend on the position as the contract says?",
    "spread": "Which quantity adds up over independent steps, the standard deviation or the variance?",
    "independence": "How many random numbers does one step of n particles need?",
    "law": "Mean and spread are right: which distribution do your random numbers come from?",
    "error": "Which inputs make no sense, and who should say so?",
    "rng": "Does every random number come from the `rng` that was passed in?",
    "repeat": "Is a seed fixed inside your function, or no random number drawn?",
    "weights": "How often should each point come up?",
    "support": "Which values can this law produce at all?",
    "start": "Is the first row of the trajectory the start itself?",
    "acceptance": "What happens to a refused move, and does it count?",
    # Causes that a check has measured, which say more than the symptom.
    "same in all steps": "Where do you draw: once before the loop, or new numbers in every step?",
    "same in all coordinates": "Does every coordinate of a particle get a random number of its own?",
    "standardised": "Do you subtract the mean of your random numbers, or divide by their spread?",
    "squared spread": "You got the square of it: is the noise multiplied by a variance or by a standard deviation?",
    "root of the spread": "You got the root of it: is there a root too many?",
    "all move": "Nobody is refused: which two energies do you compare, in which order, and with which random number?",
    "none move": "Nobody moves: when may a move be made that the rule does not favour?",
    "move together": "In each call all particles move or none: does each draw its own random number?",
}


class Finding(NamedTuple):
    """One question asked of the draws: the p-value of the answer, and the sentence for the student if it is small.

    counted: the p-value is that of a count or a comparison, so it is not uniform but at least as large.
    clear: if the check fails, this is why, even if the p-value alone would not have failed it.
    cause: a key of `HINTS` that says more than the symptom, if the draws tell so much.
    """

    symptom: str
    p: float
    text: str
    counted: bool = False
    clear: bool = False
    cause: str = ""


class CheckFailed(AssertionError):
    """A student's answer does not do what the contract says; the message is written for the student.

    symptom: what is wrong, a key of `HINTS`.
    """

    def __init__(self, message, symptom="shape"):
        super().__init__(message)
        self.symptom = symptom

    def _render_traceback_(self):  # IPython: show the message, not a walk through our code
        return [f"\x1b[31m✗\x1b[0m {self}"]


@dataclass
class Report:
    """What a check measured: `status` is "pass", "warn" or "fail", `findings` what disagrees, worst first.

    `sample` and `law` are for the picture; `in_units` is False when the sample holds standardised residuals.
    """

    what: str
    findings: list = field(default_factory=list)
    status: str = "pass"
    summary: str = ""
    sample: np.ndarray | None = None
    law: object = None
    in_units: bool = True
    hints: dict = field(default_factory=dict)

    @property
    def symptom(self):
        """The first thing to mend, a key of `HINTS`, or "" when all is well."""
        return self.findings[0].symptom if self.findings else ""

    def __str__(self):
        if self.status == "pass":
            return f"{self.what} · {self.summary or 'as expected'}"
        hint = {**HINTS, **self.hints}[self.findings[0].cause or self.symptom]
        lines = [f"{self.what} · {finding.text}" for finding in self.findings[:2]]
        if self.status == "warn":
            free = "No points are lost by this, but your runs cannot be repeated."
            again = "No points are lost yet: one right answer in a thousand meets this. Run the cell again, and if it "
            again += "comes back, look for the mistake: the hidden tests ask it, too."
            return "\n".join([*lines[:1], f"{hint} {free}" if self.symptom == "rng" else again])
        return "\n".join([*lines, hint])

    def _repr_html_(self):
        colour, mark = {"pass": ("#00795c", "✓"), "warn": ("#9a6700", "?"), "fail": ("#b3261e", "✗")}[self.status]
        return f'<span style="color:{colour}; white-space:pre-line">{mark} {_escape(str(self))}</span>'

    def picture(self):
        """The draws on the expected law as a matplotlib figure, or None when the check has no law."""
        if self.sample is None or self.law is None:
            return None
        from labutils import plots  # late: a check that passes needs no matplotlib

        return plots.report_figure(self)

    def show(self):
        """Display the report; raise `CheckFailed` if the answer is wrong."""
        __tracebackhide__ = True
        self.assert_ok()
        if "IPython" in sys.modules and sys.modules["IPython"].get_ipython():
            sys.modules["IPython"].display.display(self)
        else:
            print(self)

    def assert_ok(self):
        """Do nothing if the answer is right; otherwise display the picture and raise `CheckFailed`."""
        __tracebackhide__ = True
        if self.status != "fail":
            return
        if "IPython" in sys.modules and sys.modules["IPython"].get_ipython() and (figure := self.picture()):
            from labutils import plots

            sys.modules["IPython"].display.display(plots.as_image(figure))
        raise CheckFailed(str(self), self.symptom)


def _escape(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def as_floats(value, shape=None, what="The result"):
    """Coerce a student's array to plain float64 numpy; raise `CheckFailed` naming what was expected and what came.

    Entries of `shape` that are None match any length.
    """
    __tracebackhide__ = True
    expected = "an array" if shape is None else f"an array of shape {_shape_text(shape)}"
    if type(value).__name__ in ("Tensor", "Parameter"):
        expected = expected.replace("an array", "a tensor")
    value = plain(value)
    if not isinstance(value, np.ndarray | np.generic):
        size = f" of length {len(value)}" if isinstance(value, list | tuple) else ""
        raise CheckFailed(f"{what} · expected {expected}, got {type_text(value)}{size}.\n{HINTS['shape']}")
    if value.dtype.kind not in "fiu":
        raise CheckFailed(f"{what} · expected {expected} of real numbers, got dtype {value.dtype}.")
    if shape is not None and not _fits(value.shape, shape):
        one = "One number per particle?" if value.ndim < len(shape) else HINTS["shape"]
        raise CheckFailed(f"{what} · expected {expected}, got shape {value.shape}.\n{one}")
    value = np.array(value, dtype=np.float64, subok=False)
    if bad := int(np.sum(~np.isfinite(value))):
        raise CheckFailed(f"{what} · expected finite numbers, got {bad} of {value.size} that are NaN or infinite.")
    return value


def unpacked(value, count, what="The result"):
    """The entries of a student's tuple or list of `count` entries; raise `CheckFailed` that says what came instead."""
    __tracebackhide__ = True
    if not isinstance(value, tuple | list) or len(value) != count:
        got = f"{len(value)} of them" if isinstance(value, tuple | list) else type_text(value)
        raise CheckFailed(f"{what} · expected {count} values, as in `return a, b`, got {got}.")
    return tuple(value)


def _shape_text(shape):
    return str(tuple("n" if s is None else s for s in shape)).replace("'", "")


def type_text(value):
    """What a value is, in a student's words."""
    words = {
        "NoneType": "None",
        "ndarray": "an array",
        "Tensor": "a tensor",
        "Parameter": "a tensor",
        "str": "a string",
    }
    name = type(value).__name__
    return words.get(name, f"{'an' if name[0] in 'aeiou' else 'a'} {name}")


def _fits(got, shape):
    return len(got) == len(shape) and all(s is None or s == g for g, s in zip(got, shape, strict=True))


# Sentences ------------------------------------------------------------------------------------------------------------


def number(value):
    if abs(value) < 1e-12:  # what rounding leaves of 0
        return "0"
    return f"{value:.3g}" if 1e-3 <= abs(value) < 1e4 else f"{value:.2e}"


def measured_text(value, error):
    """A measured value and its standard error, both to two digits of the error."""
    if not 1e-6 < error < 1e6 or not np.isfinite(value):
        return f"measured {number(value)} ± {number(error)}"
    digits = max(0, 1 - int(np.floor(np.log10(error))))
    return f"measured {value:.{digits}f} ± {error:.{digits}f}"


def spread_text(expected, measured, n):
    return f"expected {number(expected)}, {measured_text(measured, measured / np.sqrt(2 * n))} ({n:,} draws)."


def spread_cause(expected, measured):
    """The cause of a wrong spread, a key of `HINTS`, if it is the square or the root of the right one; else ""."""
    if not 0 < measured < np.inf or abs(np.log(expected)) < 0.2:  # near 1 square and root are much the same
        return ""
    power = np.log(measured) / np.log(expected)
    return "squared spread" if abs(power - 2) < 0.1 else "root of the spread" if abs(power - 0.5) < 0.05 else ""


def share_text(share, n):
    return f"measured {share:.3f} ± {np.sqrt(share * (1 - share) / n):.3f} ({n:,} draws)"


def law_text(gap, n):
    return f"the shape of the distribution is off: its cumulative curve differs by {gap:.3f} ({n:,} draws)."


def input_text(value):
    if callable(value):
        return getattr(value, "__name__", "a function").replace("<lambda>", "a function")
    array = np.asarray(plain(value))
    return f"an array {array.shape}" if array.size > 6 else str(array.round(4).tolist())
