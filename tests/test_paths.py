"""The checkout may lie in a folder of any name."""

import nbformat
import pytest
from nbgrader.apps.api import NbGraderAPI
from sqlalchemy.engine import make_url

from labutils.course import paths
from labutils.course.autograde import grade
from labutils.course.export import export
from labutils.course.feedback import feedback
from labutils.course.release import release, work
from tests.courses import course_at, notebook

NAMES = ["a b ü", "[x]? 100 %", "*'"]


@pytest.mark.needs("sandbox")
@pytest.mark.parametrize("name", NAMES)
def test_a_course_in_a_folder_of_any_name_is_released_graded_and_exported(tmp_path, name):
    (tmp_path / name).mkdir()
    course = course_at(tmp_path / name, notebook())
    assert work(course) == [(course.root / "work" / "mini" / "mini.ipynb", True)]
    released, bundle = release(course, "mini")
    assert released.exists() and bundle.exists()
    for student in ("ann", "bob"):
        (course.build / "submitted" / student / "mini").mkdir(parents=True)
        nbformat.write(notebook(), course.build / "submitted" / student / "mini" / "mini.ipynb")
    assert [(row.student, row.total, row.note) for row in grade(course, "mini")] == [
        ("ann", (5, 5), ""),
        ("bob", (5, 5), ""),
    ]
    assert all(path.exists() for path in feedback(course, "mini").values())
    assert all(path.exists() for path in export(course))
    assert (course.build / "gradebook.db").stat().st_size > 0, "the gradebook is where the configuration says"
    formgrader = NbGraderAPI(config=course.config())
    assert formgrader.get_source_assignments() == {"mini"}
    assert formgrader.get_submitted_students("mini") == {"ann", "bob"}


def test_a_pattern_below_the_course_is_a_pattern_still(tmp_path):
    (tmp_path / "[x]" / "b1").mkdir(parents=True)
    (tmp_path / "[x]" / "b2").mkdir()
    paths.take_literally(tmp_path / "[x]")
    assert len(paths._glob(f"{tmp_path}/[x]/b*")) == 2
    assert paths._glob(f"{tmp_path}/[[]x]/b1") == [f"{tmp_path}/[x]/b1"], "elsewhere all of it is"


def test_an_address_of_sqlite_holds_its_path():
    for path in ("/a/b c/g.db", "/what?/g.db", "/100 %/%3F/g.db", "/[x] ü/g.db"):
        url = make_url(paths.sqlite_url(path))
        assert (url.database, dict(url.query)) == (path, {})
