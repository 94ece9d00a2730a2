"""What the metadata of a cell says: its name in the gradebook, its exercise, and what it is for."""

import re
from collections.abc import Mapping
from typing import Any


def grade_id(cell: Mapping[str, Any]) -> str | None:
    """The name of a cell in the gradebook, or None."""
    meta = cell["metadata"].get("nbgrader")
    name = meta.get("grade_id") if isinstance(meta, dict) else None
    return name if isinstance(name, str) else None


def kind_of(cell: Mapping[str, Any]) -> str:
    """ "setup", "solution" or "test" for a code cell of the instructor's that has a name; else ""."""
    meta = cell["metadata"].get("nbgrader") or {}
    if cell["cell_type"] != "code" or not meta:
        return ""
    kinds = {"solution": meta.get("solution"), "test": meta.get("grade"), "setup": meta.get("locked")}
    return next((kind for kind, holds in kinds.items() if holds), "")


def exercise_of(name: str) -> str:
    """The exercise of a cell, "1.2" for ex_1_2_law; "" for a cell of none."""
    number = re.match(r"ex_(\d+)_(\d+)", name)
    return f"{number[1]}.{number[2]}" if number else ""


def in_order(name: str) -> list[str | int]:
    """A sort key for exercises and cells, which puts 1.10 after 1.9."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]
