"""Lab 4 begins with functions of Lab 3: they must be Lab 3's solutions, word for word but for the docstrings."""

import ast
import re

import pytest

from tests.graded import graded_cells


def functions(lab, kind):
    """The functions defined in cells of a kind, without docstrings and solution markers: {name: dump of the tree}."""
    found = {}
    for cell in graded_cells(lab):
        if cell.kind != kind:
            continue
        for node in ast.parse(re.sub(r"### (BEGIN|END) SOLUTION", "", cell.source)).body:
            if isinstance(node, ast.FunctionDef):
                if ast.get_docstring(node):
                    node.body = node.body[1:]
                found[node.name] = ast.dump(node)
    return found


CARRIED = functions("lab4_training_prompts", "setup")


def test_lab_4_carries_what_it_needs():
    assert {"forward_diffusion_fast", "sample_two_points", "undiffuse", "undiffuse_step", "guess_x0"} <= set(CARRIED)


@pytest.mark.parametrize("name", CARRIED)
def test_what_lab_4_carries_is_the_solution_of_lab_3(name):
    assert CARRIED[name] == functions("lab3_diffusion_1d", "solution")[name]
