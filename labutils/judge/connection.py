"""The trusted side's connection to the student's: requests, replies, and calls back.

A call sends its arguments and gets plain data back; everything else comes as a proxy. Functions among the arguments
stay here: the student's side gets a number by which it can have them called, until the test cell ends.
"""

import contextlib
import functools
import itertools
import select
import sys
import time
from collections.abc import Callable
from socket import socket
from typing import Any

from labutils.judge import gradients, protocol
from labutils.judge.proxies import RemoteProxy, proxy_class, student_error
from labutils.judge.requests import encode_request

START = 60  # seconds for the first request to a new worker, which confines itself before it answers
LAST_WORDS = 0.3  # seconds that the supervisor has to say why a process ended
ERROR_TEXT = 10_000  # characters of an exception's text that cross the border


class OutOfTime(BaseException):
    """A cell took too long. No `except Exception` of a check stops it. in_step: the worker waits for a request."""

    def __init__(self, text: str, in_step: bool = False) -> None:
        super().__init__(text)
        self.in_step = in_step

    def _render_traceback_(self) -> list[str]:
        return [f"\x1b[31mOutOfTime\x1b[39m: {self}"]


class Stopped(BaseException):
    """The student's process has ended. No `except Exception` of a check takes it for an error of the answer's."""

    def _render_traceback_(self) -> list[str]:
        return [f"\x1b[31mStopped\x1b[39m: {self}"]


