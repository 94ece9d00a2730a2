"""The exact answers stay with the instructor: no released notebook asks for them, and nothing students get is one."""

import ast
import importlib
import inspect
import pkgutil
from functools import cache

import nbformat
import numpy as np
import pytest

from labutils import distributions
from labutils.course.layout import Course
from labutils.course.release import generate
from labutils.distributions import points
from labutils.judge.job import mentioned
from labutils.reference import expected_noise
from labutils.sde import FunctionODE, FunctionSDE
from labutils.vpsde import toy
from labutils.vpsde.config import Recipe
from tests.graded import ROOT, Stand, around, graded_cells
from tests.rearranged import given, parts, rearrangements

GIVEN = ("checks", "distributions", "mcmc", "plots", "schedules", "sde", "vpsde")  # parts of labutils in the bundle
COMMANDS = ("labutils.vpsde.train", "labutils.vpsde.tune")  # they train for minutes, and a notebook imports neither
LABS = Course(ROOT).labs()


# Imports --------------------------------------------------------------------------------------------------------------


def imported(source):
    """The parts of labutils that a cell imports, wherever in it: {"checks", ...}."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return {name.split(".")[1] for name in found if name.startswith("labutils.")}


@pytest.mark.parametrize("lab", LABS)
def test_a_released_notebook_imports_only_what_students_get(lab, tmp_path):
    generate(Course(ROOT), lab, tmp_path / lab, record=False)
    student = nbformat.read(tmp_path / lab / f"{lab}.ipynb", as_version=4)
    parts = set().union(*(imported(cell.source) for cell in student.cells if cell.cell_type == "code"))
    assert "checks" in parts and parts <= set(GIVEN)


# Answers --------------------------------------------------------------------------------------------------------------


@cache
def modules():
    """The modules of the parts of labutils that students get, but for the commands."""
    found = []
    for part in GIVEN:
        module = importlib.import_module(f"labutils.{part}")
        below = pkgutil.walk_packages(getattr(module, "__path__", []), f"{module.__name__}.")
        found += [module, *(importlib.import_module(info.name) for info in below if info.name not in COMMANDS)]
    return found


def instances():
    """Objects that a student can make out of what the labs give, {how: object}."""
    curve = lambda x, t=0.0: x - x**3  # noqa: E731  an energy, a force or a field
    made = {f"law_at({t}, {data})": distributions.diffused_points(data, 0.99**t)
            for t in (1, 125, 200) for data in ({0.4: 1.0}, {0.4: 0.8, -0.6: 0.2})}  # fmt: skip
    made["BoltzmannLaw"] = distributions.BoltzmannLaw(lambda x: x**2 / 2, -6, 6)
    made["Gaussian"] = points.Gaussian([0.0, 0.0], 0.8**2 / 3)
    made["GaussianMixture"] = points.GaussianMixture([[-1.0, 0.0], [1.5, 1.0]], [0.5, 0.9])
    made["FunctionODE"], made["FunctionSDE"] = FunctionODE(curve), FunctionSDE(curve, curve)
    made["practice_sde()"], made["still_sde()"] = toy.practice_sde(), toy.still_sde(curve)
    made["two_hills()"], made["one_hill()"], made["one_hill(4)"] = toy.two_hills(), toy.one_hill(), toy.one_hill(4)
    made["Aim"] = toy.Aim(toy.practice_sde(), 0.5, 0.1, 0.0)
    return made | {"Recipe()": Recipe()}


@cache
def candidates():
    """Every public function, class, and method of an object that students get, {how to name it: callable}."""
    found = {}
    for module in modules():
        for name, value in vars(module).items():
            if not name.startswith("_") and getattr(value, "__module__", "") == module.__name__ and callable(value):
                found[f"{module.__name__}.{name}"] = value
    for how, made in instances().items():
        for name, method in inspect.getmembers(made, callable):
            if not name.startswith("_"):
                found[f"{how}.{name}"] = method
    return found


def formulas():
    """The candidates that compute something in no time: no pictures, no checks, nothing that trains or reads files."""
    quick = ("distributions", "mcmc", "schedules", "sde", "vpsde.toy")
    slow = tuple(f"labutils.{part}." for part in GIVEN if part not in quick)
    return {
        how: value
        for how, value in candidates().items()
        if not inspect.isclass(value) and (how.startswith("labutils.vpsde.toy") or not how.startswith(slow))
    }


def asked(source):
    """What a solution cell is asked for: "f" for a function, "C" and "C.m" for a class and its methods."""
    names = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.append(node.name)
        if isinstance(node, ast.ClassDef):
            names += [f"{node.name}.{f.name}" for f in node.body if isinstance(f, ast.FunctionDef)]
    return [name for name in names if not name.endswith(".__init__")]


class Place:
    """An exercise whose solutions have run, once, trainings included; `passes` puts something else in their place."""

    def __init__(self, lab, exercise):
        own = around(graded_cells(lab), exercise)[1]
        self.stand, self.tests = Stand(lab, exercise), [cell for cell in own if cell.kind == "test"]
        solutions = [cell for cell in own if cell.kind == "solution"]
        self.stand.grade(solutions)
        self.stand.names = dict(self.stand.namespace)
        self.names = [name for cell in solutions for name in asked(cell.source)]

    def right(self, name):
        """The solution's function, class or method."""
        owner, _, method = name.partition(".")
        return getattr(self.stand.names[owner], method) if method else self.stand.names[owner]

    def passes(self, name, candidate):
        """Whether every test of the exercise passes with the candidate in the place of the right answer."""
        right, (owner, _, method) = dict(self.stand.names), name.partition(".")
        if method:
            candidate = type(owner, (right[owner],), {method: candidate})
        first = sorted(self.tests, key=lambda cell: owner not in mentioned(cell.source))  # most fail there, at once
        self.stand.names[owner] = candidate
        try:
            return not any(self.stand.grade(first, enough=lambda error: True).values())
        except SystemExit:
            return False
        finally:
            self.stand.names = right

    def calls(self, name):
        """Calls of the right function or method in the tests, one for each shape of the result: [(inputs, result)]."""
        right, found = self.right(name), {}

        def recorded(*args, **options):
            result = right(*args, **options)
            inputs = given(right, args, options)
            found.setdefault(str([np.shape(part) for part in parts(result)]), (inputs, result))
            return result

        self.passes(name, recorded)
        return list(found.values())


