"""The natural scales of hyperparameters, and the ranges that a search takes them from.

Rates are searched on a logarithmic scale; betas by the logarithm of 1 − beta, so that 0.9,
0.99 and 0.999 lie equally far apart.
"""

import math
from numbers import Real

import numpy as np

from adam_course.hyperparameters import DOMAINS

BETAS = ("momentum", "beta1", "beta2")

# What is searched where nothing is said: wide, and without the useless ends.
RANGES = {
    "learning_rate": (1e-4, 10.0),
    "momentum": (0.2, 0.997),
    "beta1": (0.2, 0.997),
    "beta2": (0.68, 0.9999),
}


def to_scale(name, value):
    """A hyperparameter on its natural scale: log10 of it, or −log10(1 − beta).

    Parameters
    ----------
    name : str
        Of a hyperparameter.
    value : float or array

    Returns
    -------
    float or array
        0.9, 0.99 and 0.999 as beta1 are 1, 2 and 3.

    Examples
    --------
    >>> float(to_scale("learning_rate", 0.001)), round(float(to_scale("beta2", 0.999)), 9)
    (-3.0, 3.0)
    """
    with np.errstate(divide="ignore"):
        return -np.log10(1 - np.asarray(value)) if name in BETAS else np.log10(value)


def from_scale(name, value):
    """The inverse of `to_scale`.

    Examples
    --------
    >>> from_scale("learning_rate", -3.0), round(from_scale("beta2", 3.0), 9)
    (0.001, 0.999)
    """
    return 1 - 10.0**-value if name in BETAS else 10.0**value


def check_range(label, name, wanted):
    """A range as a pair of floats (low, high), a list of floats or a float; else ValueError."""
    pair, choice = isinstance(wanted, tuple), isinstance(wanted, list)
    if pair and len(wanted) != 2:
        raise ValueError(f"{label} must be (low, high), got {wanted!r}")
    if choice and not wanted:
        raise ValueError(f"{label} must have at least one choice, got {wanted!r}")
    low, high = DOMAINS[name]
    for number in wanted if pair or choice else (wanted,):
        real = isinstance(number, Real) and not isinstance(number, bool)
        if not (real and math.isfinite(number) and low <= number < high):
            inside = "finite and at least 0" if high == np.inf else f"in [{low}, {high})"
            raise ValueError(f"{label} must be {inside}, got {number!r} in {wanted!r}")
    if choice:
        return [float(number) for number in wanted]
    if not pair:
        return float(wanted)
    if not wanted[0] < wanted[1]:
        what = "reversed" if wanted[0] > wanted[1] else "empty"
        raise ValueError(f"{label} must have low < high, got the {what} range {wanted!r}")
    if wanted[0] == 0 and name not in BETAS:
        raise ValueError(f"{label} must have low above 0 on its logarithmic scale, got {wanted!r}")
    return float(wanted[0]), float(wanted[1])


def within(ends, value):
    """A value that rounding may have carried over an end."""
    return float(min(max(value, ends[0]), ends[1]))
