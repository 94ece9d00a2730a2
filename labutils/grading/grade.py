"""Grade what was handed in: execute all that is new, record it with nbgrader's autograde, put the grades in a table."""

import json
import re
import sys
from dataclasses import dataclass, field

import nbformat
from nbgrader.api import MissingEntry
from nbgrader.converters import Autograde
from nbgrader.utils import parse_utc
from tqdm import tqdm

from labutils.grading import sandbox
from labutils.grading.batch import execute_all
from labutils.grading.course import CourseError, logged, start
from labutils.grading.release import ensure_released

LARGEST = 100 * 2**20  # bytes of a notebook


@dataclass
class Row:
    """A student's line in the table: points of each exercise, or the reason why the submission could not be graded."""

    student: str
    points: dict = field(default_factory=dict)  # {exercise: [points, of how many]}, graded by test cells
    to_read: int = 0  # answers that wait for a person
    note: str = ""
    failed: bool = False

    @property
    def total(self):
        return tuple(sum(column) for column in zip(*self.points.values(), strict=True)) or (0.0, 0.0)


def grade(course, lab):
    """Grade all submissions of a lab; return a `Row` for each. No submission stops the others."""
    course.source(lab)
    students = course.submitted()
    folders = {
        s: course.build / "submitted" / s / lab for s in students if (course.build / "submitted" / s / lab).is_dir()
    }
    if not folders:
        raise CourseError(
            f"nobody has handed in {lab}: expected {course.build / 'submitted' / '<student>' / lab / lab}.ipynb"
        )
    sandbox.require()
    if sandbox.opted_out():
        print(sandbox.WITHOUT, file=sys.stderr)
    ensure_released(course, lab)
    reasons = {student: unreadable(folder, lab) for student, folder in folders.items()}
    execute_all(course, lab, [student for student, reason in reasons.items() if not reason])
    rows = []
    for student, reason in tqdm(reasons.items(), unit=" submissions", desc="record", disable=None):
        reason = reason or autograde(course, lab, student)
        rows.append(Row(student, note=reason, failed=True) if reason else recorded(course, lab, student))
    return rows + [Row(student, note="nothing handed in") for student in students if student not in folders]


def unreadable(folder, lab):
    """Why a submission cannot be graded, in one line, or "" if nothing speaks against it."""
    path = folder / f"{lab}.ipynb"
    if set(folder.parent.name) & set("*?["):
        return "nbgrader cannot read a student folder with *, ? or [ in its name"
    links = [p.relative_to(folder) for p in folder.rglob("*") if p.is_symlink()]
    if links:
        return f"{links[0]} is a link to another file; a submission must hold its files itself"
    if not path.exists():
        others = ", ".join(p.name for p in sorted(folder.glob("*.ipynb")))
        return f"no {path.name}, but {others}: renamed?" if others else f"no {path.name}"
    if path.stat().st_size > LARGEST:
        return f"the notebook has {path.stat().st_size / 2**20:.0f} MiB: were its outputs left in?"
    try:
        notebook = json.loads(path.read_bytes().decode("utf-8"))
        nbformat.validate(nbformat.convert(nbformat.from_dict(notebook), 4))
    except UnicodeDecodeError as error:
        return f"not a notebook: byte {error.start} is not UTF-8"
    except json.JSONDecodeError as error:
        return f"not a notebook: {error}" if path.stat().st_size else "the notebook is empty"
    except Exception as error:  # nbformat stumbles in many ways over what is no notebook
        return f"not a notebook: {(str(error) or type(error).__name__).splitlines()[0]}"
    try:
        stamp = folder / "timestamp.txt"
        parse_utc(stamp.read_text().strip()) if stamp.exists() and stamp.read_text().strip() else None
    except ValueError:
        return "timestamp.txt holds no date"
    return ""


def autograde(course, lab, student):
    """Run nbgrader's autograde on one submission; return "" or the reason why it failed."""
    with logged(course.build / "grade.log") as errors:
        return start(course.converter(Autograde, lab, student), errors)


def recorded(course, lab, student):
    """The row of a student, from the gradebook."""
    row = Row(student)
    with course.gradebook() as gradebook:
        try:
            submission = gradebook.find_submission(lab, student)
        except MissingEntry:
            return Row(student, note="not in the gradebook", failed=True)
        for mark in (mark for notebook in submission.notebooks for mark in notebook.grades):
            if mark.cell.cell_type == "code":
                number = re.match(r"ex_(\d+)_(\d+)", mark.name)
                points = row.points.setdefault(f"{number[1]}.{number[2]}" if number else mark.name, [0.0, 0.0])
                points[0] += mark.score or 0.0
                points[1] += mark.max_score
            row.to_read += bool(mark.needs_manual_grade)
        if submission.total_seconds_late > 0:
            row.note = f"late by {submission.total_seconds_late / 3600:.1f} hours"
    return row


def table(lab, rows):
    """The grades as lines of text."""
    most = {name: points[1] for row in rows for name, points in row.points.items()}
    width = max(len("student"), *(len(row.student) for row in rows))
    names = [(name, f"{name} /{most[name]:g}") for name in sorted(most, key=_in_order)]
    head = "  ".join(
        [
            f"{'student':{width}}",
            *(title for _, title in names),
            "graded /" + f"{sum(most.values()):g}",
            "to read",
            "note",
        ]
    )
    lines = [lab, head, "-" * len(head)]
    for row in rows:
        cells = [
            f"{row.points[name][0]:{len(title)}g}" if name in row.points else " " * (len(title) - 1) + "-"
            for name, title in names
        ]
        got, of = row.total
        share = f"{got:g} = {got / of:.0%}" if of else "-"
        cells += [f"{share:>{len(f'graded /{sum(most.values()):g}')}}", f"{row.to_read or '-':>7}", row.note]
        lines.append("  ".join([f"{row.student:{width}}", *cells]).rstrip())
    bad = sum(row.failed for row in rows)
    lines.append(f"{len(rows) - bad} rows without trouble" if not bad else f"{bad} of {len(rows)} could not be graded")
    return "\n".join(lines)


def _in_order(name):
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]
