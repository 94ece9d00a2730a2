"""The student's side of the judge: runs cells and answers requests for what they defined.

What runs here is in the student's hands, so nothing here is relied upon: the trusted side checks what comes back.
"""

import contextlib
import io
import itertools
import os
import signal
import sys
import threading
from collections.abc import Callable
from socket import socket
from typing import Any

import numpy as np

from labutils.judge import gradients, protocol
from labutils.judge.arguments import changes, copies
from labutils.judge.job import Limits
from labutils.judge.requests import Callback, decode_request
from labutils.judge.sandbox import confine
from labutils.judge.shell import Shell

ITERATED = 10_000  # entries that an iterator is read to at most: it may have no end


def run_worker(limits: Limits, confined: bool, data: socket, control: socket) -> None:
    """What a fork of the student's fork server does: confine itself, and serve."""
    if confined:
        confine.own_namespaces()
    child = os.fork()
    if child:
        data.close()
        confine.supervise(child, control, limits.memory)
        return
    control.close()
    os.setsid()  # else it could signal the group that the supervisor is in
    if confined:
        confine.own_files(limits.scratch)
        confine.limit(limits)
        os.chdir(confine.SCRATCH)
        sys.path.append(confine.SCRATCH)  # modules beside the notebook: last, so that they shadow none of ours
    with open(os.devnull, "r+b") as nowhere:
        for descriptor in (0, 1, 2):
            os.dup2(nowhere.fileno(), descriptor)
    sys.setrecursionlimit(3000)  # frames: a student's recursive function may be deeper than Python's 1000
    worker = Worker(data, Shell.instance())
    signal.signal(signal.SIGINT, worker.interrupt)
    with contextlib.suppress(EOFError, ConnectionError):
        worker.serve()


