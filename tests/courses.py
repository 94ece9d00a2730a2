"""Small courses for the tests of grading: a lab "mini" with two exercises, that executes without torch."""

import shutil
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from labutils.course.layout import Course

ROOT = Path(__file__).parents[1]
DOUBLE = '''def double(x):
    """Return twice x."""
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION'''
TEST_DOUBLE = '''"""Doubling numbers."""
assert double(3) == secret, "three doubled"
### BEGIN HIDDEN TESTS
from labutils.checks.report import CheckFailed
probe = 12345
if double(probe) != 2 * probe:
    raise CheckFailed("double · expected twice the input")
### END HIDDEN TESTS'''
HALF = '''def half(x):
    """Return half of x."""
    ### BEGIN SOLUTION
    return x / 2
    ### END SOLUTION'''
TEST_HALF = '''"""Halving numbers."""
### BEGIN HIDDEN TESTS
wanted = 54321.5
assert half(2 * wanted) == wanted, "a hidden number halved"
### END HIDDEN TESTS'''
WHY = "### BEGIN SOLUTION\nBecause two halves make a whole.\n### END SOLUTION"


def _cell(source, grade_id, points=None, solution=False, locked=True):
    new = new_markdown_cell if source is WHY else new_code_cell
    meta = {"schema_version": 3, "grade_id": grade_id, "grade": points is not None, "solution": solution}
    meta |= {"locked": locked, "task": False} | ({} if points is None else {"points": points})
    return new(source, metadata={"nbgrader": meta}, id=grade_id)


def notebook():
    """The instructor's notebook of the lab "mini"."""
    cells = [
        new_markdown_cell("# Mini lab", id="title"),
        _cell("secret = 6", "setup"),
        _cell(DOUBLE, "ex_1_1", solution=True, locked=False),
        _cell(TEST_DOUBLE, "ex_1_1_double", points=2),
        _cell(WHY, "ex_1_2_why", points=1, solution=True, locked=False),
        _cell(HALF, "ex_1_2", solution=True, locked=False),
        _cell(TEST_HALF, "ex_1_2_half", points=3),
    ]
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel})


def course_at(root, lab):
    """A course in `root` with one lab: the notebook "mini", or a copy of the folder of a real one."""
    shutil.copy(ROOT / "nbgrader_config.py", root)
    if isinstance(lab, Path):
        shutil.copytree(lab, root / "notebooks" / lab.name, ignore=shutil.ignore_patterns(".*"))
    else:
        (root / "notebooks" / "mini").mkdir(parents=True)
        nbformat.write(lab, root / "notebooks" / "mini" / "mini.ipynb")
    return Course(root)
