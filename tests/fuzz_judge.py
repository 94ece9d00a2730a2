"""A fuzzer for what the trusted side decodes: `tried(count)`, and `python -m tests.bench_judge fuzz --count 100000`.

Real frames of an honest worker are changed at random: in their bytes, or in their JSON, where a part is replaced by
another part or by a value that no worker sends. Then they go the way of a reply.
"""

import copy
import json
import struct
from collections import Counter

import numpy as np
import torch

from labutils.judge import protocol
from labutils.judge.connection import WorkerConnection
from labutils.judge.outputs import sanitized_outputs, truncated_outputs
from labutils.judge.transport import OutOfTime, Stopped

ODD = [None, True, -1, 0, 1, 2**31, 2**63, 10**40, 1.5, float("inf"), float("nan"), "", "\ud800", "\0", "x" * 5000]
ODD += [[], {}, [[]], {"a": []}, "value", "error", "callback", "list", "dict", "array", "tensor", "handle", "graph"]
ODD += ["function", "int", "float", "complex", "scalar", "set", "bool", "float64", "bfloat16", "inf", "stream"]
OUTPUTS = [
    {"output_type": "stream", "name": "stdout", "text": "hi"},
    {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["a"]},
    {"output_type": "display_data", "data": {"text/plain": "a", "image/png": "b"}, "metadata": {}},
]
VALUES = [None, 2.5, 2**70, 1j, "ä", [1, (2, {"k": 3})], {1, 2}, np.arange(6.0).reshape(2, 3), np.float32(2), OUTPUTS]
VALUES += [torch.eye(2), torch.ones(2, dtype=torch.bfloat16), np.array([True]), torch.tensor(1j), float("nan")]
VALUES += [object(), print]


def _handle(value):
    return ["function", 1] if value is print else ["handle", 3, type(value).__name__]


def _frames():
    """Frames (node, buffers) of an honest worker."""
    for value in VALUES:
        encode = protocol.Encoder(
            lambda one: ["handle", 3, type(one).__name__] if one is not print else ["function", 1]
        )
        node = encode(value)
        changes = encode([[0, None, np.zeros(3)], [1, 0, np.ones(2)]])
        yield ["value", 1, node], encode.buffers
        yield ["value", 1, node, changes], encode.buffers
        yield ["callback", 1, 1, encode([value]), encode({"x": value})], encode.buffers
    yield ["error", 1, "Mine", ["ValueError", "Exception"], "text", ["line"]], []
    encode = protocol.Encoder(None, lambda _: ["graph", 4])
    yield ["value", 1, encode(torch.ones(2, requires_grad=True))], encode.buffers


def _places(node, found):
    """All (container, key) of a node."""
    if isinstance(node, list | dict):
        for key in range(len(node)) if isinstance(node, list) else list(node):
            found.append((node, key))
            _places(node[key], found)
    return found


def changed(node, rng):
    """A node with some parts replaced, left out, doubled, or wrapped."""
    node = copy.deepcopy(node)
    for _ in range(rng.choice([0, 1, 1, 2])):
        places = _places(node, [])
        if not places:
            break
        (where, key), (other, part) = (places[k] for k in rng.integers(len(places), size=2))
        how = rng.integers(5)
        if how == 0 and isinstance(where, list):
            del where[key]
        elif how == 1 and isinstance(where, list):
            where.insert(key, copy.deepcopy(where[key]))
        elif how == 2:
            where[key] = copy.deepcopy(other[part])
        elif how == 3:
            where[key] = [copy.deepcopy(ODD[rng.integers(len(ODD))]), where[key]]
        else:
            where[key] = copy.deepcopy(ODD[rng.integers(len(ODD))])
    return node


def frame(node, buffers, rng):
    """The bytes of a frame: sound but for its node, or damaged."""
    header, data = json.dumps(node).encode(), b"".join(buffers)
    if rng.random() < 0.05:
        header = bytearray(header)
        for k in rng.integers(len(header), size=rng.integers(1, 4)):
            header[k] = rng.integers(256)
    if rng.random() < 0.05:
        data = data[: rng.integers(len(data) + 1)]
    sizes = struct.pack("<QQ", len(header), len(data)) if rng.random() > 0.02 else rng.bytes(16)
    return sizes + bytes(header) + data


class _Replayed(WorkerConnection):
    """A connection on which one frame comes back, and then the process ends."""

    def __init__(self, data: bytes) -> None:
        self.left = memoryview(data)
        super().__init__(_Nothing(), _Nothing(), 1)
        self.callbacks[1] = lambda *_, **__: 1

    def read(self, size: int) -> bytes:
        if size > len(self.left):
            self.dead = "no more"
            raise Stopped(self.dead)
        part, self.left = bytes(self.left[:size]), self.left[size:]
        return part

    def write(self, data: bytes) -> None:
        pass


class _Nothing:
    def setblocking(self, _: bool) -> None:
        pass

    def close(self) -> None:
        pass


def tried(count: int, seed: int = 0) -> Counter:
    """How many of `count` inputs were decoded, refused, or raised as an error of the student's; raises any other."""
    rng, frames, told = np.random.default_rng(seed), list(_frames()), Counter()
    for _ in range(count):
        node, buffers = frames[rng.integers(len(frames))]
        connection = _Replayed(frame(changed(node, rng), buffers, rng))
        ours = (np.zeros(3), [np.zeros(2)])
        try:
            value = connection.request("call", None, ours, {})
            truncated_outputs(sanitized_outputs(value), 1000)
            told["decoded"] += 1
        except Stopped as error:
            told["refused" if "sends" in str(error) else "waiting for more"] += 1
        except OutOfTime:
            raise
        except Exception as error:
            if "_render_traceback_" not in vars(type(error)):
                raise
            told["an error of the student's"] += 1
    return told
