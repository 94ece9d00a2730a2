"""What the tests of the training share: tiny digits, a tiny recipe, and one call that trains."""

import torch

from labutils.vpsde import definitions, mnist, training
from labutils.vpsde.config import Recipe
from labutils.vpsde.train import NOTEBOOK
from tests.graded import ROOT

student = definitions.definitions(ROOT / NOTEBOOK, ("VPSDE", "dsm_loss", "ode_sampler"))
TINY = {
    "blocks": 1,
    "channels": 8,
    "multipliers": (1, 1),
    "batch_size": 8,
    "warm_up": 5,
    "ema_decay": 0.5,
    "learning_rate": 1e-2,
}
STEPS_PER_EPOCH = 8  # of 64 images in batches of 8


def squares():
    """Two splits of 64 "digits", a bright square somewhere on black, so that no time goes into reading MNIST."""
    images, labels = torch.zeros(64, 1, 28, 28, dtype=torch.uint8), torch.arange(64) % 10
    for image, label in zip(images, labels, strict=True):
        image[0, 4 + label : 12 + label, 8:20] = 200
    digits = mnist.Digits(images, labels)
    return digits, digits


def fit(data, folder, loss=student.dsm_loss, **options):
    """`training.fit` with the tiny recipe, on the CPU."""
    options = {"recipe": Recipe(**TINY), "data": data, "accelerator": "cpu", "enable_progress_bar": False, **options}
    return training.fit(student.VPSDE(), loss, folder, **options)
