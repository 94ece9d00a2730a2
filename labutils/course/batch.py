"""Many submissions: several are executed at a time, and each is recorded by nbgrader's autograde as soon as it is.

A submission is prepared once, executed once and recorded once. Results are kept under the hash of what they came from,
so a second run executes only what is new. Where they are computed makes no difference: here, or with RAY=address on the
machines of a Ray cluster, it is `judge.run` of the same job.
"""

import contextlib
import logging
import os
import socket
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


@dataclass(frozen=True, eq=False)
class Execution:
    """A submission on its way: prepared, or None if that failed, and the results or the error that will come."""

    student: str
    prepared: Prepared | None
    results: "Future[list[CellResult]]"

    @property
    def out_of_time(self) -> bool:
        """Whether it has ended, and a limit of time has ended one of its cells."""
        return self.results.exception() is None and any(one.out_of_time for one in self.results.result())

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
        ended = _executions(course, lab, students, run, workers)
        for execution in progress(ended, "grade", total=len(students)):
            reasons[execution.student] = _record(course, lab, execution, errors)
    return reasons


def _record(course: Course, lab: str, execution: Execution, errors: list[str]) -> str:
    """Run nbgrader's autograde with the executed notebook; returns "" or the reason why it failed."""
    converter = course.converter(Autograde, lab, execution.student)
    converter.sanitize_preprocessors = [lambda _, resources: (execution.notebook(), resources)]
    return start(converter, errors)


# Execution ------------------------------------------------------------------------------------------------------------


def _executions(course: Course, lab: str, students: Sequence[str], run: Run, workers: int) -> Iterator[Execution]:
    """Execute submissions; yield each when it has ended. At most two per worker are in memory.

    What ran out of time beside others, which may be their fault, is executed once more at the end, alone.
    """
    step = Judge(config=course.config())
    execute = partial(step.cache().run, run=run)
    running: set[Execution] = set()
    again = []
    with ThreadPoolExecutor(workers) as pool:
        for student in [*students, None]:
            if student is not None:
                prepare = partial(_prepare, course, step, lab, student)
                running.add(_started(pool, partial(execute, alone=workers == 1), prepare, student))
            while len(running) >= (2 * workers if student is not None else 1):
                done = _first_ended(running)
                running -= done
                again += [one for one in done if workers > 1 and one.out_of_time]
                yield from done - {*again}
        for one in again:
            assert one.prepared is not None  # or it would not have run
            yield replace(one, results=pool.submit(execute, one.prepared.job))


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


def _first_ended(running: set[Execution]) -> set[Execution]:
    """Wait until one has ended; raises what no submission is to blame for, because all others would meet it too."""
    wait([one.results for one in running], return_when=FIRST_COMPLETED)
    done = {one for one in running if one.results.done()}
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
