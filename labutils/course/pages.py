"""What students write, on the pages of whoever reads it: formgrader's, and the feedback's.

`nbgrader_config.py` puts `markdown2html` and `clean_html` in the place of nbconvert's filters of the same names.
Sanitized is what they render, HTML, so nothing depends on how Markdown may be spelt.
"""

import base64
import html
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import jinja2
import nh3
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from pygments.token import STANDARD_TYPES

LONGEST = 20_000  # characters of a text that is rendered; some take nbconvert's parser quadratic time
WORDS = "a abbr b br center code del em i img kbd mark s small span strong sub sup u"
BLOCKS = "blockquote dd details div dl dt h1 h2 h3 h4 h5 h6 hr li ol p pre summary table tbody td tfoot th thead tr ul"
TAGS = {*WORDS.split(), *BLOCKS.split()}
ATTRIBUTES = {
    **{f"h{level}": {"id"} for level in range(1, 7)},
    "a": {"href", "title", "id"},
    "img": {"src", "alt", "title", "width", "height"},
    "ol": {"start"},
    "td": {"style", "colspan", "rowspan"},
    "th": {"style", "colspan", "rowspan"},
}
CLASSES = {"div": {"highlight"}, "span": {*filter(None, STANDARD_TYPES.values())}, "a": {"anchor-link"}}
PREFIX = "text-"  # of ids, so that no heading takes the place of a part of the page
PICTURE = re.compile(r"[\w ()+,.-]+(/[\w ()+,.-]+)*\.(png|jpe?g|gif|webp)", re.IGNORECASE)  # a file beside the notebook
EMBEDDED = re.compile(r"data:image/(png|jpeg);base64,[A-Za-z0-9+/=]*")
SERVED = {".ipynb", ".csv", ".tsv", ".txt", ".json", ".npy", ".npz", ".pt", ".png", ".jpg", ".jpeg", ".gif", ".webp"}
MAGIC = {"image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff"}


@jinja2.pass_context
def markdown2html(context: Mapping[str, Any], source: str) -> str:
    """A text as HTML that runs nothing and fetches nothing; its pasted PNG and JPEG pictures are in it."""
    if len(source) > LONGEST:
        return f"<pre>{html.escape(source)}</pre>"
    renderer = _Renderer((context.get("cell") or {}).get("attachments"))
    return clean_html(MarkdownWithMath(renderer=renderer).render(source))


def clean_html(source: str) -> str:
    """HTML that runs nothing and fetches nothing."""
    return _cleaner().clean(source).replace("\\href", "\\text")  # else MathJax makes links of its own


def remove_unserved(assignment: str, student: str, **_: Any) -> None:
    """Of the files beside a graded notebook, keep data and pictures: formgrader serves all that is there, scripts too.

    A hook of nbgrader's autograde, which calls it in the folder of the course.
    """
    for path in Path("build", "autograded", student, assignment).rglob("*"):
        if path.is_symlink() or (path.is_file() and path.suffix.lower() not in SERVED):
            path.unlink()


class _Renderer(IPythonRenderer):
    """nbconvert's renderer, which shows tags that it does not know, as in "x<y and y>z", as characters."""

    def __init__(self, attachments: Any) -> None:
        super().__init__(escape=False)
        self.pasted = attachments if isinstance(attachments, dict) else {}

    def image(self, text: str, url: str, title: str | None = None) -> str:
        if not url.startswith("attachment:"):
            return super().image(text, url, title)
        picture = _picture(self.pasted.get(unquote(url.removeprefix("attachment:"))))
        return super().image(text, picture, title) if picture else f"[no picture: {html.escape(text)}]"

    def block_html(self, html: str) -> str:
        return _known(html) + "\n"

    def inline_html(self, html: str) -> str:
        return _known(html)


def _known(text: str) -> str:
    """HTML of known tags as it is, all other as characters."""
    names = {name.lower() for name in re.findall(r"<[/!?]?([^\s/>]*)", text)}
    return text if names <= TAGS else html.escape(text)


def _picture(attachment: Any) -> str:
    """The address of a pasted picture with its data in it; "" for what is no PNG or JPEG."""
    for mime, magic in MAGIC.items():
        data = attachment.get(mime) if isinstance(attachment, dict) else None
        try:
            content = base64.b64decode(data if isinstance(data, str) else "".join(data or ()))
        except (TypeError, ValueError):
            continue
        if content.startswith(magic):
            return f"data:{mime};base64,{base64.b64encode(content).decode()}"
    return ""


def _attribute(tag: str, name: str, value: str) -> str | None:
    """An attribute as it may stand on a page, or None."""
    if name == "src":
        path = unquote(value)
        if EMBEDDED.fullmatch(value):
            return value
        return quote(path) if PICTURE.fullmatch(path) and not {".", ".."} & {*path.split("/")} else None
    if name == "href":
        if value.startswith("#"):
            return f"#{PREFIX}{value[1:]}"
        return value if re.match(r"(https?://|mailto:)", value, re.IGNORECASE) else None
    return value


@lru_cache(1)
def _cleaner() -> nh3.Cleaner:
    return nh3.Cleaner(
        tags=TAGS,
        attributes=ATTRIBUTES,
        attribute_filter=_attribute,
        allowed_classes=CLASSES,
        filter_style_properties={"text-align"},
        id_prefix=PREFIX,
        url_schemes={"http", "https", "mailto", "data"},
    )
