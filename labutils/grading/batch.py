"""Many submissions: execute all that are new, several at a time; nbgrader then records them one by one.

Each outcome is written under the hash of what it came from, by an atomic rename. So a second run executes only what is
new, and a kill at any moment loses no more than the submissions that were being executed.
"""

import contextlib
import os
from concurrent.futures import ThreadPoolExecutor, as_completed

import nbformat
from tqdm import tqdm

from labutils.grading.course import logged
from labutils.grading.court import court
from labutils.grading.judge import Judge


def execute_all(course, lab, students, jobs=None):
    """Execute the submissions of these students that were not executed before; returns how many that were.

    Problems of a submission are left to the grading of that submission, which meets and reports them again.
    """
    tasks = _new_tasks(course, lab, students)
    if not tasks:
        return 0
    first = next(iter(tasks.values()))
    place = court(first.modules, first.limits)
    with ThreadPoolExecutor(jobs or int(os.environ.get("JOBS") or 0) or os.cpu_count()) as pool:
        futures = [pool.submit(task.execute, place) for task in tasks.values()]
        progress = tqdm(as_completed(futures), total=len(futures), unit=" submissions", desc="execute", disable=None)
        for future in progress:
            future.exception()
    return len(tasks)


def _new_tasks(course, lab, students):
    """{path of the outcome: task} of what was not executed before; equal submissions share one."""
    tasks, config = {}, course.config()
    with logged(course.build / "grade.log"):
        for student in tqdm(students, unit=" submissions", desc="read", disable=None):
            with contextlib.suppress(Exception):  # any damage a notebook may have
                task = task_of(course, config, lab, student)
                if not task.path.exists():
                    tasks.setdefault(task.path, task)
    return tasks


def task_of(course, config, lab, student):
    """What autograde will ask the judge to execute for a student."""
    path = course.build / "submitted" / student / lab / f"{lab}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    place = {"student": student, "assignment": lab, "notebook": lab, "db_url": config.CourseDirectory.db_url}
    resources = {"nbgrader": place, "metadata": {"path": str(path.parent), "name": lab}}
    for step in config.Autograde.sanitize_preprocessors:
        notebook, resources = step(config=config).preprocess(notebook, resources)
    return Judge(config=config).task(notebook, resources)
