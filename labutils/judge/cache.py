"""The judge as a step of nbgrader's autograde, in the place of `Execute`; outcomes are kept in build/executed.

`nbgrader autograde`, formgrader and `make grade` all come through here. A submission that was executed before, from
equal cells by an equal judge, is not executed again.
"""

import hashlib
import json
from functools import cache
from pathlib import Path

import nbformat
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import Integer

import labutils
from labutils.course.layout import CourseError, instructors_notebook
from labutils.files import write
from labutils.judge import job
from labutils.judge.pool import LIMITS, court


class Judge(NbGraderPreprocessor):
    """Runs the student's cells in the sandbox and the tests outside; see `labutils.judge.pool`."""

    timeout = Integer(LIMITS["timeout"], help="seconds a cell").tag(config=True)
    grace = Integer(LIMITS["grace"], help="seconds from an interrupt to the end of the process").tag(config=True)
    total = Integer(LIMITS["total"], help="seconds a notebook").tag(config=True)
    memory = Integer(LIMITS["memory"], help="MiB of memory a submission").tag(config=True)
    processes = Integer(LIMITS["processes"], help="processes and threads a submission").tag(config=True)
    scratch = Integer(LIMITS["scratch"], help="MiB of files a submission").tag(config=True)

    def preprocess(self, notebook, resources):
        task = self.task(notebook, resources)
        outcome = task.outcome()
        show(notebook, task.positions, outcome)
        return notebook, resources

    def task(self, notebook, resources):
        """What is to be executed for a sanitized submission."""
        place, who = CourseDirectory(config=self.config), resources["nbgrader"]
        source, path = instructors_notebook(self.config, resources)
        submitted = Path(place.format_path(place.submitted_directory, who["student"], who["assignment"]))
        if (submitted / f"{who['notebook']}.ipynb").is_symlink():
            raise CourseError(f"{who['notebook']}.ipynb is a link to another file")
        files = job.files_beside(submitted) | job.files_beside(path.parent)
        limits = {name: getattr(self, name) for name in LIMITS}
        return Task(notebook, source, files, limits, Path(place.root, "build", "executed"))


class Task:
    """A submission, ready to be executed; equal tasks have equal keys."""

    def __init__(self, notebook, source, files, limits, store):
        self.cells, self.positions = job.plan(notebook, source)
        self.modules, self.files, self.limits = job.modules(source), files, limits
        self.path = store / f"{job.key(self.cells, files, limits, version())}.json"

    def stored(self):
        """The outcome of an earlier run, or None."""
        return json.loads(self.path.read_bytes()) if self.path.exists() else _failed.get(self.path)

    def outcome(self):
        """[(outputs, execution count)] of the cells: what is stored, or what the court finds now."""
        return self.stored() or self.execute(judged)

    def execute(self, run, alone=True):
        """Have it judged by run(task), and keep the outcome.

        Where others run beside it (not alone), an outcome that ran out of time is not kept: it may be their fault.
        """
        outcome = run(self)
        late = any(item.get("ename") == "OutOfTime" for outputs, _ in outcome for item in outputs)
        if all(count is None for _, count in outcome):  # the machinery failed, so try again, but not in this run
            _failed[self.path] = outcome
        elif alone or not late:
            write(self.path, json.dumps(outcome))
        return outcome

    def is_ours(self):
        """Whether the labutils of this machine made it."""
        return self.path.stem == job.key(self.cells, self.files, self.limits, version())


_failed = {}  # {path: outcome} of this process


def judged(task):
    """The outcome of a task, a pure function of it: in a thread of this process, or on another machine."""
    return court(task.modules, task.limits).judge(task.cells, task.files)


def show(notebook, positions, outcome):
    """Put the outputs into the cells of a notebook."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    for position, (outputs, count) in zip(positions, outcome, strict=True):
        cell = notebook.cells[position]
        cell.outputs, cell.execution_count = [nbformat.from_dict(item) for item in outputs], count
        for item in cell.outputs:
            if item.output_type == "execute_result":
                item.execution_count = count


@cache
def version():
    """A hash of everything in labutils: of the judge, the checks, the pictures and the data."""
    folder, digest = Path(labutils.__file__).parent, hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts):
        digest.update(f"{path.relative_to(folder)}\n".encode() + path.read_bytes())
    return digest.hexdigest()
