"""Grade what was handed in: execute all that is new, record it with nbgrader's autograde, put the grades in a table."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field

from nbgrader.api import MissingEntry

from labutils.course.batch import autograde_all
from labutils.course.cells import exercise_of, in_order
from labutils.course.layout import Course, CourseError, logged
from labutils.course.release import ensure_released
from labutils.course.submissions import LONGEST, find_submissions
from labutils.judge.sandbox import SandboxError, bubblewrap


@dataclass
class Row:
    """A student's line in the table: points of each exercise, or the reason why the submission could not be graded."""

    student: str
    points: dict = field(default_factory=dict)  # {exercise: [points, of how many]}, graded by test cells
    to_read: int = 0  # answers that wait for a person
    note: str = ""
    failed: bool = False

    @property
    def total(self) -> tuple[float, ...]:
        """Points, and of how many."""
        return tuple(sum(column) for column in zip(*self.points.values(), strict=True)) or (0.0, 0.0)


def grade(course: Course, lab: str) -> list[Row]:
    """Grade all submissions of a lab; return a `Row` for each. No submission stops the others."""
    course.source(lab)
    with logged(course.build / "grade.log"):
        submissions = find_submissions(course, lab)
    if all(one.absent for one in submissions.values()):
        expected = course.build / "submitted" / "<student>" / lab / lab
        raise CourseError(f"nobody has handed in {lab}: expected {expected}.ipynb")
    try:
        bubblewrap.require()
        if bubblewrap.opted_out():
            print(bubblewrap.UNCONFINED_WARNING, file=sys.stderr)
        ensure_released(course, lab)
        _name(course, submissions)
        reasons = autograde_all(course, lab, [student for student, one in submissions.items() if one.sound])
    except SandboxError as error:
        raise CourseError(str(error)) from None
    reasons |= {student: one.reason for student, one in submissions.items() if one.reason}
    rows = [_row(course, lab, student, reasons[student], submissions[student].note) for student in sorted(reasons)]
    return rows + [Row(student, note=one.note) for student, one in submissions.items() if one.absent]


def _name(course: Course, students: Iterable[str]) -> None:
    """Call students without a name in the gradebook as their folder is called: formgrader would show "None, None"."""
    with course.gradebook() as gradebook:
        named = {student.id for student in gradebook.students if student.last_name or student.first_name}
        for student in [one for one in students if one not in named and len(one) <= LONGEST]:
            gradebook.update_or_create_student(student, last_name=student, first_name="")


def _row(course: Course, lab: str, student: str, reason: str, note: str) -> Row:
    """The row of a submission that was recorded, or could not be for a reason."""
    if reason:
        return Row(student, note=reason, failed=True)
    row = recorded(course, lab, student)
    row.note = ", ".join(filter(None, [row.note, note]))
    return row


def recorded(course: Course, lab: str, student: str) -> Row:
    """The row of a student, from the gradebook."""
    row = Row(student)
    with course.gradebook() as gradebook:
        try:
            submission = gradebook.find_submission(lab, student)
        except MissingEntry:
            return Row(student, note="not in the gradebook", failed=True)
        for mark in (mark for notebook in submission.notebooks for mark in notebook.grades):
            if mark.cell.cell_type == "code":
                points = row.points.setdefault(exercise_of(mark.name) or mark.name, [0.0, 0.0])
                points[0] += mark.score or 0.0
                points[1] += mark.max_score
            row.to_read += bool(mark.needs_manual_grade)
        if submission.total_seconds_late > 0:
            row.note = f"late by {submission.total_seconds_late / 3600:.1f} hours"
    return row


def table(lab: str, rows: Iterable[Row]) -> str:
    """The grades as lines of text."""
    rows = list(rows)
    most = {name: points[1] for row in rows for name, points in row.points.items()}
    width = max(len("student"), *(len(row.student) for row in rows))
    names = [(name, f"{name} /{most[name]:g}") for name in sorted(most, key=in_order)]
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
        line = "  ".join([f"{row.student:{width}}", *cells]).rstrip()
        lines.append("".join(c if c.isprintable() else "?" for c in line))  # a file's name may hold terminal commands
    bad = sum(row.failed for row in rows)
    lines.append(f"{len(rows) - bad} rows without trouble" if not bad else f"{bad} of {len(rows)} could not be graded")
    return "\n".join(lines)
