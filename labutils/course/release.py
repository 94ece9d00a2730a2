"""The student version of a lab: for `make lab` on a student's machine, for the gradebook, and as a bundle."""

import hashlib
import io
import re
import shutil
import tempfile
import zipfile
from pathlib import Path

import nbformat
from nbgrader.api import MissingEntry
from nbgrader.converters import GenerateAssignment
from nbgrader.preprocessors import SaveCells

from labutils.course.bundle import texts
from labutils.course.layout import Course, CourseError, logged, start
from labutils.files import replace_folder, write

MARKER = re.compile(r"###?\s*(BEGIN|END)\b")
BUNDLED = (
    "README.md",
    "LICENSE",
    "Makefile",
    "pyproject.toml",
    "constraints.txt",
    "environment.yml",
    "nbgrader_config.py",
)


def is_released(notebook: nbformat.NotebookNode) -> bool:
    """Whether a notebook is a student version already, as it is in a bundle: nbgrader's checksums, and no marker."""
    marked = any(MARKER.search(cell.source) for cell in notebook.cells)
    return not marked and any("checksum" in cell.metadata.get("nbgrader", {}) for cell in notebook.cells)


def generate(course: Course, lab: str, into: Path, record: bool) -> None:
    """Write the student version of a lab, with the files beside it, to the folder `into`.

    record: note the cells and points in the gradebook, which grading needs and a student does not.
    """
    source = course.source(lab)
    with tempfile.TemporaryDirectory(prefix=".release-", dir=into.parent) as scratch:
        if is_released(nbformat.read(source, as_version=4)):
            shutil.copytree(source.parent, Path(scratch, lab), ignore=shutil.ignore_patterns(".*"))
        else:
            config = course.config()
            config.CourseDirectory.release_directory = scratch
            config.GenerateAssignment.no_database = not record
            converter = course.converter(GenerateAssignment, lab, config=config)
            if not record:
                converter.preprocessors = [step for step in converter.preprocessors if step is not SaveCells]
            with logged(course.build / "release.log") as errors:
                reason = start(converter, errors)
            if reason:
                raise CourseError(f"{lab} cannot be released: {reason} (more in {course.build / 'release.log'})")
            _refuse_leaks(Path(scratch, lab, f"{lab}.ipynb"))
        replace_folder(Path(scratch, lab), into)


def _refuse_leaks(path):
    """nbgrader drops what stands between its markers; one that is misspelt would send a solution to the students."""
    for cell in nbformat.read(path, as_version=4).cells:
        if left := MARKER.search(cell.source):
            name = cell.metadata.get("nbgrader", {}).get("grade_id", cell.get("id", "?"))
            raise CourseError(
                f"{path.stem} cannot be released: cell {name} still holds {left.group()!r}; a misspelt marker?"
            )


def release(course: Course, lab: str) -> tuple[Path, Path]:
    """Write build/release/<lab> and build/bundle/<lab>.zip, record the lab in the gradebook; return both paths."""
    target, bundle = course.build / "release" / lab, course.build / "bundle" / f"{lab}.zip"
    target.parent.mkdir(parents=True, exist_ok=True)
    generate(course, lab, target, record=True)
    write(bundle, _bundle(course, lab, target))
    write(_stamp(course, lab), fingerprint(course, lab))
    return target, bundle


def ensure_released(course: Course, lab: str) -> bool:
    """Release a lab if that was never done, or if its source has changed since; return whether it was needed."""
    stamp, source = _stamp(course, lab), fingerprint(course, lab)
    if stamp.exists() and stamp.read_text() == source and _recorded(course, lab):
        return False
    release(course, lab)
    return True


def fingerprint(course: Course, lab: str) -> str:
    """A hash of what a release is made from: the files of the lab and the configuration."""
    files = sorted(
        p for p in course.source(lab).parent.rglob("*") if p.is_file() and ".ipynb_checkpoints" not in p.parts
    )
    digest = hashlib.sha256()
    for path in [course.root / "nbgrader_config.py", *files]:
        digest.update(f"{path.relative_to(course.root)} {path.stat().st_size}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def _stamp(course, lab):
    return course.build / "release" / f".{lab}.sha256"


def _recorded(course, lab):
    try:
        with course.gradebook() as gradebook:
            return bool(gradebook.find_assignment(lab).notebooks)
    except MissingEntry:
        return False


def _bundle(course, lab, released):
    """A zip with what a student needs for one lab, so that `make lab` works in it; equal files give equal bytes."""
    hidden = {"__pycache__", "reference"}  # solutions, for tests
    modules = sorted(
        p for p in course.root.glob("labutils/**/*") if p.is_file() and not hidden & {*p.relative_to(course.root).parts}
    )
    files = {p.relative_to(course.root): p for p in [*(course.root / name for name in BUNDLED), *modules] if p.exists()}
    for path in sorted(p for p in released.rglob("*") if p.is_file()):
        files[Path("notebooks", lab, path.relative_to(released))] = path
    files |= {Path(name): text.encode() for name, text in texts(course, lab, released).items()}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in files.items():
            entry = zipfile.ZipInfo(f"{lab}/{name.as_posix()}")  # without a date
            entry.external_attr = 0o644 << 16
            data = path if isinstance(path, bytes) else path.read_bytes()
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def work(course: Course) -> list[tuple[Path, bool]]:
    """Write the student version of every lab to work/<lab>; return [(path, whether it was written)].

    What is there already is the student's, and is never written over.
    """
    if not course.labs():
        course.source("")
    done = []
    for lab in course.labs():
        folder = course.root / "work" / lab
        kept = (folder / f"{lab}.ipynb").exists()
        if not kept:
            _write_missing(course, lab, folder)
        done.append((folder / f"{lab}.ipynb", not kept))
    return done


def _write_missing(course, lab, folder):
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".lab-", dir=folder.parent) as scratch:
        generate(course, lab, Path(scratch, lab), record=False)
        for path in sorted(p for p in Path(scratch, lab).rglob("*") if p.is_file()):
            target = folder / path.relative_to(Path(scratch, lab))
            if not target.exists():
                write(target, path.read_bytes())
