"""Many submissions: execute all that are new, several at a time; nbgrader then records them one by one.

Each outcome is written under the hash of what it came from, by an atomic rename. So a second run executes only what is
new, and a kill at any moment loses no more than the submissions that were being executed. Where they are executed makes
no difference: here, or with RAY=address on the machines of a Ray cluster, it is `judged` of the same task.
"""

import contextlib
import os
import socket
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

import nbformat

from labutils.course.layout import CourseError, logged, progress
from labutils.judge.cache import Judge, judged


def execute_all(course, lab, students, jobs=None):
    """Execute the submissions of these students that were not executed before; returns how many that were.

    Problems of a submission are left to the grading of that submission, which meets and reports them again.
    """
    jobs, executed = jobs or int(os.environ.get("JOBS") or 0) or os.cpu_count(), 0
    with (
        logged(course.build / "grade.log"),
        _place(os.environ.get("RAY"), jobs) as (run, workers),
        ThreadPoolExecutor(workers) as pool,
    ):
        ended = _ended(pool, run, workers, _tasks(course, lab, students))
        for was_new in progress(ended, "execute", total=len(students)):
            executed += was_new
    return executed


def _tasks(course, lab, students):
    """For each student the task, or None if it was executed before; equal submissions share one."""
    seen, config = set(), course.config()
    for student in students:
        task = None
        with contextlib.suppress(Exception):  # any damage a notebook may have
            task = task_of(course, config, lab, student)
        new = task and task.path not in seen and not task.path.exists()
        if new:
            seen.add(task.path)
        yield task if new else None


def task_of(course, config, lab, student):
    """What autograde will ask the judge to execute for a student."""
    path = course.build / "submitted" / student / lab / f"{lab}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    place = {"student": student, "assignment": lab, "notebook": lab, "db_url": config.CourseDirectory.db_url}
    resources = {"nbgrader": place, "metadata": {"path": str(path.parent), "name": lab}}
    for step in config.Autograde.sanitize_preprocessors:
        notebook, resources = step(config=config).preprocess(notebook, resources)
    return Judge(config=config).task(notebook, resources)


def _ended(pool, run, workers, tasks):
    """Run the tasks, at most two a worker in memory; yield for each student, when done, whether there was a task."""
    running = set()
    for task in tasks:
        if task is None:
            yield False
            continue
        running.add(pool.submit(task.execute, run, alone=workers == 1))
        while len(running) >= 2 * workers:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            yield from map(_checked, done)
        del task  # its files may be large
    while running:
        done, running = wait(running, return_when=FIRST_COMPLETED)
        yield from map(_checked, done)


def _checked(future):
    if isinstance(future.exception(), CourseError):  # not this submission's: it would meet all of them
        raise future.exception()
    return True


# Where ----------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _place(address, jobs):
    """A function from a task to its outcome, and how many threads may call it."""
    if not address:
        yield judged, jobs
        return
    try:
        import ray
    except ImportError:
        how = "pip install -c constraints.txt -e '.[ray]'"
        raise CourseError(f"RAY={address} needs Ray, here and on each node of the cluster: {how}") from None
    names = {name: os.environ[name] for name in ("SANDBOX",) if name in os.environ}
    try:
        ray.init(address, runtime_env={"env_vars": names}, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, ValueError) as error:
        raise CourseError(f"no Ray cluster at RAY={address}: {str(error).splitlines()[0]}") from None
    try:
        remote = ray.remote(num_cpus=1)(on_node)
        yield lambda task: ray.get(remote.remote(task)), int(ray.cluster_resources().get("CPU", 1))
    finally:
        ray.shutdown()


def on_node(task):
    """`judged` on a machine of a cluster, if it has the same labutils."""
    if not task.is_ours():
        raise CourseError(f"{socket.gethostname()} has another version of labutils than the machine that asks")
    return judged(task)
