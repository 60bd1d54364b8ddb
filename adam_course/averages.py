"""The two atoms that every rule of the course is made of.

An exponential moving average (`ema`) remembers; `debias` takes out what it
wrongly remembers of its own start at zero.  Adam is these two functions, used
twice each.
"""

import math

import numpy as np


def ema(average, value, beta):
    """One step of an exponential moving average.

    The rule, with average = a_{t-1}, value = y_t and beta = β:

        a_t = β a_{t-1} + (1 − β) y_t

    Parameters
    ----------
    average : float or array (...)
        The average so far, in the units of `value`; zero at the start.
    value : float or array (...)
        What is observed now.
    beta : float or array, in [0, 1)
        How much of the old average is kept.

    Returns
    -------
    float or array (...)
        The new average.  The arguments are not changed.

    Examples
    --------
    >>> ema(0.0, 1.0, beta=0.75)
    0.25
    >>> ema(0.25, 1.0, beta=0.75)
    0.4375

    Source: Kingma & Ba (2015), Algorithm 1, the two "update biased moment" lines.
    """
    return beta * average + (1 - beta) * value


def debias(average, beta, t):
    """Correct an exponential moving average for having started at zero.

    After t steps the weights in a_t sum to 1 − β^t, not to 1.  Dividing by that
    sum makes the average a true weighted mean:

        â_t = a_t / (1 − β^t)

    Parameters
    ----------
    average : float or array (...)
        a_t, as `ema` left it after t steps from zero.
    beta : float or array, in [0, 1)
        The decay the average was made with.
    t : int or array of int
        How many values went in: at least 1 (0 would divide by zero).

    Returns
    -------
    float or array (...)

    Examples
    --------
    A constant signal of 1 is seen as 1 from the first step on:

    >>> debias(0.25, beta=0.75, t=1), debias(0.4375, beta=0.75, t=2)
    (1.0, 1.0)

    Source: Kingma & Ba (2015), section 3.
    """
    return average / (1 - power(beta, t))


def half_life(beta):
    """The number of steps after which an observation's weight has halved.

    β^h = 1/2, so h = ln 2 / −ln β.

    Parameters
    ----------
    beta : float, in [0, 1)

    Returns
    -------
    float
        In steps; 0 for beta = 0, which forgets at once.

    Raises
    ------
    ValueError
        If beta is outside [0, 1).

    Examples
    --------
    >>> round(half_life(0.9), 2), round(half_life(0.999), 1)
    (6.58, 692.8)
    """
    if not 0 <= beta < 1:
        raise ValueError(f"beta must be in [0, 1), got {beta!r}")
    return math.log(2) / -math.log(beta) if beta else 0.0


def power(beta, t):
    """β^t, by the same arithmetic on every processor, for one number or ten thousand.

    NumPy's vectorised power may differ from Python's ``**`` in the last bit, and from
    processor to processor.  Then a sweep would not be bitwise equal to the single runs
    it stands for, and RAdam, which subtracts nearly equal numbers, would lose two more
    digits.  So this is Python's, element by element.

    Parameters
    ----------
    beta : float or array
    t : int or array of int

    Returns
    -------
    float where both arguments are numbers, else an array

    Examples
    --------
    >>> power(0.5, 3)
    0.125
    """
    if np.ndim(beta) == np.ndim(t) == 0:
        return float(beta) ** float(t)
    exponent = np.asarray(t, dtype=float)
    powers = _POWER(np.asarray(beta, dtype=float), exponent).astype(float)
    kind = type(beta) if isinstance(beta, np.ndarray) else type(t)
    return powers.view(kind) if issubclass(kind, np.ndarray) else powers


_POWER = np.frompyfunc(pow, 2, 1)


def plain(value):
    """NumPy's scalars as Python floats, which adopt the precision of the arrays they meet."""
    return value if np.ndim(value) else float(value)
