"""How long the cells of one notebook may take, and whether it was the notebook's fault when one took longer."""

import math
import time

from labutils.judge.job import CROWDED, Limits, Output, error_output
from labutils.judge.sandbox.confine import waited

LEAST = 24  # a cell gets at least this part of the limit, however many have run out of time: 5 of 120 seconds
SHARE = 4  # who waited for a core for this part of the limit has had too little of the machine


class Patience:
    """The time of one notebook. Each cell that runs out of it halves the limit of those that follow."""

    def __init__(self, limits: Limits) -> None:
        self.limits, self.late = limits, 0
        self.known = 0.0  # seconds of waiting for a core that were reported with an earlier cell
        self.notebook_end = self.end = time.monotonic() + limits.total
        self.seconds = float(limits.timeout)  # of the running cell

    def start(self) -> bool:
        """Start a cell; returns whether there is any time left for it."""
        share = max(0.5**self.late, 1 / LEAST)
        self.seconds = min(self.limits.timeout * share, self.notebook_end - time.monotonic())
        self.end = time.monotonic() + self.seconds
        return self.seconds > 0

    def left(self) -> float:
        """Seconds of the running cell."""
        return self.end - time.monotonic()

    def over(self, where: str, culprit: str, starved: float) -> Output:
        """What a cell shows that ran out of time. culprit: the function that took most of it, or "".

        starved: seconds for which the student's process has waited for a core since it began.
        """
        self.late += 1
        text = f"{where} took longer than {max(self.seconds, 0):.0f} s"
        text += f", most of it in {culprit}" if culprit else ""
        return self._output(text, self.seconds, starved)

    def all_over(self, starved: float) -> Output:
        """What a cell shows for which no time is left."""
        return self._output(f"the {self.limits.total} s for the whole notebook are over", self.limits.total, starved)

    def _output(self, text: str, limit: float, starved: float) -> Output:
        starved += waited("self")
        since = starved if starved < self.known or starved == math.inf else starved - self.known
        self.known = starved
        if since > limit / SHARE:
            return error_output(CROWDED, f"{text}; other processes had the cores for {since:.0f} s")
        return error_output("OutOfTime", text)
