"""What the judge is given and what it answers, as data: no file of a course and no nbgrader is needed to make a job."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

Output = dict[str, Any]  # an output of a cell, as nbformat has it
CROWDED = "OutOfTimeAmongOthers"  # the name of the error of a cell that ran out of time, perhaps by others' fault

# What an error output may hold, in characters: a traceback fills a page, and no student fills the grader's disk.
ERROR_NAME, ERROR_TEXT, TRACEBACK_LINE, TRACEBACK_LINES = 200, 10_000, 20_000, 200


@dataclass(frozen=True)
class Limits:
    """What one submission may use."""

    timeout: int = 120  # seconds per cell: the slowest right answers train a net in a quarter of it
    grace: int = 5  # seconds from an interrupt to the end of the student's process
    total: int = 1800  # seconds per notebook
    memory: int = 3000  # MiB: torch with a net and a batch of images needs about 1000
    processes: int = 64  # of a student, threads included: a few libraries start one thread per core
    scratch: int = 256  # MiB of files, which lie in memory


@dataclass(frozen=True)
class Cell:
    """A code cell: kind is "test" (runs in the trusted process), "setup" (runs on both sides) or "" (the student's).

    points: the most that a test cell can give. names: the student's names that a test or set-up cell may use.
    name: of a test cell, by which others may say in builds_on that their answers rest on what it tests.
    """

    kind: str
    source: str
    points: float = 0
    names: tuple[str, ...] = ()
    name: str = ""
    builds_on: tuple[str, ...] = ()


@dataclass(frozen=True)
class Job:
    """One notebook to run: its code cells in order, the files beside it {name: bytes}, what to import beforehand."""

    cells: tuple[Cell, ...]
    files: Mapping[str, bytes] = field(default_factory=dict)
    modules: tuple[str, ...] = ()
    limits: Limits = Limits()

    def key(self, version: str) -> str:
        """A hash of everything the results depend on; version: that of the code which runs the job."""
        plain = [[asdict(cell) for cell in self.cells], self.modules, asdict(self.limits), version]
        digest = hashlib.sha256(json.dumps(plain, sort_keys=True).encode())
        for name, data in sorted(self.files.items()):
            digest.update(json.dumps([name, len(data)]).encode() + data)
        return digest.hexdigest()


@dataclass(frozen=True)
class CellResult:
    """What a cell shows, as nbformat has it, and its execution count; None if the judge itself failed."""

    outputs: list[Output]
    execution_count: int | None

    @property
    def crowded(self) -> bool:
        """Whether a limit of time ended the cell while others had the cores."""
        return any(item.get("ename") == CROWDED for item in self.outputs)


def error_output(name: str, value: str, traceback: list[str] | None = None) -> Output:
    """An error as nbformat has it, cut to a size that a notebook can hold."""
    lines = [str(line)[:TRACEBACK_LINE] for line in (traceback or [f"{name}: {value}"])[:TRACEBACK_LINES]]
    return {
        "output_type": "error",
        "ename": str(name)[:ERROR_NAME],
        "evalue": str(value)[:ERROR_TEXT],
        "traceback": lines,
    }
