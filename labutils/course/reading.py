"""A notebook as it was handed in, measured before it is parsed and brought to the newest format."""

import json
import re
from typing import Any

import nbformat
from nbconvert.exporters import NotebookExporter
from nbformat import NotebookNode
from nbformat.v4.rwbase import rejoin_lines

LARGEST = 100 * 2**20  # bytes of a notebook, outputs included
PIECES = 5_000_000  # of JSON, which take some 40 bytes of memory each; pictures hold none
CELLS = 2_000
CHARACTERS = 1_000_000  # of all cells, without outputs: the longest lab has 80,000


class Unreadable(ValueError):
    """Why a file cannot be graded, in one line."""


def parsed(data: bytes) -> NotebookNode:
    """The notebook in a file, in nbformat 4.5 and with a sound id in each cell; raises Unreadable for what is none."""
    _measure(data)
    try:
        book = json.loads(data.decode("utf-8-sig"))
        version = book.get("nbformat") if isinstance(book, dict) else None
        if version not in (3, 4):
            raise Unreadable(f"not a notebook: its nbformat is {str(version)[:40]}, expected 4")
        _count([cell for sheet in ([book] if version == 4 else book["worksheets"]) for cell in sheet["cells"]])
        return _newest(book)
    except Unreadable:
        raise
    except UnicodeDecodeError as error:
        raise Unreadable(f"not a notebook: byte {error.start} is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise Unreadable(f"not a notebook: {error}" if data.strip() else "the notebook is empty") from None
    except nbformat.ValidationError as error:
        where = "/".join(map(str, error.path)) or "top level"
        said = error.message if len(error.message) < 100 else f"{error.message[:60]}... does not fit"
        raise Unreadable(_line(f"not a notebook: {where}: {said}")) from None
    except Exception as error:  # nbformat stumbles in many ways over what is no notebook
        said = f"{type(error).__name__}: {str(error)[:100]}"
        raise Unreadable(_line(f"not a notebook: nbformat cannot read it ({said})")) from None


def _measure(data: bytes) -> None:
    if len(data) > LARGEST:
        raise Unreadable(
            f"the notebook has {len(data) / 2**20:.0f} MiB, at most {LARGEST / 2**20:.0f} are read: "
            "were its outputs left in?"
        )
    pieces = sum(map(data.count, (b",", b"[", b"{")))
    if pieces > PIECES:
        raise Unreadable(f"the notebook has {pieces:,} pieces of JSON, at most {PIECES:,} are read")


def _count(cells: list[dict[str, Any]]) -> None:
    if len(cells) > CELLS:
        raise Unreadable(f"the notebook has {len(cells):,} cells, at most {CELLS:,} are graded")
    characters = sum(len(text) for cell in cells for text in cell.get("source", cell.get("input", "")))
    if characters > CHARACTERS:
        raise Unreadable(f"the cells have {characters:,} characters, at most {CHARACTERS:,} are graded")


def _newest(book: dict[str, Any]) -> NotebookNode:
    """As nbformat 4.5; some programs write cell ids, which came with it, into notebooks that they call 4.4."""
    notebook = nbformat.convert(nbformat.from_dict(book), 4)
    notebook.nbformat_minor = max(notebook.nbformat_minor, 5)
    known = set()
    for position, cell in enumerate(notebook.cells):
        name = cell.get("id")
        if not isinstance(name, str) or not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name) or name in known:
            cell.id = f"cell-{position}"
        known.add(cell.id)
    nbformat.validate(notebook)
    return rejoin_lines(notebook)


def _line(text: str) -> str:
    return " ".join(text.split())  # the words of a damaged notebook may hold line breaks


class SubmissionExporter(NotebookExporter):
    """nbgrader's exporter of notebooks, which reads what is handed in as `parsed` does."""

    def from_file(self, file_stream: Any, resources: dict | None = None, **options: Any) -> Any:
        """The notebook in an open text file, converted; one that is executed, autograde's second step, is ours."""
        text = file_stream.read()
        submitted = getattr(self.parent, "_sanitizing", True)
        notebook = parsed(text.encode()) if submitted else nbformat.reads(text, as_version=4)
        return self.from_notebook_node(notebook, resources, **options)
