"""Changes of the right answers: (cells that differ, tests that must get no points)."""

WRONG = "def double(x):\n    return x + 1\n\n\n"
ONE = ("ex_1_1_values",)
ALL = ("ex_1_1_values", "ex_1_2_law", "ex_1_3_push", "ex_1_4_share")
RIGHT = "def double(x):\n    return 2 * x\n\n\n"


def first(code, lost=ONE, answer=WRONG):
    """Code in the cell of the first exercise, after its answer."""
    return {"ex_1_1": answer + code}, lost


def inside(code, lost=ONE):
    """Code in the body of the first function."""
    return {"ex_1_1": "def double(x):\n" + "".join(f"    {line}\n" for line in code.splitlines())}, lost
