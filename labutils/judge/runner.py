"""The trusted side of one submission: its cells in order, the student's in the sandbox, the tests here.

The interface between the two is the set of names that the instructor's solution cells bind. Before a cell runs here,
those that it mentions are fetched from the student's side.
"""

import ast
import contextlib
import json
import pickle
import resource
import signal
import sys
import time

from labutils.builds_on import wrong_before
from labutils.judge import protocol
from labutils.judge.connection import OutOfTime, Remote, Stopped
from labutils.judge.proxies import Stand
from labutils.judge.shell import DATA, ITEMS, TEXT, Shell, error_output

RESTARTS = 12  # of a student's process that was killed or ended itself, per submission
ROOM = 40 * 2**20  # characters of all outputs of a submission


def live(options, parent):
    """What a fork of the warm process does: read the task, judge it, write the outcome."""
    reader = parent.makefile("rb")
    size = int.from_bytes(reader.read(8), "little")
    task = pickle.loads(reader.read(size))  # from our own parent
    _new_luck()
    resource.setrlimit(resource.RLIMIT_DATA, (options["limits"]["memory"] * 2**20,) * 2)
    trial = Trial(task, Shell.instance(), lambda: _new_worker(parent, options["limits"]["grace"]))
    data = json.dumps(trial.run()).encode()
    parent.sendall(b"D" + len(data).to_bytes(8, "little") + data)


def _new_luck():
    """Forks start from equal random states; tests must not."""
    import numpy as np

    np.random.seed()  # noqa: NPY002
    if "torch" in sys.modules:
        sys.modules["torch"].seed()


def _new_worker(parent, grace):
    parent.sendall(b"W")
    sockets = protocol.take(parent)
    if not sockets or len(sockets) != 2:
        raise Stopped("no worker could be started")
    return Remote(*sockets, grace)


class Trial:
    """One submission. task: cells (dicts of kind, source, points, names), files, limits. `run` returns the outputs."""

    def __init__(self, task, shell, new_worker):
        self.cells, self.files, self.limits = task["cells"], task["files"], task["limits"]
        self.shell, self.new_worker = shell, new_worker
        self.remote, self.done, self.banned, self.starts = None, [], {}, 0
        self.wrong = set()  # test cells that failed, but for those that were not answered
        self.end, self.room = time.monotonic() + self.limits["total"], ROOM

    def run(self):
        """Execute all cells; returns [(outputs, execution count)] in their order."""
        signal.signal(signal.SIGALRM, self._alarm)
        results = []
        for count, cell in enumerate(self.cells, 1):
            seconds = min(self.limits["timeout"], self.end - time.monotonic())
            if seconds <= 0:
                outputs = [error_output("OutOfTime", "the time for the whole notebook is over")]
            elif cell["kind"] == "test":
                outputs = self._test(cell, count, seconds)
            else:
                outputs = self._student(cell, count, seconds)
            results.append((outputs, count))
        if self.remote:
            self.remote.close()
        return results

    # The student's cells ----------------------------------------------------------------------------------------------

    def _student(self, cell, count, seconds):
        """Run a cell in the sandbox; a set-up cell also here."""
        try:
            worker = self._worker(seconds)
            with _timer(seconds + self.limits["grace"] + 1):
                outputs = cleaned(worker.ask("execute", cell["source"], count))
            outputs, used = within(outputs[:ITEMS], min(self.room, DATA + 10 * TEXT))
            self.room -= used
            self.done.append((cell["source"], count))
        except (Stopped, OutOfTime) as error:
            outputs = [error_output("OutOfTime" if isinstance(error, OutOfTime) else "Stopped", str(error))]
            if not self.remote or not self.remote.dead:
                self.done.append((cell["source"], count))
        except Exception as error:  # the worker could not say what the cell shows
            outputs = [error_output(type(error).__name__, str(error))]
        if cell["kind"] == "setup":
            self._here(cell, count, seconds)
        return outputs

    def _worker(self, seconds):
        """The student's process, a new one with all that was there before if the last has ended."""
        if self.remote is None or self.remote.dead:
            if self.starts > RESTARTS:
                raise Stopped("it ended too often")
            self.starts += 1
            self.remote = self.new_worker()
            self.remote.allow(self.limits["timeout"])
            self.remote.ask("files", self.files)
            for source, count in self.done:
                self.remote.ask("execute", source, count)
        self.remote.allow(seconds)
        return self.remote

    # The cells that run here ------------------------------------------------------------------------------------------

    def _test(self, cell, count, seconds):
        with wrong_before(self.wrong.intersection(cell["builds_on"])):
            outputs = fair(self._here(cell, count, seconds), cell["points"])
        if any(item.get("ename", "NotImplementedError") != "NotImplementedError" for item in outputs):
            self.wrong.add(cell["name"])
        return outputs

    def _here(self, cell, count, seconds):
        """Run a cell in this process, with the student's names in it; returns its outputs."""
        try:
            self._bring(cell["names"], seconds)
            with _timer(seconds):
                outputs = self.shell.run(cell["source"], count)
        except (Stopped, OutOfTime) as error:
            outputs = [error_output(type(error).__name__, str(error))]
        self._settle()
        return outputs

    def _alarm(self, *_):
        if not (self.remote and self.remote.waiting):
            raise OutOfTime("it took too long")

    def _bring(self, names, seconds):
        """Fetch names of the student's into the namespace of the tests; those that do not exist vanish from it."""
        for name in names:
            self.shell.user_ns.pop(name, None)
            if name in self.banned:
                self.shell.user_ns[name] = _banned(name, self.banned[name])
                continue
            worker = self._worker(seconds)
            try:
                with _timer(seconds + self.limits["grace"] + 1):
                    value = worker.ask("fetch", name)
            except Exception:
                continue  # the test will say that it is not defined
            if isinstance(value, Stand):
                value.__dict__["_root"] = name
            self.shell.user_ns[name] = value

    def _settle(self):
        """After a test: take back what was lent; what made its process end is not called again."""
        if self.remote:
            with contextlib.suppress(Stopped, OutOfTime):
                self.remote.allow(self.limits["grace"])
                self.remote.forget()
            if self.remote.dead and self.remote.guilty:
                self.banned[self.remote.guilty] = self.remote.dead


