"""The way to the grade, end to end: a small course with unlucky submissions, and the sample class of the first lab."""

import csv
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from labutils.course.autograde import Row, grade, table
from labutils.course.cli import main
from labutils.course.export import export
from labutils.course.feedback import feedback
from labutils.course.layout import Course
from labutils.course.release import release
from tests.courses import course_at, notebook
from tests.demo import demo, filled, reference

needs_sandbox = pytest.mark.needs("sandbox")
ROOT = Path(__file__).parents[1]


def put(course, student, content, name="mini.ipynb", folder="mini", **files):
    """Hand in a notebook (text, bytes or a notebook object) and other files."""
    folder = course.build / "submitted" / student / folder
    folder.mkdir(parents=True, exist_ok=True)
    content = nbformat.writes(content) if isinstance(content, dict) else content
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    for other, text in files.items():
        (folder / other.replace("_", ".")).write_text(text)


def cell(book, grade_id):
    return next(c for c in book.cells if c.metadata.get("nbgrader", {}).get("grade_id") == grade_id)


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """(course, {student: row}) of the small course, graded once."""
    course = course_at(tmp_path_factory.mktemp("course"), notebook())
    with (course.root / "nbgrader_config.py").open("a") as config:
        config.write("c.Judge.timeout = 20\n")
    released = release(course, "mini")[0] / "mini.ipynb"
    answers = reference(course.source("mini"))

    def submission(**changes):
        return nbformat.reads(filled(released, answers | changes), 4)

    _put_answers(course, released, submission)
    _put_changed(course, submission)
    _put_broken(course, submission)
    (course.build / "submitted" / "absent").mkdir()
    with course.gradebook() as gradebook:
        gradebook.update_or_create_assignment("mini", duedate="2026-03-02 12:00:00 UTC")
        gradebook.update_or_create_student("blank", first_name="Jo", last_name="Doe")
    return course, {row.student: row for row in grade(course, "mini")}


def _put_answers(course, released, submission):
    """Answers as they are: right, wrong, unlucky."""
    put(course, "perfect", submission())
    put(course, "blank", released.read_text())
    put(course, "wrong", submission(ex_1_1="def double(x):\n    return x + 3", ex_1_2="def half(x):\n    return x"))
    noisy = "import sys, warnings\n{}\n    warnings.warn('old')\n    print('step', file=sys.stderr)\n    return {}"
    put(
        course,
        "stderr",
        submission(ex_1_1=noisy.format("def double(x):", "2 * x"), ex_1_2=noisy.format("def half(x):", "x / 2")),
    )
    put(course, "raises", submission(ex_1_1="def double(x):\n    return len(x)"))
    put(course, "loops", submission(ex_1_1="def double(x):\n    while True:\n        pass"))
    put(course, "exits", submission(ex_1_1="import os\nos._exit(3)"))
    put(course, "shadow", submission(), labutils_py="raise SystemExit('shadowed')")


def _put_changed(course, submission):
    """Notebooks whose cells were changed, and right ones that came late or under odd names."""
    twice = submission()
    twice.cells += [nbformat.from_dict({**c, "id": f"again{i}"}) for i, c in enumerate(twice.cells)]
    put(course, "doubled", twice)
    gone = submission()
    gone.cells = [gone.cells[0], cell(gone, "ex_1_1")]
    put(course, "deleted", gone)
    cheat = submission(ex_1_1="def double(x):\n    return 0")
    cell(cheat, "ex_1_1_double").source = "pass"
    cell(cheat, "ex_1_1_double").metadata.nbgrader.points = 1000
    cell(cheat, "ex_1_2_half").metadata.nbgrader = {"grade_id": "ex_1_2_half", "schema_version": 1}
    cell(cheat, "setup").metadata.nbgrader.grade = True
    put(course, "edited", cheat)
    put(course, "script", submission(ex_1_2_why="<script>alert(1)</script> as 1 < 2 and $x<y$"))
    put(course, "late", submission(), timestamp_txt="2026-03-02 14:00:00 UTC")
    put(course, "Zoë O'Neil", submission())
    put(course, "[odd]", submission())


def _put_broken(course, submission):
    """What is no notebook, or lies elsewhere, or cannot be told from another."""
    put(course, "bad-json", "{'cells': [")
    put(course, "not-a-notebook", '{"title": "my essay"}')
    put(course, "empty", "")
    put(course, "latin1", nbformat.writes(submission(ex_1_2_why="weil's schöner ist")).encode("latin-1"))
    put(course, "renamed", submission(), name="mini final.ipynb")
    put(course, "misplaced", submission(), folder="Lab 1", timestamp_txt="2026-03-02 15:00:00 UTC")
    put(course, "two-versions", submission(), name="a.ipynb")
    put(course, "two-versions", submission(ex_1_1="def double(x):\n    return x"), name="b.ipynb")
    put(course, "no-notebook", "see mail", name="readme.md")
    put(course, "bad-date", submission(), timestamp_txt="yesterday")


@needs_sandbox
@pytest.mark.parametrize(
    "student", ["perfect", "stderr", "shadow", "doubled", "late", "Zoë O'Neil", "renamed", "misplaced"]
)
def test_right_answers_get_all_points(graded, student):
    row = graded[1][student]
    assert row.points == {"1.1": [2, 2], "1.2": [3, 3]} and not row.failed
    assert row.to_read == 1, "the written answer waits for a person"


def test_a_file_name_gives_the_terminal_no_commands():
    lines = table("mini", [Row("jo", note="graded from \x1b[2K\nmallory.ipynb")]).splitlines()
    assert lines[3].endswith("graded from ?[2K?mallory.ipynb")


