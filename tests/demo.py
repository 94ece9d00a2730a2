"""A class of sample submissions, made by program from the instructor's notebook, and its whole way to the grade:
`make demo`, or `python -m tests.demo [LAB]`.

`build/demo` becomes a course of its own: JupyterLab started there shows the class in formgrader.
"""

import argparse
import ast
import importlib
import importlib.util
import re
import shutil
import sys
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import nbformat

from labutils.course.autograde import grade, table
from labutils.course.export import export
from labutils.course.feedback import feedback
from labutils.course.layout import Course, CourseError
from labutils.course.release import release
from labutils.files import write

DUE = datetime(2026, 3, 2, 12, tzinfo=UTC)
MARKER_LINE = re.compile(r"^[ \t]*### (BEGIN|END) SOLUTION[^\n]*\n?", re.MULTILINE)
WARNINGS = 'import sys, warnings; warnings.warn("deprecated", stacklevel=1); print("step", file=sys.stderr)'


def demo(course, lab):
    """Make build/demo with a class for one lab, and run release, grade, feedback and export there.

    Returns the demo course, the rows of the table, the feedback pages and the exported files.
    """
    source = course.source(lab)
    class_ = replace(course, root=course.build / "demo")
    shutil.rmtree(class_.root, ignore_errors=True)
    shutil.copytree(source.parent, class_.root / "notebooks" / lab, ignore=shutil.ignore_patterns(".*"))
    shutil.copy(course.root / "nbgrader_config.py", class_.root)
    released, _ = release(class_, lab)
    with class_.gradebook() as gradebook:
        gradebook.update_or_create_assignment(lab, duedate=DUE.replace(tzinfo=None))
    for student, (name, text, handed_in) in samples(course, lab, released / f"{lab}.ipynb").items():
        folder = class_.build / "submitted" / student / lab
        write(folder / name, text)
        write(folder / "timestamp.txt", handed_in.strftime("%Y-%m-%d %H:%M:%S UTC"))
    rows = grade(class_, lab)
    return class_, rows, feedback(class_, lab), export(class_)


def samples(course, lab, released):
    """The class: {student: (file name, text, time)}."""
    answers = reference(course.source(lab))
    mutants, styles = variants(lab)
    early, notebook = DUE - timedelta(hours=5), f"{lab}.ipynb"
    usual = [style for style, _ in Counter(s.name for s in styles).most_common(4)]
    made = {f"perfect-{_slug(name)}": styled(answers, [s for s in styles if s.name == name]) for name in usual}
    made["partly-right"] = _partly(answers, mutants)
    for student, (named, _) in _submissions(lab).items():
        made[student] = mistaken(answers, [m for m in mutants if (m.exercise, m.misconception) in named])
    made["blank"] = {}
    made["warnings-on-stderr"] = _warning(answers)
    texts = {student: filled(released, cells) for student, cells in made.items()}
    perfect = filled(released, answers)
    class_ = {student: (notebook, text, early) for student, text in texts.items()}
    class_["late"] = (notebook, perfect, DUE + timedelta(hours=26))
    class_["unreadable"] = (notebook, perfect[: len(perfect) // 2], early)
    class_["renamed"] = (f"{lab} (1).ipynb", perfect, early)
    return class_


def reference(path):
    """The instructor's answers, {grade_id: source of the cell} without the markers."""
    cells = nbformat.read(path, as_version=4).cells
    solved = [cell for cell in cells if cell.metadata.get("nbgrader", {}).get("solution")]
    return {cell.metadata.nbgrader.grade_id: MARKER_LINE.sub("", cell.source) for cell in solved}


def filled(released, answers):
    """The text of a student's notebook: the released one with these answers in their cells."""
    notebook = nbformat.read(released, as_version=4)
    for cell in notebook.cells:
        cell.source = answers.get(cell.metadata.get("nbgrader", {}).get("grade_id"), cell.source)
    return nbformat.writes(notebook)


def variants(lab):
    """MUTANTS and STYLES of tests/mutants/<lab>.py; none for a lab that has no such module."""
    module = _module("tests.mutants", lab)
    return (module.MUTANTS, module.STYLES) if module else ((), ())


def _submissions(lab):
    """Whole wrong submissions in tests/submissions: {student: (names of mutants, exercises that lose points)}."""
    module = _module("tests.submissions", lab)
    return module.SUBMISSIONS if module else {}


def _module(package, lab):
    found = importlib.util.find_spec(f"{package}.{lab}")
    return importlib.import_module(f"{package}.{lab}") if found else None


def mistaken(answers, mutants):
    """The answers with these misconceptions in them."""
    made = dict(answers)
    for mutant in mutants:
        for name in exercise_answers(made, mutant.exercise):
            for patch in mutant.patches:
                made[name] = made[name].replace(*patch)
    return made


def exercise_answers(answers, exercise):
    """The grade ids of the answers to an exercise such as "1.2", in order."""
    start = f"ex_{exercise.replace('.', '_')}"
    return [name for name in answers if name == start or name.startswith(f"{start}_")]


def styled(answers, styles):
    """The answers, with those of some exercises written in another style after them."""
    made = dict(answers)
    for style in styles:
        last = exercise_answers(made, style.exercise)[-1]
        made[last] = f"{made[last].rstrip()}\n\n\n{style.source}"
    return made


def _partly(answers, mutants):
    """The answers with one misconception in each of two exercises; the last exercise is left out."""
    first = {mutant.exercise: mutant for mutant in reversed(mutants) if not mutant.equal}
    made = mistaken(answers, [first[exercise] for exercise in sorted(first)[:2]])
    return dict(list(made.items())[:-1])


def _warning(answers):
    """The answers, with text on stderr in each cell of code and inside each of its functions."""
    return {name: source if "def " not in source else _noisy(source) for name, source in answers.items()}


def _noisy(source):
    lines = source.splitlines()
    bodies = [node.body for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
    for statement in sorted((body[-1] for body in bodies), key=lambda s: s.lineno, reverse=True):
        lines.insert(statement.lineno - 1, " " * statement.col_offset + WARNINGS)
    return "\n".join([*lines, WARNINGS])


def _slug(text):
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def main(arguments=None):
    """Run the demo of a lab and print its table; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.demo", description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, default=Path.cwd(), help="the folder of the course (here)")
    parser.add_argument("lab", nargs="?", help="the first lab, if left out")
    options = parser.parse_args(arguments)
    course = Course(options.root.resolve())
    try:
        class_, rows, pages, grades = demo(course, options.lab or next(iter(course.labs()), ""))
    except CourseError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(table(class_.labs()[0], rows))
    print(f"\nfeedback    {next(iter(pages.values())).relative_to(course.root)} and {len(pages) - 1} more")
    print(f"grades      {grades[0].relative_to(course.root)} and {len(grades) - 1} more files")
    print(f"formgrader  start JupyterLab in {class_.root.relative_to(course.root)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
