"""The trusted side's connection to the student's: requests, replies, and calls back.

A call sends its arguments and gets plain data back; everything else comes as a proxy. Functions among the arguments
stay here: the student's side gets a number by which it can have them called, until the test cell ends.

Both sides stay in step. Requests are numbered, and a reply to another is dropped. A request whose time is over is
waited for, some seconds, until its own reply has come; when that does not come, the process ends. Inside a request
nothing but `OutOfTime` from a deadline raises: a timer may ring at any moment, and finds the connection `shielded`
wherever it would tear a frame or a request apart.
"""

import contextlib
import functools
import itertools
import time
from collections import defaultdict
from collections.abc import Callable
from socket import socket
from typing import Any

from labutils.judge import gradients, protocol
from labutils.judge.arguments import apply_changes
from labutils.judge.proxies import RemoteProxy, proxy_class, student_error
from labutils.judge.requests import encode_request
from labutils.judge.transport import OutOfTime, Stopped, Transport

START = 60  # seconds for the first request to a new worker, which confines itself before it answers
ERROR_TEXT = 10_000  # characters of an exception's text that cross the border
OVER = "the time is over"


class WorkerConnection(Transport):
    """A connection to a worker; data, control, grace: see `Transport`."""

    def __init__(self, data: socket, control: socket, grace: float) -> None:
        super().__init__(data, control, grace)
        self.released: list[int] = []  # objects whose proxies are gone
        self.callbacks: dict[int, Callable] = {}
        self.numbers = itertools.count(1)
        self.root = self.crash_cause = ""  # the student's name in use; the one that ended the process
        self.spent: defaultdict[str, float] = defaultdict(float)  # seconds in each of the student's names
        self.shielded = False  # no timer raises here
        self.graph_tensors: dict[int, Any] = {}  # tensors with a graph that the student's side has got
        self.leaves: list[Any] | None = None  # tensors with a graph among the arguments of a call back
        self.depth = self.since = 0
        self.set_deadline(START)

    def request(self, *request: Any) -> Any:
        """Send a request and return the decoded reply; raises what the student's code raised, Stopped or OutOfTime."""
        before, self.shielded = self.shielded, True
        started = time.monotonic()
        try:
            self.depth += 1
            number = next(self.numbers)
            if self.depth == 1:
                self.since = number  # a result depends on tensors sent with its request
            return self._exchange(number, request)
        finally:
            self.depth -= 1
            if not self.depth:
                self.spent[self.root] += time.monotonic() - started
            self.shielded = before

    def ring(self) -> bool:
        """Whether a timer that rings now may raise OutOfTime; inside a call back it does so once."""
        if self.shielded:
            return False
        self.shielded = self.depth > 0
        return True

    def withdraw_callbacks(self) -> None:
        """From now on the student's side can call none of our functions, and no graph leads back to our tensors."""
        self.callbacks.clear()
        if self.graph_tensors and not self.dead:
            self._send((0, "release_graphs"))
        self.graph_tensors.clear()

    def close(self, reason: str = "it was stopped") -> None:
        """End the student's process."""
        self.crash_cause = self.crash_cause or self.root
        super().close(reason)

    def _exchange(self, number: int, request: tuple) -> Any:
        try:
            if self.interrupted:
                raise OutOfTime(OVER)
            if self.released:
                gone, self.released = self.released, []
                self._send((0, "release", gone))
            self._send((number, *request))
            return self._reply(number, request)
        except protocol.ProtocolError as error:
            self.close(f"it sent what no worker sends: {error}")
            raise Stopped(self.dead) from None

    def _send(self, request: tuple) -> None:
        if self.dead:
            raise Stopped(self.dead)
        data = encode_request(request, self)
        with self._all_or_nothing():
            self.write(len(data).to_bytes(8, "little") + data)

    @contextlib.contextmanager
    def _all_or_nothing(self):
        try:
            yield
        except OutOfTime:
            self.close("it did not stop when its time was over")
            raise

    def _reply(self, expected: int, request: tuple) -> Any:
        """The reply to a request; the other side has no more to say about it when this returns or raises."""
        late: BaseException | None = None
        while True:
            with self._all_or_nothing():
                node, data = protocol.receive(self.read)
            kind, number, rest = _parts(node)
            if number != expected:
                continue  # a thread or a fork of the student's has sent it
            if kind == "callback":
                late = self._call_back(*self._decoded(self._called, rest, data)) or late
                continue
            self._in_step()
            if late or self.interrupted:
                raise late or OutOfTime(OVER)
            if kind == "error":
                raise self._decoded(lambda rest, _: student_error(*rest), rest, data)
            value, changes = self._decoded(self._returned, rest, data)
            apply_changes(changes, request)
            return value

    def _in_step(self) -> None:
        """After the reply to an interrupted request: wait until the interrupt has come, so nothing else gets it."""
        if self.interrupted and self.depth == 1:
            with self._all_or_nothing():
                self.settle()
                number = next(self.numbers)
                self._send((number, "settle"))
                while _parts(protocol.receive(self.read)[0])[1] != number:
                    pass

    # What came back ---------------------------------------------------------------------------------------------------

    def _decoded(self, function: Callable, rest: list, data: bytes) -> Any:
        try:
            return function(rest, data)
        except (TypeError, ValueError, AttributeError, IndexError) as problem:
            raise protocol.ProtocolError("a reply makes no sense") from problem

    def _returned(self, rest: list, data: bytes) -> tuple[Any, Any]:
        value, *changes = map(self._decoder(data, self._result), rest)
        return value, changes[0] if changes else []

    def _called(self, rest: list, data: bytes) -> tuple[int, list, dict, list]:
        number, *call = rest
        leaves: list[Any] = []
        arguments, named = map(self._decoder(data, functools.partial(_leaf, leaves)), call)
        return int(number), [*arguments], {**named}, leaves

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

    # Calls back -------------------------------------------------------------------------------------------------------

    def _call_back(self, number: int, arguments: list, named: dict, leaves: list) -> BaseException | None:
        """Call a function for the other side, and tell it the outcome; returns what ends the cell, if it did."""
        value, error = self._outcome(number, arguments, named, leaves)
        if error is None:
            try:
                self.leaves = leaves
                self._send((0, "returned", "value", value))
                return None
            except Exception as problem:  # the value cannot be sent
                error = problem
            finally:
                self.leaves = None
        ends = None if isinstance(error, Exception) else error
        if ends and self.dead:
            raise ends
        if ends:  # to the student's function it is like Ctrl-C
            self.hurry()
            error = KeyboardInterrupt(OVER)
        bases = [one for one in type(error).__mro__ if one.__module__ == "builtins"]
        self._send((0, "returned", "error", bases[0], str(error)[:ERROR_TEXT]))
        return ends

    def _outcome(self, number: int, arguments: list, named: dict, leaves: list) -> tuple[Any, BaseException | None]:
        """The value of a function, or what it raised. Raises nothing, whenever the timer rings: `ring` shields."""
        if self.interrupted:
            return None, OutOfTime(OVER)
        function = self.callbacks.get(number)
        if function is None:
            return None, RuntimeError("this function is not available any more")
        try:
            try:
                with gradients.grad_enabled() if leaves or self.graph_tensors else contextlib.nullcontext():
                    self.shielded = False
                    value = function(*arguments, **named)
                    self.shielded = True
                return value, None
            except BaseException as error:
                self.shielded = True
                return None, error
        except OutOfTime as error:  # it rang in one of the lines that shield
            return None, error

    def encode_graph(self, value: Any) -> tuple:
        """The reference of a tensor with a graph: an argument, or (with leaves) the result of a call back."""
        k, number, leaves = next(self.numbers), 0, self.leaves
        self.graph_tensors[k] = value
        if leaves is not None:
            number = next(self.numbers)
            self.callbacks[number] = lambda vector: gradients.vector_jacobian(value, leaves, vector)
        return "graph", k, number, value.detach()


def _parts(node: Any) -> tuple[str, int, list]:
    """The kind of a frame, the number of the request that it belongs to, and its other parts."""
    try:
        kind, number, *rest = node
    except (TypeError, ValueError) as problem:
        raise protocol.ProtocolError("a reply makes no sense") from problem
    if kind not in ("value", "error", "callback") or type(number) is not int:
        raise protocol.ProtocolError("a reply of an unknown kind")
    return kind, number, rest


def _leaf(leaves: list, _: int, value: Any) -> Any:
    leaves.append(value.requires_grad_())
    return value
