"""Checks of one answer, of seeds, of bad input, and of of a chain at a wall: right ones pass, wrong ones fail."""

import numpy as np
import pytest

from labutils import checks


def mean_and_std(x, t):
    return x * t, x + t


def walk(x, rng=None):
    return x + np.random.default_rng(rng).standard_normal(len(x))


def refuse_negative(t):
    if t < 0:
        raise ValueError(f"t = {t} is negative")
    return t


def test_an_answer_is_compared_with_what_is_expected_and_functions_are_passed_on():
    x = np.array([1.0, 2.0])
    assert checks.answer(checks.entry(mean_and_std, 1), (x, 3), x + 3).status == "pass"
    report = checks.answer(lambda x, f: f(x), (x, np.sin), [0.0, 0.0], what="The force")
    assert str(report).startswith("The force · for inputs [1.0, 2.0], sin expected 0 at index [0], got 0.841471.")


def test_an_answer_that_writes_into_its_input_is_noticed():
    def double(x):
        x *= 2
        return x

    assert checks.answer(double, (np.ones(3),), 2 * np.ones(3)).symptom == "input"
    assert checks.starts_at(lambda x: np.stack([double(x), x]), np.ones(3), rows=2).symptom == "input"


def test_equal_names_what_was_expected_and_what_came():
    assert checks.equal(0.5, 0.5).status == "pass"
    assert checks.equal(np.float32(1 / 3), 1 / 3).status == "pass"
    report = checks.equal(np.array([1.0, 2.5]), [1.0, 2.0], what="The ratio", hints={"value": "Of what?"})
    assert str(report) == "The ratio · expected 2 at index [1], got 2.5.\nOf what?" and report.symptom == "value"
    with pytest.raises(checks.CheckFailed, match=r"The ratio · expected an array of shape \(2,\), got shape \(3,\)"):
        checks.equal(np.ones(3), [1.0, 1.0], what="The ratio")


def test_a_walk_starts_at_its_start_and_has_the_rows_asked_for():
    x = np.arange(3.0)
    assert checks.starts_at(lambda x: np.stack([x, walk(x)]), x, rows=2).status == "pass"
    assert checks.starts_at(lambda x: np.stack([walk(x), x]), x, rows=2).symptom == "value"
    with pytest.raises(checks.CheckFailed, match=r"shape \(4, 3\), got shape \(2, 3\)"):
        checks.starts_at(lambda x: np.stack([x, x]), x, rows=4)


def test_one_part_of_what_a_function_returns():
    x = np.ones(2)
    assert checks.entry(mean_and_std, 0)(x, 3).tolist() == [3, 3]
    with pytest.raises(checks.CheckFailed, match="Mean and std · expected 3 values"):
        checks.entry(mean_and_std, 0, of=3, what="Mean and std")(x, 3)


def test_from_afar_only_the_push_is_left():
    seen = checks.from_afar(lambda x: walk(0.75 * x))(np.array([1.0, -2.0]))
    assert seen == pytest.approx([0.75, -1.5], abs=1e-10)


@pytest.mark.parametrize("make_rng", [int, np.random.default_rng])
def test_numbers_that_follow_the_rng_are_told_from_those_that_do_not(make_rng):
    x = np.zeros(3)
    assert checks.follows_rng(walk, (x,), make_rng).status == "pass"
    assert checks.follows_rng(lambda x, rng: (walk(x, rng), 1.0), (x,), make_rng).status == "pass"
    assert checks.follows_rng(lambda x, rng: walk(x), (x,), make_rng).status == "warn"
    assert checks.follows_rng(lambda x, rng: walk(x, 0), (x,), make_rng).status == "warn"


def test_bad_input_must_be_refused_by_name():
    assert checks.refuses(refuse_negative, (-2,), naming="-2").status == "pass"
    assert checks.refuses(refuse_negative, (2,), naming="2").symptom == "error"
    assert "should name the value '-7'" in str(checks.refuses(refuse_negative, (-2,), naming="-7"))


def moves_with_probability(p):
    def kernel(x_0):
        yes = np.random.default_rng().random(len(x_0)) < p
        return np.stack([x_0, x_0 + yes]), yes.mean()

    return kernel


def test_the_share_of_moves_is_counted():
    assert checks.share_moved(moves_with_probability(1 / 3), 1 / 3).status != "fail"
    assert checks.share_moved(moves_with_probability(2 / 3), 1 / 3).symptom == "acceptance"
    with pytest.raises(checks.CheckFailed, match=r"\(2, 200\)"):
        checks.share_moved(lambda x_0: (x_0, 0.5), 1 / 3)


def test_a_climb_and_a_ratio_that_is_not_that_of_the_moves_are_noticed():
    x_0, down, up = np.array([1.0, 2.0]), np.array([-1.0, 2.0]), np.array([1.0, 2.0])
    assert checks.one_way(lambda x: (np.stack([x, down, down]), 0.25), x_0).status == "pass"
    climb = checks.one_way(lambda x: (np.stack([x, down, up]), 0.5), x_0, "The cliff")
    assert "The cliff: climbs, and the ratio · expected 0 at index [0], got 1" in str(climb)
    ratio = checks.one_way(lambda x: (np.stack([x, down, down]), 0.5), x_0)
    assert "expected 0.25 at index [1], got 0.5" in str(ratio)


def test_means_and_spreads_of_steps_may_be_numbers():
    steps = lambda n: np.random.default_rng().normal(2, 0.5, (2, n))  # noqa: E731
    assert checks.transition(steps, 2, 0.5).status != "fail"
    assert checks.transition(steps, 2, 0.25).symptom == "spread"
    assert checks.one_step(lambda x: walk(2 * x), (1, 3), lambda x: 2 * x, 1).status != "fail"


def test_a_check_that_waits_for_the_grading_says_so(capsys):
    checks.when_graded("the law of the crowd")
    assert capsys.readouterr().out == "Checked when your lab is graded: the law of the crowd.\n"


@pytest.mark.parametrize("symptom", ["rng", "mean"])
def test_a_warning_says_that_no_points_are_lost(symptom):
    warned = checks.Report("The draws", [checks.Finding(symptom, 1e-4, "odd.")], "warn")
    assert "No points are lost" in str(warned) and ("Run the cell again" in str(warned)) == (symptom == "mean")
