"""Grade the reference solutions over and over: does a right answer ever fail, and are the p-values uniform?

A p-value of a right answer is uniform on [0, 1] by construction; if it is not, the stated error rate means nothing.
The p-values of the first sample of every random check are collected by symptom, over all checks of a lab.
"""

import time
from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np
from scipy import stats
from tqdm import tqdm

from labutils.checks import sequential
from labutils.checks.sequential import LEVEL
from tests.graded import around, graded_cells, prepared

PARTS = 8  # jobs an exercise, so that all cores have work


class Recorder:
    """Stands in for `sequential.decide` and keeps the p-values of the first stage of each check."""

    def __init__(self):
        self.decide, self.p_values, self.checks = sequential.decide, defaultdict(list), 0

    def __call__(self, stage, *args, **options):
        def recorded(factor):
            findings, *rest = stage(factor)
            if factor == 1:
                self.checks += 1
                for finding in (f for f in findings if not f.counted):
                    self.p_values[finding.symptom].append(finding.p)
            return findings, *rest

        return self.decide(recorded, *args, **options)

    def __enter__(self):
        sequential.decide = self
        return self

    def __exit__(self, *exception):
        sequential.decide = self.decide


@dataclass
class Reference:
    """What happened to a lab's own solution: how many gradings of an exercise, tests and random checks; p-values.

    at_once: the random checks in one grading of the whole lab. p_values: {symptom: array}. seconds: of CPU.
    """

    graded: int = 0
    tests: int = 0
    checks: int = 0
    at_once: float = 0.0
    seconds: float = 0.0
    failures: list = field(default_factory=list)
    p_values: dict = field(default_factory=dict)

    @property
    def bound(self):
        """The probability, at most, that a right submission of the lab loses a point, by the budget of its checks."""
        return LEVEL * self.at_once

    def uniformity(self):
        """Rows (symptom, number of p-values, the smallest, their distance to uniform, the p-value of that)."""
        rows = []
        for symptom, p_values in self.p_values.items():
            distance, p = stats.kstest(p_values, "uniform")
            rows.append((symptom, p_values.size, p_values.min(), distance, p))
        return rows

    @property
    def sound(self):
        return not self.failures and all(p > 1e-4 for *_, p in self.uniformity())


def grade_reference(lab, exercise, repeats):
    """Grade a lab's own solution of an exercise `repeats` times and return what happened, as a `Reference`."""
    start, out = time.process_time(), Reference(graded=repeats)
    own = around(graded_cells(lab), exercise)[1]
    with Recorder() as recorder:
        for _ in range(repeats):
            outcome = prepared(lab, exercise).grade(own)
            out.tests += len(outcome)
            out.failures += [f"{lab} {name}: {error}" for name, error in outcome.items() if error]
    out.checks, out.p_values, out.seconds = recorder.checks, dict(recorder.p_values), time.process_time() - start
    return out


def run(pool, lab, times):
    """Grade the reference of a lab, each exercise as often as `times` {exercise: number} says, with a progress bar."""
    jobs = [(lab, exercise, n // PARTS + (i < n % PARTS)) for exercise, n in times.items() for i in range(PARTS)]
    done = pool.map(grade_reference, *zip(*jobs, strict=True))
    done = list(tqdm(done, f"{lab}, reference", len(jobs), disable=None))
    total, p_values = Reference(), defaultdict(list)
    for (_, exercise, _), part in zip(jobs, done, strict=True):
        for count in ("graded", "tests", "checks", "seconds", "failures"):
            setattr(total, count, getattr(total, count) + getattr(part, count))
        total.at_once += part.checks / times[exercise]
        for symptom, values in part.p_values.items():
            p_values[symptom] += values
    total.p_values = {symptom: np.array(values) for symptom, values in p_values.items()}
    return total
