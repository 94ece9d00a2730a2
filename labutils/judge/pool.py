"""Starts the two fork servers of a lab, and has jobs run by their forks, any number at a time."""

import atexit
import contextlib
import json
import os
import pickle
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from typing import Any

from labutils.judge.job import CellResult, Job, Limits, error_output
from labutils.judge.sandbox import bubblewrap

START = 300  # seconds that the imports may take: torch from a cold network disk takes a minute
SLACK = 60  # seconds beyond its own limits after which a job is given up: its process does not answer
EXIT = 5  # seconds that a fork server has to end by itself


def _start(command: list[str], **options: Any) -> subprocess.Popen:
    """Popen in a thread that stays until the end: the sandbox ends with the thread that has started it."""
    answer: queue.SimpleQueue = queue.SimpleQueue()
    _starter().put((answer, command, options))
    process = answer.get()
    if isinstance(process, Exception):
        raise process
    return process


@cache
def _starter() -> queue.SimpleQueue:
    wanted: queue.SimpleQueue = queue.SimpleQueue()

    def serve() -> None:
        while True:
            answer, command, options = wanted.get()
            try:
                answer.put(subprocess.Popen(command, **options))
            except Exception as error:
                answer.put(error)

    threading.Thread(target=serve, daemon=True).start()
    return wanted


class ForkServer:
    """A process that forks on request. role: "student" or "trusted"; modules: what it imports beforehand."""

    def __init__(self, role: str, modules: Sequence[str], limits: Limits) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        unconfined = role == "trusted" or bubblewrap.opted_out()
        options = {"role": role, "modules": list(modules), "limits": asdict(limits), "confined": not unconfined}
        inner = [sys.executable, "-m", "labutils.judge.fork_server", str(theirs.fileno()), json.dumps(options)]
        self.process = _start(
            inner if unconfined else bubblewrap.command(inner),
            pass_fds=[theirs.fileno()],
            env={**os.environ, **bubblewrap.UNCONFINED_ENVIRONMENT} if unconfined else None,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        theirs.close()
        self.socket, self.lock, self.role = ours, threading.Lock(), role
        ours.settimeout(START)

    def wait(self) -> None:
        """Return when the imports are done; RuntimeError if the process has ended."""
        if not self.socket.recv(10):
            raise RuntimeError(f"the {self.role} side of the judge did not start")

    def fork(self, *sockets: socket.socket) -> int:
        """Fork a process that gets these sockets; returns its number, as the fork server sees it.

        Raises RuntimeError if the fork server has ended.
        """
        try:
            with self.lock:
                socket.send_fds(self.socket, [b"fork"], [one.fileno() for one in sockets])
                return int(self.socket.recv(20))
        except (OSError, ValueError) as error:
            raise RuntimeError(f"the {self.role} side of the judge has ended") from error

    def close(self) -> None:
        """End the process and all its forks."""
        self.socket.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(EXIT)
        self.process.kill()
        self.process.wait()


class JudgePool:
    """Runs the jobs of one lab. Raises SandboxError where no sandbox can be made."""

    def __init__(self, modules: Sequence[str], limits: Limits) -> None:
        bubblewrap.require()
        self.modules, self.limits, self.lock = tuple(modules), limits, threading.Lock()
        self.trusted, self.student = (ForkServer(role, modules, limits) for role in ("trusted", "student"))
        self.trusted.wait()
        self.student.wait()

    def run(self, job: Job) -> list[CellResult]:
        """Run a job in a fork of its own; always returns one result per cell."""
        with contextlib.ExitStack() as stack:
            ours, theirs = map(stack.enter_context, socket.socketpair())
            process = self.trusted.fork(theirs)
            theirs.close()
            seconds = self.limits.total + 10 * self.limits.grace + SLACK
            ours.settimeout(seconds)
            try:
                return self._results(ours, pickle.dumps(job), time.monotonic() + seconds)
            except (OSError, EOFError) as error:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
                text = f"the trusted process of this notebook ended ({error or 'out of memory?'})"
                return [CellResult([error_output("Stopped", text)], None) for _ in job.cells]

    def _results(self, connection: socket.socket, job: bytes, end: float) -> list[CellResult]:
        """Send a job to the runner, give it workers as it asks for them (b"W"), and read the results (b"D")."""
        connection.sendall(len(job).to_bytes(8, "little") + job)
        while (message := connection.recv(1)) == b"W":
            self._send_worker(connection)
            connection.settimeout(max(end - time.monotonic(), 0.1))
        if message != b"D":
            raise EOFError
        reader = connection.makefile("rb")
        size = int.from_bytes(reader.read(8), "little")
        data = reader.read(size)
        if len(data) < size:
            raise EOFError
        return [CellResult(outputs, count) for outputs, count in json.loads(data)]

    def _send_worker(self, connection: socket.socket) -> None:
        with contextlib.ExitStack() as stack:
            data, their_data = map(stack.enter_context, socket.socketpair())
            control, their_control = map(stack.enter_context, socket.socketpair(type=socket.SOCK_SEQPACKET))
            try:
                self.student.fork(their_data, their_control)
            except RuntimeError:  # whatever ended it, the others go on
                self._renew()
                self.student.fork(their_data, their_control)
            socket.send_fds(connection, [b"w"], [data.fileno(), control.fileno()])

    def _renew(self) -> None:
        with self.lock:
            if self.student.process.poll() is not None:
                self.student = ForkServer("student", self.modules, self.limits)
                self.student.wait()

    def close(self) -> None:
        """End both fork servers."""
        self.trusted.close()
        self.student.close()


_pools: dict[tuple, JudgePool] = {}
_opening = threading.Lock()


def pool_for(modules: Sequence[str], limits: Limits) -> JudgePool:
    """The pool of this process for these modules and limits; it stays open until the process ends."""
    name = tuple(modules), limits, bubblewrap.opted_out()
    with _opening:
        if name not in _pools:
            _pools[name] = JudgePool(modules, limits)
            atexit.register(_pools[name].close)
        return _pools[name]
