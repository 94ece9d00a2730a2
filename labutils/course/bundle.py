"""What only a bundle holds: a README for students, and a Makefile with the commands that work there."""

import re
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from labutils.course.layout import Course

TEMPLATES = Path(__file__).parent / "bundle"
SECTION = re.compile(r"^# (Lab 5|Instructors) -+\n", re.MULTILINE)  # of the Makefile
WITH_TRAINING = "lab5_vpsde_mnist"


def readme(lab: str, notebook: NotebookNode) -> str:
    """The README of a bundle, under the title of the notebook."""
    titles = [line for cell in notebook.cells[:1] for line in cell.source.splitlines() if line.startswith("# ")]
    title = titles[0].removeprefix("# ").strip() if titles else lab
    more = TEMPLATES / f"{lab}.md"
    text = (TEMPLATES / "README.md").read_text() + (more.read_text() if more.exists() else "")
    return text.replace("{lab}", lab).replace("{title}", title)


def makefile(lab: str, text: str) -> str:
    """The Makefile of the course without what a student of this lab cannot run."""
    sections = SECTION.split(text)
    parts = {"": sections[0]} | dict(zip(sections[1::2], sections[2::2], strict=True))
    kept = ("", "Lab 5") if lab == WITH_TRAINING else ("",)
    return "\n\n".join(parts[name].strip("\n") for name in kept if name in parts) + "\n"


def texts(course: Course, lab: str, released: Path) -> dict[str, str]:
    """{name: text} of the files that differ from those of the course."""
    made = {"README.md": readme(lab, nbformat.read(released / f"{lab}.ipynb", as_version=4))}
    if (course.root / "Makefile").exists():
        made["Makefile"] = makefile(lab, (course.root / "Makefile").read_text())
    return made
