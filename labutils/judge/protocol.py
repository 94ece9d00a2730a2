"""What the student's side may send to the trusted one: JSON and raw numbers, measured before they are decoded.

A frame is the length of its header, the length of its buffers, the header (JSON), and the buffers. A node of the JSON
is null, a boolean, a number, a string, or a list [tag, ...]; nothing in it can name code. Objects that are no plain
data stay on their side and travel as numbers: ["handle", ...] for what lives with the student, ["function", k] for a
function of the trusted side that comes back.
"""

import json
import math
import struct
import sys
from collections.abc import Callable, Sequence
from socket import socket
from typing import Any

import numpy as np

from labutils.judge import gradients

HEADER, BUFFERS = 24 * 2**20, 128 * 2**20  # bytes of one frame at most: 16 million floats, a list of 200,000 numbers
DEPTH = 24  # levels of containers inside each other: each takes a few frames of Python's stack
NODES = 200_000  # parts of one reply: decoding them takes a fifth of a second
KEYS = 2000  # entries of a set or a dict: a student can choose them so that all have the same hash
SIZES = struct.Struct("<QQ")
NUMPY = {"bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"}
NUMPY |= {"float16", "float32", "float64", "complex64", "complex128"}
TORCH = {"bool": 1, "uint8": 1, "int8": 1, "int16": 2, "int32": 4, "int64": 8}
TORCH |= {"bfloat16": 2, "float16": 2, "float32": 4, "float64": 8, "complex64": 8, "complex128": 16}


class ProtocolError(Exception):
    """A frame that no honest worker sends."""


def send(connection: socket, node: object, buffers: Sequence[bytes] = ()) -> None:
    """Write a frame. Raises ValueError if it is larger than the other side accepts."""
    header, size = json.dumps(node).encode(), sum(len(buffer) for buffer in buffers)
    if len(header) > HEADER or size > BUFFERS:
        raise ValueError(f"a result of {(len(header) + size) / 2**20:.0f} MiB is too large")
    connection.sendall(SIZES.pack(len(header), size) + header)
    for buffer in buffers:
        connection.sendall(buffer)


def receive(read: Callable[[int], bytes]) -> tuple[Any, bytes]:
    """Read a frame by `read(n) -> n bytes`; returns (node, bytes of the buffers). Raises ProtocolError."""
    header, size = SIZES.unpack(read(SIZES.size))
    if header > HEADER or size > BUFFERS:
        raise ProtocolError(f"a reply of {(header + size) / 2**20:.0f} MiB is too large")
    text, data = read(header), read(size)
    try:
        return json.loads(text), data
    except (ValueError, RecursionError) as error:
        raise ProtocolError("a reply is not JSON") from error


# The student's side ---------------------------------------------------------------------------------------------------


def _no_handle(value: object) -> list:
    raise TypeError(f"a {type(value).__name__} is no plain data")


class Encoder:
    """Turns values into nodes and buffers. `handle(object)` returns the node of what is no plain data.

    graph: None, or a function that returns the first parts of the node of a tensor with a graph.
    """

    def __init__(self, handle: Callable[[object], list] | None, graph: Callable[[Any], list] | None = None) -> None:
        self.handle, self.graph, self.offset = handle or _no_handle, graph, 0
        self.buffers: list[bytes] = []

    def __call__(self, value: Any, depth: int = 0) -> Any:
        if value is None or isinstance(value, bool | str):
            return value if value is None or isinstance(value, bool) else str(value)
        if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "fc" and value.dtype.name not in NUMPY:
            value = value.astype(np.float64 if value.dtype.kind == "f" else np.complex128)  # long double: no two alike
        if isinstance(value, np.ndarray | np.generic) and value.dtype.name in NUMPY:
            kind = "array" if isinstance(value, np.ndarray) else "scalar"
            values = np.asarray(value).astype(np.dtype(value.dtype.name), copy=False)
            return [kind, values.dtype.name, list(values.shape), *self._store(np.ascontiguousarray(values).tobytes())]
        if isinstance(value, int):
            return int(value) if abs(value) < 2**63 else ["int", hex(value)]
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else ["float", repr(float(value))]
        if isinstance(value, complex):
            return ["complex", repr(complex(value).real), repr(complex(value).imag)]
        if "torch" in sys.modules and isinstance(value, sys.modules["torch"].Tensor):
            return self._tensor(value)
        return self._container(value, depth) if depth < DEPTH else self.handle(value)

    def _container(self, value, depth):
        if isinstance(value, dict | set | frozenset) and len(value) > KEYS:
            return self.handle(value)
        if isinstance(value, dict) and all(isinstance(key, str | int | float | tuple) for key in value):
            return ["dict", [[self(key, depth + 1), self(entry, depth + 1)] for key, entry in value.items()]]
        for kind in (list, tuple, set, frozenset):
            if isinstance(value, kind):
                return [kind.__name__, [self(entry, depth + 1) for entry in value]]
        return self.handle(value)

    def _tensor(self, value):
        torch = sys.modules["torch"]
        name = str(value.dtype).removeprefix("torch.")
        if name not in TORCH or value.layout != torch.strided:
            return self.handle(value)
        flat = value.detach().cpu().resolve_conj().resolve_neg().contiguous().reshape(-1)
        data = flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""
        node = ["tensor", name, list(value.shape), *self._store(data)]
        return [*self.graph(value), node] if self.graph and gradients.has_graph(value) else node

    def _store(self, data):
        self.buffers.append(data)
        self.offset += len(data)
        return self.offset - len(data), len(data)


