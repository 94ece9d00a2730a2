"""Grades and messages as tables, and as files that Canvas and Moodle read; the formats to the letter."""

import csv

import nbformat
import pytest
from nbformat.v4 import output_from_msg

from labutils.course.export import export
from labutils.course.layout import CourseError
from labutils.course.release import release
from tests.courses import course_at, notebook

ANN = {"first_name": "Ann", "last_name": 'Lee, "Jr"', "email": "ann@x.edu", "lms_user_id": "77"}


def failed(text):
    content = {"ename": "CheckFailed", "evalue": text, "traceback": []}
    return output_from_msg({"header": {"msg_type": "error"}, "content": content})


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """ann has names and numbers, bob@x.edu has none, cyd has handed in nothing."""
    course = course_at(tmp_path_factory.mktemp("course"), notebook())
    release(course, "mini")
    with course.gradebook() as gradebook:
        gradebook.add_student("ann", **ANN)
        gradebook.add_student("bob@x.edu", last_name="bob@x.edu", first_name="")
        gradebook.add_student("cyd")
        for student, double, half in (("ann", 2, 0.5), ("bob@x.edu", 0, 3)):
            gradebook.add_submission("mini", student, timestamp="2026-03-02 14:00:00 UTC")
            for name, score in (("ex_1_1_double", double), ("ex_1_2_half", half)):
                gradebook.find_grade(name, "mini", "mini", student).auto_score = score
        gradebook.find_grade("ex_1_2_why", "mini", "mini", "ann").manual_score = 1
        gradebook.find_comment("ex_1_2_why", "mini", "mini", "ann").manual_comment = "Well said."
        gradebook.find_comment("ex_1_2_why", "mini", "mini", "bob@x.edu").manual_comment = "=1+1"
        gradebook.db.commit()
    book = notebook()
    book.cells[-1].outputs = [failed("half · a < b\nWhich half?")]
    path = course.build / "autograded" / "ann" / "mini" / "mini.ipynb"
    path.parent.mkdir(parents=True)
    nbformat.write(book, path)
    return course


def test_canvas(course):
    text = {path.name: path.read_text() for path in export(course)}["canvas.csv"].splitlines()
    assert text == [
        "Student,ID,SIS User ID,SIS Login ID,Section,mini",
        "    Points Possible,,,,,6.0",
        '"Lee, ""Jr"", Ann",77,,ann,,3.5',
        "bob@x.edu,,,bob@x.edu,,3.0",
        "cyd,,,cyd,,",
    ]
    lines = {path.name: path.read_text() for path in export(course, ["mini=4711"])}["canvas.csv"].splitlines()
    assert lines == ["Student,ID,SIS User ID,SIS Login ID,Section,mini (4711)", *text[1:]]
    for wrong, said in [("maxi=1", "there is no lab 'maxi'"), ("mini=", "--canvas mini=: say lab=number")]:
        with pytest.raises(CourseError, match=said):
            export(course, [wrong])


COMMENT = "1.1: 2 of 2.<br>1.2: 1.5 of 4. half · a &lt; b\nWhich half? Well said."


def test_moodle_gradebook(course):
    export(course)
    with (course.build / "moodle" / "mini.csv").open(newline="") as file:
        head, *rows = csv.reader(file)
    assert head == [
        *["Full name", "Username", "ID number", "Email address"],
        *["Grade", "Maximum grade", "Feedback comments"],
    ]
    assert rows == [
        ['Ann Lee, "Jr"', "ann", "77", "ann@x.edu", "3.5", "6.0", COMMENT],
        ["bob@x.edu", "bob@x.edu", "bob@x.edu", "bob@x.edu", "3.0", "6.0", "1.1: 0 of 2.<br>1.2: 3 of 4. =1+1"],
    ]


def test_moodle_worksheet_comes_back_filled_in(course):
    head = "Identifier,Full name,Email address,Status,Grade,Maximum Grade,Grade can be changed,"
    head += "Last modified (submission),Last modified (grade),Feedback comments"
    rest = 'Submitted for grading,,6.00,Yes,"Monday, 2 March 2026, 2:00 PM",-,'
    sheet = course.build / "moodle" / "mini-worksheet.csv"
    sheet.parent.mkdir(exist_ok=True)
    people = ["Participant 901,Ann Lee,ann@x.edu,", "Participant 902,Cyd,cyd@x.edu,", "Participant 903,B,bob@x.edu,"]
    sheet.write_text("\ufeff" + "\n".join([head, *(one + rest for one in people)]) + "\n")
    assert course.build / "moodle" / "mini-filled.csv" in export(course)
    with (course.build / "moodle" / "mini-filled.csv").open(newline="") as file:
        titles, ann, cyd, bob = csv.reader(file)
    assert titles == head.split(",")
    status, date = "Submitted for grading", "Monday, 2 March 2026, 2:00 PM"
    assert ann == ["Participant 901", "Ann Lee", "ann@x.edu", status, "3.5", "6.00", "Yes", date, "-", COMMENT]
    assert cyd == ["Participant 902", "Cyd", "cyd@x.edu", status, "", "6.00", "Yes", date, "-", ""]
    assert bob[4] == "3.0"
    sheet.write_text("Identifikation,Bewertung\n1,2\n")
    with pytest.raises(CourseError, match=r"mini-worksheet.csv is no grading worksheet.*lacks 'Identifier'"):
        export(course)
    sheet.unlink()


def test_tables(course):
    grades, feedback = (list(csv.DictReader(path.open(newline=""))) for path in export(course)[:2])
    scores = [(line["student_id"], line["last_name"], line["score"], line["max_score"]) for line in grades]
    named = [("ann", 'Lee, "Jr"', "3.5", "6.0"), ("bob@x.edu", "bob@x.edu", "3.0", "6.0")]
    assert scores == [*named, ("cyd", "", "0.0", "6.0")]
    assert feedback[-1]["message"] == "'=1+1", "no formula"
    assert list(feedback[0].values()) == ["ann", "mini", "ex_1_1_double", "2.0", "2.0", ""]
    said = {line["cell"]: (line["points"], line["message"]) for line in feedback if line["student_id"] == "ann"}
    assert said["ex_1_2_why"] == ("1.0", "Well said.")
    assert said["ex_1_2_half"] == ("0.5", "half · a < b\nWhich half?")
