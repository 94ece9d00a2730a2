"""The checks themselves: right answers pass with uniform p-values, wrong ones fail and name the right symptom."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from labutils import checks
from labutils.checks import sequential
from labutils.checks.report import Finding
from labutils.checks.sequential import decide
from tests.calibration import Recorder

HS = np.array([0.3, 0.05, 0.7, 0.2, 1.1])
REPEATS, SEED = 2000, 20261122


def ornstein(n, rng, noise=None, drift=-0.7, sd=lambda h: 0.8 * np.sqrt(h)):
    """Trajectories of an Euler-Maruyama chain with unequal steps; `noise(k, n)` replaces the random numbers."""
    x, states = np.linspace(-2, 3, n), []
    for k, h in enumerate(HS):
        states.append(x)
        z = rng.standard_normal(n) if noise is None else noise(k, n)
        x = x + drift * x * h + sd(h) * z
    return np.stack([*states, x])


def check_ornstein(simulate):
    return checks.transition(simulate, lambda x, k: x - 0.7 * x * HS[k], lambda x, k: 0.8 * np.sqrt(HS[k]))


def metropolis(x, rng, always=False, step=2.0):
    proposal = x + step * rng.standard_normal(len(x))
    accepted = rng.random(len(x)) < np.exp((x**2 - proposal**2) / 2)
    accepted |= always
    return np.stack([x, np.where(accepted, proposal, x)]), accepted.mean()


RIGHT = {
    "transition": lambda rng: check_ornstein(lambda n: ornstein(n, rng)),
    "distribution": lambda rng: checks.distribution(lambda n: rng.gamma(2.0, 1.5, n), stats.gamma(2.0, scale=1.5)),
    "weights": lambda rng: checks.distribution(
        lambda n: rng.choice([0.4, -0.6], n, p=[0.8, 0.2]), {0.4: 0.8, -0.6: 0.2}
    ),
    "invariance": lambda rng: checks.invariance(
        lambda x: metropolis(x, rng), stats.norm(), acceptance=2 / np.pi * np.arctan(1)
    ),
    "proportion": lambda rng: checks.proportion(lambda n: rng.binomial(n, 0.3), 200, 0.3),
    "same_distribution": lambda rng: checks.same_distribution(rng.standard_normal, lambda n: rng.normal(size=n)),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_answers_pass_and_their_p_values_are_uniform(name, monkeypatch):
    rng, recorder = np.random.default_rng(SEED), Recorder()
    np.random.seed(SEED)  # noqa: NPY002  the starts of `invariance` come from scipy's global state
    monkeypatch.setattr(sequential, "decide", recorder)
    assert not [report for report in (RIGHT[name](rng) for _ in range(REPEATS)) if report.status == "fail"]
    for symptom, p_values in recorder.p_values.items():
        assert stats.kstest(p_values, "uniform").pvalue > 1e-4, symptom


def test_the_error_budget_is_kept_when_p_values_are_uniform():
    """With uniform p-values the rule fails as often as it says: 200,000 repeats at level 0.01."""
    rng = np.random.default_rng(SEED)
    stage = lambda factor: ([Finding("mean", rng.random(), "")], "", None, None)  # noqa: E731
    outcome = [decide(stage, "", level=0.01) for _ in range(200_000)]
    failed = sum(report.status == "fail" for report in outcome)
    assert stats.binomtest(failed, len(outcome), 0.01, alternative="greater").pvalue > 1e-4
    assert failed > 0.5 * 0.01 * len(outcome)


rng = np.random.default_rng(SEED)
WRONG = {
    "shared noise": (lambda n: ornstein(n, rng, lambda k, n: np.full(n, rng.standard_normal())), "independence"),
    "reused noise": (lambda n: (lambda z: ornstein(n, rng, lambda k, n: z))(rng.standard_normal(n)), "independence"),
    "uniform noise": (lambda n: ornstein(n, rng, lambda k, n: rng.uniform(-(3**0.5), 3**0.5, n)), "law"),
    "no root": (lambda n: ornstein(n, rng, sd=lambda h: 0.8 * h), "spread"),
    "squared sigma": (lambda n: ornstein(n, rng, sd=lambda h: 0.64 * np.sqrt(h)), "spread"),
    "wrong sign": (lambda n: ornstein(n, rng, drift=0.7), ("mean", "drift")),
    "fixed seed": (lambda n: ornstein(n, np.random.default_rng(0)), "repeat"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_steps_fail_and_name_the_symptom(name):
    simulate, symptom = WRONG[name]
    for _ in range(20):
        report = check_ornstein(simulate)
        assert report.status == "fail" and report.symptom in symptom, str(report)


def test_wrong_metropolis_is_named_by_its_acceptance():
    report = checks.invariance(lambda x: metropolis(x, rng, always=True), stats.norm(), acceptance=0.5)
    assert report.status == "fail" and report.symptom == "acceptance"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (3.0, ["expected an array of shape (200,)", "float"]),
        ([0.0] * 200, ["got a list of length 200"]),
        (np.zeros((200, 1)), ["got shape (200, 1)"]),
        (np.zeros(3), ["got shape (3,)"]),
        (np.full(200, np.nan), ["200 of 200 that are NaN"]),
        (np.array(["a"] * 200), ["dtype <U1"]),
        (np.zeros(200, dtype=complex), ["dtype complex128"]),
        (None, ["got None"]),
    ],
)
def test_bad_results_say_what_was_expected_and_what_came(value, words):
    with pytest.raises(checks.CheckFailed) as caught:
        checks.distribution(lambda n: value, stats.norm())
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_a_report_tells_numbers_and_a_question_but_no_p_value():
    with pytest.raises(checks.CheckFailed) as caught:
        checks.distribution(lambda n: rng.normal(0, 0.7, n), stats.norm(), what="Fast-forward").assert_ok()
    text = str(caught.value)
    assert text.startswith("Fast-forward · standard deviation: expected 1, measured 0.") and text.endswith("?")
    assert "p =" not in text and "e-" not in text


def test_a_failed_report_draws_the_sample_on_the_law():
    report = checks.distribution(lambda n: rng.normal(0, 0.7, n), stats.norm())
    (ax,) = report.picture().axes
    assert len(ax.patches) > 10 and len(ax.lines) == 1
    assert checks.values(lambda x: x, lambda x: x + 1, [(1.0,)]).picture() is None


def test_values_names_inputs_expected_and_got():
    report = checks.values(lambda x, t: x * t, lambda x, t: x * t + (t > 1), [(2.0, 1.0), (np.array([1.0, 5.0]), 3.0)])
    assert "for inputs [1.0, 5.0], 3.0 expected 4 at index [0], got 3" in str(report)
    assert checks.values(lambda x: np.float32(x / 3), lambda x: x / 3, [(1.0,)]).status == "pass"
    tiny = checks.values(lambda x: np.array([1.0, 2e-3]), lambda x: np.array([1.0, 1e-3]), [(1.0,)])
    assert tiny.status == "fail"


def test_values_notices_a_function_that_writes_into_its_input():
    def double(x):
        x *= 2
        return x

    x = np.ones(3)
    report = checks.values(double, lambda x: 2 * x, [(x,)])
    assert report.symptom == "input" and np.array_equal(x, np.ones(3))


def test_raises_wants_the_error_and_the_value():
    def refuse(value):
        raise ValueError(f"t must be at least 0, got {value}")

    def crash():
        raise KeyError("t")

    assert checks.raises(lambda: refuse(-1), ValueError, naming="-1").status == "pass"
    assert "should name the value" in str(checks.raises(lambda: refuse(2), ValueError, naming="-1"))
    assert "but the call returned" in str(checks.raises(lambda: None, ValueError, naming="-1"))
    assert "got KeyError" in str(checks.raises(crash, ValueError, naming="-1"))


def test_reproducible_only_warns():
    assert checks.reproducible(lambda seed: np.random.default_rng(seed).standard_normal(3)).status == "pass"
    report = checks.reproducible(lambda seed: rng.standard_normal(3))
    assert report.status == "warn"
    report.assert_ok()


def test_stages_grow_fourfold_and_stop_when_clear():
    asked = []

    def sampler(n):
        asked.append(n)
        return rng.normal(0.13, 1, n)  # too near to decide from few draws

    checks.distribution(sampler, stats.norm(), n=100)
    sizes = sorted(set(asked))
    assert sizes[0] == 100 and all(b == 4 * a for a, b in pairwise(sizes))


def test_unpacked_says_what_came_instead_of_a_pair():
    assert checks.unpacked([1, 2], 2) == (1, 2)
    for value, words in ((None, "got None"), ((1, 2, 3), "got 3 of them"), (np.zeros(2), "got an array")):
        with pytest.raises(checks.CheckFailed) as caught:
            checks.unpacked(value, 2, "Mean and std")
        assert "Mean and std · expected 2 values" in str(caught.value) and words in str(caught.value)


def test_a_test_runs_at_once_and_shows_errors_from_the_students_line_on():
    seen = []
    assert checks.run(lambda: seen.append(1)) is None and seen == [1]
    student = {}
    exec(compile("def f(x):\n    return x.nothing", "<student>", "exec"), student)

    def test():
        checks.values(student["f"], lambda x: x, [(1.0,)])

    with pytest.raises(AttributeError) as caught:
        checks.run(test)
    files = [frame.path for frame in caught.traceback]
    assert str(files[-1]) == "<student>" and str(files[-2]).endswith("deterministic.py") and len(files) == 3


@pytest.mark.parametrize("law", [stats.norm(), stats.uniform(0, 1), stats.expon()])
def test_draws_beyond_the_smallest_float_have_a_wrong_mean_and_are_not_called_frozen(law):
    rng = np.random.default_rng(SEED)
    assert checks.distribution(lambda n: rng.normal(-900, 5, n), law).symptom == "mean"


@pytest.mark.parametrize("ends", [[0.5, 1.0], [np.float32(0.5) - np.float32(2**-25), 1 + np.float32(2**-23)]])
def test_float32_may_round_a_draw_to_the_end_of_its_law_or_a_digit_beyond(ends):
    x = np.append(0.5 + 0.5 * np.random.default_rng(SEED).random(398, dtype=np.float32), ends)
    assert checks.distribution(x, stats.uniform(0.5, 0.5)).status == "pass"
    assert checks.distribution(np.append(x, 0.4999), stats.uniform(0.5, 0.5)).status == "fail"


def test_a_shared_number_is_called_shared_even_when_it_is_near_the_mean():
    shared = iter([0.11, -0.05])
    report = checks.distribution(lambda n: np.full(n, next(shared)), stats.norm())
    assert report.status == "fail" and report.symptom == "independence"


def test_a_small_shift_is_called_a_wrong_mean_though_it_bends_the_curve():
    x = stats.norm.ppf((np.arange(1600) + 0.5) / 1600) + 0.145
    assert checks.distribution(np.random.default_rng(SEED).permutation(x), stats.norm()).symptom == "mean"
