"""RAY=address: the same function as in the local pool, executed on a Ray cluster."""

import sys
from types import SimpleNamespace

import nbformat
import pytest

from labutils import judge
from labutils.course import batch
from labutils.course.autograde import grade
from labutils.course.layout import CourseError
from labutils.judge import CellResult, Job, cache, pool
from tests.courses import course_at
from tests.submissions import answered, hostile, source

NAMES = ["right", "float32", "os._exit", "half the credit"]


def handed_in(root):
    course = course_at(root, source())
    for name in NAMES:
        folder = course.build / "submitted" / name / "mini"
        folder.mkdir(parents=True)
        nbformat.write(answered(hostile.CASES[name][0]), folder / "mini.ipynb")
    return course


@pytest.mark.needs("sandbox")
def test_without_ray_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setenv("RAY", "10.0.0.1:6379")
    with pytest.raises(CourseError, match=r"RAY=10.0.0.1:6379 needs Ray, .*\.\[ray\]"):
        grade(handed_in(tmp_path), "mini")


def test_another_labutils_on_a_node_stops_the_batch(monkeypatch):
    """The name of an outcome is a hash of labutils too: a node that finds another one must not execute."""
    monkeypatch.setattr(judge, "run", lambda job: [CellResult([], 1)])
    asked = cache.version()
    assert batch.on_node(Job(()), asked) == [CellResult([], 1)]
    monkeypatch.setattr(cache, "version", lambda: "another")
    with pytest.raises(CourseError, match="has another version of labutils"):
        batch.on_node(Job(()), asked)


@pytest.mark.needs("sandbox")
@pytest.mark.needs("ray")
def test_a_cluster_gives_the_same_grades(tmp_path, monkeypatch):
    from ray.cluster_utils import Cluster

    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    here = grade(handed_in(tmp_path / "here"), "mini")
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
    try:
        monkeypatch.setenv("RAY", cluster.address)
        monkeypatch.setattr(pool, "pool_for", lambda *_: pytest.fail("this process must not execute any"))
        there = grade(handed_in(tmp_path / "there"), "mini")
    finally:
        cluster.shutdown()
    assert [(row.student, row.points, row.note) for row in there] == [(r.student, r.points, r.note) for r in here]
    assert there[-1].student == "right" and there[-1].total == (10, 10)


@pytest.mark.needs("sandbox")
def test_an_address_without_a_cluster_is_named(tmp_path, monkeypatch):
    def init(*_, **__):
        raise ConnectionError("nobody answers\nat all")

    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(init=init))
    monkeypatch.setenv("RAY", "10.0.0.1:6379")
    with pytest.raises(CourseError, match=r"^no Ray cluster at RAY=10.0.0.1:6379: nobody answers$"):
        grade(handed_in(tmp_path), "mini")
