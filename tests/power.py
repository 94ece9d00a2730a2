"""Grade mutants and styles through the real hidden tests of the real notebooks, without a kernel.

`python -m tests.power [--lab LAB] [--repeats N]` prints the power table and writes it under build/.
"""

import contextlib
import io
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import matplotlib
import nbformat

matplotlib.use("agg")
ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Cell:
    """A code cell that grading needs: kind is "setup", "solution" or "test"; exercise is "1.2" or ""."""

    kind: str
    grade_id: str
    exercise: str
    points: float
    source: str


@cache
def graded_cells(lab):
    """The set-up, solution and test cells of a lab's source notebook, in order; pictures and text are left out."""
    notebook = nbformat.read(ROOT / "notebooks" / lab / f"{lab}.ipynb", as_version=4)
    cells = []
    for cell in notebook.cells:
        meta = cell.metadata.get("nbgrader")
        if meta is None or cell.cell_type != "code":
            continue
        kind = "solution" if meta["solution"] else "test" if meta["grade"] else "setup"
        number = re.match(r"ex_(\d+)_(\d+)", meta["grade_id"])
        exercise = f"{number[1]}.{number[2]}" if number else ""
        cells.append(Cell(kind, meta["grade_id"], exercise, meta.get("points", 0), cell.source))
    return tuple(cells)


def patched(cells, mutant):
    """The cells with a mutant's patches applied to the solutions of its exercise; ValueError if one does not apply."""
    out, left = [], list(mutant.patches)
    for cell in cells:
        source = cell.source
        if cell.kind == "solution" and cell.exercise == mutant.exercise:
            for patch in [p for p in left if p[0] in source]:
                source = source.replace(*patch)
                left.remove(patch)
        out.append(Cell(cell.kind, cell.grade_id, cell.exercise, cell.points, source))
    if left:
        raise ValueError(f"{mutant.exercise} {mutant.misconception!r}: no solution contains {left[0][0]!r}")
    return tuple(out)


def restyled(cells, style):
    """The cells with a style's source after the last solution cell of its exercise."""
    last = max(i for i, c in enumerate(cells) if c.kind == "solution" and c.exercise == style.exercise)
    extra = Cell("solution", f"style:{style.name}", style.exercise, 0, style.source)
    return (*cells[: last + 1], extra, *cells[last + 1 :])


def grade(cells, only=None):
    """Run the cells in one fresh namespace; return {test id: None if it passed, else the exception}.

    only: an exercise; the tests of other exercises are then left out.
    """
    namespace, failed = {"__name__": "__main__"}, {}
    for cell in cells:
        if cell.kind == "test" and only not in (None, cell.exercise):
            continue
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                exec(_compiled(cell.source), namespace)
            outcome = None
        except Exception as error:
            outcome = error
        if cell.kind == "test":
            failed[cell.grade_id] = outcome
    return failed


@cache
def _compiled(source):
    return compile(source, "<cell>", "exec")
