"""What happens beside the steps of a training: weights are averaged, and samples are drawn."""

import warnings
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback, WeightAveraging
from matplotlib import image

from labutils.plots.images import mosaic
from labutils.vpsde.interfaces import Sampler

SAMPLES, COLUMNS = 32, 8  # images of a grid and of its row: enough to see whether digits take shape
WARM_UP = 20  # steps: so the average spans about a twentieth of the training, as long as that is short


class ExponentialMovingAverage(WeightAveraging):
    """An exponential moving average (EMA) of the weights, for validation, samples and the end of the training.

    The decay grows with the training, (1 + k)/(WARM_UP + k) after k steps up to `decay`: the first steps start from
    random weights, which nobody wants in the average.
    """

    def __init__(self, decay: float) -> None:
        def update(averaged: list[torch.Tensor], current: list[torch.Tensor], count: int) -> None:
            keep = min(decay, float((1 + count) / (WARM_UP + count)))
            torch._foreach_lerp_(list(averaged), [value.to(averaged[0].dtype) for value in current], 1 - keep)

        super().__init__(multi_avg_fn=update, use_buffers=False)


class SampleGrids(Callback):
    """A PNG of samples by every sampler, in `folder`, at every validation.

    samplers: {name: f(score_fn, shape)}. A sampler that fails is a warning: pictures must not end a training.
    """

    def __init__(self, samplers: dict[str, Sampler], folder: Path) -> None:
        self.samplers, self.folder = samplers, folder

    def on_validation_epoch_end(self, trainer: lightning.Trainer, module: Any) -> None:
        if not trainer.is_global_zero:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, sampler in self.samplers.items():
            try:
                with torch.random.fork_rng(), torch.no_grad():
                    torch.manual_seed(module.recipe.seed)
                    samples = sampler(module.score(None), (SAMPLES, 1, 28, 28))
                path = self.folder / f"epoch_{trainer.current_epoch:04d}_{name}.png"
                image.imsave(path, mosaic(samples.cpu().numpy()[:, 0], COLUMNS), cmap="gray", vmin=-1, vmax=1)
            except Exception as error:
                warnings.warn(f"no samples by {name}: {error}", stacklevel=1)
