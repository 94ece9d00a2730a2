"""The trusted side's view of the student's: stand-ins for functions, classes and objects that live in the sandbox.

A call sends its arguments and gets plain data back; everything else comes as another stand-in. Functions among the
arguments stay here: the student's side gets a number that it can ask us to call, until the test cell ends.
"""

import contextlib
import functools
import itertools
import select
import sys
import time

from labutils.judge import gradients, protocol
from labutils.judge.proxies import Stand, stand_in, student_error
from labutils.judge.requests import dumps


class OutOfTime(BaseException):
    """A cell took too long. No `except Exception` of a check stops it. in_step: the worker waits for a request."""

    def __init__(self, text, in_step=False):
        super().__init__(text)
        self.in_step = in_step

    def _render_traceback_(self):
        return [f"\x1b[31mOutOfTime\x1b[39m: {self}"]


class Stopped(BaseException):
    """The student's process has ended. No `except Exception` of a check takes it for an error of the answer's."""

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
        except protocol.Forged as error:
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
            node, data = protocol.receive(self._read)
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
                raise protocol.Forged("a reply makes no sense") from problem
            if call is None and self.interrupted:
                raise OutOfTime("the time is over", in_step=True)
            if error:
                raise error
            if call is None:
                _apply(changes, request)
                return value
            self._call_back(*call)

    def _decoder(self, data, graph):
        return protocol.Decoder(data, lambda k, name: stand_in(name)(self, k), self._mine, graph)

    def _result(self, k, value):
        """A tensor that the student computed from tensors with a graph, tied to those."""
        numbers, target = [n for n in self.tracked if n >= self.since], Stand(self, k)
        slope = lambda vector: [*self.ask("slope", target, numbers, vector)]  # noqa: E731
        return gradients.tied(value, slope, [self.tracked[n] for n in numbers])

    def _mine(self, number):
        if number not in self.callbacks:
            raise protocol.Forged("a function that was never lent")
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
                if left > 0:  # asked first: who never stops sending has no more time than others
                    if any(select.select([] if write else [connection], [connection] if write else [], [], left)):
                        return
                    continue
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


def _leaf(leaves, _, value):
    leaves.append(value.requires_grad_())
    return value


def _apply(changes, request):
    """Write back what a student's function changed inside lists among its arguments; a change that fits, or none."""
    try:
        for i, k, value in changes[0] if changes else ():
            lists = request[2] if request[0] == "call" else ()
            old = lists[i][k] if type(i) is type(k) is int and isinstance(lists[i], list) else None
            if type(old) is not type(value) or old.shape != value.shape or old.dtype != value.dtype:
                raise protocol.Forged("a change does not fit")
            with _no_graph(old):
                old[...] = value
    except (TypeError, ValueError, AttributeError, IndexError) as problem:
        raise protocol.Forged("a change makes no sense") from problem


def _no_graph(value):
    return sys.modules["torch"].no_grad() if hasattr(value, "detach") else contextlib.nullcontext()
