"""Checks of arguments that several modules share: whole numbers, and seeds."""

from numbers import Integral

import numpy as np


def is_whole(value, low, high=None):
    """Whether a value is a whole number from low on (to high); a truth value is none.

    Examples
    --------
    >>> is_whole(3, 1), is_whole(0, 1), is_whole(True, 1), is_whole(2.0, 1)
    (True, False, False, False)
    """
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    return whole and value >= low and (high is None or value <= high)


def check_whole(name, value, low, high=None):
    """Raise a ValueError with the name and the value if it is no such whole number."""
    if not is_whole(value, low, high):
        between = f"of at least {low}" if high is None else f"from {low} to {high}"
        raise ValueError(f"{name} must be a whole number {between}, got {value!r}")


def check_seeds(seeds):
    """One seed or several as a list of whole numbers of at least 0; else ValueError.

    Examples
    --------
    >>> check_seeds(3), check_seeds(range(2))
    ([3], [0, 1])
    """
    whole = np.atleast_1d(seeds)
    if whole.ndim != 1 or not whole.size or whole.dtype.kind not in "iu" or whole.min() < 0:
        raise ValueError(f"seeds must be whole numbers of at least 0, got {seeds!r}")
    return whole.tolist()
