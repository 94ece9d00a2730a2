"""What a student's notebook hands to the training: its SDE and its functions, as types."""

from collections.abc import Callable
from typing import Any, Protocol

import torch

Times = torch.Tensor | float  # one time for all images, or a tensor (n,)
ScoreFunction = Callable[[torch.Tensor, Times], torch.Tensor]  # score_fn(x, t): (n, ...) -> (n, ...)
BitsPerDim = Callable[[ScoreFunction, torch.Tensor, Any], torch.Tensor]  # bits_per_dim(score_fn, x, sde) -> (n,)
Sampler = Callable[[ScoreFunction, tuple[int, ...]], torch.Tensor]  # sampler(score_fn, shape) -> images of that shape


class NoisingSDE(Protocol):
    """An SDE whose kernel is known: all that scores and training times need of it."""

    def marginal_prob(self, x: torch.Tensor, t: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean, of x's shape (n, ...), and standard deviation, of the shape of t, of x_t given x_0 = x."""


class ScoreLoss(Protocol):
    """The loss of exercise 5.3: a scalar; `sample_times(n, ...)` draws the times, (n,)."""

    def __call__(
        self, score_fn: ScoreFunction, x: torch.Tensor, sde: Any, *, sample_times: Callable[..., torch.Tensor]
    ) -> torch.Tensor: ...
