"""Grade what was handed in: execute all that is new, record it with nbgrader's autograde, put the grades in a table."""

import sys
from dataclasses import dataclass, field

from nbgrader.api import MissingEntry
from nbgrader.converters import Autograde

from labutils.course.batch import execute_all
from labutils.course.layout import CourseError, logged, progress, start
from labutils.course.release import ensure_released
from labutils.course.submissions import LONGEST, look
from labutils.judge.job import exercise_of, in_order
from labutils.judge.sandbox import bubblewrap


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
    with logged(course.build / "grade.log"):
        handed_in = look(course, lab)
    if all(one.absent for one in handed_in.values()):
        expected = course.build / "submitted" / "<student>" / lab / lab
        raise CourseError(f"nobody has handed in {lab}: expected {expected}.ipynb")
    bubblewrap.require()
    if bubblewrap.opted_out():
        print(bubblewrap.WITHOUT, file=sys.stderr)
    ensure_released(course, lab)
    _name(course, handed_in)
    execute_all(course, lab, [student for student, one in handed_in.items() if one.sound])
    there = {student: one for student, one in handed_in.items() if not one.absent}
    rows = [_row(course, lab, student, one) for student, one in progress(there.items(), "record")]
    return rows + [Row(student, note=one.note) for student, one in handed_in.items() if one.absent]


def _name(course, students):
    """Call students without a name in the gradebook as their folder is called: formgrader would show "None, None"."""
    with course.gradebook() as gradebook:
        named = {student.id for student in gradebook.students if student.last_name or student.first_name}
        for student in [one for one in students if one not in named and len(one) <= LONGEST]:
            gradebook.update_or_create_student(student, last_name=student, first_name="")


def _row(course, lab, student, handed_in):
    """Record a submission; return its row."""
    if reason := handed_in.reason or autograde(course, lab, student):
        return Row(student, note=reason, failed=True)
    row = recorded(course, lab, student)
    row.note = ", ".join(filter(None, [row.note, handed_in.note]))
    return row


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
                points = row.points.setdefault(exercise_of(mark.name) or mark.name, [0.0, 0.0])
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
