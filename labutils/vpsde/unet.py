"""The compact score network of Lab 5: a small U-Net that corrects the score of one Gaussian.

A diffused image is x_t = alpha x_0 + sigma z. If each pixel of the data were one Gaussian N(m, s^2), its score would be

    s_0(x) = -(x - alpha m) / v,        v = alpha^2 s^2 + sigma^2,

exact for strong noise, where every diffused distribution is Gaussian. The network F only learns what is missing,

    score(x) = s_0(x) - alpha s / (sigma sqrt(v)) F((x - alpha m) / sqrt(v), log SNR),

with input and target of unit size at every noise level (the preconditioning of Karras et al. 2022, section 5).
The network is told the noise level by log-SNR/4, a number of size one, through FiLM layers (Perez et al. 2018).
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from labutils.vpsde.interfaces import Times

SIDE = 28  # pixels of an image's side
EMBEDDING = 128  # numbers that tell a block the noise level and the label: about as many as it has channels
NO_LABEL = -1  # "no digit asked for", in a tensor of labels


class ScoreNet(nn.Module):
    """score(x_t) of diffused 28 x 28 images in [-1, 1].

    channels: width at 14 x 14, before the multipliers; multipliers: widths at 14 x 14 and at 7 x 7;
    blocks: residual blocks at 7 x 7, with self-attention between them; classes: number of labels it can be asked for
    (0 for none); mean, deviation: those of the training images' pixels.
    Raises ValueError for sizes that cannot be built.
    """

    def __init__(
        self,
        channels: int = 32,
        multipliers: Sequence[int] = (1, 3),
        blocks: int = 3,
        heads: int = 4,
        classes: int = 10,
        dropout: float = 0.1,
        mean: float = -0.737,
        deviation: float = 0.617,
    ) -> None:
        super().__init__()
        self.config: dict[str, Any] = dict(
            channels=channels, multipliers=list(multipliers), blocks=blocks, heads=heads, classes=classes,
            dropout=dropout, mean=mean, deviation=deviation,
        )  # fmt: skip
        wide, deep = _widths(self.config)
        self.mean, self.deviation, self.classes = mean, deviation, classes
        self.embed = NoiseLevelEmbedding(classes)
        self.stem = nn.Conv2d(4, wide, 3, padding=1)
        self.encode = ResidualBlock(wide, 0.0)
        self.down = nn.Conv2d(wide, deep, 3, stride=2, padding=1)
        middle: list[nn.Module] = [ResidualBlock(deep, dropout)]
        for _ in range(blocks - 1):
            middle += [Attention(deep, heads), ResidualBlock(deep, dropout)]
        self.middle = nn.ModuleList(middle)
        self.up = nn.Conv2d(deep, 4 * wide, 1)
        self.merge = nn.Conv2d(2 * wide, wide, 1)
        self.decode = ResidualBlock(wide, 0.0)
        self.head = nn.Sequential(_norm(wide), nn.SiLU(), _zero(nn.Conv2d(wide, 4, 3, padding=1)))

    def forward(
        self, x: torch.Tensor, alpha: Times, sigma: Times, label: torch.Tensor | int | None = None
    ) -> torch.Tensor:
        """x: (n, 1, 28, 28); alpha, sigma: scalars or (n,), with sigma > 0; label: None or integers (n,).

        A label of -1 asks for no digit in particular. Returns the score, shape (n, 1, 28, 28).
        """
        if x.ndim != 4 or x.shape[1:] != (1, SIDE, SIDE):
            raise ValueError(f"images have shape (n, 1, {SIDE}, {SIDE}), got {tuple(x.shape)}")
        alphas, sigmas = (_column(value, x, name) for value, name in ((alpha, "alpha"), (sigma, "sigma")))
        embedding = self.embed(2 * torch.log(alphas / sigmas).flatten(), self._known(label, len(x)))
        total = torch.sqrt((alphas * self.deviation) ** 2 + sigmas**2)
        centred = (x - alphas * self.mean) / total
        learned = self.features(centred, embedding)
        return -(centred + alphas * self.deviation / sigmas * learned) / total

    def features(self, x: torch.Tensor, embedding: torch.Tensor) -> torch.Tensor:
        """The U-Net itself: (n, 1, 28, 28) -> (n, 1, 28, 28)."""
        skip = self.encode(self.stem(functional.pixel_unshuffle(x, 2)), embedding)
        x = self.down(skip)
        for layer in self.middle:
            x = layer(x, embedding)
        x = torch.cat([functional.pixel_shuffle(self.up(x), 2), skip], dim=1)
        return functional.pixel_shuffle(self.head(self.decode(self.merge(x), embedding)), 2)

    def _known(self, label, n):
        """Labels as the rows of the embedding table, where "no label" is the last one."""
        if label is None:
            return None
        label = torch.as_tensor(label).expand(n)
        wrong = label[(label < NO_LABEL) | (label >= self.classes)]
        if len(wrong):
            raise ValueError(f"this network knows labels 0 to {self.classes - 1} and -1 for none, got {int(wrong[0])}")
        return torch.where(label == NO_LABEL, self.classes, label)


class NoiseLevelEmbedding(nn.Module):
    """A vector that tells every block the noise level, and the label asked for: log SNR (n,) -> (n, 128)."""

    frequencies: torch.Tensor

    def __init__(self, classes: int, frequencies: int = 32) -> None:
        super().__init__()
        self.register_buffer("frequencies", torch.logspace(-1, 1.5, frequencies, base=math.e), persistent=False)
        self.classes = classes
        self.label = nn.Embedding(classes + 1, EMBEDDING) if classes else None
        self.mix = nn.Sequential(nn.Linear(2 * frequencies, EMBEDDING), nn.SiLU(), nn.Linear(EMBEDDING, EMBEDDING))

    def forward(self, log_snr: torch.Tensor, label: torch.Tensor | None) -> torch.Tensor:
        angles = log_snr[:, None] / 4 * self.frequencies
        embedding = self.mix(torch.cat([angles.sin(), angles.cos()], dim=1))
        if self.label is not None:
            none = torch.full(log_snr.shape, self.classes, device=log_snr.device)
            embedding = embedding + self.label(none if label is None else label)
        return functional.silu(embedding)


class ResidualBlock(nn.Module):
    """x plus two normalised convolutions, the second modulated by the embedding; the identity when new."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.norm1, self.conv1 = _norm(width), nn.Conv2d(width, width, 3, padding=1)
        self.film = nn.Linear(EMBEDDING, 2 * width)
        self.norm2, self.drop = _norm(width), nn.Dropout(dropout)
        self.conv2 = _zero(nn.Conv2d(width, width, 3, padding=1))

    def forward(self, x: torch.Tensor, embedding: torch.Tensor) -> torch.Tensor:
        scale, shift = self.film(embedding)[:, :, None, None].chunk(2, dim=1)
        y = self.conv1(functional.silu(self.norm1(x)))
        y = functional.silu(self.norm2(y) * (1 + scale) + shift)
        return x + self.conv2(self.drop(y))


