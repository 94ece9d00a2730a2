"""The trusted side's view of the student's: stand-ins for functions, classes and objects that live in the sandbox.

A call sends its arguments and gets plain data back; everything else comes as another stand-in. Functions among the
arguments stay here: the student's side gets a number that it can ask us to call, until the test cell ends.
"""

import builtins
import contextlib
import functools
import io
import itertools
import pickle
import select
import sys
import time
import types

import numpy as np

from labutils.grading import gradients, wire

BY_NAME = ("numpy", "torch", "scipy", "math", "labutils", "builtins", "collections")  # packages on both sides


class OutOfTime(BaseException):
    """A cell took too long. No `except Exception` of a check stops it. in_step: the worker waits for a request."""

    def __init__(self, text, in_step=False):
        super().__init__(text)
        self.in_step = in_step

    def _render_traceback_(self):
        return [f"\x1b[31mOutOfTime\x1b[39m: {self}"]


class Stopped(RuntimeError):
    """The student's process has ended."""

    def _render_traceback_(self):
        return [f"\x1b[31mStopped\x1b[39m: {self}"]


class Remote:
    """A connection to a worker. sockets: its data and its supervisor; grace: seconds from an interrupt to the end."""

    def __init__(self, data, control, grace):
        self.data, self.control, self.grace = data, control, grace
        self.released, self.callbacks, self.numbers = [], {}, itertools.count(1)
        self.dead = self.root = self.guilty = ""  # why it ended; the student's name being used; the one that ended it
        self.waiting, self.tracked, self.leaves = False, {}, None  # tensors with a graph: lent out; of a question
        self.depth = self.since = 0
        self.allow(60)
        self.data.setblocking(False)

    def allow(self, seconds):
        """Set the time for what follows."""
        self.deadline, self.interrupted = time.monotonic() + seconds, False

    def ask(self, *request):
        """Send a request and return the decoded answer; raises what the student's code raised, Stopped or OutOfTime."""
        try:
            self.depth += 1
            if self.depth == 1:
                self.since = next(self.numbers)  # a result depends on what was lent for it
            if self.released:
                gone, self.released = self.released, []
                self._send(("release", gone))
            self._send(request)
            return self._reply(request)
        except wire.Forged as error:
            self.close(f"it sent what no worker sends: {error}")
            raise Stopped(self.dead) from None
        except OutOfTime as error:
            if not error.in_step:
                self.close("it did not stop when its time was over")
            raise
        finally:
            self.depth -= 1

    def forget(self):
        """Withdraw the functions and graphs that were lent out."""
        self.callbacks.clear()
        if self.tracked and not self.dead:
            self._send(("forget",))
        self.tracked.clear()

    def close(self, reason="it was stopped"):
        """End the student's process."""
        self.dead, self.guilty = self.dead or reason, self.guilty or self.root
        for one in (self.control, self.data):
            one.close()

    def _send(self, request):
        if self.dead:
            raise Stopped(self.dead)
        data = dumps(request, self)
        self._write(len(data).to_bytes(8, "little") + data)

    def _reply(self, request):
        while True:
            node, data = wire.receive(self._read)
            try:
                kind, *rest = node
                value = error = call = None
                changes = []
                if kind == "value":
                    value, *changes = map(self._decoder(data, self._result), rest)
                elif kind == "error":
                    error = student_error(*rest)
                else:
                    number, *call = rest
                    leaves = []
                    arguments, named = map(self._decoder(data, functools.partial(_leaf, leaves)), call)
                    call = number, [*arguments], {**named}, leaves
            except (TypeError, ValueError, AttributeError, IndexError) as problem:
                raise wire.Forged("a reply makes no sense") from problem
            if call is None and self.interrupted:
                raise OutOfTime("the time is over", in_step=True)
            if error:
                raise error
            if call is None:
                _apply(changes, request)
                return value
            self._call_back(*call)

    def _decoder(self, data, graph):
        return wire.Decoder(data, lambda k, name: _stand_in(name)(self, k), self._mine, graph)

    def _result(self, k, value):
        """A tensor that the student computed from tensors with a graph, tied to those."""
        numbers, target = [n for n in self.tracked if n >= self.since], Stand(self, k)
        slope = lambda vector: [*self.ask("slope", target, numbers, vector)]  # noqa: E731
        return gradients.tied(value, slope, [self.tracked[n] for n in numbers])

    def _mine(self, number):
        if number not in self.callbacks:
            raise wire.Forged("a function that was never lent")
        return self.callbacks[number]

    def _call_back(self, number, arguments, named, leaves):
        try:
            function = self.callbacks.get(number)
            if function is None:
                raise RuntimeError("this function is not available any more")
            with gradients.graphs() if leaves or self.tracked else contextlib.nullcontext():
                value = function(*arguments, **named)
            self.leaves = leaves
            self._send(("returned", "value", value))
        except Stopped:
            raise
        except Exception as error:
            bases = [one for one in type(error).__mro__ if one.__module__ == "builtins"]
            self._send(("returned", "error", bases[0], str(error)[:10_000]))
        finally:
            self.leaves = None

    def lend_graph(self, value):
        """The reference of a tensor with a graph: an argument, or (with leaves) the answer to a question."""
        k, number, leaves = next(self.numbers), 0, self.leaves
        self.tracked[k] = value
        if leaves is not None:
            number = next(self.numbers)
            self.callbacks[number] = lambda vector: gradients.products(value, leaves, vector)
        return "graph", k, number, value.detach()

    # Bytes, with a deadline -------------------------------------------------------------------------------------------

    def _read(self, size):
        parts, left = [], size
        while left:
            self._wait(self.data, write=False)
            try:
                part = self.data.recv(min(left, 2**20))
            except BlockingIOError:
                continue
            except OSError:
                part = b""
            if not part:
                self._died()
            parts.append(part)
            left -= len(part)
        return b"".join(parts)

    def _write(self, data):
        view = memoryview(data)
        while view:
            self._wait(self.data, write=True)
            try:
                view = view[self.data.send(view) :]
            except BlockingIOError:
                continue
            except OSError:
                self._died()

    def _wait(self, connection, write):
        """Until the socket is ready; at the deadline interrupt, and when that does not help, kill."""
        self.waiting = True
        try:
            while True:
                left = self.deadline - time.monotonic() + (self.grace if self.interrupted else 0)
                ready = select.select([] if write else [connection], [connection] if write else [], [], max(left, 0))
                if any(ready):
                    return
                if self.interrupted:
                    raise OutOfTime("the time is over, and an interrupt did not help")
                self.interrupted = True
                with contextlib.suppress(OSError):
                    self.control.send(b"i")
        finally:
            self.waiting = False

    def _died(self):
        reason = "it ended by itself, as after os._exit or a crash"
        if select.select([self.control], [], [], 0.3)[0]:
            reason = self.control.recv(1000).decode("utf-8", "replace") or reason
        self.close(reason)
        raise Stopped(reason)


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


