"""One truth about versions: pyproject gives ranges, constraints.txt exact versions, environment.yml neither."""

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
PIN = re.compile(r"([A-Za-z0-9._-]+)==([0-9][0-9A-Za-z.]*)(?:  # (\w+))?")
PINS = {
    canonicalize_name(pin[1]): pin
    for line in (ROOT / "constraints.txt").read_text().splitlines()
    if not line.startswith("#") and (pin := PIN.fullmatch(line))
}
BY_TORCH = re.compile(r"nvidia-|cuda-|triton")  # for Linux with a GPU; torch pins them itself


def installed(name):
    return any(metadata.distributions(name=name))


def needed(requirement, extras=()):
    """The names of all distributions that a requirement brings in on this machine."""
    names, todo = set(), [(requirement, extras)]
    while todo:
        name, extras = todo.pop()
        for text in metadata.requires(name) or []:
            dependency = Requirement(text)
            marker = dependency.marker
            if marker and not any(marker.evaluate({"extra": extra}) for extra in extras or [""]):
                continue
            found = canonicalize_name(dependency.name), frozenset(dependency.extras)
            if found not in names and not BY_TORCH.match(found[0]):
                names.add(found)
                todo.append(found)
    return {name for name, _ in names}


def test_every_line_of_constraints_is_an_exact_pin():
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert len(lines) == len(PINS) > 50
    assert PINS["torch"][2] == "2.13.0"


@pytest.mark.parametrize("text", [*PROJECT["dependencies"], *(text for extra in EXTRAS.values() for text in extra)])
def test_every_range_holds_its_pin(text):
    requirement = Requirement(text)
    pin = PINS.get(canonicalize_name(requirement.name))
    assert pin, f"{requirement.name} is not in constraints.txt"
    assert requirement.specifier.contains(pin[2]), f"{text} does not admit {pin[0]}"


def test_every_dependency_is_pinned_and_nothing_else():
    here = [extra for extra, texts in EXTRAS.items() if all(installed(Requirement(text).name) for text in texts)]
    names = needed("diffusion-labs", tuple(here))
    assert names - set(PINS) == set(), "add them to constraints.txt"
    here = {name for name, pin in PINS.items() if not pin[3]}  # the others are for another system, or an extra
    assert here - names == set(), "nothing needs these any more"


def test_what_is_installed_is_what_is_pinned():
    pins = {name: pin[2] for name, pin in PINS.items() if not pin[3] or installed(name)}
    assert {name: metadata.version(name).split("+")[0] for name in pins} == pins, "run make again"


def test_every_pin_runs_on_the_oldest_python_that_is_promised():
    oldest = re.match(r">=(\d+\.\d+)", PROJECT["requires-python"])[1] + ".0"
    promised = {name: metadata.metadata(name)["Requires-Python"] or "" for name in PINS if installed(name)}
    refused = {name: text for name, text in promised.items() if not SpecifierSet(text).contains(oldest)}
    assert not refused, f"pin releases that Python {oldest} can take"


def test_students_install_nothing_that_only_tests_or_instructors_use():
    theirs = needed("diffusion-labs")
    extra = {canonicalize_name(Requirement(text).name) for texts in EXTRAS.values() for text in texts}
    assert theirs & (extra | {"scikit-learn", "mlxtend"}) == {"psutil"}, "ipykernel needs psutil, students nothing else"


def test_environment_yml_defers_to_the_two_others():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    python, pip, rest = environment["dependencies"]
    assert python == "python" + PROJECT["requires-python"] and pip == "pip"
    assert rest == {"pip": ["-c constraints.txt", "-e ."]}
    assert environment["name"] == PROJECT["name"]
