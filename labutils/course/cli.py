"""The command line: `python -m labutils.course work|release|grade|feedback|export [LAB]`."""

import argparse
import sys
from pathlib import Path

from labutils.course.autograde import grade, table
from labutils.course.export import export
from labutils.course.feedback import feedback
from labutils.course.layout import Course, CourseError
from labutils.course.release import release, work


def _work(course, options):
    for path, written in work(course):
        print(f"{path.relative_to(course.root)}  {'written' if written else 'kept as you left it'}")


def _release(course, options):
    for path in release(course, options.lab):
        print(path.relative_to(course.root))


def _grade(course, options):
    rows = grade(course, options.lab)
    print(table(options.lab, rows))
    return any(row.failed for row in rows)


def _feedback(course, options):
    done = feedback(course, options.lab)
    for student, result in done.items():
        print(f"{student}: no page: {result}" if isinstance(result, str) else result.relative_to(course.root))
    return any(isinstance(result, str) for result in done.values())


def _export(course, options):
    for path in export(course, options.canvas):
        print(path.relative_to(course.root))


COMMANDS = {
    "work": (_work, "write the students' notebooks into work/, never over one that exists"),
    "release": (_release, "write the student version and the bundle of a lab, record it in the gradebook"),
    "grade": (_grade, "grade all submissions of a lab and print the table"),
    "feedback": (_feedback, "write an HTML page for each graded submission"),
    "export": (_export, "write all grades and messages as CSV, and for Canvas and Moodle"),
}


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m labutils.course", description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, default=Path.cwd(), help="the folder of the course (here)")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (_, text) in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text)
        if name in ("release", "grade", "feedback"):
            command.add_argument("lab")
        if name == "export":
            command.add_argument("--canvas", nargs="*", default=(), metavar="LAB=NUMBER", help="numbers of assignments")
    options = parser.parse_args(arguments)
    try:
        return int(COMMANDS[options.command][0](Course(options.root.resolve()), options) or 0)
    except CourseError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