class WorkerConnection:
    """A connection to a worker.

    data, control: the sockets of it and of its supervisor; grace: seconds from an interrupt to the end of the process.
    """

    def __init__(self, data: socket, control: socket, grace: float) -> None:
        self.data, self.control, self.grace = data, control, grace
        self.released: list[int] = []  # objects whose proxies are gone
        self.callbacks: dict[int, Callable] = {}
        self.numbers = itertools.count(1)
        self.dead = self.root = self.crash_cause = ""  # why it ended; the student's name in use; the one that ended it
        self.in_transfer = False
        self.graph_tensors: dict[int, Any] = {}  # tensors with a graph that the student's side has got
        self.leaves: list[Any] | None = None  # tensors with a graph among the arguments of a call back
        self.depth = self.since = 0
        self.set_deadline(START)
        self.data.setblocking(False)

    def set_deadline(self, seconds: float) -> None:
        """Set the time for what follows."""
        self.deadline, self.interrupted = time.monotonic() + seconds, False

    def request(self, *request: Any) -> Any:
        """Send a request and return the decoded reply; raises what the student's code raised, Stopped or OutOfTime."""
        try:
            self.depth += 1
            if self.depth == 1:
                self.since = next(self.numbers)  # a result depends on tensors sent with its request
            if self.released:
                gone, self.released = self.released, []
                self._send(("release", gone))
            self._send(request)
            return self._reply(request)
        except protocol.ProtocolError as error:
            self.close(f"it sent what no worker sends: {error}")
            raise Stopped(self.dead) from None
        except OutOfTime as error:
            if not error.in_step:
                self.close("it did not stop when its time was over")
            raise
        finally:
            self.depth -= 1

    def withdraw_callbacks(self) -> None:
        """From now on the student's side can call none of our functions, and no graph leads back to our tensors."""
        self.callbacks.clear()
        if self.graph_tensors and not self.dead:
            self._send(("release_graphs",))
        self.graph_tensors.clear()

    def close(self, reason: str = "it was stopped") -> None:
        """End the student's process."""
        self.dead, self.crash_cause = self.dead or reason, self.crash_cause or self.root
        for one in (self.control, self.data):
            one.close()

    def _send(self, request: tuple) -> None:
        if self.dead:
            raise Stopped(self.dead)
        data = encode_request(request, self)
        self._write(len(data).to_bytes(8, "little") + data)

    def _reply(self, request: tuple) -> Any:
        while True:
            node, data = protocol.receive(self._read)
            try:
                kind, *rest = node
                value = error = call = None
                changes: list[Any] = []
                if kind == "value":
                    value, *changes = map(self._decoder(data, self._result), rest)
                elif kind == "error":
                    error = student_error(*rest)
                else:
                    number, *call = rest
                    leaves: list[Any] = []
                    arguments, named = map(self._decoder(data, functools.partial(_leaf, leaves)), call)
                    call = number, [*arguments], {**named}, leaves
            except (TypeError, ValueError, AttributeError, IndexError) as problem:
                raise protocol.ProtocolError("a reply makes no sense") from problem
            if call is None and self.interrupted:
                raise OutOfTime("the time is over", in_step=True)
            if error:
                raise error
            if call is None:
                _apply(changes, request)
                return value
            self._call_back(*call)

    def _decoder(self, data: bytes, graph: Callable) -> protocol.Decoder:
        return protocol.Decoder(data, lambda k, name: proxy_class(name)(self, k), self._callback, graph)

    def _result(self, k: int, value: Any) -> Any:
        """A tensor that the student computed from tensors with a graph, tied to those."""
        numbers, target = [n for n in self.graph_tensors if n >= self.since], RemoteProxy(self, k)
        vjp = lambda vector: [*self.request("vjp", target, numbers, vector)]  # noqa: E731
        return gradients.attach_graph(value, vjp, [self.graph_tensors[n] for n in numbers])

    def _callback(self, number: int) -> Callable:
        if number not in self.callbacks:
            raise protocol.ProtocolError("a function that was never sent")
        return self.callbacks[number]

    def _call_back(self, number: int, arguments: list, named: dict, leaves: list) -> None:
        try:
            function = self.callbacks.get(number)
            if function is None:
                raise RuntimeError("this function is not available any more")
            with gradients.grad_enabled() if leaves or self.graph_tensors else contextlib.nullcontext():
                value = function(*arguments, **named)
            self.leaves = leaves
            self._send(("returned", "value", value))
        except Exception as error:
            bases = [one for one in type(error).__mro__ if one.__module__ == "builtins"]
            self._send(("returned", "error", bases[0], str(error)[:ERROR_TEXT]))
        finally:
            self.leaves = None

    def encode_graph(self, value: Any) -> tuple:
        """The reference of a tensor with a graph: an argument, or (with leaves) the result of a call back."""
        k, number, leaves = next(self.numbers), 0, self.leaves
        self.graph_tensors[k] = value
        if leaves is not None:
            number = next(self.numbers)
            self.callbacks[number] = lambda vector: gradients.vector_jacobian(value, leaves, vector)
        return "graph", k, number, value.detach()

    # Bytes, with a deadline -------------------------------------------------------------------------------------------

    def _read(self, size: int) -> bytes:
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

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            self._wait(self.data, write=True)
            try:
                view = view[self.data.send(view) :]
            except BlockingIOError:
                continue
            except OSError:
                self._died()

    def _wait(self, connection: socket, write: bool) -> None:
        """Until the socket is ready; at the deadline interrupt, and when that does not help, kill."""
        self.in_transfer = True
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
            self.in_transfer = False

    def _died(self) -> None:
        reason = "it ended by itself, as after os._exit or a crash"
        if select.select([self.control], [], [], LAST_WORDS)[0]:
            reason = self.control.recv(1000).decode("utf-8", "replace") or reason
        self.close(reason)
        raise Stopped(reason)


def _leaf(leaves: list, _: int, value: Any) -> Any:
    leaves.append(value.requires_grad_())
    return value


def _apply(changes: list, request: tuple) -> None:
    """Write back what a student's function changed inside lists among its arguments; a change that fits, or none."""
    try:
        for i, k, value in changes[0] if changes else ():
            lists = request[2] if request[0] == "call" else ()
            old: Any = lists[i][k] if type(i) is type(k) is int and isinstance(lists[i], list) else None
            if type(old) is not type(value) or old.shape != value.shape or old.dtype != value.dtype:
                raise protocol.ProtocolError("a change does not fit")
            with _no_graph(old):
                old[...] = value
    except (TypeError, ValueError, AttributeError, IndexError) as problem:
        raise protocol.ProtocolError("a change makes no sense") from problem


def _no_graph(value: Any) -> contextlib.AbstractContextManager:
    return sys.modules["torch"].no_grad() if hasattr(value, "detach") else contextlib.nullcontext()
