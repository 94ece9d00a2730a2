"""The trusted side of one job: its cells in order, the student's in the sandbox, the tests here.

The interface between the two is a set of names, in a course those that the instructor's solution cells bind. Before a
cell runs here, those that it mentions are fetched from the student's side.
"""

import contextlib
import json
import pickle
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from socket import recv_fds, socket
from typing import NoReturn

from labutils.builds_on import wrong_before
from labutils.judge.connection import WorkerConnection
from labutils.judge.job import Cell, CellResult, Job, Limits, Output, error_output
from labutils.judge.outputs import normalize_outputs, sanitized_outputs, truncated_outputs
from labutils.judge.patience import LEAST, Patience
from labutils.judge.proxies import RemoteProxy
from labutils.judge.shell import DATA, ITEMS, TEXT, Shell
from labutils.judge.transport import OutOfTime, Stopped

RESTARTS = 12  # of a student's process that was killed or ended itself, per notebook: each exercise may crash once
OUTPUT_LIMIT = 40 * 2**20  # characters of all outputs of a notebook: formgrader still opens a page of that size


def run_job(limits: Limits, parent: socket) -> None:
    """What a fork of the trusted fork server does: read a job, run it, write the results."""
    reader = parent.makefile("rb")
    size = int.from_bytes(reader.read(8), "little")
    job = pickle.loads(reader.read(size))  # from our own parent
    reseed()
    resource.setrlimit(resource.RLIMIT_DATA, (limits.memory * 2**20,) * 2)
    runner = Runner(job, Shell.instance(), lambda: _new_worker(parent, limits.grace))
    data = json.dumps([(one.outputs, one.execution_count) for one in runner.run()]).encode()
    parent.sendall(b"D" + len(data).to_bytes(8, "little") + data)


def reseed() -> None:
    """Forks start from equal random states; tests must not."""
    import numpy as np

    np.random.seed()  # noqa: NPY002
    if "torch" in sys.modules:
        sys.modules["torch"].seed()


def _new_worker(parent: socket, grace: float) -> WorkerConnection:
    parent.sendall(b"W")
    descriptors = recv_fds(parent, 1, 2)[1]
    if len(descriptors) != 2:
        raise Stopped("no worker could be started")
    data, control = (socket(fileno=descriptor) for descriptor in descriptors)
    return WorkerConnection(data, control, grace)


