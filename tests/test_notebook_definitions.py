"""Definitions out of notebooks: the last ones, with all they need, and nothing else."""

import json

import pytest

from labutils.vpsde.definitions import definitions


@pytest.fixture
def notebook(tmp_path):
    def write(*cells):
        path = tmp_path / "lab.ipynb"
        cells = [{"cell_type": "code", "source": [line + "\n" for line in cell.split("\n")]} for cell in cells]
        path.write_text(json.dumps({"cells": [{"cell_type": "markdown", "source": ["def f("]}, *cells]}))
        return path

    return write


def test_what_a_definition_needs_comes_along_and_nothing_else_runs(notebook):
    path = notebook(
        "%load_ext autoreload\n!ls\nimport math\nfactor: float = math.sqrt(9)\nunused = 1 / 0",
        "def double(x):\n    return 2 * x",
        "assert False\ndouble(3)\nfor i in range(3):\n    raise SystemExit",
        "@staticmethod\ndef wanted(x, f=double):\n    return f(x) * factor",
    )
    assert definitions(path, ["wanted"]).wanted(2) == 12


def test_the_last_definition_counts_and_methods_given_later_are_kept(notebook):
    path = notebook(
        "class Model:\n    pass\nModel.old = lambda self: 0",
        "class Model:\n    a = 1",
        "def area(self):\n    return self.a * scale\nscale = 10",
        "Model.area, other = area, 5",
        "def f(): return 1",
        "f = lambda: Model().area()",
    )
    found = definitions(path, ["f", "Model"])
    assert found.f() == 10 and not hasattr(found.Model, "old")


def test_what_is_missing_broken_or_unreadable_is_named(notebook, tmp_path):
    path = notebook("def fine():\n    return 1", "def broken(:\n    pass", "late = 1 / 0")
    assert not hasattr(definitions(path, ["fine"], optional=["absent"]), "absent")
    with pytest.raises(ValueError, match="does not define broken, absent"):
        definitions(path, ["fine", "broken", "absent"])
    with pytest.raises(ValueError, match=r"late = 1 / 0.*ZeroDivisionError"):
        definitions(path, ["late"])
    with pytest.raises(ValueError, match="no notebook"):
        definitions(tmp_path / "none.ipynb", ["fine"])
