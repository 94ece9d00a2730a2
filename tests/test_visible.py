"""What a student sees before grading: wrong answers fail a visible check, and no check cell is silent."""

import ast

import pytest

from tests import graded, power, power_tables

SEEN = 0.95  # of the wrong answers to each exercise
HELD = [lab for lab in power.labs() if lab.startswith(("lab1", "lab2", "lab3"))]


@pytest.mark.filterwarnings("ignore")  # wrong answers may divide by zero
@pytest.mark.parametrize("lab", HELD)
def test_students_see_that_an_answer_is_wrong_and_never_that_a_right_one_is(lab):
    rows = [power.row_of(lab, answer) for answer in power.variants(lab)]
    for row, answer in zip(rows, power.variants(lab), strict=True):
        row.seen = power.seen(lab, answer)
    assert not [(row.exercise, row.variant, row.seen) for row in rows if (row.right or row.note) and row.seen]
    unseen = {
        exercise: missed
        for exercise, n, seen, *_, missed in power_tables.by_exercise(rows)
        if int(seen) < SEEN * int(n)
    }
    assert not unseen
    assert not [
        (row.exercise, row.variant, row.seen) for row in rows if row.seen and not set(row.seen) & set(row.expected)
    ]


@pytest.mark.parametrize("lab", power.labs())
def test_every_check_cell_ends_with_a_line_for_the_student(lab):
    tests = {
        cell.grade_id: ast.parse(graded.released(cell.source))
        for cell in graded.graded_cells(lab)
        if cell.kind == "test"
    }
    assert not [name for name, module in tests.items() if not speaks_last(module.body[-1].body[-1])]


def speaks_last(statement):
    """Whether a statement is a call of `.show()` or `checks.when_graded(...)`, which print a line."""
    call = statement.value if isinstance(statement, ast.Expr) else None
    return (
        isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in ("show", "when_graded")
    )


def test_a_cell_that_only_computes_or_asserts_is_silent():
    silent = ("x = 1", "assert x", '"""A title."""', "report.assert_ok()", "print(1)")
    assert not any(speaks_last(ast.parse(source).body[0]) for source in silent)
    assert speaks_last(ast.parse("checks.when_graded('the law')").body[0])
