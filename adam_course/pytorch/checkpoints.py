"""Checkpoints of a training run: written whole or not at all, read only where they belong.

A checkpoint is one file, which `torch.load(path, weights_only=True)` reads: the state of
everything that moves, and the settings of the run.  Whoever goes on from it has to have the
same settings, or two different runs would silently become one.
"""

import hashlib
import io
import os
from pathlib import Path

import torch

FORMAT = "adam_course training checkpoint, version 1"


def save(path, content):
    """Write a checkpoint: whatever happens, the file at `path` is the old or the new one.

    Parameters
    ----------
    path : Path
    content : dict
        Of tensors, numbers, strings, lists and dicts.
    """
    # In the same folder, because only within one file system is a renaming atomic.
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(unfinished, "wb") as file:
            torch.save({"format": FORMAT, **content}, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def load(path):
    """The content of a checkpoint, or None where there is no file.

    Raises
    ------
    ValueError
        If the file is no checkpoint, or a damaged one.
    """
    try:
        file = io.BytesIO(path.read_bytes())
    except FileNotFoundError:
        return None
    try:
        content = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # what torch raises for half a file depends on where it ends
        raise ValueError(
            f"checkpoint {str(path)!r} cannot be read: it is damaged, or no checkpoint "
            f"({type(error).__name__}); it is left as it is: move it away to begin anew"
        ) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(
            f"checkpoint {str(path)!r} is a file of another kind; it is left as it is: choose "
            "another path"
        )
    return content


def checked_path(path):
    """A path that a checkpoint can be written to."""
    path = Path(path).absolute()
    if path.is_dir() or not path.parent.is_dir():
        what = "is a folder" if path.is_dir() else "is in a folder that does not exist"
        raise ValueError(f"checkpoint must be the path of a file, but {str(path)!r} {what}")
    return path


def digest(tensors):
    """A short text that two lists of tensors share only if they are equal, bit for bit."""
    found = hashlib.sha256()
    for tensor in tensors:
        tensor = tensor.detach().cpu().contiguous()
        found.update(f"{tensor.dtype} {tuple(tensor.shape)};".encode())
        found.update(tensor.reshape(-1).view(torch.uint8).numpy())
    return found.hexdigest()


def plain(value):
    """A setting as numbers, strings, lists and dicts, which can be stored and compared."""
    if isinstance(value, torch.Tensor):
        return value.tolist()
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, torch.nn.Module):  # such as a loss
        return repr(value)
    return getattr(value, "__qualname__", type(value).__qualname__)


def difference(theirs, ours, name):
    """Where two settings differ first: (name, theirs, ours), or None.

    Examples
    --------
    >>> difference([{"lr": 0.1, "beta1": 0.9}], [{"lr": 0.1, "beta1": 0.5}], "group")
    ('beta1', 0.9, 0.5)
    """
    if isinstance(theirs, dict) and isinstance(ours, dict):
        parts = ((theirs.get(key), ours.get(key), key) for key in {**theirs, **ours})
    elif isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        parts = ((*parts, name) for parts in zip(theirs, ours))
    else:
        return None if theirs == ours else (name, theirs, ours)
    found = (difference(*part) for part in parts)
    return next((one for one in found if one), None)


def refuse_other(path, theirs, ours):
    """Refuse a checkpoint whose settings differ, naming the first that does."""
    found = difference(theirs, ours, "settings")
    if found:
        name, theirs, ours = found
        short = len(f"{theirs}{ours}") < 60
        refuse(path, f"another {name}" + (f": {theirs} there, {ours} here" if short else ""))


def refuse(path, why):
    """Refuse a checkpoint of another run."""
    raise ValueError(
        f"checkpoint {str(path)!r} is of another run, with {why}; it is left as it is: choose "
        "another path, or move it away to begin anew"
    )
