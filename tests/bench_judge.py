"""The judge under load: a large class, two workers, damaged notebooks, kills: `python -m tests.bench_judge NAME`.

Each function makes a course of its own in a temporary folder and grades it as `make grade` does, in another process,
whose CPU seconds (with all its children) and peak memory the system tells at its end.
"""

import argparse
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import nbformat
import numpy as np
import psutil

from labutils.course.autograde import recorded
from labutils.course.release import release
from labutils.files import write
from tests.courses import ROOT, course_at
from tests.demo import filled, mistaken, reference, styled, variants
from tests.fuzz_judge import tried
from tests.submissions import answered, hostile, source
from tests.submissions.damage import damaged

ADOPT = 36  # PR_SET_CHILD_SUBREAPER of prctl(2): a process whose parent has ended becomes a child of this one


@dataclass(frozen=True)
class Run:
    """What grading cost: wall and CPU seconds, peak MiB of the grading process and of all together; what it printed."""

    status: int
    wall: float
    cpu: float
    peak: float
    together: float
    table: str


def graded(course, lab, jobs=1, kill_after=None, command=None):
    """Grade in a process of its own; with kill_after, kill -9 it after so many seconds.

    command: what grades, if not `make grade`.
    """
    command = command or [sys.executable, "-m", "labutils.course", "--root", str(course.root), "grade", lab]
    ctypes.CDLL(None).prctl(ADOPT, 1, 0, 0, 0)
    ours, start = _children(), time.monotonic()
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(command, env={**os.environ, "JOBS": str(jobs)}, stdout=out, stderr=out)
        if kill_after is not None:
            time.sleep(kill_after)
            os.kill(process.pid, signal.SIGKILL)  # Popen would reap one that has ended, and with it what it used
        peak, together, gone, rounds = 0, 0, 0, 0
        while not gone:
            peak, rounds = max(peak, _peak(process.pid)), rounds + 1
            together = max(together, _together(process.pid)) if rounds % 20 == 1 else together
            time.sleep(0.1)
            gone, status, used = os.wait4(process.pid, os.WNOHANG)
        process.returncode, wall = os.waitstatus_to_exitcode(status), time.monotonic() - start
        out.seek(0)
        cpu = used.ru_utime + used.ru_stime + _orphans(ours)
        ctypes.CDLL(None).prctl(ADOPT, 0, 0, 0, 0)
        return Run(process.returncode, wall, cpu, peak, together, out.read())


def _orphans(ours):
    """The CPU seconds of the sandboxes: bubblewrap ends before what it has started, which then becomes our child."""
    seconds = 0
    while left := _children() - ours:
        used = os.wait4(left.pop(), 0)[2]
        seconds += used.ru_utime + used.ru_stime
    return seconds


def _children():
    """The numbers of this process's children."""
    return {
        int(one) for thread in Path("/proc/self/task").iterdir() for one in (thread / "children").read_text().split()
    }


def _peak(process):
    """The peak MiB of a process; the system's account at its end would include us, who started it."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next((int(line.split()[1]) / 2**10 for line in lines if line.startswith("VmHWM")), 0)


def _together(process):
    """The MiB that a process and all below it use now; what they share counts once."""
    total = 0
    with contextlib.suppress(psutil.NoSuchProcess):
        for one in [psutil.Process(process), *psutil.Process(process).children(recursive=True)]:
            with contextlib.suppress(psutil.Error, OSError):
                total += one.memory_full_info().pss
    return total / 2**20


def hand_in(course, lab, student, data):
    """data: the bytes of a notebook, or a notebook."""
    data = data if isinstance(data, bytes) else nbformat.writes(data).encode()
    write(course.build / "submitted" / student / lab / f"{lab}.ipynb", data)


# A large class --------------------------------------------------------------------------------------------------------


def crowd(root, lab, count, seed=0):
    """A course with `count` different submissions: of each exercise a right answer, another style, or a mistake."""
    course, rng = course_at(root, ROOT / "notebooks" / lab), np.random.default_rng(seed)
    released = release(course, lab)[0] / f"{lab}.ipynb"
    mutants, styles = variants(lab)
    styles = [one for one in styles if "loop" not in one.name]  # a minute for the pictures alone, in any kernel
    right = reference(course.source(lab))
    exercises = sorted({one.exercise for one in (*mutants, *styles)})
    for k in range(count):
        made = dict(right)
        for exercise in exercises:
            choice = rng.choice(["right", "style", "mistake"], p=[0.5, 0.25, 0.25])
            pool = [one for one in {"style": styles, "mistake": mutants}.get(choice, ()) if one.exercise == exercise]
            if pool:
                made = varied(made, pool[rng.integers(len(pool))])
        made[next(iter(made))] += f"\n# student {k}"
        hand_in(course, lab, f"student{k:04}", filled(released, made).encode())
    return course


def varied(answers, variant):
    """The answers with a mutant in them, or with a style after them."""
    return (mistaken if hasattr(variant, "patches") else styled)(answers, [variant])


def class_of(count, lab="lab1_brownian_ou", jobs=1):
    """Grade a class; returns its Run."""
    with tempfile.TemporaryDirectory(prefix="crowd-") as root:
        course = crowd(Path(root), lab, count)
        run = graded(course, lab, jobs)
        rows = sum(line.startswith("student0") or line.startswith("student1") for line in run.table.splitlines())
        assert run.status == 0 and rows == count, run.table[-2000:]
        return run


def against_stock(root, count, lab):
    """Grade a class, then again with nbgrader's own preprocessors; returns both Runs and how many totals are equal."""
    course = crowd(root, lab, count)
    ours = graded(course, lab)
    totals = {student: recorded(course, lab, student).total for student in course.submitted()}
    with (root / "nbgrader_config.py").open("a") as config:
        config.write(STOCK)
    nbgrader = [sys.executable, "-m", "nbgrader", "autograde", lab, "--force", f"--course-dir={root}"]
    stock = graded(course, lab, command=nbgrader)
    assert ours.status == stock.status == 0, stock.table[-2000:]
    equal = sum(recorded(course, lab, student).total == total for student, total in totals.items())
    return ours, stock, equal


