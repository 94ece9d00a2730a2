"""What goes back: an HTML page for each graded submission, and all grades as CSV."""

import os

from nbgrader.converters import GenerateFeedback
from nbgrader.plugins import CsvExportPlugin
from tqdm import tqdm

from labutils.grading.course import CourseError, logged, start


def feedback(course, lab):
    """Write build/feedback/<student>/<lab>/<lab>.html for every graded submission; return {student: path or reason}."""
    course.source(lab)
    graded = sorted(p.parent.name for p in (course.build / "autograded").glob(f"*/{lab}/"))
    if not graded:
        raise CourseError(f"no submission of {lab} has been graded yet: make grade LAB={lab}")
    done = {}
    for student in tqdm(graded, unit=" pages", disable=None):
        with logged(course.build / "feedback.log") as errors:
            reason = start(course.converter(GenerateFeedback, lab, student), errors)
        done[student] = reason or course.build / "feedback" / student / lab / f"{lab}.html"
    return done


def export(course):
    """Write build/grades.csv, nbgrader's own table: a line a student and lab; return its path."""
    target = course.build / "grades.csv"
    new = target.with_name(".grades.csv.new")
    with logged(course.build / "export.log"), course.gradebook() as gradebook:
        if not gradebook.assignments or not gradebook.students:
            raise CourseError("the gradebook holds no grades yet: make grade LAB=...")
        CsvExportPlugin(to=str(new)).export(gradebook)
    os.replace(new, target)
    return target
