"""What a student wrote, in the browser of whoever grades: nothing runs, nothing is fetched, nobody is logged out."""

import base64
import re

import nbformat
import pytest
from nbformat.v4 import new_markdown_cell

from labutils.course import pages
from labutils.course.autograde import grade
from labutils.course.feedback import feedback
from labutils.course.release import release
from tests.courses import course_at, notebook
from tests.demo import filled, reference
from tests.test_browser import jupyterlab

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="  # one pixel
SVG = '<svg xmlns="http://www.w3.org/2000/svg"><script>top.hit = 1</script></svg>'
HOSTILE = [
    "[click](javascript:top.hit=1)",
    "[click](JaVaScRiPt:top.hit=1)",
    "[click](java&#115;cript:top.hit=1)",
    "[click][1]\n\n[1]: javascript:top.hit=1",
    "[click](data:text/html,<script>top.hit=1</script>)",
    "[click](/logout)",
    "[click](../../../logout)",
    "![x](/logout)",
    "![x](../../../logout)",
    "![x](..%2f..%2f..%2flogout)",
    "![x](\\\\\\\\evil.example\\\\x.png)",
    "![x](files//logout/x.png)",
    "![x](https://evil.example/x.png)",
    "![x](//evil.example/x.png)",
    "![x](attachment:missing.png)",
    "<img src=x onerror=top.hit=1>",
    "<details open ontoggle=top.hit=1>x</details>",
    "<script>top.hit = 1</script>",
    "<b><script>top.hit = 1</script></b>",
    "<style>body { background: url(https://evil.example/css) }</style>",
    "<div style='background: url(https://evil.example/style)'>x</div>",
    "<iframe src=/logout></iframe>",
    "<object data=/logout></object><embed src=/logout>",
    "<meta http-equiv=refresh content='0; url=/logout'>",
    "<base href=https://evil.example/>",
    "<link rel=stylesheet href=https://evil.example/link>",
    "<form action=/logout><button>click</button></form>",
    "<video src=https://evil.example/v autoplay></video>",
    "<picture><source srcset=https://evil.example/s><img src=x></picture>",
    "<svg><a href='javascript:top.hit=1'><text>click</text></a></svg>",
    "<math><mtext><table><mglyph><style><img src=x onerror=top.hit=1>",
    "<a href='java\tscript:top.hit=1'>click</a>",
    "<a href='#x' onclick='top.hit=1' class='btn full-credit'>click</a>",
    "$x<img src=x onerror=top.hit=1>$",
    "```mermaid\n<img src=x onerror=top.hit=1>\n```",
    "# ex_1_2_why\n\n<a id=ex_1_2_why>x</a>",
    "`" * 3 + "<script>top.hit=1</script>",
    "<b>" * 3000,
    "> " * 3000,
]


def html(source, attachments=None):
    return pages.markdown2html({"cell": {"attachments": attachments}}, source)


@pytest.mark.parametrize("source", HOSTILE)
def test_no_html_of_a_text_runs_or_fetches(source):
    page = html(source)
    assert not re.search(r"<(script|style|iframe|object|embed|meta|base|link|form|video|svg|math|picture)\b", page)
    tags = re.findall(r"<[a-z][^>]*>", page)
    assert not any(re.search(r"\son|\sstyle=|src=|href=\"(?!#text-)|full-credit|\sid=\"(?!text-)", tag) for tag in tags)


def test_a_text_looks_as_it_was_meant():
    assert "x&lt;y and z&gt;w" in html("x<y and z>w") and "a<br>b<sub>2</sub>" in html("a<br>b<sub>2</sub>")
    assert 'href="https://arxiv.org"' in html("[x](https://arxiv.org)") and "mailto:a@b.org" in html("<a@b.org>")
    assert '<a href="#text-Why"' in html("# Why\n[back](#Why)") and '<h1 id="text-Why">' in html("# Why")
    assert '<td style="text-align:right">' in html("|a|\n|-:|\n|1|") and '<span class="k">' in html(
        "```python\ndef\n```"
    )
    assert 'src="my%20photo.png"' in html("![x](my%20photo.png)") and 'src="a/b.JPG"' in html("![x](a/b.JPG)")


def test_pasted_pictures_are_png_or_jpeg():
    jpeg = base64.b64encode(b"\xff\xd8\xff rest").decode()
    assert f"data:image/png;base64,{PNG}" in html("![x](attachment:a.png)", {"a.png": {"image/png": PNG}})
    assert f"data:image/jpeg;base64,{jpeg}" in html("![x](attachment:a%20b)", {"a b": {"image/jpeg": jpeg}})
    svg = base64.b64encode(SVG.encode()).decode()
    for pasted in ({"image/svg+xml": svg}, {"image/png": svg}, {"image/png": 3}, {"image/png": "?"}, 3, None):
        assert "[no picture: x]" in html("![x](attachment:a.svg)", {"a.svg": pasted})


def test_a_text_too_long_to_render_is_shown_as_it_is():
    assert html("\\begin{a}" * 10_000).startswith("<pre>\\begin{a}")


