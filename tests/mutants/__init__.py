"""Plausible wrong answers, and right answers in other styles, one module a lab; `tests/power.py` grades them.

A mutant is a small patch of the reference solution, so it follows the solution when that changes; a patch that no
longer applies is an error. `symptom` is what the failing check must name, a key of `labutils.checks.HINTS` or "error"
when the answer raises. `equal` says why a variant cannot be told from the right answer by its contract.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """A wrong answer to one exercise, such as "2.1": the misconception, and (old, new) patches of its solution."""

    exercise: str
    misconception: str
    patches: tuple[tuple[str, str], ...]
    symptom: str | tuple[str, ...]
    equal: str = ""


@dataclass(frozen=True)
class Style:
    """A right answer to one exercise, written another way: source that is run after the reference solution cells."""

    exercise: str
    name: str
    source: str


def mutant(exercise, misconception, old, new, symptom="value", equal=""):
    """A mutant with one patch."""
    return Mutant(exercise, misconception, ((old, new),), symptom, equal)


def mutants(exercise, *rows):
    """Mutants of an exercise out of rows of the other arguments of `mutant`."""
    return tuple(mutant(exercise, *row) for row in rows)


def wrong(exercise, symptom="value"):
    """`mutant` for one exercise, whose wrong answers mostly show this symptom."""

    def make(misconception, old, new, symptom=symptom, equal=""):
        return mutant(exercise, misconception, old, new, symptom, equal)

    return make
