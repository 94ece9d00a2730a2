"""Other ways to call a function: a student may pass on other inputs than those that an exercise's function gets.

An exact answer need not have an exercise's signature: the guess of the noise in x_t may take alpha_bar[t] in the place
of t and alpha_bar. `rearrangements` tries all that can be passed on, against calls of the right answer.
"""

import contextlib
import inspect
from itertools import permutations

import numpy as np

from labutils.arrays import plain


def given(function, args, options):
    """All inputs of a call in the order of the contract, defaults included, without `self`."""
    bound = inspect.signature(function).bind(*args, **options)
    bound.apply_defaults()
    return [value for name, value in bound.arguments.items() if name != "self"]


def pool(inputs):
    """What there is to pass on, {label: value}: inputs, entries of arrays (ends, and at integers), 0.0 and 1.0."""
    found = dict(enumerate(inputs)) | {"zero": 0.0, "one": 1.0}
    whole = [(j, np.asarray(t)) for j, t in enumerate(inputs) if isinstance(t, int | np.integer | np.ndarray)]
    whole = [(j, t) for j, t in whole if t.dtype.kind == "i"]
    for i, array in enumerate(inputs):
        if getattr(array, "ndim", 0) == 1 and len(array):
            found |= {(i, 0): array[0], (i, -1): array[-1]}
            found |= {(i, "at", j): array[t] for j, t in whole if np.all(np.abs(t) < len(array))}
    return found


def parts(result):
    """A result as a list of plain arrays; [] for what is none."""
    try:
        return [np.asarray(plain(part), dtype=float) for part in (result if isinstance(result, tuple) else (result,))]
    except (TypeError, ValueError, RuntimeError):
        return []


def alike(result, wanted):
    """Whether two results are nearly the same arrays."""
    a, b = parts(result), parts(wanted)
    same = len(a) == len(b) > 0 and all(x.shape == y.shape for x, y in zip(a, b, strict=True))
    return same and all(np.allclose(x, y, rtol=1e-2, atol=1e-3) for x, y in zip(a, b, strict=True))


def arities(function):
    """How many positional inputs, from 1 to 3, a function takes."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return
    for k in (1, 2, 3):
        with contextlib.suppress(TypeError):
            signature.bind(*range(k))
            yield k


def rearranged(right, candidate, labels):
    """The candidate as an answer: of the inputs it gets those that `labels` of the `pool` say."""

    def answer(*args, **options):
        values = pool(given(right, args, options))
        return candidate(*(values[label] for label in labels))

    return answer


def rearrangements(right, candidate, calls):
    """The ways to call the candidate that give what the right answer gave in one of its calls."""
    for inputs, result in calls:
        values = pool(inputs)
        for k in arities(candidate):
            for labels in permutations(values, k):
                with contextlib.suppress(Exception):
                    if alike(candidate(*(values[label] for label in labels)), result):
                        yield labels, rearranged(right, candidate, labels)