class Attention(nn.Module):
    """x plus what every pixel reads from all others (multi-head self-attention); the identity when new."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.norm = heads, _norm(width)
        self.query_key_value, self.out = nn.Conv2d(width, 3 * width, 1), _zero(nn.Conv2d(width, width, 1))

    def forward(self, x: torch.Tensor, embedding: torch.Tensor) -> torch.Tensor:
        n, width, height, length = x.shape
        parts = self.query_key_value(self.norm(x)).view(n, 3, self.heads, width // self.heads, height * length)
        query, key, value = parts.transpose(-1, -2).unbind(1)
        read = functional.scaled_dot_product_attention(query, key, value)
        return x + self.out(read.transpose(-1, -2).reshape(x.shape))


def _widths(config):
    """The two widths, after a look at every size."""
    if len(config["multipliers"]) != 2:
        raise ValueError(f"multipliers are a pair, for 14 x 14 and 7 x 7, got {config['multipliers']}")
    if config["blocks"] < 1:
        raise ValueError(f"at least one residual block is needed, got {config['blocks']}")
    widths = [config["channels"] * factor for factor in config["multipliers"]]
    if any(width < 8 or width % 8 for width in widths) or widths[1] % config["heads"]:
        raise ValueError(f"widths must be multiples of 8 and of {config['heads']} heads, got {widths}")
    return widths


def _column(value, x, name):
    """A scalar or one number per image as (n, 1, 1, 1)."""
    value = torch.as_tensor(value, dtype=x.dtype, device=x.device)
    if value.numel() not in (1, len(x)):
        raise ValueError(f"{name} is a number or one for each of {len(x)} images, got shape {tuple(value.shape)}")
    return value.reshape(-1, 1, 1, 1).expand(len(x), 1, 1, 1)


def _norm(width):
    return nn.GroupNorm(8, width)


def _zero(layer):
    """The layer with all weights 0, so that what it ends adds nothing at first."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
