"""Grade the reference solutions over and over: does a right answer ever fail, and are the p-values uniform?

A p-value of a right answer is uniform on [0, 1] by construction; if it is not, the stated error rate means nothing.
The p-values of the first sample of every random check are collected by symptom, over all checks of a lab.
"""

import os
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from itertools import chain

import numpy as np
from scipy import stats

from labutils import checks

REPEATS = 2000


class Recorder:
    """Stands in for `checks.decide` and keeps the p-values of the first stage of each check."""

    def __init__(self):
        self.decide, self.p_values, self.checks = checks.decide, defaultdict(list), 0

    def __call__(self, stage, *args, **options):
        def recorded(factor):
            findings, *rest = stage(factor)
            if factor == 1:
                self.checks += 1
                for finding in (f for f in findings if not f.counted):
                    self.p_values[finding.symptom].append(finding.p)
            return findings, *rest

        return self.decide(recorded, *args, **options)


def grade_reference(lab, repeats):
    """Grade a lab's own solution `repeats` times: (failures as text, checks run, p-values by symptom)."""
    from tests import power

    recorder, failures = Recorder(), []
    checks.decide = recorder
    try:
        for _ in range(repeats):
            outcome = power.grade(power.graded_cells(lab))
            failures += [f"{lab} {name}: {error}" for name, error in outcome.items() if error]
    finally:
        checks.decide = recorder.decide
    return failures, recorder.checks, dict(recorder.p_values)


def report(labs, repeats=None):
    """Print, for each lab, how often the reference failed and how uniform its p-values are; True if all is well."""
    from tests import power

    sound = True
    for lab in labs:
        _, lab_repeats = power.variants(lab)
        total = min(10 * repeats if repeats else REPEATS, 10 * lab_repeats)
        parts = [total // 20 + (i < total % 20) for i in range(20)]
        with ProcessPoolExecutor(os.cpu_count(), initializer=power.one_thread) as pool:
            failures, counts, collected = zip(*pool.map(grade_reference, [lab] * 20, parts), strict=True)
        failures = list(chain(*failures))
        print(f"{lab}: the reference solution failed in {len(failures)} of {total:,} runs, {sum(counts):,} checks")
        for symptom in dict.fromkeys(chain(*collected)):
            p_values = np.array(list(chain(*(part.get(symptom, []) for part in collected))))
            if p_values.size:
                distance, p = stats.kstest(p_values, "uniform")
                print(f"  {symptom:12} {p_values.size:8,} p-values, smallest {p_values.min():.1e}, "
                      f"distance to uniform {distance:.4f} (p = {p:.2f})")  # fmt: skip
                sound &= p > 1e-4
        sound &= not failures
    return bool(sound)
