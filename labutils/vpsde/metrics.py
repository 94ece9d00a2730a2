"""How good are generated digits? Figures of a small digit classifier that never saw the model's training images.

The Fréchet distance compares two sets of images by the mean and covariance of their features: for Gaussian features it
is the squared Wasserstein-2 distance (Heusel et al. 2017, with another network). Its value depends on the number of
images, so compare it with the distance between two sets of *real* images of the same size, never with 0.
"""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from labutils.vpsde import checkpoint, mnist

FEATURES = 48  # numbers per image: few, for a Fréchet distance needs more images than features
CONFIDENT = 0.9  # probability of the likeliest class from which on a digit counts as confident: 94 % of real ones
CLASSIFIER = Path(__file__).parent / "data" / "digit_classifier.safetensors"


class DigitClassifier(nn.Module):
    """Images (n, 1, 28, 28) in [-1, 1] -> logits (n, 10), by way of 48 features."""

    def __init__(self) -> None:
        super().__init__()
        self.config: dict[str, Any] = {}
        widths = 1, 16, 32, 64  # channels
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU(), nn.MaxPool2d(2)]
        self.see = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.3), nn.Linear(64 * 9, FEATURES))
        self.name = nn.Linear(FEATURES, 10)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """The 48 numbers by which the classifier knows an image, (n, 48)."""
        return functional.relu(self.see(x.clamp(-1, 1)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.name(self.features(x))


def train_classifier(images: torch.Tensor, labels: torch.Tensor, steps: int = 1500, seed: int = 0) -> DigitClassifier:
    """A DigitClassifier, trained on images (n, 1, 28, 28) under random affine maps.

    Raises ValueError for images outside [-1, 1].
    """
    mnist.require_unit_range(images)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        classifier = DigitClassifier()
        optimiser = torch.optim.AdamW(classifier.parameters(), weight_decay=0.05)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 5e-3, total_steps=steps)
        for _ in range(steps):
            chosen = torch.randint(len(images), (64,))
            logits = classifier(_random_affine(images[chosen]))
            loss = functional.cross_entropy(logits, labels[chosen], label_smoothing=0.02)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return classifier.eval()


def _random_affine(x: torch.Tensor) -> torch.Tensor:
    """Each image under a small random affine map, with black around it."""
    change = torch.randn(len(x), 2, 3) * torch.tensor([[0.1, 0.15, 0.08], [0.15, 0.1, 0.08]])
    grid = functional.affine_grid(torch.eye(2, 3) + change, list(x.shape), align_corners=False)
    return functional.grid_sample(x + 1, grid, align_corners=False) - 1


def shipped_classifier() -> DigitClassifier:
    """The classifier trained on the validation split of the embedded images; the model is trained on another."""
    return checkpoint.load_into(DigitClassifier(), CLASSIFIER).eval()


@torch.no_grad()
def measure(images: torch.Tensor, reference: torch.Tensor, classifier: DigitClassifier | None = None) -> dict[str, Any]:
    """Figures of generated images against real ones, both (n, 1, 28, 28), as a dictionary.

    frechet: distance of the features; confident: share of images with a probable class; shares: of the ten classes.
    Raises ValueError for real images outside [-1, 1]; what a sampler leaves outside is cut off.
    """
    mnist.require_unit_range(reference)
    classifier = classifier or shipped_classifier()
    features = [classifier.features(x.float()) for x in (images, reference)]
    probabilities = classifier.name(features[0]).softmax(1)
    likely, digit = probabilities.max(1)
    return {
        "frechet": frechet_distance(*(part.numpy() for part in features)),
        "confident": float((likely >= CONFIDENT).float().mean()),
        "shares": (digit.bincount(minlength=10) / len(digit)).tolist(),
    }


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """|m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2)) of two sets of features, (n, d) and (m, d).

    Raises ValueError for sets of at most d points: their covariances would be singular.
    """
    if min(len(a), len(b)) <= a.shape[1]:
        raise ValueError(f"more than {a.shape[1]} points are needed, got {len(a)} and {len(b)}")
    mean_a, mean_b = a.mean(0), b.mean(0)
    covariance_a, covariance_b = (np.cov(x.astype(np.float64), rowvar=False) for x in (a, b))
    values, vectors = np.linalg.eigh(covariance_a)
    root = vectors * np.sqrt(values.clip(0)) @ vectors.T
    cross = np.sqrt(np.linalg.eigvalsh(root @ covariance_b @ root).clip(0)).sum()
    return float(((mean_a - mean_b) ** 2).sum() + np.trace(covariance_a + covariance_b) - 2 * cross)


def nearest(images: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """Distance of each image to the nearest of the others, (n,): much less than that of real images is memorising."""
    return torch.cdist(images.float().flatten(1), others.float().flatten(1)).min(1).values