class Runner:
    """Runs one job. new_worker: starts a student's process. `run` returns the results of the cells."""

    def __init__(self, job: Job, shell: Shell, new_worker: Callable[[], WorkerConnection]) -> None:
        self.job, self.limits, self.shell, self.new_worker = job, job.limits, shell, new_worker
        self.worker: WorkerConnection | None = None
        self.done: list[tuple[str, int, float]] = []  # what a new worker runs first: (source, execution count, seconds)
        self.refused: dict[str, str] = {}  # {name of the student's that is not called again: why}
        self.wrong: set[str] = set()  # test cells that failed, but for those that were not answered
        self.starts, self.room, self.patience = 0, OUTPUT_LIMIT, Patience(job.limits)
        self.replay = float(job.limits.timeout)  # seconds for what new workers run first

    def run(self) -> list[CellResult]:
        """Run all cells; returns their results in order."""
        signal.signal(signal.SIGALRM, self._alarm)
        results = []
        for count, cell in enumerate(self.job.cells, 1):
            if not self.patience.start():
                outputs = [self.patience.all_over(self._starved())]
            elif cell.kind == "test":
                outputs = self._test(cell, count)
            else:
                outputs = self._run_in_sandbox(cell, count)
            results.append(CellResult(outputs, count))
        if self.worker:
            self.worker.close()
        return results

    def _starved(self) -> float:
        return self.worker.starved if self.worker else 0

    # The student's cells ----------------------------------------------------------------------------------------------

    def _run_in_sandbox(self, cell: Cell, count: int) -> list[Output]:
        """Run a cell of the student's or a set-up cell, which then runs here too."""
        seconds: float = self.limits.timeout
        try:
            worker = self._worker()
            with _timer(self.patience.left() + self.limits.grace + 1):
                outputs = sanitized_outputs(worker.request("execute", cell.source, count))
            outputs, used = truncated_outputs(outputs[:ITEMS], min(self.room, DATA + 10 * TEXT))
            self.room -= used
        except OutOfTime:
            outputs, seconds = [self.patience.over(f"cell {count}", "", self._starved())], self.limits.timeout / LEAST
        except Stopped as error:
            outputs = [error_output("Stopped", str(error))]
        except Exception as error:  # the worker could not say what the cell shows
            outputs = [error_output(type(error).__name__, str(error))]
        if self.worker and not self.worker.dead:
            self.done.append((cell.source, count, seconds))
        if cell.kind == "setup" and self.patience.start():
            self._run_here(cell, count)
        return outputs

    def _worker(self) -> WorkerConnection:
        """The student's process, a new one with all that was there before if the last has ended."""
        if self.worker is None or self.worker.dead:
            if self.starts > RESTARTS or self.replay <= 0:
                raise Stopped("it ended too often")
            self.starts += 1
            self.worker, started = self.new_worker(), time.monotonic()
            self.worker.set_deadline(self.limits.timeout)
            self.worker.request("files", self.job.files)
            for source, count, seconds in self.done:
                self.worker.set_deadline(min(seconds, self.replay + started - time.monotonic()))
                with contextlib.suppress(OutOfTime):
                    self.worker.request("execute", source, count)
            if self.starts > 1:
                self.replay -= time.monotonic() - started
                self.patience.end += time.monotonic() - started  # it is not this cell's fault
        self.worker.set_deadline(self.patience.left())
        return self.worker

    # The cells that run here ------------------------------------------------------------------------------------------

    def _test(self, cell: Cell, count: int) -> list[Output]:
        with wrong_before(self.wrong.intersection(cell.builds_on)):
            outputs = normalize_outputs(self._run_here(cell, count), cell.points)
        if any(item.get("ename", "NotImplementedError") != "NotImplementedError" for item in outputs):
            self.wrong.add(cell.name)
        return outputs

    def _run_here(self, cell: Cell, count: int) -> list[Output]:
        """Run a cell in this process, with the student's names in it; returns its outputs."""
        where = cell.name or f"cell {count}"
        if self.worker and not self.worker.dead:
            self.worker.set_deadline(self.patience.left())
        try:
            self._fetch(cell.names, where)
            with _timer(self.patience.left()):
                outputs = self.shell.run(cell.source, count)
        except (Stopped, OutOfTime) as error:
            outputs = [error_output(type(error).__name__, str(error))]
        if any(item.get("ename") == OutOfTime.__name__ for item in outputs):
            outputs = [item for item in outputs if item["output_type"] != "error"] + [self._too_late(where)]
        self._withdraw()
        return outputs

    def _too_late(self, where: str) -> Output:
        """What a cell shows that ran out of time; the function that took most of it is not called again."""
        spent = self.worker.spent if self.worker else {}
        culprit = max(spent, key=spent.__getitem__, default="")
        if not culprit or spent[culprit] < self.patience.seconds / 2:
            culprit = ""
        output = self.patience.over(where, culprit, self._starved())
        if culprit:
            self.refused[culprit] = f"it ran out of time before: {output['evalue']}"
        return output

    def _alarm(self, *_: object) -> None:
        if not self.worker or self.worker.ring():
            raise OutOfTime("it took too long")

    def _fetch(self, names: tuple[str, ...], where: str) -> None:
        """Fetch names of the student's into the namespace of the tests; those that do not exist vanish from it."""
        for name in names:
            self.shell.user_ns.pop(name, None)
            if name in self.refused:
                self.shell.user_ns[name] = _refused_function(name, self.refused[name])
                continue
            worker = self._worker()
            worker.spent.clear()
            try:
                with _timer(self.patience.left() + self.limits.grace + 1):
                    value = worker.request("fetch", name)
            except OutOfTime:
                self.refused[name] = f"{where} ran out of time when it asked what {name} is"
                raise
            except Exception:
                continue  # the test will say that it is not defined
            if isinstance(value, RemoteProxy):
                value.__dict__["_root"] = name
            self.shell.user_ns[name] = value

    def _withdraw(self) -> None:
        """After a test: the student's side can call none of our functions; what ended it is not called again."""
        if self.worker:
            with contextlib.suppress(Stopped, OutOfTime):
                self.worker.set_deadline(self.limits.grace)
                self.worker.withdraw_callbacks()
            self.worker.spent.clear()
            if self.worker.dead and (cause := self.worker.crash_cause):
                self.refused.setdefault(cause, f"it ended the student's process before: {self.worker.dead}")


@contextlib.contextmanager
def _timer(seconds: float) -> Iterator[None]:
    """Ring after so many seconds, and then every second: the deadline of what is done here with a student's data."""
    try:
        signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.1), 1)
        yield
    finally:
        try:
            signal.setitimer(signal.ITIMER_REAL, 0)
        finally:  # it may have rung just now; the next time is a second away
            signal.setitimer(signal.ITIMER_REAL, 0)


def _refused_function(name: str, reason: str) -> Callable:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise Stopped(f"{name} is not called again: {reason}")

    return refuse
