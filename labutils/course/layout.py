"""Where a course keeps its files, and the nbgrader configuration that says so."""

import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.coursedir import CourseDirectory
from tqdm import tqdm
from traitlets.config import Config, PyFileConfigLoader


class CourseError(Exception):
    """Something that the person at the terminal can change; the message is one line."""


@dataclass(frozen=True)
class Course:
    """A folder with `nbgrader_config.py` and `notebooks/<lab>/<lab>.ipynb`; what is derived goes to `build/`."""

    root: Path

    @property
    def build(self) -> Path:
        """The folder of all that is derived."""
        return self.root / "build"

    def labs(self) -> list[str]:
        """The names of the labs, sorted."""
        return sorted(p.parent.name for p in self.root.glob("notebooks/*/*.ipynb") if p.stem == p.parent.name)

    def source(self, lab: str) -> Path:
        """The path of a lab's notebook; CourseError that lists the labs if there is none of that name."""
        if lab not in self.labs():
            known = ", ".join(self.labs()) or f"none in {self.root / 'notebooks'}"
            problem = f"there is no lab {lab!r}" if lab else "which lab? say LAB=..."
            raise CourseError(f"{problem}; the labs are: {known}")
        return self.root / "notebooks" / lab / f"{lab}.ipynb"

    def config(self) -> Config:
        """nbgrader's configuration of this course."""
        if not (self.root / "nbgrader_config.py").exists():
            raise CourseError(f"{self.root} holds no nbgrader_config.py; start from the folder of the course")
        return PyFileConfigLoader("nbgrader_config.py", path=str(self.root)).load_config()

    def converter(self, kind: Any, lab: str, student: str = "*", config: Config | None = None) -> Any:
        """An nbgrader converter such as `Autograde`, ready to start; it replaces what an earlier run wrote."""
        config = config or self.config()
        place = CourseDirectory(config=config, assignment_id=lab, student_id=student)
        return kind(coursedir=place, config=config, force=True)

    def gradebook(self) -> Gradebook:
        """The gradebook, a context manager."""
        return Gradebook(self.config().CourseDirectory.db_url)

    def submitted(self) -> list[str]:
        """The students who handed something in: the folders in build/submitted, sorted."""
        folders = (self.build / "submitted").glob("*/")
        return sorted(p.name for p in folders if not p.name.startswith("."))


def instructors_notebook(config: Config, resources: dict) -> tuple[NotebookNode, Path]:
    """The instructor's notebook of the submission that nbgrader is converting, and its path."""
    place, who = CourseDirectory(config=config), resources["nbgrader"]
    path = Path(place.format_path(place.source_directory, ".", who["assignment"]), f"{who['notebook']}.ipynb")
    if not path.exists():
        raise CourseError(f"the judge needs the instructor's notebook, {path}")
    return _read(path, path.stat().st_mtime_ns), path


@lru_cache(1)
def _read(path: Path, changed: int) -> NotebookNode:
    return nbformat.read(path, as_version=4)


class Bar(tqdm):
    """tqdm, which counts in seconds, with students per minute and with what `running()` tells."""

    def __init__(self, running: Callable[[], str], **options: Any) -> None:
        self.running = running
        super().__init__(**options)

    @property
    def format_dict(self) -> dict:
        known = super().format_dict
        rate = known["rate"] or (known["n"] - known["initial"]) / max(known["elapsed"], 1e-9)
        running = self.running()
        return {
            **known,
            "per_minute": f"{60 * rate:.0f} students/min",
            "running": f"; running: {running}" if running else "",
        }


def progress(things: Iterable, what: str, total: int | None = None, running: Callable[[], str] = str) -> Bar:
    """Iterate over things, with a bar on the terminal that says how many per minute, and the time that is left.

    running: what it says of those that are waited for.
    """
    bar = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt}, {per_minute}, {remaining} left{running}"
    return Bar(running, iterable=things, desc=what, total=total, bar_format=bar, disable=None)


class _Collector(logging.Handler):
    """Appends error messages to a list."""

    def __init__(self, messages: list[str]) -> None:
        super().__init__(logging.ERROR)
        self.messages = messages

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


@contextlib.contextmanager
def logged(path: Path) -> Iterator[list[str]]:
    """Send nbgrader's log to a file instead of the terminal; yields the list that collects its error messages."""
    path.parent.mkdir(parents=True, exist_ok=True)
    errors: list[str] = []
    to_file, to_list = logging.FileHandler(path, encoding="utf-8"), _Collector(errors)
    to_file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    loggers = [logging.getLogger(name) for name in ("traitlets", "py.warnings")]
    before = [(log.level, log.propagate) for log in loggers]
    logging.captureWarnings(True)
    for log in loggers:
        log.setLevel(logging.INFO)
        log.propagate = False
        log.addHandler(to_file)
        log.addHandler(to_list)
    try:
        yield errors
    finally:
        logging.captureWarnings(False)
        for log, (level, propagate) in zip(loggers, before, strict=True):
            log.removeHandler(to_file)
            log.removeHandler(to_list)
            log.setLevel(level)
            log.propagate = propagate
        to_file.close()


def start(converter: Any, errors: list[str]) -> str:
    """Run an nbgrader converter; return "" or the reason why it failed, in one line."""
    errors.clear()
    try:
        converter.start()
    except (Exception, SystemExit) as error:  # nbgrader also leaves by sys.exit
        tracebacks = [text for text in errors if text.startswith("Traceback")]
        text = tracebacks[0] if tracebacks else str(error) or type(error).__name__
        return text.strip().splitlines()[-1]
    return ""
