"""Requests to the student's side as bytes, with numbers in the place of what must stay on one of the two sides."""

import io
import pickle
import sys
import types
from typing import Any

import numpy as np

from labutils.judge import gradients
from labutils.judge.proxies import RemoteProxy

BY_NAME = ("numpy", "torch", "scipy", "math", "labutils", "builtins", "collections")  # packages on both sides
HIDDEN = "labutils.reference"  # solutions, which the student's side does not have


def encode_request(request: tuple, connection: Any) -> bytes:
    """A request as bytes, on the trusted side. Only the student's side unpickles; nothing is ever unpickled here."""
    buffer = io.BytesIO()
    _Pickler(buffer, connection).dump(request)
    return buffer.getvalue()


class _Pickler(pickle.Pickler):
    def __init__(self, buffer: io.BytesIO, connection: Any) -> None:
        super().__init__(buffer, 5)
        self.connection = connection

    def persistent_id(self, value: Any) -> tuple | None:
        if isinstance(value, RemoteProxy):
            return "handle", value._number
        if gradients.has_graph(value):
            return self.connection.encode_graph(value)
        hidden = _hidden(value)
        if (isinstance(value, _FUNCTIONS) and not _has_name(value)) or (hidden and callable(value)):
            number = next(self.connection.numbers)
            self.connection.callbacks[number] = value
            return "callback", number, str(getattr(value, "__name__", "function"))
        if hidden:
            raise TypeError(f"a {type(value).__name__} of {HIDDEN} stays with the tests: pass a function of it")
        return None

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, np.random.Generator):
            return np.random.default_rng, (int(value.integers(2**63)),)
        torch = sys.modules.get("torch")
        if torch is None:
            return NotImplemented
        if isinstance(value, torch.Generator):
            return _generator, (int(torch.randint(2**62, (), generator=value)),)
        if isinstance(value, torch.nn.Parameter):
            return torch.nn.Parameter, (value.detach(), value.requires_grad)
        if isinstance(value, torch.Tensor) and value.layout == torch.strided and value.dtype != torch.bfloat16:
            return _tensor, (value.detach().cpu().resolve_conj().resolve_neg().contiguous().numpy(),)
        return NotImplemented


_FUNCTIONS = (types.FunctionType, types.MethodType, types.BuiltinFunctionType)


def _tensor(array):
    import torch

    return torch.from_numpy(array)


def _generator(seed):
    import torch

    return torch.Generator().manual_seed(seed)


def _hidden(value: Any) -> bool:
    """Whether a function, a class or an object is one of `HIDDEN`."""
    named = value if isinstance(value, type | types.FunctionType) else type(value)
    module = getattr(named, "__module__", None)
    return isinstance(module, str) and module.startswith(HIDDEN)


def _has_name(function: Any) -> bool:
    """Whether both sides know the function by its name."""
    package = (getattr(function, "__module__", None) or "").split(".")[0]
    if package not in BY_NAME or isinstance(function, types.MethodType) or _hidden(function):
        return False
    found = sys.modules.get(function.__module__)
    for part in function.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is function


# The student's side ---------------------------------------------------------------------------------------------------


def decode_request(data: bytes, worker: Any) -> tuple:
    """A request from its bytes, on the student's side: what the trusted side sends is safe to unpickle there."""
    return _Unpickler(data, worker).load()


class Callback:
    """A function of the trusted side."""

    def __init__(self, worker: Any, number: int, name: str) -> None:
        self.worker, self.number, self.__name__ = worker, number, name

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self.worker.call_back(self.number, arguments, named)


class _Unpickler(pickle.Unpickler):
    def __init__(self, data: bytes, worker: Any) -> None:
        super().__init__(io.BytesIO(data))
        self.worker = worker

    def persistent_load(self, reference: tuple) -> Any:
        kind, number, *rest = reference
        if kind == "graph":
            return self.worker.receive_graph(number, *rest)
        return self.worker.objects[number] if kind == "handle" else Callback(self.worker, number, *rest)
