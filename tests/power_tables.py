"""The tables of `tests.power` in build/power/: LAB.md and LAB.csv, and a line a lab in summary.csv and summary.md."""

import csv
import re

WRONG = ("exercise", "wrong answer", "points lost", "gradings that lost points", "rate", "seen by the student", "CPU s",
         "verdict")  # fmt: skip
SEEN = ("exercise", "wrong answers", "seen by the student", "share", "by the right symptom", "not seen")
RIGHT = ("exercise", "right answer", "points", "gradings with full points", "random checks", "CPU s", "verdict")
P_VALUES = ("symptom", "p-values", "smallest", "distance to uniform", "probability of such a distance")


def write(lab, rows, reference, folder):
    """Write the tables of a lab, put its line into the summary, and return what is not as it should be, as text."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{lab}.md").write_text(markdown(lab, rows, reference), encoding="utf-8")
    _write_csv(folder / f"{lab}.csv", [{**vars(row), "good": row.good} for row in rows])
    line = summary(lab, rows, reference)
    old = [old for old in _read_csv(folder / "summary.csv") if old.keys() == line.keys()]
    lines = {old["lab"]: old for old in old} | {line["lab"]: line}
    lines = [lines[name] for name in sorted(lines)]
    _write_csv(folder / "summary.csv", lines)
    (folder / "summary.md").write_text(_table(lines[0], [line.values() for line in lines]), encoding="utf-8")
    return "\n".join([f"{lab}: {sum(not row.good for row in rows)} answers are not as they should be"]
                     + [f"  {r.exercise} {r.variant}: {_verdict(r)}" for r in rows if not r.good]
                     + reference.failures[:5])  # fmt: skip


def markdown(lab, rows, reference):
    """All of a lab as Markdown: the wrong answers, the right ones in other styles, and the reference's p-values."""
    wrong = [
        (r.exercise, r.variant, f"{r.mean_loss:.2f} of {r.points:g}", f"{r.lost:,} of {r.repeats:,}",
         f"{r.lost / r.repeats:.1%}", _seen(r), f"{r.seconds:.1f}", _verdict(r))
        for r in rows if not r.right
    ]  # fmt: skip
    right = [
        (r.exercise, r.variant, f"{r.points:g}", f"{r.repeats - r.lost:,} of {r.repeats:,}", f"{r.checks:,}",
         f"{r.seconds:.1f}", _verdict(r))
        for r in rows if r.right
    ]  # fmt: skip
    calibrated = [
        (symptom, f"{n:,}", f"{smallest:.1e}", f"{distance:.4f}", f"{p:.2f}")
        for symptom, n, smallest, distance, p in reference.uniformity()
    ]
    parts = [f"# {lab}", "## Seen by the student", _table(SEEN, by_exercise(rows)), "## Wrong answers"]
    parts += [_table(WRONG, wrong), "## Right answers in other styles", _table(RIGHT, right)]
    parts += ["## The reference", _of_reference(reference), _table(P_VALUES, calibrated)]
    return "\n\n".join(parts) + "\n"


def by_exercise(rows):
    """How many wrong answers of each exercise fail a visible check, and which do not."""
    table = []
    unequal = [r for r in rows if not r.right and not r.note and r.seen is not None]
    for exercise in dict.fromkeys(r.exercise for r in unequal):
        own = [r for r in unequal if r.exercise == exercise]
        caught = [r for r in own if r.seen]
        clear = sum(not set(r.seen).isdisjoint(r.expected) for r in caught)
        silent = "; ".join(r.variant for r in own if not r.seen)
        table.append((exercise, f"{len(own)}", f"{len(caught)}", f"{len(caught) / len(own):.0%}", f"{clear}", silent))
    return table


def _seen(row):
    if row.seen is None:
        return ""
    unclear = f" (not {' or '.join(row.expected)})" if row.seen and set(row.seen).isdisjoint(row.expected) else ""
    return f"{', '.join(dict.fromkeys(row.seen))}{unclear}" if row.seen else "no"


def _verdict(row):
    if row.good:
        return f"equal: {row.note}" if row.note else "as it should be"
    cost = f"costs points in {row.elsewhere}; " if row.elsewhere else ""
    cost += f"fails visible checks ({', '.join(row.seen)}); " if row.seen and (row.right or row.note) else ""
    return f"WRONG: {cost}{row.unclear}".replace("\n", " ").replace("|", "/")


def _of_reference(reference):
    return (
        f"{len(reference.failures)} failures in {reference.graded:,} gradings of an exercise, {reference.tests:,} test "
        f"cells and {reference.checks:,} random checks, {reference.seconds:.0f} CPU seconds. One grading of the lab "
        f"makes {reference.at_once:.0f} random checks, so by their budget a right lab loses points with probability at "
        f"most {reference.bound:.0e}; as measured, one check fails with probability below "
        f"{3 / max(reference.checks, 1):.0e} (95 % confidence)."
    )


def summary(lab, rows, reference):
    """The line of a lab in the summary: {column: text}."""
    wrong, right = [r for r in rows if not r.right], [r for r in rows if r.right]
    equal, unequal = [r for r in wrong if r.note], [r for r in wrong if not r.note]
    symptom, _, _, distance, p = min(reference.uniformity(), key=lambda row: row[-1])
    return {
        "lab": re.match(r"lab(\d*)", lab)[1],
        "wrong answers": f"{len(wrong)}" + (f", {len(equal)} of them equal by law" if equal else ""),
        "right answers in other styles": f"{len(right)}",
        "caught": f"{sum(r.lost for r in unequal):,} of {sum(r.repeats for r in unequal):,}",
        "seen by the student": f"{sum(bool(r.seen) for r in unequal)} of {len(unequal)}",
        "cost points elsewhere": f"{sum(bool(r.elsewhere) for r in wrong)}",
        "right answers graded": f"{reference.graded + sum(r.repeats for r in right):,} times, "
        f"{reference.tests + sum(r.tests for r in right):,} tests, "
        f"{reference.checks + sum(r.checks for r in right):,} random checks",
        "failed": f"{len(reference.failures) + sum(r.lost for r in right) + sum(bool(r.elsewhere) for r in right)}",
        "a right lab fails at most": f"{reference.bound:.0e}",
        "p-values farthest from uniform": f"{symptom}: {distance:.4f} (p = {p:.2f})",
        "CPU s": f"{reference.seconds + sum(r.seconds for r in rows):.0f}",
    }


def _table(columns, rows):
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    return "\n".join(lines + [f"| {' | '.join(row)} |" for row in rows])


def _read_csv(path):
    if not path.exists():
        return []
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _write_csv(path, rows):
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
