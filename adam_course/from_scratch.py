"""Adam in pure Python: built-ins and `math`, nothing else.

The same algorithm as `optimizers.Adam`, for numbers in a dict, without NumPy.  Chapter 5
derives it line by line; the tests hold it to the package's and to torch's.
"""

import math
from collections.abc import Mapping


class AdamFromScratch:
    """Adam on a dict of numbers, in pure Python.

        m_t = β₁ m_{t-1} + (1 − β₁) g_t          v_t = β₂ v_{t-1} + (1 − β₂) g_t²
        m̂_t = m_t / (1 − β₁^t)                   v̂_t = v_t / (1 − β₂^t)
        x_t = x_{t-1} − α m̂_t / (√v̂_t + ε)

    with α = `learning_rate`, β₁ = `beta1`, β₂ = `beta2` and ε = `epsilon`.  One object is
    one run: it remembers.  A second run needs a second object.

    Parameters
    ----------
    learning_rate : float, finite and at least 0; default 0.001
    beta1, beta2 : float, in [0, 1); default 0.9 and 0.999
    epsilon : float, finite and at least 0; default 1e-8

    Attributes
    ----------
    t : int
        The number of steps taken.
    m, v : dict of float
        The running means of g and of g², uncorrected; empty before the first step.  Each
        step makes new ones, so that those of earlier steps may be kept.

    Raises
    ------
    ValueError
        Naming the hyperparameter and its value, if it is no number or out of its range.

    Examples
    --------
    >>> adam = AdamFromScratch(learning_rate=0.1)
    >>> params = {"x": 8.0, "y": -7.0}
    >>> for _ in range(216):
    ...     params = adam.update(params, {"x": 2 * params["x"], "y": 2 * params["y"]})
    >>> params["x"] ** 2 + params["y"] ** 2 < 1e-6
    True

    Source: Kingma & Ba (2015), Algorithm 1.
    """

    def __init__(self, learning_rate=0.001, beta1=0.9, beta2=0.999, epsilon=1e-8):
        for name, value in (("learning_rate", learning_rate), ("epsilon", epsilon)):
            if not (_is_finite(value) and value >= 0):
                raise ValueError(f"{name} must be finite and at least 0, got {value!r}")
        for name, value in (("beta1", beta1), ("beta2", beta2)):
            if not (_is_finite(value) and 0 <= value < 1):
                raise ValueError(f"{name} must be in [0, 1), got {value!r}")
        self.learning_rate, self.epsilon = float(learning_rate), float(epsilon)
        self.beta1, self.beta2 = float(beta1), float(beta2)
        self.t, self.m, self.v = 0, {}, {}

    def update(self, params, grads):
        """One step.

        Parameters
        ----------
        params, grads : dict of float
            With the same keys, in any order.

        Returns
        -------
        dict of float
            The new parameters, in the order of `params`.  The arguments are not changed.

        Raises
        ------
        ValueError
            If these are not dicts with the same keys, the keys are not those of the first
            step, or a parameter or gradient is not a finite number.
        ZeroDivisionError
            If ε is 0 and so is some v, because all gradients of its key so far were 0.

        Whatever is raised, nothing is changed: neither the arguments nor what the object
        remembers.
        """
        self._check(params, grads)
        t, m, v, moved = self.t + 1, {}, {}, {}
        for key in params:
            x, g = float(params[key]), float(grads[key])
            # m_t = β₁ m_{t-1} + (1 − β₁) g_t
            m[key] = self.beta1 * self.m.get(key, 0.0) + (1 - self.beta1) * g
            # v_t = β₂ v_{t-1} + (1 − β₂) g_t²
            v[key] = self.beta2 * self.v.get(key, 0.0) + (1 - self.beta2) * (g * g)
            # m̂_t = m_t / (1 − β₁^t)
            m_hat = m[key] / (1 - self.beta1**t)
            # v̂_t = v_t / (1 − β₂^t)
            v_hat = v[key] / (1 - self.beta2**t)
            # x_t = x_{t-1} − α m̂_t / (√v̂_t + ε)
            moved[key] = x - self.learning_rate * m_hat / (math.sqrt(v_hat) + self.epsilon)
        # Only now, so that a step that fails half-way leaves nothing behind.
        self.t, self.m, self.v = t, m, v
        return moved

    def _check(self, params, grads):
        for name, value in (("params", params), ("grads", grads)):
            if not isinstance(value, Mapping):
                raise ValueError(f"{name} must be a dict of numbers, got {value!r}")
        if not params:
            raise ValueError(f"params must have at least one entry, got {params!r}")
        if grads.keys() != params.keys():
            raise ValueError(
                f"grads has keys {list(grads)}, params has keys {list(params)}: they must be equal"
            )
        if self.t and params.keys() != self.m.keys():
            raise ValueError(
                f"params has keys {list(params)}, the first step had {list(self.m)}: "
                "a new run needs a new object"
            )
        for key in params:
            for name, value in (("params", params[key]), ("grads", grads[key])):
                if not _is_finite(value):
                    raise ValueError(f"{name}[{key!r}] must be a finite number, got {value!r}")

    def __repr__(self):
        return (
            f"AdamFromScratch(learning_rate={self.learning_rate!r}, beta1={self.beta1!r}, "
            f"beta2={self.beta2!r}, epsilon={self.epsilon!r})"
        )


def _is_finite(value):
    """Whether a value is a real number that a float can hold; True and False are none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond the floats
        return False
