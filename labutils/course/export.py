"""All grades and messages as tables, and as the files that Canvas and Moodle import.

Names, e-mail addresses and numbers come from the gradebook's table of students: `nbgrader db student import FILE` reads
them from a CSV file with the columns id, first_name, last_name, email, lms_user_id.
"""

import csv
import html
import io
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import nbformat

from labutils.course.cells import exercise_of, grade_id, in_order
from labutils.course.layout import Course, CourseError, logged
from labutils.files import write

GRADES = (  # the columns of `nbgrader export`
    *("assignment", "duedate", "timestamp", "student_id", "last_name", "first_name", "email"),
    *("raw_score", "late_submission_penalty", "score", "max_score"),
)
FEEDBACK = ("student_id", "assignment", "cell", "points", "max_points", "message")
CANVAS = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")
MOODLE = ("Full name", "Username", "ID number", "Email address", "Grade", "Maximum grade", "Feedback comments")
WORKSHEET = ("Identifier", "Email address", "Grade", "Last modified (grade)")  # what Moodle wants to have back


def export(course: Course, canvas_ids: Iterable[str] = ()) -> list[Path]:
    """Write build/grades.csv, feedback.csv, canvas.csv and moodle/<lab>.csv; return their paths.

    canvas_ids: "lab=number" of assignments that Canvas has; it knows others by their title. A grading worksheet that
    Moodle has given, laid down as build/moodle/<lab>-worksheet.csv, is filled in.
    """
    ids = dict(_pair(course, text) for text in canvas_ids)
    with logged(course.build / "export.log"), course.gradebook() as gradebook:
        labs, students = gradebook.assignments, {one.id: one for one in sorted(gradebook.students, key=lambda o: o.id)}
        if not any(lab.submissions for lab in labs):
            raise CourseError("the gradebook holds no grades yet: make grade LAB=...")
        handed_in = {lab.name: {one.student_id: one for one in lab.submissions} for lab in labs}
        cells = {(lab, who): _cells(course, one) for lab, of in handed_in.items() for who, one in of.items()}
        rows = [(who, lab, *cell, _harmless(text)) for (lab, who), of in sorted(cells.items()) for *cell, text in of]
        files = {"grades.csv": [GRADES, *_grades(labs, students, handed_in)], "feedback.csv": [FEEDBACK, *rows]}
        files["canvas.csv"] = _canvas(labs, students, handed_in, ids)
        for lab in labs:
            table = _moodle(lab, students, handed_in[lab.name], cells)
            files[f"moodle/{lab.name}.csv"] = table
            sheet = course.build / "moodle" / f"{lab.name}-worksheet.csv"
            if sheet.exists():
                files[f"moodle/{lab.name}-filled.csv"] = _filled(sheet, table)
    for name, lines in files.items():
        write(course.build / name, _text(lines))
    return [course.build / name for name in files]


def _pair(course, text):
    lab, _, number = text.partition("=")
    course.source(lab)
    if not number.isdecimal():
        raise CourseError(f"--canvas {text}: say lab=number, the number in the address of the assignment in Canvas")
    return lab, number


def _text(lines):
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(["" if one is None else one for one in line] for line in lines)
    return out.getvalue()


def _harmless(text):
    """A student can write the message of an error: no spreadsheet shall take it for a formula."""
    return f"'{text}" if text.lstrip(" \n").startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _full_name(student, order):
    """The names that there are, else the id."""
    given = {"first": student.first_name, "last": student.last_name}
    return (", " if order[0] == "last" else " ").join(filter(None, (given[name] for name in order))) or student.id


def _score(submission):
    return max(0.0, submission.score - submission.late_submission_penalty)


def _grades(labs, students, handed_in):
    """As `nbgrader export` has them (who handed in nothing has 0), and with quotes where a name needs them."""
    for lab in labs:
        for who, student in students.items():
            one = handed_in[lab.name].get(who)
            scores = (one.score, one.late_submission_penalty, _score(one)) if one else (0.0, 0.0, 0.0)
            known = (lab.name, lab.duedate, one and one.timestamp, who, student.last_name, student.first_name)
            yield *known, student.email, *scores, lab.max_score


