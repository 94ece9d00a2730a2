"""A search for a better recipe with Ray Tune: python -m labutils.vpsde.tune --help, or `make search`.

Each trial is one training (`training.fit`) with other values for learning rate, batch size, residual blocks, channel
multipliers and the cut-off epsilon. ASHA (Li et al. 2020) stops those that fall behind, by the bits per
dimension of *validation* images. These are measured at the same cut-off, 1e-5, in every trial: the cut-off changes the
figure, so that figures at different ones would not compare.
"""

import argparse
import io
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback

from labutils import files
from labutils.vpsde import definitions, mnist, training
from labutils.vpsde.config import Recipe

if TYPE_CHECKING:
    import pandas  # comes with the extra `ray`

# Values of a Recipe; a longer list would need many more trials.
SEARCHED = ("learning_rate", "batch_size", "blocks", "multipliers", "epsilon")
NEEDED = ("VPSDE", "dsm_loss", "log_likelihood", "bits_per_dim")  # of the notebook
OBJECTIVE = "bpd"
MEASURED_AT = 1e-5  # the cut-off, a time, of every trial's figure: the default of Recipe and of the notebook
INSTALL = "the search needs Ray Tune: .venv/bin/python -m pip install -c constraints.txt -e '.[ray]'"
ATTEMPTS = 3  # starts of a local cluster: its agents can time out on a busy machine


def space() -> dict[str, Any]:
    """What is searched: a distribution for each value of a Recipe that varies."""
    tune = _ray()[1]
    return {
        "learning_rate": tune.loguniform(3e-4, 5e-3),
        "batch_size": tune.choice([16, 32, 64]),
        "blocks": tune.choice([1, 2, 3, 4]),
        "multipliers": tune.choice([(1, 2), (1, 3), (2, 3)]),
        "epsilon": tune.choice([1e-5, 1e-4, 1e-3]),
    }


class Reporting(Callback):
    """Hands the bits per dimension of every validation to `report`."""

    def __init__(self, report: Callable[[dict[str, float]], None]) -> None:
        self.report = report

    def on_validation_end(self, trainer: lightning.Trainer, module: Any) -> None:
        self.report({OBJECTIVE: float(trainer.callback_metrics[module.monitored]), "epoch": trainer.current_epoch + 1})


def trial(
    values: dict[str, Any],
    *,
    notebook: str | Path,
    folder: str | Path,
    epochs: int,
    measured: int,
    report: Callable[[dict[str, float]], None],
    base: Recipe | None = None,
    data: tuple[mnist.Digits, mnist.Digits] | None = None,
) -> None:
    """One training: the base recipe with `values` in it, judged on `measured` validation images after each epoch."""
    defined = definitions.definitions(notebook, NEEDED)

    def bits(score_fn, x, sde):
        logp = defined.log_likelihood(x[:measured].cpu(), score_fn, sde, eps=MEASURED_AT)
        return defined.bits_per_dim(logp, x[0].numel())

    recipe = Recipe(**{**vars(base or Recipe()), **values})
    training.fit(
        defined.VPSDE(), defined.dsm_loss, folder, recipe=recipe, data=data, max_epochs=epochs, bits_per_dim=bits,
        callbacks=[Reporting(report)], enable_progress_bar=False,
    )  # fmt: skip


