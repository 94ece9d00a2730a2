"""The cells of a notebook that grading needs, run without a kernel: the real hidden tests on any answer.

`patched` and `restyled` put a wrong answer or another right one in the place of the reference solution; `grade` runs
cells; a `PreparedExercise` runs those before an exercise once, for any number of gradings.
"""

import contextlib
import io
import re
import sys
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import nbformat
import numpy as np

from labutils.builds_on import declared, wrong_before
from labutils.course.cells import exercise_of, grade_id, kind_of

ROOT = Path(__file__).parents[1]
HIDDEN = re.compile(r"^[ \t]*### BEGIN HIDDEN TESTS.*?### END HIDDEN TESTS[^\n]*\n?", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class GradedCell:
    """A code cell that grading needs: kind is "setup", "solution" or "test"; exercise is "1.2" or ""."""

    kind: str
    grade_id: str
    exercise: str
    points: float
    source: str
    builds_on: tuple = ()


@cache
def graded_cells(lab):
    """The set-up, solution and test cells of a lab's source notebook, in order; pictures and text are left out."""
    notebook = nbformat.read(ROOT / "notebooks" / lab / f"{lab}.ipynb", as_version=4)
    cells = []
    for cell in notebook.cells:
        if kind := kind_of(cell):
            name, points = grade_id(cell), cell.metadata.nbgrader.get("points", 0)
            cells.append(GradedCell(kind, name, exercise_of(name), points, cell.source, declared(cell)))
    return tuple(cells)


def solutions(lab):
    """The names that the set-up and solution cells of a lab define."""
    namespace = {"__name__": "__main__"}
    for cell in graded_cells(lab):
        if cell.kind != "test":
            exec(cell.source, namespace)
    return namespace


def patched(cells, mutant):
    """The cells with a mutant's patches applied to the solutions of its exercise; ValueError if one does not apply."""
    out, left = [], list(mutant.patches)
    for cell in cells:
        source = cell.source
        if cell.kind == "solution" and cell.exercise == mutant.exercise:
            for patch in [p for p in left if p[0] in source]:
                source = source.replace(*patch)
                left.remove(patch)
        out.append(replace(cell, source=source))
    if left:
        raise ValueError(f"{mutant.exercise} {mutant.misconception!r}: no solution contains {left[0][0]!r}")
    return tuple(out)


def restyled(cells, style):
    """The cells with a style's source behind the solutions of its exercise and before the first of its tests."""
    extra = GradedCell("solution", f"style:{style.name}", style.exercise, 0, style.source)
    before, own, after = around(cells, style.exercise)
    return (*before, *sorted([*own, extra], key=lambda cell: cell.kind == "test"), *after)


def released(source):
    """A test cell as students get it: without its hidden tests."""
    return HIDDEN.sub("", source)


def around(cells, exercise):
    """The cells before an exercise, from its first to its last cell, and after it."""
    places = [i for i, cell in enumerate(cells) if cell.exercise == exercise]
    return cells[: places[0]], cells[places[0] : places[-1] + 1], cells[places[-1] + 1 :]


def grade(cells, namespace=None, enough=lambda error: False):
    """Run the cells in a namespace, by default a fresh one; return {test id: None if it passed, else the exception}.

    enough: the first test whose exception it accepts ends the run.
    """
    namespace, failed, wrong = {"__name__": "__main__"} if namespace is None else namespace, {}, set()
    for cell in cells:
        error = None
        try:
            with wrong_before(wrong.intersection(cell.builds_on)):
                _execute(cell, namespace)
        except Exception as caught:
            error = caught
        if cell.kind == "test":
            failed[cell.grade_id] = error
            if error and not isinstance(error, NotImplementedError):
                wrong.add(cell.grade_id)
            if error and enough(error):
                break
    return failed


class PreparedExercise:
    """An exercise with what comes before it in its lab: that has run, and is as it was for every grading."""

    def __init__(self, lab, exercise):
        self.namespace = {"__name__": "__main__"}
        for cell in around(graded_cells(lab), exercise)[0]:
            if cell.kind != "test":
                _execute(cell, self.namespace)
        self.names = dict(self.namespace)

    def grade(self, cells, enough=lambda error: False):
        """As `grade`, after the cells before the exercise; a seed that another answer set is forgotten."""
        np.random.seed()  # noqa: NPY002  students may use it
        if "torch" in sys.modules:
            sys.modules["torch"].seed()
        self.namespace.clear()
        self.namespace.update(self.names)
        return grade(cells, self.namespace, enough)


@cache
def prepared(lab, exercise):
    """The `PreparedExercise` of an exercise, made once in each process."""
    return PreparedExercise(lab, exercise)


def _execute(cell, namespace):
    with contextlib.redirect_stdout(io.StringIO()):
        exec(_compiled(cell.source), namespace)


@cache
def _compiled(source):
    return compile(source, "<cell>", "exec")