def _canvas(labs, students, handed_in, ids):
    """The gradebook of Canvas: an empty field leaves a grade as it is."""
    titles = [f"{lab.name} ({ids[lab.name]})" if lab.name in ids else lab.name for lab in labs]
    yield *CANVAS, *titles
    yield "    Points Possible", "", "", "", "", *(lab.max_score for lab in labs)
    for who, student in students.items():
        scores = [_score(handed_in[lab.name][who]) if who in handed_in[lab.name] else "" for lab in labs]
        yield _full_name(student, ("last", "first")), student.lms_user_id, "", who, "", *scores


def _moodle(lab, students, handed_in, cells):
    """For the CSV import of Moodle's gradebook, which asks what each column means."""
    yield MOODLE
    for who in filter(handed_in.get, students):
        student = students[who]
        email = student.email or (who if "@" in who else "")
        known = (_full_name(student, ("first", "last")), who, student.lms_user_id or who, email)
        yield *known, _score(handed_in[who]), lab.max_score, _comment(cells[lab.name, who])


def _filled(sheet, table):
    """A grading worksheet of Moodle with the grades and comments of those whose address or number is known."""
    lines = list(csv.DictReader(io.StringIO(sheet.read_text(encoding="utf-8-sig"))))
    if missing := [name for name in WORKSHEET if lines and name not in lines[0]]:
        raise CourseError(f"{sheet.name} is no grading worksheet of Moodle in English: it lacks {missing[0]!r}")
    head, *rows = table
    known = [dict(zip(head, row, strict=True)) for row in rows]
    by = {name: {row[name]: row for row in known if row[name]} for name in ("Email address", "ID number", "Username")}
    for line in lines:
        row = by["Email address"].get(line["Email address"]) or by["ID number"].get(line.get("ID number"))
        if row := row or by["Username"].get(line.get("Username")):
            line.update({name: row[name] for name in ("Grade", "Feedback comments") if name in line})
    return [list(lines[0]), *(list(line.values()) for line in lines)] if lines else []


# What was said about an answer ----------------------------------------------------------------------------------------


def _cells(course, submission):
    """[(cell, points, of how many, message)] of a submission, in the order of their names."""
    rows = []
    for notebook in submission.notebooks:
        path = course.build / "autograded" / submission.student_id / submission.name / f"{notebook.name}.ipynb"
        said = {comment.name: comment.comment for comment in notebook.comments if comment.comment}
        said = _messages(path) | said
        rows += [(mark.name, mark.score, mark.max_score, said.pop(mark.name, "")) for mark in notebook.grades]
        rows += [(name, None, None, text) for name, text in said.items()]
    return sorted(rows, key=lambda row: in_order(row[0]))


def _messages(path):
    """{test cell: the message of the check that failed}."""
    cells = nbformat.read(path, as_version=4).cells if path.exists() else []
    errors = [(grade_id(cell), out) for cell in cells for out in cell.get("outputs", ()) if out.output_type == "error"]
    tests = {grade_id(cell) for cell in cells if cell.metadata.get("nbgrader", {}).get("grade")}
    return {name: out.evalue or out.ename for name, out in errors if name in tests}


def _comment(cells):
    """The feedback in a few lines of HTML, which Moodle shows: points of each exercise, and what was said."""
    points: defaultdict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    said: defaultdict[str, list[str]] = defaultdict(list)
    for name, got, most, text in cells:
        exercise = exercise_of(name) or name
        points[exercise][0] += got or 0.0
        points[exercise][1] += most or 0.0
        said[exercise] += [html.escape(text.strip())] if text.strip() else []
    lines = [f"{name}: {got:g} of {most:g}. {' '.join(said[name])}".strip() for name, (got, most) in points.items()]
    return "<br>".join(lines)
