"""Proxies on the trusted side of what lives with the student: objects, and exceptions."""

import builtins
from collections.abc import Iterator
from typing import Any

import numpy as np

from labutils.judge import protocol


class RemoteProxy:
    """A proxy of an object of the student's: can be called, read, indexed, iterated, and passed back."""

    def __init__(self, connection: Any, number: int) -> None:
        self.__dict__.update(_connection=connection, _number=number, _root=connection.root)

    def _request(self, name: str, *arguments: Any) -> Any:
        before, self._connection.root = self._connection.root, self._root
        try:
            return self._connection.request(name, self, *arguments)
        finally:
            self._connection.root = before

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self._request("call", arguments, named)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self._request("read", name)

    def __getitem__(self, key: Any) -> Any:
        return self._request("entry", key)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._request("entries"))

    def __len__(self) -> int:
        return _length(self._request("convert", "len"))

    def __float__(self) -> float:
        return _float(self._request("convert", "float"))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = self._request("convert", "array")
        if not isinstance(array, np.ndarray):
            raise TypeError(f"expected an array, got a {type(self).__name__}")
        return array if dtype is None else array.astype(dtype)

    def __bool__(self) -> bool:
        raise TypeError(f"expected plain data, got a {type(self).__name__}")

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __del__(self) -> None:
        self._connection.released.append(self._number)


def proxy_class(name: str) -> type[RemoteProxy]:
    """A class named like the student's, for messages that say what came instead of an array."""
    return type(name if name.isidentifier() else "object", (RemoteProxy,), {})


def _length(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 2**31:
        raise TypeError("a length must be a whole number")
    return value


def _float(value: Any) -> float:
    if not isinstance(value, float):
        raise TypeError("expected a float")
    return float(value)


def student_error(name: str, bases: list[str], text: str, frames: list[str]) -> Exception:
    """An exception of the student's as one of ours: of the first builtin type that it is a case of."""
    known = [getattr(builtins, base, None) for base in bases[:20]]
    fits = [one for one in known if isinstance(one, type) and issubclass(one, Exception) and one not in _NEVER_RAISED]
    name, text = protocol.printable(name)[:100], protocol.printable(text)[:10_000]
    base = fits[0] if fits else RuntimeError
    if base is not known[0]:
        text = f"{name}: {text}"
    lines = [protocol.printable(line)[:5000] for line in frames[:40]] + [f"\x1b[31m{name}\x1b[39m: {text}"]
    namespace = {"_render_traceback_": lambda self: lines, "__str__": lambda self: text}
    return type(name if name.isidentifier() else "Error", (base,), namespace)(text)


_UNICODE = [one for one in vars(builtins).values() if isinstance(one, type) and issubclass(one, UnicodeError)]
_NEVER_RAISED = {
    *_UNICODE,
    BaseExceptionGroup,
    ExceptionGroup,
    StopIteration,
    StopAsyncIteration,
}  # not from a text alone
