"""Arrays, and lists and dicts of them, as `Fused` is given them: checked, and by key."""

from collections.abc import Mapping

import numpy as np

from adam_course.checks import check_whole
from adam_course.optimizer import label_of


def kind_of(value):
    """An array, a dict or a list, in words."""
    if isinstance(value, np.ndarray):
        return "an array"
    return "a dict" if isinstance(value, Mapping) else "a list"


def arrays_of(name, value):
    """An array, a list or a dict of arrays as a dict of arrays, checked; None for "alone"."""
    if isinstance(value, np.ndarray):
        arrays = {None: value}
    elif isinstance(value, Mapping):
        arrays = dict(value)
    elif isinstance(value, list | tuple):
        arrays = dict(enumerate(value))
    else:
        raise ValueError(f"{name} must be an array, or a list or dict of arrays, got {value!r}")
    if not arrays:
        raise ValueError(f"{name} must hold at least one array, got {value!r}")
    for key, array in arrays.items():
        label = label_of(name, key)
        if not isinstance(array, np.ndarray):
            raise ValueError(f"{label} must be an array, to be worked on in place, got {array!r}")
        if array.dtype not in (np.float32, np.float64):
            raise ValueError(f"{label} must be of float32 or float64, got {array.dtype}")
    kinds = {array.dtype for array in arrays.values()}
    if len(kinds) > 1:
        raise ValueError(f"{name} must be of one precision, got {sorted(map(str, kinds))}")
    return arrays


def state_arrays(optimizer, form, state, parameters, given):
    """The arrays of a state that was handed in, by field and key, checked."""
    if not isinstance(state, optimizer.State):
        raise ValueError(
            f"state must be the {optimizer.State.__name__} of {type(optimizer).__name__}, "
            f"got {type(state).__name__}"
        )
    check_whole("state.t", state.t, 0)
    if np.ndim(getattr(state, "mu_product", 1.0)):
        raise ValueError(f"state.mu_product must be a number, got {state.mu_product!r}")
    found = {}
    for name in form.arrays:
        field = getattr(state, name)
        try:
            if isinstance(parameters, np.ndarray):
                parts = {None: field}
            else:
                parts = dict(field) if isinstance(field, Mapping) else dict(enumerate(field))
            parts = {key: np.asarray(part) for key, part in parts.items()}
        except (TypeError, ValueError):  # nothing that has parts; a ragged list
            parts = {None: np.asarray(None)}
        if any(part.dtype.kind not in "iuf" for part in parts.values()):
            raise ValueError(f"state.{name} must be made of real numbers, got {field!r}")
        shapes = {key: part.shape for key, part in parts.items()}
        wanted = {key: array.shape for key, array in given.items()}
        if shapes != wanted:
            raise ValueError(
                f"state.{name} must have the keys and shapes of the parameters, {wanted}, "
                f"got {shapes}"
            )
        found[name] = {key: parts[key] for key in given}
    return found
