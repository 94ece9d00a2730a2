"""Arrays and tensors alike, without importing torch."""

import numpy as np


def plain(value):
    """Tensors to numpy; anything else as it is."""
    return value.detach().cpu().numpy() if hasattr(value, "detach") else value


def copied(value):
    """A copy of an array or tensor; anything else as it is."""
    return value.clone() if hasattr(value, "detach") else value.copy() if isinstance(value, np.ndarray) else value


def changed(old, new):
    """Whether an array differs from what it was; functions and other objects never count as changed."""
    old, new = plain(old), plain(new)
    return isinstance(old, np.ndarray) and not np.array_equal(old, new, equal_nan=old.dtype.kind in "fc")
