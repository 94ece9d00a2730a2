"""`make train`: it trains with the functions of a notebook, exports, and explains what is missing in one line."""

import json
import os

import pytest

from labutils.vpsde import checkpoint, mnist
from labutils.vpsde import train as command
from labutils.vpsde.config import Recipe
from labutils.vpsde.train import NOTEBOOK
from tests.graded import ROOT
from tests.trainings import TINY, squares


@pytest.fixture(scope="module")
def data():
    return squares()


@pytest.fixture
def notebook(tmp_path):
    cells = json.loads((ROOT / NOTEBOOK).read_text())["cells"]
    for source in ("raise SystemExit('a cell that must not run')", "%matplotlib inline\nVPSDE.name = 'the VP-SDE'"):
        cells.append({"cell_type": "code", "source": source.splitlines(keepends=True)})
    path = tmp_path / "lab.ipynb"
    path.write_text(json.dumps({"cells": cells}))
    return path


def test_the_command_trains_with_a_notebooks_functions_and_exports(notebook, data, tmp_path, monkeypatch):
    monkeypatch.setattr(mnist, "embedded", lambda split: data[0])
    monkeypatch.setattr(command, "STEPS", 4)
    monkeypatch.setattr(command, "MEASURED", 2)
    Recipe(**TINY).write(tmp_path / "recipe.json")
    places = ["--notebook", str(notebook), "--folder", str(tmp_path / "run"), "--recipe", str(tmp_path / "recipe.json")]
    command.main([*places, "--minutes=0.01", "--bpd", "--samples=both", "--validate-every=1", "--accelerator=cpu"])
    net = checkpoint.load(tmp_path / "run/score_net.safetensors")
    assert net.config["channels"] == 8
    facts = checkpoint.record(tmp_path / "run/score_net.safetensors")
    assert facts["recipe"]["seed"] == 5 and facts["data"]["train"] == 64
    assert {name.split("_")[-1] for name in os.listdir(tmp_path / "run/samples")} == {"ode.png", "pc.png"}
    places[3], start = str(tmp_path / "on"), str(tmp_path / "run/score_net.safetensors")
    command.main([*places, "--start", start, "--minutes=0.001", "--samples=none", "--accelerator=cpu"])
    assert checkpoint.record(tmp_path / "on/score_net.safetensors")["started from"]["minutes"] == 0.01


def test_the_command_explains_what_is_missing_in_one_line(tmp_path):
    empty = tmp_path / "empty.ipynb"
    empty.write_text('{"cells": []}')
    with pytest.raises(SystemExit, match=r"error: .*does not define VPSDE, dsm_loss"):
        command.main(["--notebook", str(empty)])