# The trusted side -----------------------------------------------------------------------------------------------------

TAGS = {"list", "tuple", "set", "frozenset", "dict", "int", "float", "complex", "array", "scalar", "tensor"}
TAGS |= {"handle", "function", "graph"}


def printable(text: str) -> str:
    """A string that can be written as UTF-8."""
    return text.encode("utf-8", "replace").decode()


def _few(nodes: list) -> list:
    if len(nodes) > KEYS:
        raise ProtocolError(f"a set or dict of {len(nodes)} entries")
    return nodes


class Decoder:
    """Turns a node back into a value; raises ProtocolError for anything an honest worker would not send.

    handle(k, type name): the proxy of an object of the student's. function(k): a function of the trusted side that
    comes back. graph(k, tensor): a tensor that carries a graph on the other side.
    """

    def __init__(self, data: bytes, handle: Any, function: Any, graph: Any = None) -> None:
        self.data, self.handle, self.function, self.graph, self.left = data, handle, function, graph, NODES

    def __call__(self, node: Any, depth: int = 0) -> Any:
        self.left -= 1
        if self.left < 0 or depth > DEPTH:
            raise ProtocolError("a reply has too many parts")
        if node is None or isinstance(node, bool | int | float):
            return node
        if isinstance(node, str):
            return printable(node)
        try:
            tag, *rest = node
            if tag not in TAGS:
                raise ProtocolError("a reply has an unknown part")
            return getattr(self, f"_{tag}")(*rest, depth=depth)
        except ProtocolError:
            raise
        except Exception as error:
            raise ProtocolError("a reply makes no sense") from error

    def _list(self, nodes, depth):
        return [self(node, depth + 1) for node in nodes]

    def _tuple(self, nodes, depth):
        return tuple(self._list(nodes, depth))

    def _set(self, nodes, depth):
        return set(self._list(_few(nodes), depth))

    def _frozenset(self, nodes, depth):
        return frozenset(self._list(_few(nodes), depth))

    def _dict(self, pairs, depth):
        return {self(key, depth + 1): self(value, depth + 1) for key, value in _few(pairs)}

    def _int(self, digits, depth):
        return int(digits[:1000], 16)

    def _float(self, text, depth):
        return {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}[text]

    def _complex(self, real, imaginary, depth):
        return complex(float(real), float(imaginary))

    def _bytes_of(self, shape, start, size, itemsize):
        whole = all(type(n) is int and n >= 0 for n in [*shape, start, size]) and len(shape) <= 16
        if not whole or math.prod(shape) * itemsize != size or start + size > len(self.data):
            raise ProtocolError("an array and its shape do not agree")
        return bytearray(memoryview(self.data)[start : start + size])

    def _array(self, name, shape, start, size, depth):
        dtype = np.dtype({name: name for name in NUMPY}[name])
        values = np.frombuffer(self._bytes_of(shape, start, size, dtype.itemsize), dtype)
        return (values.view(np.uint8) != 0).reshape(shape) if name == "bool" else values.reshape(shape)

    def _scalar(self, name, shape, start, size, depth):
        return self._array(name, shape, start, size, depth)[()]

    def _tensor(self, name, shape, start, size, depth):
        import torch  # late: a lab without torch needs none

        data = self._bytes_of(shape, start, size, TORCH[name])
        if not data:
            return torch.empty(shape, dtype=getattr(torch, name))
        if name == "bool":
            return torch.frombuffer(data, dtype=torch.uint8).ne(0).reshape(shape)
        return torch.frombuffer(data, dtype=getattr(torch, name)).reshape(shape)

    def _handle(self, k, name, depth):
        return self.handle(int(k), str(name)[:200])

    def _graph(self, k, node, depth):
        tensor = self(node, depth + 1)
        if type(tensor).__name__ != "Tensor" or not (tensor.is_floating_point() or tensor.is_complex()):
            raise ProtocolError("only a tensor of floats carries a graph")
        return self.graph(int(k), tensor)

    def _function(self, k, depth):
        return self.function(int(k))
