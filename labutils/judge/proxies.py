"""Stand-ins on the trusted side for what lives with the student: objects, and exceptions."""

import builtins

import numpy as np

from labutils.judge import protocol


class Stand:
    """Stands for an object of the student's: can be called, read, indexed, iterated, and passed back."""

    def __init__(self, remote, number):
        self.__dict__.update(_remote=remote, _number=number, _root=remote.root)

    def _ask(self, name, *arguments):
        before, self._remote.root = self._remote.root, self._root
        try:
            return self._remote.ask(name, self, *arguments)
        finally:
            self._remote.root = before

    def __call__(self, *arguments, **named):
        return self._ask("call", arguments, named)

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        return self._ask("read", name)

    def __getitem__(self, key):
        return self._ask("entry", key)

    def __iter__(self):
        return iter(self._ask("entries"))

    def __len__(self):
        return _whole(self._ask("convert", "len"))

    def __float__(self):
        return _number_of(self._ask("convert", "float"))

    def __array__(self, dtype=None, copy=None):
        array = self._ask("convert", "array")
        if not isinstance(array, np.ndarray):
            raise TypeError(f"expected an array, got a {type(self).__name__}")
        return array if dtype is None else array.astype(dtype)

    def __bool__(self):
        raise TypeError(f"expected plain data, got a {type(self).__name__}")

    def __repr__(self):
        return f"<{type(self).__name__}>"

    def __del__(self):
        self._remote.released.append(self._number)


def stand_in(name):
    """A class named like the student's, for messages that say what came instead of an array."""
    return type(name if name.isidentifier() else "object", (Stand,), {})


def _whole(value):
    if type(value) is not int or not 0 <= value < 2**31:
        raise TypeError("a length must be a whole number")
    return value


def _number_of(value):
    if not isinstance(value, float):
        raise TypeError("expected a float")
    return float(value)


def student_error(name, bases, text, frames):
    """The exception that stands for one of the student's: of the first builtin type that it is a case of."""
    known = [getattr(builtins, base, None) for base in bases[:20]]
    fits = [one for one in known if isinstance(one, type) and issubclass(one, Exception) and one not in _AWKWARD]
    name, text = protocol.printable(name)[:100], protocol.printable(text)[:10_000]
    base = fits[0] if fits else RuntimeError
    if base is not known[0]:
        text = f"{name}: {text}"
    lines = [protocol.printable(line)[:5000] for line in frames[:40]] + [f"\x1b[31m{name}\x1b[39m: {text}"]
    namespace = {"_render_traceback_": lambda self: lines, "__str__": lambda self: text}
    return type(name if name.isidentifier() else "Error", (base,), namespace)(text)


_AWKWARD = [one for one in vars(builtins).values() if isinstance(one, type) and issubclass(one, UnicodeError)]
_AWKWARD += [BaseExceptionGroup, ExceptionGroup, StopIteration, StopAsyncIteration]