STOCK = """
del c.Autograde.sanitize_preprocessors
c.Autograde.autograde_preprocessors = [
    stock.Execute, stock.LimitOutput, stock.SaveAutoGrades, stock.AssignLatePenalties, stock.CheckCellMetadata
]
"""

# Damage ---------------------------------------------------------------------------------------------------------------


def damage(root, count, seed=7):
    """A course with `count` damaged submissions of a small lab."""
    course, rng = course_at(root, source()), np.random.default_rng(seed)
    for k in range(count):
        hand_in(course, "mini", f"student{k:04}", damaged(answered({}), rng))
    return course


# Kills ----------------------------------------------------------------------------------------------------------------

UNDISTURBED = ["right", "blank", "float32", "forged: shape", "os._exit", "half the credit", "custom error", "partial"]


def small_class(root):
    """A course with eight submissions of a small lab."""
    course = course_at(root, source())
    for name in UNDISTURBED:
        hand_in(course, "mini", name.replace(": ", " "), answered(hostile.CASES[name][0]))
    return course


def grades(course):
    """{student: points of each exercise} in the gradebook."""
    return {student: recorded(course, "mini", student).points for student in course.submitted()}


def killed(root, rounds, kills=1):
    """Kill a batch at random moments, and run it once more; returns [(moments, same grades as undisturbed?)]."""
    rng, results = np.random.default_rng(), []
    (root / "whole").mkdir()
    whole = small_class(root / "whole")
    first = graded(whole, "mini")
    assert first.status == 0 and all(grades(whole).values()), first.table
    for k in range(rounds):
        (root / f"killed{k}").mkdir()
        course, moments = small_class(root / f"killed{k}"), rng.uniform(0, first.wall, kills).tolist()
        for moment in moments:
            graded(course, "mini", kill_after=moment)
        again = graded(course, "mini")
        results.append((moments, again.status == 0 and grades(course) == grades(whole)))
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("name", choices=["class", "workers", "stock", "damaged", "killed", "fuzz"])
    parser.add_argument("--count", type=int, help="submissions (500, 24, 24, 1000) or kills (10)")
    parser.add_argument("--lab", default="lab1_brownian_ou")
    parser.add_argument("--jobs", type=int, default=1)
    given = parser.parse_args()
    if given.name == "fuzz":
        print(*tried(given.count or 100_000).items())
        return
    with tempfile.TemporaryDirectory(prefix="judge-") as root:
        if given.name == "class":
            print(_told(class_of(given.count or 500, given.lab, given.jobs)))
        elif given.name == "workers":
            one, two = (class_of(given.count or 24, given.lab, jobs) for jobs in (1, 2))
            print(f"{_told(one)}\n{_told(two)}\ntwo workers are {one.wall / two.wall:.2f} times as fast as one")
        elif given.name == "stock":
            count = given.count or 24
            ours, stock, equal = against_stock(Path(root), count, given.lab)
            print(f"{_told(ours)}\nnbgrader alone: {_told(stock)}, {stock.cpu / ours.cpu:.2f} times the CPU")
            print(f"{equal} of {count} have equal points")
        elif given.name == "damaged":
            run = graded(damage(Path(root), given.count or 1000), "mini", given.jobs)
            rows = [line for line in run.table.splitlines() if line.startswith("student") and " graded" not in line]
            notes = Counter(line.split("  ")[-1].strip()[:60] for line in rows if "not " in line)
            print(f"{_told(run)}; status {run.status}, {len(rows)} rows", *notes.most_common(12), sep="\n")
        else:
            for moments, equal in killed(Path(root), given.count or 10):
                print(f"killed after {moments} s: {'the same grades' if equal else 'OTHER GRADES'}")


def _told(run):
    memory = f"peak {run.peak:.0f} MiB, with all its sandboxes {run.together:.0f} MiB"
    return f"{run.wall / 60:.1f} minutes, {run.cpu:.0f} CPU seconds, {memory}"


if __name__ == "__main__":
    main()
