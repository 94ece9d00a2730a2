"""How fast the course runs, as ratios measured in one run on one machine: `python -m tests.bench [NAME ...]`.

A benchmark is a function marked `@benchmark` that yields rows (what, measured, against what, ratio at least wanted).
Times are CPU seconds, the smallest of a few repeats, so that a busy machine changes little.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from timeit import repeat

import numpy as np

from labutils import checks
from tests import bench_digits
from tests.graded import ROOT, solutions

BENCHMARKS = {}


@dataclass(frozen=True)
class Row:
    """One measured ratio, and the least it should be; `how` says what was measured and how it was scaled."""

    what: str
    ratio: float
    wanted: float
    how: str


def benchmark(function):
    """Register a function that yields rows, under its name."""
    BENCHMARKS[function.__name__] = function
    return function


def seconds(run, repeats=5):
    """The CPU seconds of `run()`, the smallest of `repeats`."""
    return min(repeat(run, timer=time.process_time, number=1, repeat=repeats))


@benchmark
def diffusion():
    """Lab 3: 10,000 runs to t = 199, against two loops with one random call for each particle and step."""
    lab, n, part, steps = solutions("lab3_diffusion_1d"), 10_000, 20, 199
    beta, start = lab["beta"], np.full(n, 0.4)

    def walk_in_loops(rng):
        x = np.full((steps + 1, part), 0.4)
        for i in range(part):
            for t in range(1, steps + 1):
                x[t, i] = np.sqrt(1 - beta[t]) * x[t - 1, i] + np.sqrt(beta[t]) * rng.normal(0, 1)

    loops = seconds(lambda: walk_in_loops(np.random.default_rng()), repeats=15) * n / part
    walk = seconds(lambda: lab["forward_diffusion"](start, beta[: steps + 1]))
    jump = seconds(lambda: [lab["forward_diffusion_fast"](start, lab["alpha_bar"], steps) for _ in range(20)]) / 20
    how = f"loops: {part} of {n:,} runs measured, scaled to {loops:.2f} s"
    yield Row("Lab 3, walk of all particles at once", loops / walk, 100, f"{how}; walk {1e3 * walk:.1f} ms")
    yield Row("Lab 3, jump of all particles at once", loops / jump, 100, f"{how}; jump {1e3 * jump:.2f} ms")


@benchmark
def training():
    """Lab 4: the recipe against the classic loop of 200,000 steps, its error, and undiffusing with the net."""
    import torch

    torch.set_num_threads(1)
    lab, part, steps, seeds = solutions("lab4_training_prompts"), 2000, 200_000, 12
    classic = seconds(lambda: _classic_loop(lab, part), repeats=3) * steps / part
    law, excesses, times = (lab["alpha_bar"], lab["TWO_POINTS"]), [], []
    for seed in range(seeds):
        torch.manual_seed(seed)
        net = lab["make_net"](2)
        times.append(seconds(lambda net=net: lab["train"](net, steps=1500, batch_size=256, lr=0.03), repeats=1))
        guess = lambda x, t, net=net: checks.networks.ask(net, x, t / lab["T"])  # noqa: E731
        excesses.append(checks.networks.excess_noise_mse(guess, *law))
    cpu, excess = min(times), np.median(excesses)
    x_T = lab["forward_diffusion_fast"](lab["sample_two_points"](10_000), lab["alpha_bar"], lab["T"])[0]
    back = seconds(lambda: lab["undiffuse"](x_T, lab["beta"], lab["guess_z_net"]))
    how = f"loop: {part:,} of {steps:,} steps measured, scaled to {classic:.0f} s; recipe {cpu:.2f} s"
    yield Row("Lab 4, training in batches", classic / cpu, 80, how)
    yield Row("Lab 4, training within 3 s", 3 / cpu, 1, f"{cpu:.2f} s")
    yield Row(
        "Lab 4, excess within 0.015",
        0.015 / excess,
        1,
        f"{excess:.4f}, median of {seeds} seeds; largest {max(excesses):.4f}",
    )
    yield Row("Lab 4, undiffusing 10,000 runs within 1 s", 1 / back, 1, f"{back:.2f} s")


def _classic_loop(lab, steps):
    """What a beginner writes: one sample, one forward, one backward, one step of the optimiser."""
    import torch

    net = lab["make_net"](2)
    optimizer, rng = torch.optim.Adam(net.parameters(), lr=1e-3), np.random.default_rng()
    for _ in range(steps):
        x_0 = rng.choice([0.4, -0.6], p=[0.8, 0.2])
        t, z = rng.integers(1, lab["T"] + 1), rng.standard_normal()
        x_t = np.sqrt(lab["alpha_bar"][t]) * x_0 + np.sqrt(1 - lab["alpha_bar"][t]) * z
        z_hat = net(torch.tensor([[x_t, t / lab["T"]]], dtype=torch.float32))
        loss = torch.mean((z_hat - torch.tensor([[z]], dtype=torch.float32)) ** 2)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


@benchmark
def judge():
    """Grading a made-up class of Lab 1 with two workers, against one; `tests.bench_judge` has larger ones."""
    from tests.bench_judge import class_of

    one, two = (class_of(24, jobs=jobs) for jobs in (1, 2))
    how = f"24 submissions in {one.wall:.0f} s and {two.wall:.0f} s, {one.cpu / 24:.1f} CPU s each"
    yield Row("Judge, two workers against one", one.wall / two.wall, 1.7, how)


@benchmark
def notebooks():
    """Each lab from its first cell to its last, against the CPU seconds and the memory that a laptop has for it."""
    for lab, path in ((path.parent.name, path) for path in sorted(ROOT.glob("notebooks/*/*.ipynb"))):
        limit, room = (240, 3) if lab.startswith("lab5") else (45 if lab[3] in "123" else 60, 3)
        cpu, peak = executed(path)
        yield Row(f"{lab}, execution within {limit} s", limit / cpu, 1, f"{cpu:.0f} CPU s")
        yield Row(f"{lab}, within {room} GiB", room / peak, 1, f"{peak:.2f} GiB")


def executed(path):
    """The CPU seconds and the peak GiB of a notebook's execution, measured by the system in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        options = ["--to", "notebook", "--execute", "--output-dir", folder, "--log-level", "ERROR"]
        process = subprocess.Popen([sys.executable, "-m", "nbconvert", *options, str(path)], cwd=path.parent)
        _, status, used = os.wait4(process.pid, 0)
    assert status == 0, f"{path.name} cannot be executed"
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 2**20


@benchmark
def network():
    """Lab 5: the network against the usual U-Net, and 64 digits."""
    yield from bench_digits.speed_rows(Row)


@benchmark
def pictures():
    """Lab 5: the quality and the likelihood of the shipped checkpoint."""
    yield from bench_digits.quality_rows(Row)


@benchmark
def samplers():
    """Lab 5: the default sampler against the classic one of 11,000 evaluations: a quarter of an hour."""
    yield from bench_digits.classic_sampler_rows(Row)


def _told(ratio):
    return f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.2g}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", help=f"which benchmarks (default: all of {', '.join(BENCHMARKS)})")
    names = parser.parse_args().names or list(BENCHMARKS)
    if unknown := set(names) - set(BENCHMARKS):
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}")
    print("| what | times as fast | wanted, at least | how |\n|---|---|---|---|")
    rows = [row for name in names for row in BENCHMARKS[name]()]
    for row in rows:
        print(f"| {row.what} | {_told(row.ratio)} | {_told(row.wanted)} | {row.how} |")
    return 0 if all(row.ratio >= row.wanted for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
