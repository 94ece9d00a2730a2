"""The command line of `make train`: python -m labutils.vpsde.train --help."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from labutils.vpsde import checkpoint, definitions, mnist, training
from labutils.vpsde.config import Recipe
from labutils.vpsde.unet import ScoreNet

NOTEBOOK = "notebooks/lab5_vpsde_mnist/lab5_vpsde_mnist.ipynb"
NAMES = ("VPSDE", "dsm_loss")  # what a training needs of the notebook
OPTIONAL = ("pc_sampler", "ode_sampler", "log_likelihood", "bits_per_dim")
STEPS, END = 100, 1e-3  # steps of the sampler and the time where it stops: there an image is sharp to the eye
MEASURED = 64  # images of a validation by bits per dimension: 11 seconds on one CPU core


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, write the checkpoint and its record; an error of the user's is one line, not a traceback."""
    options = _parser().parse_args(arguments)
    try:
        net, facts = train(options)
        checkpoint.save(net, options.export or options.folder / "score_net.safetensors", **facts)
    except (ValueError, OSError, KeyboardInterrupt) as error:
        sys.exit(f"error: {error}" if str(error) else "stopped: the same command goes on from the last checkpoint")


def train(options: argparse.Namespace) -> tuple[ScoreNet, dict[str, Any]]:
    """The network that the options ask for, and the facts to record beside it."""
    torch.set_float32_matmul_precision("high")
    defined = definitions.definitions(options.notebook, NAMES, OPTIONAL)
    sde, recipe = defined.VPSDE(), Recipe.read(options.recipe) if options.recipe else Recipe()
    split = mnist.full if options.full else mnist.embedded
    data = split("train"), split("validation")
    net = training.fit(
        sde, defined.dsm_loss, options.folder, recipe=recipe, data=data, max_seconds=options.minutes * 60,
        bits_per_dim=_bits(defined) if options.bpd else None, samplers=_samplers(defined, sde, options.samples),
        start=options.start, patience=options.patience, resume=not options.fresh,
        check_val_every_n_epoch=options.validate_every,
        accelerator=options.accelerator, devices=options.devices, strategy=options.strategy,
    )  # fmt: skip
    sizes = {"train": len(data[0].labels), "validation": len(data[1].labels), "seed": mnist.SEED}
    facts: dict[str, Any] = {"recipe": asdict(recipe), "minutes": options.minutes, "torch": torch.__version__}
    if options.start:
        facts["started from"] = {name: fact for name, fact in checkpoint.record(options.start).items() if name in facts}
    return net, {**facts, "data": {"name": "full" if options.full else "embedded", **sizes}}


def _bits(defined):
    """bits_per_dim(score_fn, x, sde) on the first images, out of a notebook's two functions of exercise 5.7."""
    _require(defined, "log_likelihood", "bits_per_dim")

    def bits(score_fn, x, sde):
        x = x[:MEASURED].cpu()
        return defined.bits_per_dim(defined.log_likelihood(x, score_fn, sde), x[0].numel())

    return bits


def _samplers(defined, sde, asked):
    """{name: f(score_fn, shape)} for "ode", "pc", "both" or "none", out of a notebook's samplers."""

    def pc(score_fn, shape):
        times = END + (1 - END) * torch.linspace(1, 0, STEPS + 1) ** 2
        return defined.pc_sampler(times, shape, score_fn, sde)

    def ode(score_fn, shape):
        return defined.ode_sampler(sde.prior_sample(shape), score_fn, sde)

    chosen = {"ode": [ode], "pc": [pc], "both": [ode, pc], "none": []}[asked]
    _require(defined, *(f"{sampler.__name__}_sampler" for sampler in chosen))
    return {sampler.__name__: sampler for sampler in chosen}


def _require(defined, *names):
    missing = [name for name in names if not hasattr(defined, name)]
    if missing:
        raise ValueError(f"the notebook does not define {', '.join(missing)}, which these options need")


def _parser():
    parser = argparse.ArgumentParser(
        prog="python -m labutils.vpsde.train", description="Train the score network of Lab 5."
    )
    add = parser.add_argument
    add(
        "--notebook", default=NOTEBOOK, help="where VPSDE, dsm_loss and the samplers are defined (default: %(default)s)"
    )
    add("--folder", type=Path, default=Path("build/train"), help="checkpoints, logs, samples (default: %(default)s)")
    add("--minutes", type=float, default=100, help="how long, all runs in this folder together (default: %(default)s)")
    add("--start", help="a checkpoint to start from, instead of from random weights")
    add("--recipe", help="a JSON file of recipe values, such as the one that make search writes")
    add("--samples", choices=("ode", "pc", "both", "none"), default="pc", help="pictures at each validation, by ...")
    add("--bpd", action="store_true", help="validate by bits per dimension, not by the loss")
    add("--validate-every", type=int, default=5, metavar="EPOCHS", help="(default: %(default)s)")
    add("--patience", type=int, metavar="N", help="stop after N validations without progress, and keep the best")
    add("--full", action="store_true", help="all of MNIST, downloaded on first use, instead of 4,000 images")
    add("--fresh", action="store_true", help="start anew instead of going on where this folder's training stopped")
    add("--export", type=Path, help="the checkpoint to write (default: score_net.safetensors in the folder)")
    add("--accelerator", default="auto")
    add("--devices", default="auto")
    add("--strategy", default="auto")
    return parser


if __name__ == "__main__":
    main()
