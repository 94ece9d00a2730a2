"""What goes back: an HTML page for each graded submission."""

from pathlib import Path

from nbgrader.converters import GenerateFeedback

from labutils.course.layout import Course, CourseError, logged, progress, start


def feedback(course: Course, lab: str) -> dict[str, str | Path]:
    """Write build/feedback/<student>/<lab>/<lab>.html for every graded submission; return {student: path or reason}."""
    course.source(lab)
    graded = sorted(p.parent.name for p in (course.build / "autograded").glob(f"*/{lab}/"))
    if not graded:
        raise CourseError(f"no submission of {lab} has been graded yet: make grade LAB={lab}")
    done: dict[str, str | Path] = {}
    for student in progress(graded, "pages"):
        with logged(course.build / "feedback.log") as errors:
            reason = start(course.converter(GenerateFeedback, lab, student), errors)
        done[student] = reason or course.build / "feedback" / student / lab / f"{lab}.html"
    return done
