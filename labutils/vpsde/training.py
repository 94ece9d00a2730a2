"""Training the score network of Lab 5 with lightning, on a laptop's CPU or on any accelerator that lightning knows.

The SDE and the loss come from the student's notebook: `fit` takes them as arguments, and the command line

    python -m labutils.vpsde.train --notebook notebooks/lab5_vpsde_mnist/lab5_vpsde_mnist.ipynb --minutes 60

reads them from there. What is here is the craft around them: batches, a falling rate, averaged weights, logs,
checkpoints, an early stop, and going on after a kill.
"""

import importlib.util
import logging
import warnings
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint, Timer
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from torch.utils.data import DataLoader, TensorDataset

from labutils.vpsde import checkpoint, mnist
from labutils.vpsde.callbacks import ExponentialMovingAverage, SampleGrids
from labutils.vpsde.config import Recipe, require_current_names
from labutils.vpsde.interfaces import BitsPerDim, NoisingSDE, Sampler, ScoreFunction, ScoreLoss, Times
from labutils.vpsde.mnist import Digits
from labutils.vpsde.unet import NO_LABEL, ScoreNet

Batch = list[torch.Tensor]  # images, uint8 levels (n, 1, 28, 28), and labels (n,)
LAST, BEST = "last.ckpt", "best.ckpt"  # files of a training's folder
VALIDATED = 200  # images of the validation split that every validation looks at: a second on one CPU core
LOG_EVERY = 20  # steps between two entries of the log: about a thousand points per hour on one CPU core


def score_function(net: ScoreNet, sde: NoisingSDE, label: torch.Tensor | int | None = None) -> ScoreFunction:
    """The student's view of a ScoreNet: score_fn(x, t) with x (n, 1, 28, 28) and t a number or (n,).

    sde: anything with marginal_prob(x, t) -> (mean, std); label: digits asked for, (n,), a number, or None.
    The result has the dtype of x, whatever the network's is, so that solvers may work in double precision.
    Calls of it raise ValueError when the network answers with numbers that are not finite.
    """
    weights = next(net.parameters())

    def score_fn(x: torch.Tensor, t: Times) -> torch.Tensor:
        t = torch.as_tensor(t, dtype=x.dtype, device=x.device).expand(len(x))
        alpha, sigma = sde.marginal_prob(torch.ones_like(x[:, :1, :1, :1]), t)
        inputs = (value.to(weights.device, weights.dtype) for value in (x, alpha.flatten(), sigma.flatten()))
        asked = None if label is None else torch.as_tensor(label, device=weights.device)
        score = net(*inputs, asked).to(x)
        if not score.isfinite().all():  # an ODE solver would look for a small enough step for ever
            raise ValueError(f"the network's score is not finite at t = {float(t.min()):g}: were x or its weights?")
        return score

    return score_fn


