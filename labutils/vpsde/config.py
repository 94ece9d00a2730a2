"""What one training of Lab 5's network is made of: a file that `make search` writes and `make train` takes."""

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import torch

from labutils import files
from labutils.vpsde.interfaces import NoisingSDE
from labutils.vpsde.unet import ScoreNet

POSITIVE = ("learning_rate", "batch_size", "epsilon", "clip", "warm_up", "decay")
FRACTIONS = ("epsilon", "log_uniform_fraction", "augment_prob", "dropout", "label_dropout", "ema_decay", "decay")
RENAMED = {"fine_times": "log_uniform_fraction", "moved": "augment_prob", "average": "ema_decay"}  # old name: new name


@dataclass(frozen=True)
class Recipe:
    """Every number that a training depends on; raises ValueError for those that make none.

    epsilon: the cut-off, times are drawn from [epsilon, 1]; log_uniform_fraction: fraction of them drawn evenly in
    log t, the others are u^1.5 of a uniform u; likelihood: draw all of them evenly in log SNR instead; augment_prob:
    probability that an image is shifted by at most a pixel; label_dropout: probability that an image is trained without
    its label; ema_decay: decay of the exponential moving average of the weights, per step; warm_up: steps of rising
    rate; decay: fraction of the training in which the rate falls to 0.
    """

    learning_rate: float = 1.5e-3
    batch_size: int = 32
    blocks: int = 3
    channels: int = 32
    multipliers: tuple[int, ...] = (1, 3)
    epsilon: float = 1e-5
    log_uniform_fraction: float = 0.05
    likelihood: bool = False
    augment_prob: float = 0.5
    dropout: float = 0.05
    label_dropout: float = 0.5
    weight_decay: float = 0.01
    clip: float = 1.0
    ema_decay: float = 0.9997
    warm_up: int = 300
    decay: float = 0.6
    seed: int = 5

    def __post_init__(self) -> None:
        object.__setattr__(self, "multipliers", tuple(self.multipliers))
        for name in POSITIVE:
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        for name in FRACTIONS:
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie in [0, 1], got {getattr(self, name)}")

    def network(self) -> ScoreNet:
        """A new ScoreNet of this recipe's size."""
        return ScoreNet(self.channels, self.multipliers, self.blocks, dropout=self.dropout)

    def times(self, n: int, sde: NoisingSDE, device: torch.device | None = None) -> torch.Tensor:
        """n random times in [epsilon, 1], stratified: every batch covers all of their distribution.

        Most of them are where digits take shape (the power 1.5 leans towards small t); a small share reaches down to
        epsilon evenly in log t, where likelihoods need the score too.

        With `likelihood`, log SNR is even: then the mean of |sigma score + z|^2 is, up to a factor, the integral of
        g^2 |score error|^2 that bounds the negative log-likelihood (Song et al. 2021, "Maximum likelihood training of
        score-based diffusion models", section 4), since d log SNR = -(g/sigma)^2 dt for a variance-preserving SDE.
        """
        u = (torch.arange(n, device=device) + torch.rand(n, device=device)) / n
        if self.likelihood:
            return self._even_in_log_snr(u, sde)
        fine = self.epsilon ** (1 - u / max(self.log_uniform_fraction, 1e-9))
        broad = ((u - self.log_uniform_fraction) / max(1 - self.log_uniform_fraction, 1e-9)).clamp(min=0) ** 1.5
        return torch.where(u < self.log_uniform_fraction, fine, self.epsilon + (1 - self.epsilon) * broad)

    def _even_in_log_snr(self, u, sde):
        """The times at the shares u of the way from the highest log SNR to the lowest."""
        t = torch.logspace(math.log10(self.epsilon), 0, 4096, dtype=torch.float64)
        alpha, sigma = sde.marginal_prob(torch.ones_like(t), t)
        log_snr = 2 * torch.log(alpha / sigma)
        shares = (log_snr[0] - log_snr) / (log_snr[0] - log_snr[-1])
        return torch.from_numpy(np.interp(u.cpu().double(), shares, t)).to(u)

    def rate(self, step: int, progress: float) -> float:
        """The learning rate at a step, when this share of the training is done: warm-up, plateau, straight to 0."""
        return self.learning_rate * min(1, (step + 1) / self.warm_up) * min(1, max(0, 1 - progress) / self.decay)

    def write(self, path: str | Path) -> None:
        """The recipe as a JSON file."""
        files.write(path, json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def read(cls, path: str | Path) -> "Recipe":
        """The recipe in a JSON file; what the file does not name keeps its default.

        Raises ValueError for names that no recipe has, and says what became of those that a recipe once had.
        """
        values = json.loads(Path(path).read_text())
        require_current_names(values, path)
        unknown = sorted(set(values) - {field.name for field in fields(cls)})
        if unknown:
            raise ValueError(f"{path} names what no recipe has: {', '.join(unknown)}")
        return cls(**values)


def require_current_names(values: Iterable[str], source: str | Path) -> None:
    """Raises ValueError for values of a recipe, read from `source`, that bear the names of an earlier version."""
    old = [f"{name!r} is now called {RENAMED[name]!r}" for name in values if name in RENAMED]
    if old:
        raise ValueError(f"{source} has a recipe of an earlier version: {', '.join(old)}")
