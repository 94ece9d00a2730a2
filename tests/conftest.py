"""What every test starts from."""

import pytest
import torch


@pytest.fixture(autouse=True)
def single_precision():
    """torch's own default type, whatever a lab that ran before has set."""
    torch.set_default_dtype(torch.float32)
    yield
    torch.set_default_dtype(torch.float32)
