"""Starts the two warm processes of a lab, and has submissions judged by their forks, any number at a time."""

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
from functools import cache

from labutils.judge.protocol import give
from labutils.judge.sandbox import bubblewrap
from labutils.judge.shell import error_output

LIMITS = {
    "timeout": 120,  # seconds a cell
    "grace": 5,  # seconds from an interrupt to the end of the student's process
    "total": 1800,  # seconds a notebook
    "memory": 3000,  # MiB
    "processes": 64,  # of a student, threads included
    "scratch": 256,  # MiB of files
}
START = 300  # seconds that the imports may take
_courts, _opening = {}, threading.Lock()


def _start(command, **options):
    """Popen in a thread that stays until the end: the sandbox ends with the thread that has started it."""
    answer = queue.SimpleQueue()
    _starter().put((answer, command, options))
    process = answer.get()
    if isinstance(process, Exception):
        raise process
    return process


@cache
def _starter():
    wanted = queue.SimpleQueue()

    def serve():
        while True:
            answer, command, options = wanted.get()
            try:
                answer.put(subprocess.Popen(command, **options))
            except Exception as error:
                answer.put(error)

    threading.Thread(target=serve, daemon=True).start()
    return wanted


class Warm:
    """A running process that forks on request. role: "student" or "trusted"; modules: what it imports beforehand."""

    def __init__(self, role, modules, limits):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        open_to_all = role == "trusted" or bubblewrap.opted_out()
        options = {"role": role, "modules": list(modules), "limits": limits, "confined": not open_to_all}
        inner = [sys.executable, "-m", "labutils.judge.fork_server", str(theirs.fileno()), json.dumps(options)]
        self.process = _start(
            inner if open_to_all else bubblewrap.command(inner),
            pass_fds=[theirs.fileno()],
            env={**os.environ, **bubblewrap.OURS} if open_to_all else None,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        theirs.close()
        self.socket, self.lock, self.role = ours, threading.Lock(), role
        ours.settimeout(START)

    def wait(self):
        """Until the imports are done."""
        if not self.socket.recv(10):
            raise RuntimeError(f"the {self.role} side of the judge did not start")

    def fork(self, *sockets):
        """Fork a process that gets these sockets; returns its number, as the warm process sees it."""
        try:
            with self.lock:
                give(self.socket, b"fork", sockets)
                return int(self.socket.recv(20))
        except (OSError, ValueError) as error:
            raise RuntimeError(f"the {self.role} side of the judge has ended") from error

    def close(self):
        self.socket.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(5)
        self.process.kill()
        self.process.wait()


class Court:
    """Judges the submissions of one lab."""

    def __init__(self, modules, limits):
        bubblewrap.require()
        self.modules, self.limits, self.lock = modules, limits, threading.Lock()
        self.trusted, self.student = (Warm(role, modules, limits) for role in ("trusted", "student"))
        self.trusted.wait()
        self.student.wait()

    def judge(self, cells, files):
        """Execute the cells of a plan; returns [(outputs, execution count)]. Always returns."""
        with contextlib.ExitStack() as stack:
            ours, theirs = map(stack.enter_context, socket.socketpair())
            number = self.trusted.fork(theirs)
            theirs.close()
            ours.settimeout(self.limits["total"] + 10 * self.limits["grace"] + 60)
            try:
                return self._talk(ours, pickle.dumps({"cells": cells, "files": files, "limits": self.limits}))
            except (OSError, EOFError) as error:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(number, signal.SIGKILL)
                text = f"the trusted process of this notebook ended ({error or 'out of memory?'})"
                return [([error_output("Stopped", text)], None) for _ in cells]

    def _talk(self, connection, task):
        end = time.monotonic() + connection.gettimeout()
        connection.sendall(len(task).to_bytes(8, "little") + task)
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
        return json.loads(data)

    def _send_worker(self, connection):
        with contextlib.ExitStack() as stack:
            data, their_data = map(stack.enter_context, socket.socketpair())
            control, their_control = map(stack.enter_context, socket.socketpair())
            try:
                self.student.fork(their_data, their_control)
            except RuntimeError:  # whatever ended it, the others go on
                self._renew()
                self.student.fork(their_data, their_control)
            give(connection, b"w", [data, control])

    def _renew(self):
        with self.lock:
            if self.student.process.poll() is not None:
                self.student = Warm("student", self.modules, self.limits)
                self.student.wait()

    def close(self):
        self.trusted.close()
        self.student.close()


def court(modules, limits):
    """The court of this process for these modules and limits; it stays open until the process ends."""
    name = tuple(modules), tuple(sorted(limits.items())), bubblewrap.opted_out()
    with _opening:
        if name not in _courts:
            _courts[name] = Court(modules, limits)
            atexit.register(_courts[name].close)
        return _courts[name]