class ScoreTraining(lightning.LightningModule):
    """A ScoreNet on its way: one batch's loss, the optimiser and its rate, and the figures of a validation.

    loss(score_fn, x, sde, sample_times=f) -> a scalar, where f(n, ...) -> times (n,): the contract of exercise 5.3.
    bits_per_dim(score_fn, x, sde) -> (n,), or None for a validation by the loss alone.
    """

    def __init__(
        self, sde: NoisingSDE, loss: ScoreLoss, recipe: Recipe | None = None, bits_per_dim: BitsPerDim | None = None
    ) -> None:
        super().__init__()
        self.recipe = recipe or Recipe()
        self.net = self.recipe.network()
        # Closures: what a student's objects hold (a torch.Generator, say) must not be copied with the averaged weights.
        self.score = lambda label: score_function(self.net, sde, label)
        self.batch_loss = lambda score_fn, x, times: loss(score_fn, x, sde, sample_times=times)
        self.draw_times = lambda n: self.recipe.times(n, sde, self.device)
        self.bits = None if bits_per_dim is None else lambda score_fn, x: bits_per_dim(score_fn, x, sde)

    @property
    def monitored(self) -> str:
        """The figure by which a validation judges."""
        return "validation_bpd" if self.bits else "validation_loss"

    def on_train_start(self) -> None:
        """Other random numbers on every device, and others again after a restart, always the same for one seed."""
        torch.manual_seed(self.recipe.seed + 1000 * self.global_rank + 1_000_000 * self.global_step)

    def training_step(self, batch: Batch, batch_index: int) -> torch.Tensor:
        images, labels = batch
        dropped = torch.rand(len(labels), device=self.device) < self.recipe.label_dropout
        score_fn = self.score(torch.where(dropped, NO_LABEL, labels))
        x = mnist.dequantise(mnist.random_shift(images, self.recipe.augment_prob))
        loss = self.batch_loss(score_fn, x, lambda n, *_, **__: self.draw_times(n))
        if not torch.isfinite(loss):
            raise ValueError(f"the loss is {loss.item()} at step {self.global_step}: {LAST} is from before it")
        self.log("loss", loss, prog_bar=True)
        return loss

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        """The loss without labels at evenly spaced times, with the same noise each time, so that figures compare."""
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices):
            torch.manual_seed(0)
            x, epsilon = mnist.dequantise(batch[0]), self.recipe.epsilon
            spread = torch.randperm(len(x)).to(x.device)
            times = epsilon + (1 - epsilon) * (spread + 0.5) / len(x)
            loss = self.batch_loss(self.score(None), x, lambda *_, **__: times)
            self.log("validation_loss", loss, prog_bar=True, sync_dist=True)
            if self.bits:
                self.log("validation_bpd", self.bits(self.score(None), x).mean(), prog_bar=True, sync_dist=True)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        recipe = self.recipe
        return torch.optim.AdamW(self.net.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay)

    def on_train_batch_start(self, batch: Batch, batch_index: int) -> None:
        rate = self.recipe.rate(self.global_step, self.progress())
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = rate

    def progress(self) -> float:
        """The share of the training that is done: of its steps or of its time, whichever is further."""
        steps = self.trainer.estimated_stepping_batches
        shares = [self.global_step / steps if 0 < steps < float("inf") else 0.0]
        timers = [callback for callback in self.trainer.callbacks if isinstance(callback, Timer)]  # type: ignore[attr-defined]
        shares += [timer.time_elapsed() / (timer.time_elapsed() + (timer.time_remaining() or 0)) for timer in timers]
        return max(shares)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["recipe"] = vars(self.recipe)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        now, then = vars(self.recipe), checkpoint["recipe"]
        require_current_names(then, "this folder's checkpoint")
        changed = [f"{name} {then.get(name)} (now {now[name]})" for name in now if now[name] != then.get(name)]
        if changed:
            raise ValueError(f"this folder holds a training with {', '.join(changed)}: take another, or resume=False")


