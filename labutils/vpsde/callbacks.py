"""What happens beside the steps of a training: weights are averaged, and samples are drawn."""

import warnings

import torch
from lightning.pytorch.callbacks import Callback, WeightAveraging
from matplotlib import image

COLUMNS, SAMPLES = 8, 32


class ExponentialMovingAverage(WeightAveraging):
    """An exponential moving average (EMA) of the weights, for validation, samples and the end of the training.

    The decay grows with the training, (1 + k)/(20 + k) after k steps up to `decay`: the first steps start from random
    weights, which nobody wants in the average.
    """

    def __init__(self, decay):
        def update(averaged, current, count):
            keep = min(decay, float((1 + count) / (20 + count)))
            torch._foreach_lerp_(list(averaged), [value.to(averaged[0].dtype) for value in current], 1 - keep)

        super().__init__(multi_avg_fn=update, use_buffers=False)


class SampleGrids(Callback):
    """A PNG of samples by every sampler, in `folder`, at every validation.

    samplers: {name: f(score_fn, shape)}. A sampler that fails is a warning: pictures must not end a training.
    """

    def __init__(self, samplers, folder):
        self.samplers, self.folder = samplers, folder

    def on_validation_epoch_end(self, trainer, module):
        if not trainer.is_global_zero:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, sampler in self.samplers.items():
            try:
                with torch.random.fork_rng(), torch.no_grad():
                    torch.manual_seed(module.recipe.seed)
                    samples = sampler(module.score(None), (SAMPLES, 1, 28, 28))
                path = self.folder / f"epoch_{trainer.current_epoch:04d}_{name}.png"
                image.imsave(path, tiles(samples), cmap="gray_r", vmin=-1, vmax=1)
            except Exception as error:
                warnings.warn(f"no samples by {name}: {error}", stacklevel=1)


def tiles(images, columns=COLUMNS):
    """Images (n, 1, h, w) as one array, side by side in rows; what is missing in the last row is -1."""
    images = images.detach().cpu().float()
    rows = -(-len(images) // columns)
    missing = torch.full((rows * columns - len(images), *images.shape[1:]), -1.0)
    grid = torch.cat([images, missing]).unflatten(0, (rows, columns))[:, :, 0]
    return grid.permute(0, 2, 1, 3).flatten(2).flatten(0, 1).numpy()
