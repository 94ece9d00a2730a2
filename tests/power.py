"""Grade mutants and styles through the real hidden tests of the real notebooks, without a kernel.

`python -m tests.power [--lab LAB] [--repeats N]` prints, per exercise, each wrong answer and the points it loses, and
each right answer and how often it got full points; the whole table goes to build/power/ as Markdown and CSV.
"""

import argparse
import contextlib
import csv
import importlib
import io
import os
import re
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import matplotlib
import nbformat
from tqdm import tqdm

from labutils.checks import CheckFailed
from tests import calibration

matplotlib.use("agg")
ROOT = Path(__file__).parents[1]
REPEATS = 200  # of each fast variant; a lab whose solutions train a network sets its own REPEATS beside its MUTANTS


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


# The table ------------------------------------------------------------------------------------------------------------


@dataclass
class Row:
    """What happened to one variant: in how many of `repeats` it lost points, and what the failed checks said."""

    lab: str
    exercise: str
    variant: str
    right: bool
    points: float
    repeats: int = 0
    lost: int = 0
    mean_loss: float = 0.0
    elsewhere: str = ""
    unclear: str = ""
    note: str = ""

    @property
    def good(self):
        """A right answer never loses points; a wrong one loses its own, in 99.9 % of repeats, and says why."""
        if self.right or self.note:
            return self.lost == 0 and not self.elsewhere
        return self.lost >= 0.999 * self.repeats and not self.elsewhere and not self.unclear


def symptoms_of(error):
    """What a failed test names: the symptom of its check, or "error" when the student's code raised."""
    return getattr(error, "symptom", "error") if isinstance(error, CheckFailed) else "error"


def measure(lab, variant, repeats):
    """Grade a Mutant or a Style: once through every test, then `repeats` times through those of its own exercise."""
    right = not hasattr(variant, "misconception")
    cells = (restyled if right else patched)(graded_cells(lab), variant)
    worth = {c.grade_id: c.points for c in cells if c.kind == "test"}
    own = {c.grade_id for c in cells if c.kind == "test" and c.exercise == variant.exercise}
    row = Row(
        lab, variant.exercise, variant.name if right else variant.misconception, right, sum(worth[i] for i in own)
    )
    row.note = "" if right else variant.equal
    row.elsewhere = ", ".join(i for i, error in grade(cells).items() if error and i not in own)
    expected = () if right else (variant.symptom,) if isinstance(variant.symptom, str) else variant.symptom
    for _ in range(repeats):
        errors = {i: error for i, error in grade(cells, only=variant.exercise).items() if error}
        row.repeats += 1
        row.lost += bool(errors)
        row.mean_loss += sum(worth[i] for i in errors) / repeats
        if errors and expected and not any(symptoms_of(error) in expected for error in errors.values()):
            row.unclear = f"{symptoms_of(next(iter(errors.values())))}: {next(iter(errors.values()))}"
    return row


def variants(lab):
    """The mutants and styles of a lab, and how often to repeat each."""
    module = importlib.import_module(f"tests.mutants.{lab}")
    return [*module.MUTANTS, *module.STYLES], getattr(module, "REPEATS", REPEATS)


def labs():
    """The labs that have a notebook and mutants."""
    return sorted(p.stem for p in (ROOT / "tests" / "mutants").glob("lab*.py"))


def run(names, repeats=None, workers=None):
    """Measure every variant of the labs on a pool of processes, with a progress bar; return the rows in order."""
    jobs = [(lab, v, min(repeats or 10**9, n)) for lab in names for vs, n in [variants(lab)] for v in vs]
    with ProcessPoolExecutor(workers or os.cpu_count(), initializer=one_thread) as pool:
        return list(tqdm(pool.map(measure, *zip(*jobs, strict=True)), total=len(jobs), disable=None))


def one_thread():
    with contextlib.suppress(ImportError):
        import torch

        torch.set_num_threads(1)


def markdown(rows):
    """The table as Markdown, one section a lab and a summary line for each."""
    lines = []
    for lab in dict.fromkeys(row.lab for row in rows):
        mine = [row for row in rows if row.lab == lab]
        lines += [f"## {lab}", "", summary(mine), ""]
        lines += [
            "| exercise | answer | points lost, mean | repeats that lost points | verdict |",
            "|---|---|---|---|---|",
        ]
        for r in mine:
            verdict = r.note or ("as it should be" if r.good else f"WRONG {r.elsewhere} {r.unclear}".replace("\n", " "))
            answer = f"right: {r.variant}" if r.right else r.variant
            lines.append(
                f"| {r.exercise} | {answer} | {r.mean_loss:.2f} of {r.points:g} | {r.lost} of {r.repeats} | {verdict} |"
            )
        lines.append("")
    return "\n".join(lines)


def summary(rows):
    """One line: how many wrong answers were caught, how many right ones passed, in how many graded runs."""
    wrong, right = [r for r in rows if not r.right and not r.note], [r for r in rows if r.right]
    caught, tried = sum(r.lost for r in wrong), sum(r.repeats for r in wrong)
    return (
        f"{sum(r.good for r in wrong)} of {len(wrong)} wrong answers lose points of their own exercise and of no other "
        f"({caught:,} of {tried:,} graded runs); {len(right)} right answers in other styles lost points in "
        f"{sum(r.lost for r in right)} of {sum(r.repeats for r in right):,}."
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--lab", choices=labs(), help="one lab only (default: all)")
    parser.add_argument("--repeats", type=int, help=f"graded runs of each answer (default: {REPEATS})")
    options = parser.parse_args()
    start = time.perf_counter()
    rows = run([options.lab] if options.lab else labs(), options.repeats)
    folder = ROOT / "build" / "power"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "power.md").write_text(markdown(rows), encoding="utf-8")
    with open(folder / "power.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*vars(rows[0]), "good"])
        writer.writeheader()
        writer.writerows({**vars(row), "good": row.good} for row in rows)
    print(markdown([r for r in rows if not r.good]) if not all(r.good for r in rows) else "", end="")
    for lab in dict.fromkeys(row.lab for row in rows):
        print(f"{lab}: {summary([r for r in rows if r.lab == lab])}")
    sound = calibration.report(dict.fromkeys(row.lab for row in rows), options.repeats)
    print(f"{time.perf_counter() - start:.0f} s; the whole table is in {folder.relative_to(ROOT) / 'power.md'}")
    return 0 if sound and all(r.good for r in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
