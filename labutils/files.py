"""Files that are whole or not there: what is written goes to a temporary name first and is renamed."""

import os
import shutil
from pathlib import Path


def write(path, data):
    """Write bytes or text (UTF-8) to `path`, whose folder is made; a full disk or a kill leaves the old file as it was.

    Raises OSError that names the path if it cannot be written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    try:
        new.write_bytes(data if isinstance(data, bytes) else data.encode())
    except OSError as error:
        new.unlink(missing_ok=True)
        raise OSError(error.errno, f"cannot write {path}: {error.strerror}") from error
    os.replace(new, path)


def replace_folder(new, target):
    """Put the folder `new` in the place of `target`."""
    shutil.rmtree(target, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(new, target)
