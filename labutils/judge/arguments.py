"""Inputs are left alone: what a student's function overwrites among its arguments is seen on the trusted side too.

A call across the border works on copies. So that a check finds an answer that overwrites its inputs, as it does in one
process, the worker reports which arrays and tensors have changed: among the arguments, by position or by name, and one
level deep in lists, tuples and dicts. In a list, which a contract may ask to be updated in place, the trusted side
writes what came; in any other place it spoils its own array, lest an answer chooses what it will be compared with.
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from labutils.judge import protocol

Place = tuple[int | str, int | str | None]  # an argument, and where in it, or None for the argument itself


def arrays_in(arguments: tuple, named: dict) -> Iterator[tuple[Place, Any]]:
    """The arrays and tensors among the arguments of a call that it could overwrite, with their places."""
    for i, one in [*enumerate(arguments), *named.items()]:
        parts: Any = ((None, one),)
        if type(one) in (list, tuple):
            parts = enumerate(one)
        elif type(one) is dict:
            parts = ((k, part) for k, part in one.items() if type(k) in (int, str))
        for k, part in parts:
            if isinstance(part, np.ndarray) or _is_tensor(part):
                yield (i, k), part


def _is_tensor(value: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and type(value) is torch.Tensor and not value.requires_grad


def copies(arguments: tuple, named: dict) -> list[tuple[Place, Any, Any]]:
    """Each array or tensor before a call: (place, itself, a copy)."""
    found = arrays_in(arguments, named)
    return [(place, one, one.copy() if isinstance(one, np.ndarray) else one.clone()) for place, one in found]


def changes(before: list[tuple[Place, Any, Any]]) -> list[list]:
    """[[argument, where in it, new value]] of what a call has changed and left in its shape."""
    return [
        [*place, now.detach() if hasattr(now, "detach") else now]
        for place, now, old in before
        if now.shape == old.shape and now.dtype == old.dtype and not _equal(now, old)
    ]


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray) and one.dtype.hasobject:
        return True  # it cannot cross the border anyway
    if isinstance(one, np.ndarray):
        return one.tobytes() == other.tobytes()
    return bool(((one == other) | ((one != one) & (other != other))).all())


def apply_changes(changed: Any, request: tuple) -> None:
    """Do to our own arguments what a call has done to its copies; raises ProtocolError if that does not fit."""
    if type(changed) is not list:
        raise protocol.ProtocolError("changes are a list")
    given = request[2:] if changed and request[0] == "call" else ((), {})
    known = dict(arrays_in(*given))
    try:
        for i, k, value in changed:
            old: Any = known.get((i, k))
            if old is None or type(old) is not type(value) or old.shape != value.shape or old.dtype != value.dtype:
                raise protocol.ProtocolError("a change does not fit")
            in_list = k is not None and isinstance(given[0][i] if isinstance(i, int) else given[1][i], list)
            with contextlib.suppress(RuntimeError), _no_graph(old):  # a tensor whose parts share memory
                if not isinstance(old, np.ndarray) or old.flags.writeable:
                    old[...] = value if in_list else _spoiled(value)
    except (TypeError, ValueError, AttributeError, IndexError, KeyError) as problem:
        raise protocol.ProtocolError("a change makes no sense") from problem


def _spoiled(value: Any) -> Any:
    """An array or tensor like this one, of which nothing follows: nan, or bits that nobody can foresee."""
    if not isinstance(value, np.ndarray):
        torch = sys.modules["torch"]
        if value.is_floating_point() or value.is_complex():
            return torch.full_like(value, np.nan)
        return torch.from_numpy(_spoiled(value.numpy()))
    if value.dtype.kind in "fc":
        return np.full_like(value, np.nan)
    drawn = np.frombuffer(bytearray(os.urandom(value.nbytes)), np.uint8)
    return (drawn > 127 if value.dtype.kind == "b" else drawn.view(value.dtype)).reshape(value.shape)


def _no_graph(value: Any) -> contextlib.AbstractContextManager:
    return sys.modules["torch"].no_grad() if hasattr(value, "detach") else contextlib.nullcontext()
