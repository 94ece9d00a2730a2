"""Grade wrong answers and right ones in other styles through the real hidden tests of the real notebooks.

`python -m tests.power [--lab LAB] [--repeats N] [--workers N]` prints what is not as it should be, and a summary; the
tables go to build/power/, see `tests.power_tables`.

The first gradings of an answer run every test of its lab: they show how many points it costs, and where. The others
run the tests of its exercise, until one fails and names the right symptom. One more run leaves the hidden tests out:
does the student see that the answer is wrong?
"""

import argparse
import importlib
import os
import sys
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace

import matplotlib
from tqdm import tqdm

from labutils.checks import CheckFailed
from tests import calibration, judged, power_tables
from tests.graded import ROOT, around, graded_cells, patched, prepared, released, restyled

matplotlib.use("agg")
FOLDER = ROOT / "build" / "power"
REPEATS = 200  # gradings of an answer to a fast exercise
SLOW_REPEATS = 20  # and to one that a lab's module of mutants lists in SLOW, because a net is trained in it
PATIENCE = 60  # CPU seconds after which a right answer, written in slow loops, has been graded enough
WHOLE, SLOW_WHOLE = 10, 2  # how many of them run every test of the lab; the second number for labs with SLOW exercises


@dataclass
class Row:
    """What happened to one variant: in how many of `repeats` it lost points, and what the failed checks said.

    mean_loss and elsewhere are those of the first `whole` gradings; tests, checks: how many ran; seconds: of CPU.
    seen: the symptoms that the visible checks of its exercise name to the student, in order; None if not run.
    expected: the symptoms that a check may name for it.
    """

    lab: str
    exercise: str
    variant: str
    right: bool
    points: float
    repeats: int = 0
    lost: int = 0
    whole: int = 0
    mean_loss: float = 0.0
    elsewhere: str = ""
    unclear: str = ""
    note: str = ""
    tests: int = 0
    checks: int = 0
    seconds: float = 0.0
    seen: tuple | None = None
    expected: tuple = ()

    @property
    def good(self):
        """A right answer never loses points; a wrong one loses its own, in 99.9 % of repeats, and says why."""
        if self.right or self.note:
            return self.lost == 0 and not self.elsewhere and not self.seen
        return self.lost >= 0.999 * self.repeats and not self.elsewhere and not self.unclear


def symptoms_of(error):
    """What a failed test names: the symptom of its check, or "error" when the student's code raised."""
    return getattr(error, "symptom", "error") if isinstance(error, CheckFailed) else "error"


def measure(lab, variant, repeats, whole):
    """Grade a Mutant or a Style `repeats` times, the first `whole` of them through every test of its lab."""
    start = time.process_time()
    before, own, after = _cells(lab, variant)
    others = [*after, *(cell for cell in before if cell.kind == "test")]
    row = row_of(lab, variant)
    row.repeats, row.whole = repeats, whole
    clear = lambda error: error is not None and symptoms_of(error) in row.expected  # noqa: E731
    with calibration.Recorder() as recorder:
        for i in range(repeats):
            if i < whole:
                outcome = prepared(lab, variant.exercise).grade([*own, *others])
            else:
                outcome = prepared(lab, variant.exercise).grade(own, enough=clear)
            _enter(row, outcome, {c.grade_id: c.points for c in own}, i < whole, clear if row.expected else None)
            own = sorted(own, key=lambda c: 0 if c.kind != "test" else 1 if clear(outcome.get(c.grade_id)) else 2)
            if row.right and i + 1 >= SLOW_REPEATS and time.process_time() - start > PATIENCE:
                row.repeats = i + 1
                break
    row.checks, row.seconds = recorder.checks, time.process_time() - start
    return row


def row_of(lab, variant):
    """The row of a Mutant or a Style before anything is measured."""
    points = sum(cell.points for cell in _cells(lab, variant)[1])
    if not hasattr(variant, "misconception"):
        return Row(lab, variant.exercise, variant.name, right=True, points=points)
    expected = (variant.symptom,) if isinstance(variant.symptom, str) else variant.symptom
    note = variant.equal
    return Row(lab, variant.exercise, variant.misconception, False, points, note=note, expected=expected)


def _cells(lab, variant):
    """The cells of a lab with a Mutant or a Style in the place of the solution: before, of and after its exercise."""
    change = patched if hasattr(variant, "misconception") else restyled
    return around(change(graded_cells(lab), variant), variant.exercise)