# In Chromium ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A class of hostile texts, and of a pasted picture, a widget and files beside the notebook; (course, pages)."""
    course = course_at(tmp_path_factory.mktemp("pages"), notebook())
    released = release(course, "mini")[0] / "mini.ipynb"
    for student in ("hostile", "pasted", "widgets"):
        book = nbformat.reads(filled(released, reference(course.source("mini"))), 4)
        why = next(cell for cell in book.cells if cell.get("id") == "ex_1_2_why")
        if student == "hostile":
            why.source = "\n\n".join(HOSTILE[:-2])
            book.cells += [new_markdown_cell(text) for text in HOSTILE]
            book.cells += [nbformat.v4.new_raw_cell(text) for text in HOSTILE]
        if student == "pasted":
            why.source = "![shot](attachment:shot.png) ![photo](photo.png)"
            why.attachments = {"shot.png": {"image/png": PNG}}
        if student == "widgets":
            book.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": {"abc": {}}}
        folder = course.build / "submitted" / student / "mini"
        folder.mkdir(parents=True)
        nbformat.write(book, folder / "mini.ipynb")
        (folder / "photo.png").write_bytes(base64.b64decode(PNG))
        (folder / "page.html").write_text("<script>top.hit = 1</script>")
        (folder / "logo.SVG").write_text(SVG)
        (folder / "data.csv").write_text("a,b")
    rows = grade(course, "mini")
    assert all(row.total == (5, 5) and row.to_read == 1 for row in rows), rows
    return course, feedback(course, "mini")


@pytest.mark.needs("sandbox")
def test_only_data_and_pictures_lie_where_formgrader_serves_them(course):
    for folder in ("autograded", "feedback"):
        names = {path.name for path in (course[0].build / folder / "hostile" / "mini").iterdir()}
        assert {"photo.png", "data.csv"} <= names and not names & {"page.html", "logo.SVG"}


@pytest.fixture(scope="module")
def server(course, tmp_path_factory):
    with jupyterlab(course[0].root, tmp_path_factory.mktemp("settings")) as address:
        yield address


def watched(browser):
    """A page, and the addresses that it asks for; the scripts that the page's own template loads are left out."""
    page, asked = browser.new_context().new_page(), []
    page.on("dialog", lambda dialog: (asked.append("dialog"), dialog.dismiss()))
    page.on("request", lambda request: asked.append(request.url))
    page.route("https://**", lambda route: route.abort())
    page.route("http://evil.example/**", lambda route: route.abort())
    return page, asked


def harmless(page, asked):
    for link in page.get_by_text("click", exact=True).all():
        before = page.url
        link.click(force=True, timeout=5000)
        assert page.url.split("#")[0] == before.split("#")[0]
    page.wait_for_timeout(300)
    assert page.evaluate("window.hit") is None
    template = ("https://cdnjs.cloudflare.com/ajax/libs/require.js/", "https://cdnjs.cloudflare.com/ajax/libs/mathjax/")
    bad = [one for one in asked if "evil" in one or "logout" in one or "dialog" in one]
    assert not bad
    assert all(one.startswith(("http://127.0.0.1", "file:", "data:", *template)) for one in asked), asked


def shown(page):
    return page.evaluate("[...document.images].map(one => [one.alt, one.naturalWidth])")


@pytest.mark.needs("sandbox")
@pytest.mark.needs("chromium")
@pytest.mark.needs("fonts-dejavu-core")
def test_every_page_of_formgrader_opens_and_does_nothing_else(browser, course, server):
    with course[0].gradebook() as gradebook:
        ids = {one.student.id: one.id for one in gradebook.notebook_submissions("mini", "mini")}
    page, asked = watched(browser)
    page.goto(f"{server}/lab?token=test")
    for student, number in ids.items():
        asked.clear()
        answer = page.goto(f"{server}/formgrader/submissions/{number}/?index=0")
        assert answer.status == 200, student
        assert page.locator("#ex_1_2_why").count() == 1 and page.locator("input.score").count() == 3
        harmless(page, asked)
        if student == "pasted":
            assert shown(page) == [["shot", 1], ["photo", 1]]
        for name in ("page.html", "logo.SVG"):
            assert page.request.get(f"{server}/formgrader/submissions/{number}/{name}").status == 404
    page.goto(f"{server}/formgrader/gradebook")
    assert "login" not in page.url
    page.context.close()


@pytest.mark.needs("sandbox")
@pytest.mark.needs("chromium")
@pytest.mark.needs("fonts-dejavu-core")
def test_every_page_of_feedback_opens_and_does_nothing_else(browser, course):
    page, asked = watched(browser)
    assert set(course[1]) == {"hostile", "pasted", "widgets"}
    for student, path in course[1].items():
        asked.clear()
        page.goto(path.as_uri())
        assert page.get_by_role("heading", name="mini (Score: 5.0 / 6.0)").count() == 1, student
        harmless(page, asked)
        if student == "pasted":
            assert shown(page) == [["shot", 1], ["photo", 1]]
    page.context.close()
