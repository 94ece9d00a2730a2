"""What was handed in: a notebook under a wrong name is brought to its place; what cannot be graded gets a reason."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbgrader.utils import parse_utc

from labutils.course.cells import grade_id, kind_of
from labutils.course.layout import Course
from labutils.files import write

LARGEST = 100 * 2**20  # bytes of a notebook: nbformat takes ten times its size in memory
LONGEST = 128  # characters of a student's name in the gradebook


@dataclass(frozen=True)
class Submission:
    """What a student handed in of a lab: the reason why it cannot be graded or "", and what is remarkable about it."""

    reason: str = ""
    note: str = ""
    absent: bool = False

    @property
    def sound(self) -> bool:
        """Whether it can be graded."""
        return not self.reason and not self.absent


def find_submissions(course: Course, lab: str) -> dict[str, Submission]:
    """{student: Submission}. A notebook of the lab with another name, or in another folder, is copied to its place."""
    cells = nbformat.read(course.source(lab), as_version=4).cells
    tests = {grade_id(cell) for cell in cells if kind_of(cell) == "test"}
    return {student: _submission(course, lab, student, tests) for student in course.submitted()}


def _submission(course: Course, lab: str, student: str, tests: set) -> Submission:
    folder = course.build / "submitted" / student / lab
    if set(student) & set("*?["):
        return Submission("nbgrader cannot read a student folder with *, ? or [ in its name")
    if len(student) > LONGEST:
        return Submission(f"nbgrader takes names of {LONGEST} characters, this folder's has {len(student)}")
    if any(path.is_symlink() for path in (folder.parent, folder, folder / f"{lab}.ipynb")):
        return Submission("the notebook or its folder is a link; a submission must hold its files itself")
    if any(path.exists() and not path.is_file() for path in (folder / f"{lab}.ipynb", folder / "timestamp.txt")):
        return Submission("the notebook or timestamp.txt is no plain file")
    path, record = folder / f"{lab}.ipynb", course.build / "found" / lab / f"{student}.json"
    if _is_students_own(path, record):
        return Submission(unreadable(folder, lab))
    found = list(_notebooks_of(folder.parent, tests, besides=path).values())
    if len(found) == 1:
        _copy(found[0], folder, lab, record)
    elif found or not path.exists():
        return _not_found(folder, lab, found)
    return Submission(unreadable(folder, lab), f"graded from {json.loads(record.read_text())['from']}")


def _is_students_own(path: Path, record: Path) -> bool:
    """Whether the student put the notebook there, and not an earlier run, which noted its hash."""
    return path.exists() and not (record.exists() and json.loads(record.read_text())["sha256"] == _hash(path))


def _notebooks_of(home: Path, tests: set, besides: Path) -> dict[str, Path]:
    """{hash: path} of the notebooks below a student's folder that hold at least half of a lab's test cells."""
    paths = [p for p in sorted(home.rglob("*.ipynb")) if p != besides and p.is_file() and not p.is_symlink()]
    seen = [p for p in paths if not any(part.startswith(".") for part in p.relative_to(home).parts)]
    return {_hash(p): p for p in reversed(seen) if 2 * len(tests & _names(p)) >= len(tests)}


def _names(path: Path) -> set:
    try:
        cells = json.loads(path.read_bytes())["cells"] if path.stat().st_size <= LARGEST else []
        return {grade_id(cell) for cell in cells}
    except Exception:  # whatever it is, it is no notebook of this lab
        return set()


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _not_found(folder: Path, lab: str, found: Iterable[Path]) -> Submission:
    if found:
        names = ", ".join(sorted(p.relative_to(folder.parent).as_posix() for p in found))
        return Submission(f"no {lab}.ipynb, and several could be it: {names}; keep one")
    if not folder.is_dir():
        return Submission(note="nothing handed in", absent=True)
    others = ", ".join(p.name for p in sorted(folder.glob("*.ipynb")) if p.stem != lab)
    return Submission(f"no {lab}.ipynb, but {others}, without its cells" if others else f"no {lab}.ipynb")


def _copy(path: Path, folder: Path, lab: str, record: Path) -> None:
    """Copy a notebook, and the time it came, to where nbgrader looks. The record goes first: a kill does no harm."""
    name = path.relative_to(folder.parent).as_posix() if path.parent != folder else path.name
    write(record, json.dumps({"from": name, "sha256": _hash(path)}))
    write(folder / f"{lab}.ipynb", path.read_bytes())
    stamp = path.with_name("timestamp.txt")
    if path.parent != folder and stamp.is_file() and not stamp.is_symlink():
        write(folder / "timestamp.txt", stamp.read_bytes())


def unreadable(folder: Path, lab: str) -> str:
    """Why a submission cannot be graded, in one line, or "" if nothing speaks against it."""
    path = folder / f"{lab}.ipynb"
    links = [p.relative_to(folder) for p in folder.rglob("*") if p.is_symlink()]
    if links:
        return f"{links[0]} is a link to another file; a submission must hold its files itself"
    if path.stat().st_size > LARGEST:
        return f"the notebook has {path.stat().st_size / 2**20:.0f} MiB: were its outputs left in?"
    try:
        notebook = json.loads(path.read_bytes().decode("utf-8"))
        version = notebook.get("nbformat") if isinstance(notebook, dict) else None
        if version not in (3, 4):
            return f"not a notebook: its nbformat is {str(version)[:40]}, expected 4"
        nbformat.validate(nbformat.convert(nbformat.from_dict(notebook), 4))
    except UnicodeDecodeError as error:
        return f"not a notebook: byte {error.start} is not UTF-8"
    except json.JSONDecodeError as error:
        return f"not a notebook: {error}" if path.stat().st_size else "the notebook is empty"
    except nbformat.ValidationError as error:
        where = "/".join(map(str, error.path)) or "top level"
        short = len(error.message) < 100
        return _line(f"not a notebook: {where}: {error.message if short else f'{error.message[:60]}... does not fit'}")
    except Exception as error:  # nbformat stumbles in many ways over what is no notebook
        return _line(f"not a notebook: nbformat cannot read it ({type(error).__name__}: {str(error)[:100]})")
    return _bad_date(folder / "timestamp.txt")


def _line(text: str) -> str:
    return " ".join(text.split())  # the words of a damaged notebook may hold line breaks


def _bad_date(stamp: Path) -> str:
    try:
        text = stamp.read_text().strip() if stamp.exists() else ""
        return "" if not text or parse_utc(text) else "timestamp.txt holds no date"
    except Exception:  # dateutil fails in many ways
        return "timestamp.txt holds no date"