def seen(lab, variant):
    """The symptoms that the visible checks of its exercise name for a Mutant or a Style, in order."""
    cells = [replace(c, source=released(c.source)) if c.kind == "test" else c for c in _cells(lab, variant)[1]]
    return tuple(symptoms_of(error) for error in prepared(lab, variant.exercise).grade(cells).values() if error)


def measure_both(lab, variant, repeats, whole):
    """As `measure`, and what the student sees."""
    row = measure(lab, variant, repeats, whole)
    row.seen = seen(lab, variant)
    return row


def _enter(row, outcome, worth, whole, clear):
    """Enter the outcome of one grading into its row. worth: the points of the exercise's own cells."""
    errors = {name: error for name, error in outcome.items() if error}
    own = {name: error for name, error in errors.items() if name in worth}
    row.tests += len(outcome)
    row.lost += bool(own)
    if whole:
        row.mean_loss += sum(worth[name] for name in own) / row.whole
        known = row.elsewhere.split(", ") if row.elsewhere else []
        row.elsewhere = ", ".join(dict.fromkeys([*known, *(name for name in errors if name not in worth)]))
    if own and clear and not any(map(clear, own.values())):
        row.unclear = f"{symptoms_of(next(iter(own.values())))}: {next(iter(own.values()))}"


def variants(lab):
    """The mutants and styles of a lab."""
    module = importlib.import_module(f"tests.mutants.{lab}")
    return [*module.MUTANTS, *module.STYLES]


def slow(lab):
    """The exercises of a lab that train a net, or are as slow."""
    return getattr(importlib.import_module(f"tests.mutants.{lab}"), "SLOW", ())


def labs():
    """The labs that have mutants."""
    return sorted(p.stem for p in (ROOT / "tests" / "mutants").glob("lab*.py"))


def run(pool, lab, most=REPEATS, only=None):
    """Measure every variant of a lab, each at most `most` times, and the reference ten times as often.

    only: an exercise such as "1.2", if not all.
    Returns the rows in order and a `calibration.Reference`; shows progress bars.
    """
    exercises = dict.fromkeys(c.exercise for c in graded_cells(lab) if c.kind == "test" and only in (None, c.exercise))
    times = {exercise: min(most, SLOW_REPEATS if exercise in slow(lab) else REPEATS) for exercise in exercises}
    whole = SLOW_WHOLE if slow(lab) else WHOLE
    jobs = [(lab, v, times[v.exercise], min(times[v.exercise], whole)) for v in variants(lab) if v.exercise in times]
    rows = list(tqdm(pool.map(measure_both, *zip(*jobs, strict=True)), lab, len(jobs), disable=None))
    return rows, calibration.run(pool, lab, {exercise: 10 * n for exercise, n in times.items()})


def prepare_worker():
    """One thread a process, and no word about wrong answers that divide by zero."""
    import torch

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")


def compared(names, only):
    """Grade every answer of some labs, or of one exercise, in process and by the judge; 1 if any points differ."""
    prepare_worker()
    differ = 0
    for lab in names:
        answers = [one for one in variants(lab) if only in (None, one.exercise)]
        found = judged.differences(lab, answers)
        print(judged.report(lab, found, len(answers)))
        differ += len(found)
    return 1 if differ else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--lab", choices=labs(), help="one lab only (default: all)")
    parser.add_argument("--repeats", type=int, default=REPEATS, help=f"gradings of each answer (at most {REPEATS})")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes (default: one a core)")
    parser.add_argument("--exercise", help="one exercise of the lab only, such as 1.2; its table replaces the lab's")
    parser.add_argument("--judge", action="store_true", help="grade each answer once, here and in the sandbox: equal?")
    options = parser.parse_args()
    if options.exercise and not (options.lab and any(v.exercise == options.exercise for v in variants(options.lab))):
        parser.error(f"--exercise {options.exercise}: name its --lab, and have answers to it in tests/mutants/LAB.py")
    if options.judge:
        return compared([options.lab] if options.lab else labs(), options.exercise)
    start, sound = time.perf_counter(), True
    with ProcessPoolExecutor(options.workers, initializer=prepare_worker) as pool:
        for lab in [options.lab] if options.lab else labs():
            rows, reference = run(pool, lab, options.repeats, options.exercise)
            print(power_tables.write(lab, rows, reference, FOLDER))
            sound &= all(row.good for row in rows) and reference.sound
    print((FOLDER / "summary.md").read_text(encoding="utf-8"))
    print(f"{time.perf_counter() - start:.0f} s; every answer of a lab is in build/power, one file per lab")
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
