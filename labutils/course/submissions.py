"""What was handed in: a notebook under a wrong name is brought to its place; what cannot be graded gets a reason."""

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import nbformat
from nbgrader.utils import parse_utc

from labutils.course.cells import grade_id, in_order, kind_of
from labutils.course.layout import Course
from labutils.course.reading import LARGEST, Unreadable, parsed
from labutils.course.recover import certain, is_answer, owners, released_cells
from labutils.files import write

LONGEST = 128  # characters of a student's name in the gradebook
FILES = 5_000  # files and folders of a student
STAMP = 100  # bytes of timestamp.txt; what reads dates takes quadratic time
ENDINGS = (".ipynb", ".ipynb.txt", ".ipynb.json", ".zip")  # what browsers and mail programs make of a notebook


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
    released = released_cells(nbformat.read(course.source(lab), as_version=4), course.config())
    return {student: _submission(course, lab, student, released) for student in course.submitted()}


def _submission(course: Course, lab: str, student: str, released: Sequence[Any]) -> Submission:
    folder = course.build / "submitted" / student / lab
    if odd := set(student) & set('*?[<>"'):
        return Submission(f"nbgrader cannot read a student folder with {min(odd)} in its name")
    if len(student) > LONGEST:
        return Submission(f"nbgrader takes names of {LONGEST} characters, this folder's has {len(student)}")
    if any(path.is_symlink() for path in (folder.parent, folder, folder / f"{lab}.ipynb")):
        return Submission("the notebook or its folder is a link; a submission must hold its files itself")
    if any(path.exists() and not path.is_file() for path in (folder / f"{lab}.ipynb", folder / "timestamp.txt")):
        return Submission("the notebook or timestamp.txt is no plain file")
    if len([*islice(folder.parent.rglob("*"), FILES + 1)]) > FILES:
        return Submission(f"the folder holds more than {FILES:,} files")
    path, record = folder / f"{lab}.ipynb", course.build / "found" / lab / f"{student}.json"
    note = ""
    if not _is_students_own(path, record):
        found = list(_notebooks_of(folder.parent, released, besides=path).values())
        if len(found) == 1:
            _copy(found[0], folder, lab, record)
        elif found or not path.exists():
            return _not_found(folder, lab, found)
        note = f"graded from {json.loads(record.read_text())['from']}"
    return _judged(folder, lab, released, note)


def _judged(folder: Path, lab: str, released: Sequence[Any], note: str) -> Submission:
    """The submission in a folder, whose notebook is in its place."""
    if reason := unreadable(folder, lab):
        return Submission(reason, note)
    cells = parsed(_content(folder / f"{lab}.ipynb")).cells
    answers = {name for cell in released if is_answer(cell) and (name := grade_id(cell))}
    found = answers & set(owners(cells, released))
    told = f"by their ids and texts, {len(found)} of {len(answers)}"
    if {grade_id(cell) for cell in released if grade_id(cell)} & set(map(grade_id, cells)):
        missing = ", ".join(sorted(answers - found, key=in_order))
        notes = [note, f"no cell for {missing}" if missing else ""]
    elif 2 * len(found) >= len(answers):
        notes = [note, f"answers told {told}"]
    else:
        why = "its cells have lost the metadata that says which answer is which"
        return Submission(f"{why}; {told} could be told", note)
    return Submission(note=", ".join(filter(None, notes)))


def _is_students_own(path: Path, record: Path) -> bool:
    """Whether the student put the notebook there, and not an earlier run, which noted its hash."""
    return path.exists() and not (record.exists() and json.loads(record.read_text())["sha256"] == _hash(path))


def _notebooks_of(home: Path, released: Sequence[Any], besides: Path) -> dict[str, Path]:
    """{hash: path} of the notebooks below a student's folder that hold at least half of a lab's test cells."""
    paths = [p for p in sorted(home.rglob("*")) if p.name.lower().endswith(ENDINGS) and p != besides]
    plain = [p for p in paths if p.is_file() and not p.is_symlink()]
    seen = [p for p in plain if not any(part.startswith(".") for part in p.relative_to(home).parts)]
    tests = {grade_id(cell) for cell in released if kind_of(cell) == "test"}
    found = {}
    for path in reversed(seen):
        try:
            cells = parsed(_content(path)).cells
        except Unreadable:
            continue
        if 2 * len(tests & set(certain(cells, released))) >= len(tests):
            found[hashlib.sha256(_content(path)).hexdigest()] = path
    return found


