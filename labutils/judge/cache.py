"""Results of jobs that were run before: a folder with one file per job, named by the hash of all it depends on.

Each file is written by an atomic rename, so a kill at any moment loses no more than the jobs that were running.
"""

import hashlib
import json
import threading
from collections import defaultdict
from collections.abc import Callable
from functools import cache
from pathlib import Path

import labutils
from labutils import judge
from labutils.files import write
from labutils.judge.job import CellResult, Job

Run = Callable[[Job], list[CellResult]]


class Cache:
    """Runs jobs, and keeps their results in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._running: defaultdict[Path, threading.Lock] = defaultdict(threading.Lock)

    def path(self, job: Job) -> Path:
        """Where the results of a job are kept."""
        return self.folder / f"{job.key(version())}.json"

    def get(self, job: Job) -> list[CellResult] | None:
        """The results of an earlier run; None if there was none, or its file is damaged."""
        try:
            return [CellResult(outputs, count) for outputs, count in json.loads(self.path(job).read_bytes())]
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def run(self, job: Job, run: Run | None = None, alone: bool = True) -> list[CellResult]:
        """The results of a job: those of an earlier run, or of `run(job)` now (by default `judge.run`).

        Jobs that are equal run once. Not kept is a failure of the judge itself and, where others run beside it (not
        alone), what ran out of time: it may be their fault.
        """
        path = self.path(job)
        with self._running[path]:
            results = self.get(job)
            if results is None:
                results = (run or judge.run)(job)
                failed = all(one.execution_count is None for one in results)
                if not failed and (alone or not any(one.crowded for one in results)):
                    write(path, json.dumps([(one.outputs, one.execution_count) for one in results]))
        return results


@cache
def version() -> str:
    """A hash of everything in labutils: of the judge, the checks, the pictures and the data."""
    folder, digest = Path(labutils.__file__).parent, hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts):
        digest.update(f"{path.relative_to(folder)}\n".encode() + path.read_bytes())
    return digest.hexdigest()