def search(
    notebook: str | Path,
    folder: str | Path,
    *,
    trials: int = 12,
    epochs: int = 12,
    measured: int = 32,
    images: int | None = None,
    base: Recipe | None = None,
    ray_address: str = "local",
    **resources: float,
) -> "pandas.DataFrame":
    """Run the trials; returns a table, one row per trial, best first, with the columns of SEARCHED, bpd and epochs.

    images: size of the training split (None: all of the embedded one); resources: of one trial, such as cpu=1, gpu=0.
    Raises ImportError without the extra `ray`, ConnectionError if there is no cluster at `ray_address`.
    """
    ray, tune = _ray()
    from ray.tune.schedulers import ASHAScheduler

    notebook, folder = Path(notebook).resolve(), Path(folder).resolve()
    definitions.definitions(notebook, NEEDED)  # so that what is missing is said before a cluster starts

    def run(values):
        torch.set_num_threads(max(1, int(resources.get("cpu", 1))))
        train, validation = (mnist.embedded(split) for split in ("train", "validation"))
        data = mnist.Digits(*(part[:images] for part in train)), mnist.Digits(*(part[:images] for part in validation))
        trial(values, notebook=notebook, folder=Path.cwd() / "training", epochs=epochs, measured=measured,
              report=tune.report, base=base, data=data)  # fmt: skip

    scheduler = ASHAScheduler(max_t=epochs, grace_period=max(1, epochs // 9), reduction_factor=3)
    config = tune.TuneConfig(metric=OBJECTIVE, mode="min", num_samples=trials, scheduler=scheduler)
    storage = tune.RunConfig(name="trials", storage_path=str(folder), verbose=1)
    _connect(ray, ray_address)
    try:
        runner = tune.with_resources(run, resources or {"cpu": 1})
        return _table(tune.Tuner(runner, param_space=space(), tune_config=config, run_config=storage).fit())
    finally:
        ray.shutdown()


def _table(results):
    """One row per trial that reported, best first, by its last figure."""
    frame = results.get_dataframe()
    if OBJECTIVE not in frame:
        raise RuntimeError(f"no trial reported a figure; the first error: {(results.errors or ['none'])[0]}")
    frame = frame.rename(columns={f"config/{name}": name for name in SEARCHED} | {"epoch": "epochs"})
    return frame[[*SEARCHED, OBJECTIVE, "epochs"]].dropna().sort_values(OBJECTIVE, ignore_index=True)


def _connect(ray, address):
    """A cluster of this machine alone, or the one at `address`."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return ray.init(
                address=address, include_dashboard=False if address == "local" else None, log_to_driver=False
            )
        except Exception as error:
            ray.shutdown()
            if attempt == ATTEMPTS or address != "local":
                busy = "; a busy machine is the usual reason: try again when it is idle" if address == "local" else ""
                raise ConnectionError(f"no Ray cluster at {address!r}: {error}{busy}") from error


def _ray():
    try:
        import ray
        from ray import tune
    except ImportError as error:
        raise ImportError(INSTALL) from error
    return ray, tune


def write(table: "pandas.DataFrame", folder: str | Path, base: Recipe | None = None) -> Recipe:
    """results.csv, results.png, and best.json, the recipe that `make train` takes; returns the best recipe."""
    import matplotlib.pyplot as plt

    from labutils.plots.search import parallel_coordinates

    folder, picture = Path(folder), io.BytesIO()
    figure, ax = plt.subplots(figsize=(10, 4))
    parallel_coordinates(table, OBJECTIVE, ax=ax)
    figure.savefig(picture)
    plt.close(figure)
    files.write(folder / "results.csv", table.to_csv(index=False))
    files.write(folder / "results.png", picture.getvalue())
    best = Recipe(**{**vars(base or Recipe()), **{name: table[name].tolist()[0] for name in SEARCHED}})
    best.write(folder / "best.json")
    return best


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line; an error of the user's is one line."""
    parser = argparse.ArgumentParser(prog="python -m labutils.vpsde.tune", description="Search for a better recipe.")
    add = parser.add_argument
    add("--notebook", default="notebooks/lab5_vpsde_mnist/lab5_vpsde_mnist.ipynb", help="(default: %(default)s)")
    add("--folder", type=Path, default=Path("build/search"), help="(default: %(default)s)")
    add("--ray", default="local", metavar="ADDRESS", help="an existing cluster instead of one on this machine")
    add("--recipe", help="a JSON file with the values that are not searched")
    add("--trials", type=int, default=12)
    add("--epochs", type=int, default=12, help="of a trial that is not stopped early (default: %(default)s)")
    add("--measured", type=int, default=32, help="validation images of a figure (default: %(default)s)")
    add("--images", type=int, help="use only so many training images")
    add("--cpu", type=float, default=1, help="for each trial (default: %(default)s)")
    add("--gpu", type=float, default=0, help="for each trial (default: %(default)s)")
    options = vars(parser.parse_args(arguments))
    notebook, folder, recipe = (options.pop(name) for name in ("notebook", "folder", "recipe"))
    try:
        base = Recipe.read(recipe) if recipe else Recipe()
        table = search(notebook, folder, ray_address=options.pop("ray"), base=base, **options)
        write(table, folder, base)
    except (ImportError, ValueError, OSError, RuntimeError) as error:
        sys.exit(f"error: {error}")
    print(table.to_string(float_format="{:.4g}".format))
    print(f"\nTrain the best: make train RECIPE={folder / 'best.json'}; the picture: {folder / 'results.png'}")


if __name__ == "__main__":
    main()
