"""Functions out of a notebook without running it: `make train` takes the SDE and the samplers that a student wrote.

Of all code cells only the definitions that the wanted names need are run: imports, functions, classes, and assignments.
Trainings, plots and tests stay where they are.
"""

import ast
import builtins
import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any


def definitions(path: str | Path, names: Sequence[str], optional: Sequence[str] = ()) -> SimpleNamespace:
    """The objects `names`, and those of `optional` that exist, defined in a notebook, as attributes.

    Raises ValueError if the notebook cannot be read, a name has no definition, or a definition does not run.
    """
    statements = _statements(path)
    missing = [name for name in names if not any(name in _binds(statement) for statement in statements)]
    if missing:
        raise ValueError(f"{path} does not define {', '.join(missing)}")
    wanted = _needed(statements, {*names, *optional})
    scope: dict[str, Any] = {"__name__": Path(path).stem}
    for statement in wanted:
        try:
            exec(compile(ast.Module([statement], []), str(path), "exec"), scope)
        except Exception as error:
            raise ValueError(f"{path}: {ast.unparse(statement)[:60]!r} cannot be run: {error!r}") from error
    return SimpleNamespace(**{name: scope[name] for name in (*names, *optional) if name in scope})


def _statements(path):
    """All top-level imports, definitions and assignments of the code cells, in order."""
    try:
        cells = json.loads(Path(path).read_text())["cells"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is no notebook that can be read: {error}") from error
    found = []
    for cell in cells:
        if cell["cell_type"] != "code":
            continue
        lines = "".join(cell["source"]).splitlines()
        source = "\n".join("" if line.lstrip().startswith(("%", "!")) else line for line in lines)
        try:
            found += [statement for statement in ast.parse(source).body if _binds(statement) | _changes(statement)]
        except SyntaxError:
            continue  # a broken cell matters only if it held a wanted name, and then that name is missing
    return found


def _binds(statement):
    """The names that a statement gives a meaning to; none for a statement that is no definition."""
    match statement:
        case ast.FunctionDef() | ast.ClassDef():
            return {statement.name}
        case ast.Import() | ast.ImportFrom():
            return {alias.asname or alias.name.split(".")[0] for alias in statement.names}
        case ast.Assign() | ast.AnnAssign():
            return _target_names(statement, ast.Store)
    return set()


def _changes(statement):
    """The names that an assignment changes without rebinding them: VPSDE in `VPSDE.sde = sde`."""
    return _target_names(statement, ast.Load) if isinstance(statement, ast.Assign | ast.AnnAssign) else set()


def _target_names(statement, context):
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    nodes = [node for target in targets for node in ast.walk(target)]
    return {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, context)}


def _reads(statement):
    return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)} - set(dir(builtins))


def _needed(statements, names):
    """The last definition of each name, its later changes, and all that these read, in the notebook's order."""
    last = {name: place for place, statement in enumerate(statements) for name in _binds(statement)}
    places: set[int] = set()
    seen: set[str] = set()
    open_names = set(names)
    while open_names:
        name = open_names.pop()
        seen.add(name)
        if name not in last:
            continue
        later = [place for place in range(last[name], len(statements)) if name in _changes(statements[place])]
        for place in {last[name], *later} - places:
            places.add(place)
            open_names |= _reads(statements[place]) - seen
    return [statements[place] for place in sorted(places)]