def _content(path: Path) -> bytes:
    """The bytes of a notebook: those of a file, or of the only notebook in a zip; raises Unreadable."""
    size = path.stat().st_size
    if size > LARGEST:
        raise Unreadable(f"{path.name} has {size / 2**20:.0f} MiB, at most {LARGEST / 2**20:.0f} are read")
    data = path.read_bytes()
    if path.suffix.lower() != ".zip":
        return data
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            inside = [one for one in archive.infolist() if _is_notebook(one.filename)]
            if len(inside) != 1 or inside[0].file_size > LARGEST:
                raise Unreadable(f"{path.name} holds {len(inside)} notebooks, expected one that is not too large")
            with archive.open(inside[0]) as file:
                return file.read(LARGEST + 1)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError) as error:
        raise error if isinstance(error, Unreadable) else Unreadable(f"{path.name} is no zip: {error}") from None


def _is_notebook(name: str) -> bool:
    parts = name.split("/")
    return name.lower().endswith(".ipynb") and not any(part.startswith((".", "__MACOSX")) for part in parts)


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _not_found(folder: Path, lab: str, found: Iterable[Path]) -> Submission:
    if found:
        names = ", ".join(sorted(p.relative_to(folder.parent).as_posix() for p in found))
        return Submission(f"no {lab}.ipynb, and several could be it: {names}; keep one")
    if not folder.is_dir():
        return Submission(note="nothing handed in", absent=True)
    others = ", ".join(p.name for p in sorted(folder.iterdir()) if p.name.lower().endswith(ENDINGS))
    return Submission(f"no {lab}.ipynb, but {others}, without its cells" if others else f"no {lab}.ipynb")


def _copy(path: Path, folder: Path, lab: str, record: Path) -> None:
    """Copy a notebook, and the time it came, to where nbgrader looks. The record goes first: a kill does no harm."""
    name = path.relative_to(folder.parent).as_posix() if path.parent != folder else path.name
    data = _content(path)
    write(record, json.dumps({"from": name, "sha256": hashlib.sha256(data).hexdigest()}))
    write(folder / f"{lab}.ipynb", data)
    stamp = path.with_name("timestamp.txt")
    if path.parent != folder and stamp.is_file() and not stamp.is_symlink():
        write(folder / "timestamp.txt", stamp.read_bytes())


def unreadable(folder: Path, lab: str) -> str:
    """Why a submission cannot be graded, in one line, or "" if nothing speaks against it."""
    path = folder / f"{lab}.ipynb"
    links = [p.relative_to(folder) for p in folder.rglob("*") if p.is_symlink()]
    if links:
        return f"{links[0]} is a link to another file; a submission must hold its files itself"
    try:
        parsed(_content(path))
    except Unreadable as error:
        return str(error)
    return _bad_date(folder / "timestamp.txt")


def _bad_date(stamp: Path) -> str:
    """Why the time of a submission cannot be read, or ""; a byte order mark, which stops nbgrader, is removed."""
    if not stamp.exists():
        return ""
    if stamp.stat().st_size > STAMP:
        return f"timestamp.txt has {stamp.stat().st_size} bytes, expected a date of at most {STAMP}"
    data = stamp.read_bytes()
    text = data.decode("utf-8-sig", errors="replace").strip()
    if data.startswith(b"\xef\xbb\xbf"):
        write(stamp, text)
    try:
        if not text or (re.match(r"\d{4}-\d{2}-\d{2}(?!\d)", text) and parse_utc(text)):
            return ""
    except Exception:  # dateutil fails in many ways
        pass
    shown = "".join(c if c.isprintable() else "?" for c in text[:40])
    return f"timestamp.txt holds no date but {shown!r}; write it as 2026-03-05 23:59:00 UTC"
