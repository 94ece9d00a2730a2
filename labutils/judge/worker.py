"""The student's side of the judge: runs cells and answers questions about what they left behind.

What runs here is in the student's hands, so nothing here is relied upon: the trusted side checks what comes back.
"""

import contextlib
import io
import itertools
import os
import pickle
import signal
import sys
import threading

import numpy as np

from labutils.judge import gradients, protocol
from labutils.judge.sandbox import confine
from labutils.judge.shell import Shell

ITERATED = 10_000  # entries that an iterator is read to at most


def live(options, data, control):
    """What a fork of the warm process does: shut itself in, and serve."""
    limits = options["limits"]
    if options["confined"]:
        confine.own_namespaces()
    child = os.fork()
    if child:
        data.close()
        confine.supervise(child, control, limits["memory"])
        return
    control.close()
    os.setsid()  # else it could signal the group that the supervisor is in
    if options["confined"]:
        confine.own_files(limits["scratch"])
        confine.limit(limits)
        os.chdir(confine.SCRATCH)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.setrecursionlimit(3000)
    with contextlib.suppress(EOFError, ConnectionError):
        Worker(data, Shell.instance()).serve()


class Worker:
    """Serves requests on a socket until it closes."""

    def __init__(self, connection, shell):
        self.connection, self.file, self.shell = connection, connection.makefile("rb"), shell
        self.objects, self.next, self.thread = {}, itertools.count(1), threading.get_ident()
        self.inputs, self.asking = (
            {},
            [],
        )  # tensors of the trusted side that carry a graph; those in its pending questions

    def serve(self, until=None):
        """Answer requests; with `until`, return the request of that name when it comes (the result of a callback)."""
        while True:
            try:
                request = self._read()
                if request[0] == until:
                    return request[1:]
                if request[0] in ("release", "forget"):
                    self._release(*request[1:])
                    continue
                answer = self._answer(*request)
            except (EOFError, ConnectionError):
                raise
            except BaseException as error:
                answer = self._failure(error), []
            while answer:
                try:
                    protocol.send(self.connection, *answer)
                    answer = None
                except KeyboardInterrupt:  # too late: the cell is over
                    os._exit(3)
                except ValueError as error:
                    answer = self._failure(error), []

    def _read(self):
        size = int.from_bytes(self._exactly(8), "little")
        return _Unpickler(self._exactly(size), self).load()

    def _exactly(self, size):
        data = self.file.read(size)
        if len(data) < size:
            raise EOFError
        return data

    def _answer(self, name, *arguments):
        before = [_copies(one) for one in arguments[1]] if name == "call" else []
        value = getattr(self, f"do_{name}")(*arguments)
        encode = protocol.Encoder(self.keep, self._keep_graph if self.inputs else None)
        node = ["value", encode(value)]
        if name == "call":
            node.append(encode(_changes(before, arguments[1])))
        return node, encode.buffers

    def _keep_graph(self, tensor):
        k = next(self.next)
        self.objects[k] = tensor
        return ["graph", k]

    def keep(self, value):
        """The node of an object that stays here."""
        if isinstance(value, _Trusted):
            return ["mine", value.number]
        k = next(self.next)
        self.objects[k] = value
        return ["handle", k, type(value).__name__]

    def call_back(self, number, arguments, named):
        """Ask the trusted side to call one of its functions."""
        if threading.get_ident() != self.thread:
            raise RuntimeError("this function can only be called from the main thread")
        sources = []
        encode = protocol.Encoder(self.keep, lambda tensor: sources.append(tensor) or ["graph", 0])
        node = ["callback", number, encode(list(arguments)), encode(named)]
        protocol.send(self.connection, node, encode.buffers)
        self.asking.append(sources)
        try:
            kind, *rest = self.serve(until="returned")
        finally:
            self.asking.pop()
        if kind == "value":
            return rest[0]
        error, text = rest
        raise error(text)

    # Requests ---------------------------------------------------------------------------------------------------------

    def do_files(self, files):
        """Put the files of the submission into the scratch folder."""
        for name, data in files.items():
            os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
            with open(name, "wb") as file:
                file.write(data)

    def do_execute(self, source, count):
        return self.shell.run(source, count)

    def do_fetch(self, name):
        return self.shell.user_ns[name]

    def do_call(self, target, arguments, named):
        return target(*arguments, **named)

    def do_read(self, target, name):
        return getattr(target, name)

    def do_entry(self, target, key):
        return target[key]

    def do_entries(self, target):
        return list(itertools.islice(iter(target), ITERATED))

    def do_convert(self, target, kind):
        return {"float": float, "int": int, "len": len, "bool": bool, "array": np.asarray}[kind](target)

    # ------------------------------------------------------------------------------------------------------------------

    def do_slope(self, tensor, numbers, vector):
        return gradients.products(tensor, [self.inputs[k] for k in numbers], vector)

    def receive_graph(self, k, number, value):
        """A tensor that carries a graph on the trusted side: an argument, or the answer to a question."""
        if number:
            value = gradients.tied(value, lambda vector: self.call_back(number, [vector], {}), self.asking[-1])
        else:
            value.requires_grad_()
        self.inputs[k] = value
        return value

    def _release(self, numbers=None):
        if numbers is None:
            self.inputs.clear()
        for k in numbers or ():
            self.objects.pop(k, None)

    def _failure(self, error):
        """What the trusted side may know of an exception: the names of its builtin bases, its text, and the frames."""
        names = [one.__name__ for one in type(error).__mro__ if one.__module__ == "builtins"]
        try:
            text = str(error)[:10_000]
        except BaseException:
            text = ""
        return ["error", type(error).__name__, names, text, self._frames(error)]

    def _frames(self, error):
        """The part of the traceback that lies in the student's cells, as IPython shows it."""
        with contextlib.suppress(BaseException), contextlib.redirect_stderr(io.StringIO()):
            trace = error.__traceback__
            while trace and trace.tb_frame.f_globals.get("__name__", "").startswith("labutils.course"):
                trace = trace.tb_next
            if trace:
                lines = self.shell.InteractiveTB.structured_traceback(type(error), error, trace)
                return [str(line)[:5000] for line in lines[1:-1]][-30:]
        return []


def _copies(argument):
    """Of a list, which a function may change in place: its arrays and tensors, by position. Others are copies."""
    if not isinstance(argument, list):
        return {}
    return {k: one.copy() for k, one in enumerate(argument) if isinstance(one, np.ndarray)} | {
        k: one.detach().clone() for k, one in enumerate(argument) if hasattr(one, "detach")
    }


def _changes(before, arguments):
    """[[argument, position, new value]] of the entries of lists that have changed."""
    return [
        [i, k, now[k]]
        for i, (copies, now) in enumerate(zip(before, arguments, strict=True))
        for k, old in copies.items()
        if k < len(now) and type(now[k]) is type(old) and not bool((now[k] == old).all())
    ]


class _Trusted:
    """A function of the trusted side."""

    def __init__(self, worker, number, name):
        self.worker, self.number, self.__name__ = worker, number, name

    def __call__(self, *arguments, **named):
        return self.worker.call_back(self.number, arguments, named)


class _Unpickler(pickle.Unpickler):
    """Reads requests; what the trusted side sends is safe to unpickle here."""

    def __init__(self, data, worker):
        super().__init__(io.BytesIO(data))
        self.worker = worker

    def persistent_load(self, reference):
        kind, number, *rest = reference
        if kind == "graph":
            return self.worker.receive_graph(number, *rest)
        return self.worker.objects[number] if kind == "handle" else _Trusted(self.worker, number, *rest)