EXERCISES = [
    (lab, exercise)
    for lab in LABS
    for exercise in dict.fromkeys(cell.exercise for cell in graded_cells(lab))
    if exercise
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("lab", "exercise"), EXERCISES)
def test_nothing_that_students_get_is_an_answer(lab, exercise, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    place, answers = Place(lab, exercise), []
    assert place.names
    for name in place.names:
        as_is = staticmethod if "." in name else lambda candidate: candidate
        answers += [(name, how) for how, candidate in candidates().items() if place.passes(name, as_is(candidate))]
        if not inspect.isclass(right := place.right(name)):
            calls = place.calls(name)
            for how, candidate in formulas().items():
                for labels, answer in rearrangements(right, candidate, calls):
                    answers += [(name, how, labels)] if place.passes(name, answer) else []
    assert not answers


@pytest.mark.filterwarnings("ignore")
def test_an_exact_answer_is_found_whatever_it_asks_for():
    """The search itself: the guess of the noise in two points, were it given, would be the answer to 3.5."""

    def noise(x, alpha_bar):
        return np.array(
            [expected_noise(place, {0.4: 0.8, -0.6: 0.2}, bar) for place, bar in np.broadcast(x, alpha_bar)]
        )

    place, name = Place("lab3_diffusion_1d", "3.5"), "guess_z_two_points"
    found = dict(rearrangements(place.right(name), noise, place.calls(name)))
    assert place.passes(name, place.right(name)) and not place.passes(name, noise)
    assert place.passes(name, found[0, (2, "at", 1)])
