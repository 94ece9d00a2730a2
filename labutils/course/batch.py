"""Many submissions: several are executed at a time, and each is recorded by nbgrader's autograde as soon as it is.

A submission is prepared once, executed once and recorded once. Results are kept under the hash of what they came from,
so a second run executes only what is new. Where they are computed makes no difference: here, or with RAY=address on the
machines of a Ray cluster, it is `judge.run` of the same job.
"""

import contextlib
import logging
import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from functools import partial

from nbformat import NotebookNode
from nbgrader.converters import Autograde

from labutils import judge
from labutils.course.layout import Course, CourseError, logged, progress, start
from labutils.course.prepare import Prepared
from labutils.course.preprocessors import Judge
from labutils.course.reading import parsed
from labutils.judge import CellResult, Job, cache
from labutils.judge.cache import Run
from labutils.judge.sandbox import SandboxError

TICK = 1  # seconds after which the bar tells again who is being waited for
SHOWN = 3  # names in the bar


@dataclass(frozen=True, eq=False)
class Execution:
    """A submission on its way: prepared, or None if that failed, and the results or the error that will come."""

    student: str
    prepared: Prepared | None
    results: "Future[list[CellResult]]"

    @property
    def crowded(self) -> bool:
        """Whether it has ended, and one of its cells ran out of time, perhaps because others had the cores."""
        return self.results.exception() is None and any(one.crowded for one in self.results.result())

    def notebook(self) -> NotebookNode:
        """The executed notebook; raises what preparing or executing it raised."""
        results = self.results.result()
        assert self.prepared is not None  # or there would be no results
        return self.prepared.executed(results)


def autograde_all(course: Course, lab: str, students: Sequence[str], jobs: int | None = None) -> dict[str, str]:
    """Execute and record submissions; returns {student: "" or the reason why it could not be recorded}.

    jobs: how many are executed at a time, by default JOBS or one per core. Raises CourseError and SandboxError for what
    no submission is to blame for.
    """
    jobs = jobs or int(os.environ.get("JOBS") or 0) or os.cpu_count() or 1
    reasons = {}
    with logged(course.build / "grade.log") as errors, _place(os.environ.get("RAY"), jobs) as (run, workers):
        running = Running(run)
        bar = progress((), "grade", len(students), running.told)
        with contextlib.closing(bar):
            for execution in _executions(course, lab, students, running, workers, bar.refresh):
                reasons[execution.student] = _record(course, lab, execution, errors)
                bar.update()
    return reasons


class Running:
    """Executes submissions, and tells which of them are being executed now, and for how long."""

    def __init__(self, run: Run) -> None:
        self.run, self.since = run, dict[str, float]()

    def __call__(self, student: str, execute: Callable[..., list[CellResult]], job: Job) -> list[CellResult]:
        def timed(job: Job) -> list[CellResult]:
            self.since[student] = time.monotonic()
            try:
                return self.run(job)
            finally:
                del self.since[student]

        return execute(job, timed)

    def told(self) -> str:
        """Names and seconds, the slowest first."""
        now, slowest = time.monotonic(), sorted(self.since.copy().items(), key=lambda item: item[1])
        told = [f"{student} {now - since:.0f} s" for student, since in slowest[:SHOWN]]
        return ", ".join(told + ["..."] * (len(slowest) > SHOWN))


def _record(course: Course, lab: str, execution: Execution, errors: list[str]) -> str:
    """Run nbgrader's autograde with the executed notebook; returns "" or the reason why it failed."""
    converter = course.converter(Autograde, lab, execution.student)
    converter.sanitize_preprocessors = [lambda _, resources: (execution.notebook(), resources)]
    return start(converter, errors)


# Execution ------------------------------------------------------------------------------------------------------------


def _executions(
    course: Course, lab: str, students: Sequence[str], running: Running, workers: int, tick: Callable[[], object]
) -> Iterator[Execution]:
    """Execute submissions; yield each when it has ended. At most two per worker are in memory; tick() every second.

    What ran out of time while others had the cores is executed once more at the end, alone.
    """
    step = Judge(config=course.config())
    keep = step.cache().run
    waiting: set[Execution] = set()
    again = []
    with ThreadPoolExecutor(workers) as pool:
        for student in [*students, None]:
            if student is not None:
                prepare = partial(_prepare, course, step, lab, student)
                execute = partial(running, student, partial(keep, alone=workers == 1))
                waiting.add(_started(pool, execute, prepare, student))
            while len(waiting) >= (2 * workers if student is not None else 1):
                done = _first_ended(waiting, tick)
                waiting -= done
                again += [one for one in done if workers > 1 and one.crowded]
                yield from done - {*again}
        for one in again:
            assert one.prepared is not None  # or it would not have run
            alone = replace(one, results=pool.submit(running, one.student, keep, one.prepared.job))
            yield from _first_ended({alone}, tick)


def _started(pool: ThreadPoolExecutor, execute: Run, prepare: Callable[[], Prepared], student: str) -> Execution:
    """Prepare a submission here, which uses the gradebook, and have its job executed by the pool."""
    try:
        prepared = prepare()
    except Exception as error:  # any damage a notebook may have: it becomes the reason of this student alone
        failed: Future = Future()
        failed.set_exception(error)
        return Execution(student, None, failed)
    return Execution(student, prepared, pool.submit(execute, prepared.job))


def _prepare(course: Course, step: Judge, lab: str, student: str) -> Prepared:
    path = course.build / "submitted" / student / lab / f"{lab}.ipynb"
    who = {"student": student, "assignment": lab, "notebook": lab, "db_url": step.config.CourseDirectory.db_url}
    resources = {"nbgrader": who, "metadata": {"path": str(path.parent), "name": lab}}
    return step.prepare(parsed(path.read_bytes()), resources)


def _first_ended(running: set[Execution], tick: Callable[[], object]) -> set[Execution]:
    """Wait until one has ended; raises what no submission is to blame for, because all others would meet it too."""
    done: set[Execution] = set()
    while not done:
        wait([one.results for one in running], TICK, FIRST_COMPLETED)
        done = {one for one in running if one.results.done()}
        tick()
    for one in done:
        error = one.results.exception()
        if one.prepared and isinstance(error, CourseError | SandboxError):
            raise error
    return done


# Where ----------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _place(address: str | None, jobs: int) -> Iterator[tuple[Run, int]]:
    """A function from a job to its results, and how many threads may call it."""
    if not address:
        yield judge.run, jobs
        return
    try:
        import ray
    except ImportError:
        how = "pip install -c constraints.txt -e '.[ray]'"
        raise CourseError(f"RAY={address} needs Ray, here and on each node of the cluster: {how}") from None
    names = {name: os.environ[name] for name in ("SANDBOX",) if name in os.environ}
    try:
        ray.init(address, runtime_env={"env_vars": names}, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, ValueError) as error:
        raise CourseError(f"no Ray cluster at RAY={address}: {str(error).splitlines()[0]}") from None
    try:
        remote = ray.remote(num_cpus=1)(on_node)
        yield lambda job: ray.get(remote.remote(job, cache.version())), int(ray.cluster_resources().get("CPU", 1))
    finally:
        ray.shutdown()


def on_node(job: Job, asked: str) -> list[CellResult]:
    """`judge.run` on a machine of a cluster; CourseError unless its labutils has the version that the asker has."""
    if cache.version() != asked:
        raise CourseError(f"{socket.gethostname()} has another version of labutils than the machine that asks")
    return judge.run(job)