def _leaf(leaves, _, value):
    leaves.append(value.requires_grad_())
    return value


def _apply(changes, request):
    """Write back what a student's function changed inside lists among its arguments; a change that fits, or none."""
    for i, k, value in changes[0] if changes else ():
        old = request[2][i][k]
        if type(old) is not type(value) or old.shape != value.shape or old.dtype != value.dtype:
            raise wire.Forged("a change does not fit")
        with _no_graph(old):
            old[...] = value


def _no_graph(value):
    return sys.modules["torch"].no_grad() if hasattr(value, "detach") else contextlib.nullcontext()


def _stand_in(name):
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
    name, text = wire.printable(name)[:100], wire.printable(text)[:10_000]
    base = fits[0] if fits else RuntimeError
    if base is not known[0]:
        text = f"{name}: {text}"
    lines = [wire.printable(line)[:5000] for line in frames[:40]] + [f"\x1b[31m{name}\x1b[39m: {text}"]
    namespace = {"_render_traceback_": lambda self: lines, "__str__": lambda self: text}
    return type(name if name.isidentifier() else "Error", (base,), namespace)(text)


_AWKWARD = [one for one in vars(builtins).values() if isinstance(one, type) and issubclass(one, UnicodeError)]
_AWKWARD += [BaseExceptionGroup, ExceptionGroup, StopIteration, StopAsyncIteration]


# Arguments ------------------------------------------------------------------------------------------------------------


def dumps(request, remote):
    """A request as bytes. Only the student's side unpickles them; nothing is ever unpickled here."""
    buffer = io.BytesIO()
    _Pickler(buffer, remote).dump(request)
    return buffer.getvalue()


class _Pickler(pickle.Pickler):
    def __init__(self, buffer, remote):
        super().__init__(buffer, 5)
        self.remote = remote

    def persistent_id(self, value):
        if isinstance(value, Stand):
            return "handle", value._number
        if gradients.tracked(value):
            return self.remote.lend_graph(value)
        if isinstance(value, _FUNCTIONS) and not _has_name(value):
            number = next(self.remote.numbers)
            self.remote.callbacks[number] = value
            return "callback", number, str(getattr(value, "__name__", "function"))
        return None

    def reducer_override(self, value):
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


def _has_name(function):
    """Whether both sides know the function by its name."""
    package = (getattr(function, "__module__", None) or "").split(".")[0]
    if package not in BY_NAME or isinstance(function, types.MethodType):
        return False
    found = sys.modules.get(function.__module__)
    for part in function.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is function
