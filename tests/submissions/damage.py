"""Mishaps that may come to a notebook on its way: in its cells, in its JSON, in its bytes."""

import copy
import json

import nbformat


def damaged(notebook, rng):
    """The bytes of a notebook to which one to three mishaps have come."""
    book = json.loads(nbformat.writes(notebook))
    for _ in range(rng.integers(0, 3)):
        CELLS[rng.integers(len(CELLS))](book, rng)
    data = bytearray(json.dumps(book, indent=1).encode())
    if rng.random() < 0.5:
        BYTES[rng.integers(len(BYTES))](data, rng)
    return bytes(data)


def _a(book, rng):
    return book["cells"][rng.integers(len(book["cells"]))] if book.get("cells") else {"metadata": {}}


def _replace(node, rng):
    """Put another JSON value somewhere into the tree."""
    while isinstance(node, dict | list) and node:
        keys = list(node) if isinstance(node, dict) else range(len(node))
        key = keys[rng.integers(len(keys))]
        if rng.random() < 0.3 or not isinstance(node[key], dict | list) or not node[key]:
            node[key] = copy.deepcopy(VALUES[rng.integers(len(VALUES))])
            return
        node = node[key]


def _swap(book, rng):
    cells = book["cells"]
    i, j = rng.integers(len(cells), size=2) if cells else (0, 0)
    if cells:
        cells[i], cells[j] = cells[j], cells[i]


VALUES = [None, True, -1, 1e308, 2**70, "", "\ud800", "x" * 10**5, [], {}, [None], {"a": {}}, "code", [[[[]]]]]
CELLS = [
    lambda book, rng: _replace(book, rng),
    lambda book, rng: _replace(_a(book, rng), rng),
    lambda book, rng: _swap(book, rng),
    lambda book, rng: book["cells"].pop() if book["cells"] else None,
    lambda book, rng: book["cells"].append(copy.deepcopy(_a(book, rng))),
    lambda book, rng: _a(book, rng).update(cell_type=["raw", "markdown", "code", "task"][rng.integers(4)]),
    lambda book, rng: _a(book, rng).update(id=_a(book, rng).get("id")),
    lambda book, rng: _a(book, rng).update(metadata=copy.deepcopy(_a(book, rng).get("metadata"))),
    lambda book, rng: _a(book, rng).update(source=["def double(x):\n", "  return ((", 7][: rng.integers(4)]),
    lambda book, rng: _a(book, rng).update(outputs=[{"output_type": "stream"}, 5][: rng.integers(3)]),
    lambda book, rng: book.update(nbformat=int(rng.integers(-1, 7)), nbformat_minor=int(rng.integers(-1, 9))),
    lambda book, rng: _replace(book.get("metadata"), rng),
]


def _flip(data, rng):
    for _ in range(rng.integers(1, 6)):
        at = int(rng.integers(len(data)))
        data[at : at + int(rng.integers(0, 40))] = rng.bytes(int(rng.integers(0, 8)))


def _truncate(data, rng):
    del data[int(rng.integers(len(data))) :]


def _double(data, rng):
    data += data[: int(rng.integers(len(data)))]


BYTES = [_flip, _flip, _truncate, _double, lambda data, rng: data.insert(0, 0xFF)]
