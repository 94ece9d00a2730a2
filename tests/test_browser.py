"""What a student and an instructor see: JupyterLab in headless Chromium, from the first error to the class."""

import contextlib
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import expect

from labutils.course.autograde import grade
from labutils.course.layout import Course
from labutils.course.release import release, work
from tests.courses import course_at, notebook
from tests.demo import filled, reference

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.needs("fonts-dejavu-core"), pytest.mark.needs("libatomic1")]
ROOT = Path(__file__).parents[1]
MINUTE = 60_000  # milliseconds; a loaded machine starts kernels slowly


@contextlib.contextmanager
def jupyterlab(folder, settings):
    """JupyterLab as `make lab` starts it in `folder`, but with settings of its own; yields its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    names = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    command = [sys.executable, "-m", "labutils.course.lab", "--no-browser", f"--port={port}"]
    with (settings / "log").open("w") as log:
        server = subprocess.Popen(
            [*command, "--IdentityProvider.token=test"],
            cwd=folder,
            env=os.environ | {name: str(settings / name) for name in names},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_for(f"http://127.0.0.1:{port}/api", server)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(20)


def _wait_for(address, server):
    for _ in range(300):
        assert server.poll() is None, "JupyterLab stopped"
        with contextlib.suppress(OSError):
            return urllib.request.urlopen(address)
        time.sleep(0.2)
    raise TimeoutError(address)


def menu(page, *path):
    for name in path:
        page.get_by_role("menuitem", name=name, exact=True).click()


def test_student_solves_the_first_exercise(browser, tmp_path):
    lab = Course(ROOT).labs()[0]
    course = course_at(tmp_path, ROOT / "notebooks" / lab)
    [(path, _)] = work(course)
    places = [cell.metadata.get("nbgrader", {}).get("grade_id", "") for cell in nbformat.read(path, 4).cells]
    answer = next(i for i, name in enumerate(places) if re.fullmatch(r"ex_\d+_1", name))
    check = next(i for i, name in enumerate(places) if name.startswith(f"{places[answer]}_"))
    with jupyterlab(tmp_path / "work", tmp_path) as address:
        page = browser.new_page(viewport={"width": 1300, "height": 1000})
        page.goto(f"{address}/lab/tree/{lab}/{lab}.ipynb?token=test")
        page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=2 * MINUTE)
        cells = page.locator(".jp-Notebook .jp-Cell")
        expect(cells).to_have_count(len(places), timeout=MINUTE)  # they are attached one by one

        menu(page, "Run", "Run All Cells")
        output = cells.nth(check).locator(".jp-OutputArea")
        expect(output).to_contain_text("NotImplementedError: your code goes here", timeout=2 * MINUTE)
        below = page.locator(f".jp-Notebook .jp-Cell:nth-child(n + {check + 2}) .jp-OutputArea img")
        expect(below).to_have_count(0)

        cells.nth(answer).locator(".cm-content").click()
        page.keyboard.press("ControlOrMeta+a")
        page.keyboard.insert_text(reference(course.source(lab))[places[answer]].rstrip())
        menu(page, "Run", "Run All Cells")
        expect(output).to_contain_text("✓", timeout=2 * MINUTE)
        expect(output).not_to_contain_text("Error")
        expect(below.first).to_be_visible(timeout=2 * MINUTE)
        below.first.scroll_into_view_if_needed()
        assert below.first.bounding_box()["width"] > 200
        page.screenshot(path=tmp_path / "solved.png")

        page.get_by_role("button", name="Validate").click()
        result = page.locator(".jp-Dialog-content").filter(has_text=re.compile("validation|passes", re.IGNORECASE))
        result.wait_for(timeout=3 * MINUTE)
        page.screenshot(path=tmp_path / "validated.png")
        said = result.inner_text()
        page.close()
    exercises, failed = named_in(said, nbformat.read(path, 4).cells)  # Validate has saved the notebook
    assert failed == exercises - {places[answer]}, "all but the solved exercise are still open"


def named_in(said, cells):
    """The exercises of a notebook, and those with a test whose title is in what Validate said."""
    titles = {cell.metadata.nbgrader.grade_id: re.search(r'"""(.+?)"""', cell.source)[1] for cell in cells
              if cell.cell_type == "code" and cell.metadata.get("nbgrader", {}).get("grade")}  # fmt: skip
    exercise = {name: re.match(r"ex_\d+_\d+", name)[0] for name in titles}
    return set(exercise.values()), {exercise[name] for name, title in titles.items() if title in said}


def test_a_slider_redraws_its_picture(browser, tmp_path):
    draw = "lambda n: plots.digits(-torch.ones(n, 1, 28, 28))"
    cells = [nbformat.v4.new_code_cell(f"import torch\nfrom labutils import plots\nplots.explore({draw}, n=(2, 9, 4))")]
    path, kernel = tmp_path / "work" / "slider.ipynb", {"name": "python3", "display_name": "Python 3 (ipykernel)"}
    path.parent.mkdir()
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)
    with jupyterlab(tmp_path / "work", tmp_path) as address:
        page = browser.new_page(viewport={"width": 1300, "height": 1000})
        page.goto(f"{address}/lab/tree/slider.ipynb?token=test")
        page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=2 * MINUTE)
        menu(page, "Run", "Run All Cells")
        handle, image = page.locator(".jp-OutputArea .noUi-handle"), page.locator(".jp-OutputArea img")
        handle.wait_for(timeout=2 * MINUTE)
        before = image.get_attribute("src")
        handle.press("ArrowRight")
        expect(page.locator(".widget-readout")).to_have_text("5")
        expect(image).not_to_have_attribute("src", before, timeout=MINUTE)
        page.close()


@pytest.mark.needs("sandbox")
def test_instructor_sees_the_class_in_formgrader(browser, tmp_path):
    course = course_at(tmp_path, notebook())
    released = release(course, "mini")[0] / "mini.ipynb"
    for student, answers in (("ada", reference(course.source("mini"))), ("bo", {})):
        path = course.build / "submitted" / student / "mini" / "mini.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(filled(released, answers))
    assert not any(row.failed for row in grade(course, "mini"))
    with jupyterlab(course.root, tmp_path) as address:
        page = browser.new_page(viewport={"width": 1300, "height": 800})
        page.goto(f"{address}/lab?token=test")
        menu(page, "Nbgrader", "Formgrader")
        frame = page.frame_locator("iframe")
        frame.get_by_role("link", name="2", exact=True).click(timeout=MINUTE)  # the number of submissions of mini
        rows = {student: frame.get_by_role("row").filter(has_text=student) for student in ("ada", "bo")}
        expect(rows["ada"]).to_contain_text("5 / 6", timeout=MINUTE)
        expect(rows["ada"]).to_contain_text("needs manual grading")
        expect(rows["bo"]).to_contain_text("0 / 6")
        page.screenshot(path=tmp_path / "formgrader.png")

        rows["bo"].locator("td.autograde a").click()
        expect(frame.get_by_text("Successfully autograded 'mini' for student 'bo'")).to_be_visible(timeout=2 * MINUTE)
        page.screenshot(path=tmp_path / "autograded.png")
        page.close()
