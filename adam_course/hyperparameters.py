"""What a hyperparameter may be, and how an array of them behaves.

Every hyperparameter is a number or an array of numbers, one for each run of a
sweep.  This module checks them by name and makes the arrays behave as the
numbers do, so that the rules in `optimizers` are written once.
"""

import numpy as np

# Each hyperparameter's domain: low <= value < high.
DOMAINS = {
    "learning_rate": (0, np.inf),
    "momentum": (0, 1),
    "beta1": (0, 1),
    "beta2": (0, 1),
    "epsilon": (0, np.inf),
    "weight_decay": (0, np.inf),
    "momentum_decay": (0, np.inf),
    "initial_accumulator": (0, np.inf),
}


class WeakArray(np.ndarray):
    """A float64 array that adopts the precision of the arrays it meets.

    A Python float does so in NumPy (``0.1 * float32_array`` is float32), a
    float64 array does not.  With this class an array of learning rates acts on
    float32 parameters exactly as each of its learning rates would alone.
    Arithmetic among weak arrays and numbers stays weak, in float64.
    """

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **kwargs):
        if out is not None:  # in-place arithmetic would write to a hyperparameter
            return NotImplemented
        met = [
            value.dtype
            for value in inputs
            if isinstance(value, (np.ndarray, np.generic))
            and not isinstance(value, WeakArray)
            and value.dtype.kind == "f"
        ]
        dtype = np.result_type(*met) if met else np.dtype(float)
        plain = [
            value.view(np.ndarray).astype(dtype, copy=False)
            if isinstance(value, WeakArray)
            else value
            for value in inputs
        ]
        result = getattr(ufunc, method)(*plain, **kwargs)
        if met or not isinstance(result, np.ndarray) or result.dtype.kind != "f":
            return result
        return result.view(WeakArray)


def check(name, value):
    """The hyperparameter `name` as a float, or as a read-only `WeakArray`.

    Raises
    ------
    ValueError
        If it is not a real number (or array of them), not finite, or outside
        the domain of that name; the message gives the name and the value.

    Examples
    --------
    >>> check("beta1", 0.9)
    0.9
    >>> check("beta1", 1.0)
    Traceback (most recent call last):
    ValueError: beta1 must be in [0, 1), got 1.0
    """
    try:
        numbers = np.asarray(value)
    except ValueError:  # a ragged list
        raise ValueError(_refusal(name, value)) from None
    if numbers.dtype.kind not in "iuf" or numbers.size == 0:
        raise ValueError(_refusal(name, value))
    numbers = numbers.astype(float)  # a copy: the caller may go on using theirs
    low, high = DOMAINS[name]
    allowed = np.isfinite(numbers) & (numbers >= low) & (numbers < high)
    if not allowed.all():
        which = f": {numbers[~allowed][0]} is not" if numbers.ndim else ""
        raise ValueError(_refusal(name, value) + which)
    if numbers.ndim == 0:
        return float(numbers)
    numbers.flags.writeable = False
    return numbers.view(WeakArray)


def _refusal(name, value):
    low, high = DOMAINS[name]
    domain = f"finite and at least {low}" if high == np.inf else f"in [{low}, {high})"
    return f"{name} must be {domain}, got {value!r}"  # to write thousands of numbers takes long