@needs_sandbox
@pytest.mark.parametrize(
    "student, first, second",
    [
        ("blank", 0, 0),
        ("wrong", 0, 0),
        ("raises", 0, 3),
        ("loops", 0, 3),
        ("edited", 0, 3),
        ("deleted", 2, 0),
        ("exits", 0, 3),
    ],
)
def test_every_exercise_is_graded_by_itself(graded, student, first, second):
    assert graded[1][student].points == {"1.1": [first, 2], "1.2": [second, 3]}


@needs_sandbox
@pytest.mark.parametrize(
    "student, reason",
    [
        ("bad-json", "not a notebook: Expecting property name"),
        ("not-a-notebook", "not a notebook: its nbformat is None, expected 4"),
        ("empty", "the notebook is empty"),
        ("latin1", "is not UTF-8"),
        ("two-versions", "several could be it: mini/a.ipynb, mini/b.ipynb; keep one"),
        ("no-notebook", "no mini.ipynb"),
        ("bad-date", "timestamp.txt holds no date"),
        ("[odd]", "cannot read a student folder with [ in its name"),
    ],
)
def test_what_cannot_be_graded_is_named_with_its_reason(graded, student, reason):
    row = graded[1][student]
    assert row.failed and reason in row.note and "\n" not in row.note
    assert any(line.startswith(student) and reason in line for line in table("mini", graded[1].values()).splitlines())


@needs_sandbox
def test_late_and_absent_are_noted(graded):
    assert graded[1]["late"].note == "late by 2.0 hours"
    assert graded[1]["absent"].note == "nothing handed in" and not graded[1]["absent"].failed
    assert not graded[1]["perfect"].note
    assert graded[1]["renamed"].note == "graded from mini final.ipynb"
    assert graded[1]["misplaced"].note == "late by 3.0 hours, graded from Lab 1/mini.ipynb"


@needs_sandbox
def test_no_student_is_called_none(graded):
    """Formgrader shows "None, None" for who has no name in the gradebook."""
    with graded[0].gradebook() as gradebook:
        names = {student.id: (student.last_name, student.first_name) for student in gradebook.students}
    assert names["blank"] == ("Doe", "Jo"), "a name that was there stays"
    assert names["perfect"] == ("perfect", "") and names["bad-json"] == ("bad-json", "")


@needs_sandbox
def test_feedback_hides_the_hidden_tests_and_keeps_the_message(graded):
    course, _ = graded
    pages = feedback(course, "mini")
    assert set(pages) >= {"perfect", "wrong", "raises", "Zoë O'Neil"} and "bad-json" not in pages
    text = {student: path.read_text() for student, path in pages.items()}
    for student, page in text.items():
        for secret in ("12345", "54321", "probe", "wanted"):
            assert secret not in page, f"the page of {student} shows {secret!r}"
    assert "three doubled" in text["raises"], "visible tests stay visible"
    assert "double · expected twice the input" in text["wrong"]
    assert "a hidden number halved" in text["wrong"]
    assert "return len(x)" in text["raises"] and "has no len" in text["raises"]
    assert "<h4>mini (Score: 5.0 / 6.0)</h4>" in text["perfect"]
    assert "&lt;script&gt;alert(1)&lt;/script&gt; as 1 &lt; 2 and $x&lt;y$" in text["script"]


@needs_sandbox
def test_points_given_by_hand_outlive_another_grading(graded):
    course, _ = graded
    with course.gradebook() as gradebook:
        mark = gradebook.find_grade("ex_1_2_why", "mini", "mini", "perfect")
        mark.manual_score, mark.needs_manual_grade = 1, False
        gradebook.db.commit()
    environment = Path(sys.executable).parent
    command = [environment / "nbgrader", "autograde", "mini", "--student", "perfect", "--force"]  # nbgrader's own way
    done = subprocess.run(command, cwd=course.root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with export(course)[0].open() as file:
        lines = {line["student_id"]: line for line in csv.DictReader(file)}
    assert lines["perfect"]["score"] == "6.0" and lines["perfect"]["max_score"] == "6.0"
    assert lines["blank"]["score"] == "0.0" and lines["late"]["timestamp"] == "2026-03-02 14:00:00"


@needs_sandbox
def test_exit_status_is_0_only_if_all_were_graded(tmp_path, capfd):
    course = course_at(tmp_path, notebook())
    put(course, "blank", nbformat.writes(notebook()))
    assert main(["--root", str(tmp_path), "grade", "mini"]) == 0
    put(course, "bad", "{")
    assert main(["--root", str(tmp_path), "grade", "mini"]) == 1
    out, err = capfd.readouterr()
    assert "1 of 2 could not be graded" in out
    assert "Traceback" not in out + err and "WARNING" not in out + err, "nbgrader's log belongs in build/grade.log"


@needs_sandbox
def test_sample_class_of_the_first_lab():
    course = Course(ROOT)
    lab = course.labs()[0]
    _, rows, pages, grades = demo(course, lab)
    rows = {row.student: row for row in rows}
    perfect = [student for student in rows if student.startswith("perfect")]
    assert len(rows) >= 8 and len(perfect) == 4
    for student in [*perfect, "late", "warnings-on-stderr"]:
        got, of = rows[student].total
        assert got == of > 0, f"{student}: {rows[student].points}"
    assert rows["blank"].total[0] == 0 and not rows["blank"].failed
    assert 0 < rows["partly-right"].total[0] < rows["partly-right"].total[1]
    assert {student for student, row in rows.items() if row.failed} == {"unreadable"}
    assert "late" in rows["late"].note
    assert set(pages) == set(rows) - {"unreadable"} and all(path.exists() for path in grades)
    assert "data:image/png" in pages["partly-right"].read_text(), "pictures belong in the feedback"