def fit(
    sde: NoisingSDE, loss: ScoreLoss, folder: str | Path, *, recipe: Recipe | None = None,
    max_seconds: float | None = None, max_epochs: int | None = None, data: tuple[Digits, Digits] | None = None,
    bits_per_dim: BitsPerDim | None = None, samplers: dict[str, Sampler] | None = None,
    start: str | Path | None = None, patience: int | None = None, resume: bool = True,
    callbacks: Iterable[Callback] = (), **trainer_options: Any,
) -> ScoreNet:  # fmt: skip
    """Train a network for a time or a number of epochs; returns it with its averaged weights, ready to sample.

    sde, loss, bits_per_dim: see ScoreTraining. data: (training, validation) Digits, by default the embedded ones.
    samplers: {name: f(score_fn, shape)}, whose pictures go into folder/samples at every validation.
    start: the file of a checkpoint to start from (labutils.vpsde.checkpoint), instead of from random weights.
    patience: stop after so many validations without progress, and return the best weights instead of the last.
    resume: go on where an earlier call with this folder stopped.
    trainer_options: lightning's, such as accelerator, devices, strategy, check_val_every_n_epoch, enable_progress_bar.
    Logs are in folder/log (CSV) and folder/tensorboard (if that is installed), checkpoints in folder.
    """
    if not (max_seconds or max_epochs) or (max_seconds or 1) < 0:
        raise ValueError(f"say how long to train: max_seconds or max_epochs, got {max_seconds} and {max_epochs}")
    recipe, folder = recipe or Recipe(), Path(folder)
    for old in () if resume else (LAST, BEST):
        (folder / old).unlink(missing_ok=True)
    loaders, last = _loaders(data, recipe), folder / LAST
    with torch.random.fork_rng(), _quiet():
        torch.manual_seed(recipe.seed)
        module = ScoreTraining(sde, loss, recipe, bits_per_dim)
        if start is not None:
            checkpoint.load_into(module.net, start)
        callbacks = [*callbacks, *_callbacks(module, folder, samplers, patience, max_seconds)]
        trainer = _trainer(recipe, folder, callbacks, max_epochs, trainer_options)
        trainer.fit(module, *loaders, ckpt_path=last if last.exists() else None)
    if patience is not None:
        module.load_state_dict(torch.load(folder / BEST, map_location="cpu", weights_only=True)["state_dict"])
    return module.net.cpu().eval()


def _trainer(recipe, folder, callbacks, max_epochs, options):
    options = {
        "max_epochs": -1 if max_epochs is None else max_epochs,
        "gradient_clip_val": recipe.clip,
        "inference_mode": False,  # a likelihood, in a validation, needs gradients
        "num_sanity_val_steps": 0,
        "enable_model_summary": False,
        "log_every_n_steps": LOG_EVERY,
        **options,
    }
    return lightning.Trainer(callbacks=callbacks, logger=_loggers(folder), **options)


def _loaders(data, recipe):
    """Batches of the training split, shuffled, and one batch of the validation split."""
    training, validation = data or (mnist.embedded("train"), mnist.embedded("validation"))
    if len(training.images) < recipe.batch_size:
        raise ValueError(f"a batch of {recipe.batch_size} needs as many images, got {len(training.images)}")
    held_out = TensorDataset(*(part[:VALIDATED] for part in validation))
    batches = DataLoader(TensorDataset(*training), recipe.batch_size, shuffle=True, drop_last=True)
    return batches, DataLoader(held_out, VALIDATED)


def _callbacks(module, folder, samplers, patience, max_seconds):
    """Everything that happens beside the steps. The grids come first: they want the averaged weights in the network."""
    callbacks: list[Callback] = [SampleGrids(samplers, folder / "samples")] if samplers else []
    callbacks += [ExponentialMovingAverage(module.recipe.ema_decay)]
    callbacks += [EarlyStopping(module.monitored, patience=patience)] if patience is not None else []
    callbacks += [Timer(timedelta(seconds=max_seconds), verbose=False)] if max_seconds is not None else []
    common = {"dirpath": folder, "enable_version_counter": False}
    best = ModelCheckpoint(filename=Path(BEST).stem, monitor=module.monitored, **common)
    return [*callbacks, best, ModelCheckpoint(filename=Path(LAST).stem, save_on_train_epoch_end=True, **common)]


def _loggers(folder):
    loggers: list[Logger] = [CSVLogger(folder, name="log")]
    if any(importlib.util.find_spec(name) for name in ("tensorboard", "tensorboardX")):
        loggers.append(TensorBoardLogger(folder, name="tensorboard"))
    return loggers


class _quiet(warnings.catch_warnings):
    """Without lightning's advice on data-loader workers and GPUs, which a laptop's training has no use for."""

    def __enter__(self):
        super().__enter__()
        warnings.filterwarnings("ignore", module="lightning")
        self.loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
        self.levels = [logger.level for logger in self.loggers]
        for logger in self.loggers:
            logger.setLevel(logging.WARNING)

    def __exit__(self, *error):
        for logger, level in zip(self.loggers, self.levels, strict=True):
            logger.setLevel(level)
        return super().__exit__(*error)