@contextlib.contextmanager
def _timer(seconds):
    """Ring after so many seconds, and then every second: the deadline of what is done here with a student's data."""
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.1), 1)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _banned(name, reason):
    def refuse(*_, **__):
        raise Stopped(f"{name} ended the student's process before: {reason}")

    return refuse


# Outputs --------------------------------------------------------------------------------------------------------------


def cleaned(outputs):
    """What the student's side says that its cells show, brought into the form of a notebook."""
    kept = []
    for item in outputs if isinstance(outputs, list) else []:
        kind = item.get("output_type") if isinstance(item, dict) else None
        if kind == "stream":
            name = "stderr" if item.get("name") == "stderr" else "stdout"
            kept.append({"output_type": kind, "name": name, "text": str(item.get("text", ""))})
        elif kind == "error":
            trace = item.get("traceback")
            trace = trace if isinstance(trace, list) else None
            kept.append(error_output(item.get("ename", ""), item.get("evalue", ""), trace))
        elif kind in ("display_data", "execute_result") and isinstance(item.get("data"), dict):
            data = {mime: text for mime, text in item["data"].items() if str(mime) in SHOWN and isinstance(text, str)}
            count = {"execution_count": None} if kind == "execute_result" else {}
            kept.append({"output_type": kind, "data": data, "metadata": {}, **count})
    return kept


def within(outputs, room):
    """The first of the outputs that fit into so many characters, and how many these have. The shell of an honest
    worker has cut them already."""
    kept, used = [], 0
    for item in outputs:
        size = len(json.dumps(item))
        if used + size > room:
            text = "... the rest of the outputs was left out\n"
            return [*kept, {"output_type": "stream", "name": "stderr", "text": text}], used
        kept.append(item)
        used += size
    return kept, used


SHOWN = ("text/plain", "image/png", "image/jpeg")  # what cannot carry a script into the page of whoever grades


def fair(outputs, points):
    """The outputs of a test as nbgrader reads them: text on stderr costs no points, and partial credit is a number.

    nbgrader gives full points for a last value that is no number, and stops for one above the maximum.
    """
    for item in outputs:
        if item["output_type"] == "stream":
            item["name"] = "stdout"
        if item["output_type"] == "execute_result" and not _is_credit(item["data"].get("text/plain"), points):
            text = f"the last line of a test must be a number from 0 to {points:g}, or no value"
            return [*(one for one in outputs if one is not item), error_output("ValueError", text)]
    return outputs


def _is_credit(text, points):
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return False
    return type(value) in (int, float) and 0 <= value <= points