class Worker:
    """Serves requests on a socket until it closes."""

    def __init__(self, connection: socket, shell: Shell) -> None:
        self.connection, self.file, self.shell = connection, connection.makefile("rb"), shell
        self.objects: dict[int, Any] = {}
        self.next, self.thread = itertools.count(1), threading.get_ident()
        self.inputs: dict[int, Any] = {}  # tensors of the trusted side that carry a graph
        self.number = 0  # of the request that is being answered
        self.running = self.pending = self.ended = False  # a student's code, an interrupt, the socket
        self.sources: list[list[Any]] = []  # tensors with a graph among the arguments of each pending call back

    def interrupt(self, *_: object) -> None:
        """Interrupt what runs for the student, now or, from between two requests, as soon as it goes on."""
        if not self.running:
            self.pending = True
            return
        self.running = False
        raise KeyboardInterrupt

    def serve(self, until: str | None = None) -> Any:
        """Answer requests; with `until`, return the request of that name when it comes (the result of a callback)."""
        while True:
            number, *request = self._read()
            if request[0] == until:
                return request[1:]
            if request[0] in ("release", "release_graphs"):
                self._release(*request[1:])
                continue
            before, self.number = self.number, number
            kind, *rest, buffers = self._outcome(*request)
            try:
                protocol.send(self.connection, [kind, number, *rest], buffers)
            except ValueError as error:
                kind, *rest = self._failure(error)
                protocol.send(self.connection, [kind, number, *rest])
            self.number = before

    def _outcome(self, *request: Any) -> list:
        """The answer to a request: parts of the frame and, last, its buffers. Raises nothing but the end of it all."""
        try:
            try:
                self._run()
                answer = self._answer(*request)
                self.running = False
                return answer
            except BaseException as error:
                self.running = False
                if isinstance(error, EOFError | ConnectionError) and self.ended:
                    raise
                return [*self._failure(error), []]
        except KeyboardInterrupt as error:  # it came in one of the lines that end the running
            return [*self._failure(error), []]

    def _run(self) -> None:
        self.running = True
        if self.pending:
            self.pending = self.running = False
            raise KeyboardInterrupt

    def _read(self) -> Any:
        return decode_request(self._exactly(int.from_bytes(self._exactly(8), "little")), self)

    def _exactly(self, size: int) -> bytes:
        data = self.file.read(size)
        if len(data) < size:
            self.ended = True
            raise EOFError
        return data

    def _answer(self, name: str, *given: Any) -> list:
        before = copies(*given[1:]) if name == "call" else []
        value = getattr(self, f"do_{name}")(*given)
        encode = protocol.Encoder(self.handle, self._keep_graph if self.inputs else None)
        parts = ["value", encode(value)]
        if name == "call":
            parts.append(encode(changes(before)))
        return [*parts, encode.buffers]

    def _keep_graph(self, tensor: Any) -> list:
        k = next(self.next)
        self.objects[k] = tensor
        return ["graph", k]

    def handle(self, value: Any) -> list:
        """The node of an object that stays here."""
        if isinstance(value, Callback):
            return ["function", value.number]
        k = next(self.next)
        self.objects[k] = value
        return ["handle", k, type(value).__name__]

    def call_back(self, number: int, arguments: Any, named: dict) -> Any:
        """Have the trusted side call one of its functions."""
        if threading.get_ident() != self.thread:
            raise RuntimeError("this function can only be called from the main thread")
        sources: list[Any] = []

        def keep(tensor: Any) -> list:
            sources.append(tensor)
            return ["graph", 0]

        encode = protocol.Encoder(self.handle, keep)
        node = ["callback", self.number, number, encode(list(arguments)), encode(named)]
        self.sources.append(sources)
        try:
            self.running = False  # an interrupt would tear a frame apart
            protocol.send(self.connection, node, encode.buffers)
            kind, *rest = self.serve(until="returned")
            self._run()
        finally:
            self.sources.pop()
        if kind == "value":
            return rest[0]
        raise rest[0](rest[1])

    # Requests ---------------------------------------------------------------------------------------------------------

    def do_files(self, files: dict[str, bytes]) -> None:
        """Put the files of the submission into the scratch folder."""
        for name, data in files.items():
            os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
            with open(name, "wb") as file:
                file.write(data)

    def do_execute(self, source: str, count: int) -> list[dict]:
        """Run a cell; returns its outputs."""
        return self.shell.run(source, count)

    def do_fetch(self, name: str) -> Any:
        """What a name is bound to."""
        return self.shell.user_ns[name]

    def do_call(self, target: Callable, arguments: tuple, named: dict) -> Any:
        """The result of a call."""
        return target(*arguments, **named)

    def do_read(self, target: Any, name: str) -> Any:
        """An attribute."""
        return getattr(target, name)

    def do_entry(self, target: Any, key: Any) -> Any:
        """target[key]."""
        return target[key]

    def do_entries(self, target: Any) -> list:
        """What an iteration gives, up to `ITERATED` entries."""
        return list(itertools.islice(iter(target), ITERATED))

    def do_convert(self, target: Any, kind: str) -> Any:
        """The object as a number, a length or an array."""
        return dict[str, Callable](float=float, len=len, array=np.asarray)[kind](target)

    def do_settle(self) -> None:
        """Nothing: whoever asks knows then that no interrupt is on its way."""

    def do_vjp(self, tensor: Any, numbers: list[int], vector: Any) -> list:
        """The products of a vector with the Jacobians of a tensor that stayed here."""
        return gradients.vector_jacobian(tensor, [self.inputs[k] for k in numbers], vector)

    # ------------------------------------------------------------------------------------------------------------------

    def receive_graph(self, k: int, number: int, value: Any) -> Any:
        """A tensor that carries a graph on the trusted side: an argument, or the result of a call back."""
        if number:
            value = gradients.attach_graph(value, lambda vector: self.call_back(number, [vector], {}), self.sources[-1])
        else:
            value.requires_grad_()
        self.inputs[k] = value
        return value

    def _release(self, numbers: list[int] | None = None) -> None:
        if numbers is None:
            self.inputs.clear()
        for k in numbers or ():
            self.objects.pop(k, None)

    def _failure(self, error: BaseException) -> list:
        """What the trusted side may know of an exception: the names of its builtin bases, its text, and the frames."""
        names = [one.__name__ for one in type(error).__mro__ if one.__module__ == "builtins"]
        try:
            text = str(error)[:10_000]
        except BaseException:
            text = ""
        return ["error", type(error).__name__, names, text, self._frames(error)]

    def _frames(self, error: BaseException) -> list[str]:
        """The part of the traceback that lies in the student's cells, as IPython shows it."""
        with contextlib.suppress(BaseException), contextlib.redirect_stderr(io.StringIO()):
            trace = error.__traceback__
            while trace and trace.tb_frame.f_globals.get("__name__", "").startswith("labutils.judge"):
                trace = trace.tb_next
            if trace:
                lines = self.shell.InteractiveTB.structured_traceback(type(error), error, trace)
                return [str(line)[:5000] for line in lines[1:-1]][-30:]
        return []
