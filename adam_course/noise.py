"""Noisy and sparse gradients, the same in Python and in the browser.

The generator is a hash of (seed, step, coordinate, draw): it has no state, so a run can
be repeated from any step, and every run of a race sees the same noise.  It uses whole
numbers of 32 bits and sums without rounding, so that NumPy and JavaScript
(`widgets/static/noise.js`) agree in every bit.

    mix(h):     h ^= h >> 16;  h *= 0x85ebca6b;  h ^= h >> 13;  h *= 0xc2b2ae35;  h ^= h >> 16
    hash:       h = mix(seed ^ 0x9e3779b9);  for word in (t, coordinate, draw):
                h = mix(h ^ mix(word + 0x9e3779b9))             all modulo 2^32
    uniform:    (h + 1/2) / 2^32, in (0, 1)
    normal:     the sum of the uniforms of draws 1 to 12, minus 6
    present:    the uniform of draw 0 is at least the sparsity

The mixing function is the finaliser of MurmurHash3.  A sum of twelve uniforms has mean
0 and variance 1 like a standard normal, a fourth moment of 2.9 in place of 3, and no
value beyond 6.
"""

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real

import numpy as np

DRAWS = 12
_WORD = 0xFFFFFFFF
_GOLDEN = 0x9E3779B9


@dataclass(frozen=True)
class NoisyGradient:
    """A gradient with noise added and coordinates left out, the same in every run.

        g_t = present_t ⊙ (∇f(x) + noise · z_t),   z_t standard normal, nearly (see above)

    Parameters
    ----------
    objective : Landscape, or function of x (..., d) to a gradient (..., d)
    noise : float, at least 0
        The standard deviation, in the units of the gradient.
    sparsity : float, or d floats, in [0, 1)
        The probability with which a coordinate's gradient is 0 in a step: one for all, or
        one for each.
    seed : int, or n ints, from 0 to 2^32 − 1
        With several, x must be of shape (..., n, d), and every row has its own noise.

    Raises
    ------
    ValueError
        Naming the argument that is out of its range.

    Examples
    --------
    >>> from adam_course import Adam, bowl, minimize
    >>> noisy = NoisyGradient(bowl, noise=1.0, seed=3)
    >>> path = minimize(bowl, Adam(learning_rate=0.1), steps=200, gradient=noisy)
    >>> bool(0 < path.loss[-50:].mean() < 1)
    True
    >>> noisy.at_step([4.0, -3.0], t=1).round(4)
    array([ 8.1946, -5.3783])
    """

    objective: Callable
    noise: float = 1.0
    sparsity: float | tuple = 0.0
    seed: int | tuple = 0

    def __post_init__(self):
        if not callable(self.objective):
            raise ValueError(f"objective must be a Landscape or a gradient, got {self.objective!r}")
        if not (_is_number(self.noise) and 0 <= self.noise < np.inf):
            raise ValueError(f"noise must be finite and at least 0, got {self.noise!r}")
        for name, each, domain in (
            ("sparsity", _is_share, "in [0, 1)"),
            ("seed", _is_seed, "a whole number in [0, 2^32)"),
        ):
            value = getattr(self, name)
            if np.ndim(value) == 1 and len(value):
                value = tuple(np.asarray(value).tolist())  # hashable, and nobody's to change
                object.__setattr__(self, name, value)
            if not all(map(each, value if isinstance(value, tuple) else (value,))):
                raise ValueError(f"{name} must be {domain}, got {value!r}")

    def at_step(self, x, t):
        """The gradient at x that step t = 1, 2, ... sees: shape (..., d) to (..., d)."""
        exact = getattr(self.objective, "gradient", self.objective)
        g = np.asarray(exact(x))
        d = g.shape[-1] if g.ndim else 1
        if isinstance(self.seed, tuple) and g.shape[-2:-1] != (len(self.seed),):
            raise ValueError(
                f"x must be of shape (..., {len(self.seed)}, d) for {len(self.seed)} seeds, "
                f"got {g.shape}"
            )
        if isinstance(self.sparsity, tuple) and len(self.sparsity) != d:
            raise ValueError(
                f"x must have {len(self.sparsity)} coordinates, one for each sparsity, got {d}"
            )
        if self.noise:
            g = g + (self.noise * standard_normal(self.seed, t, d)).astype(g.dtype)
        if self.sparsity != 0:
            g = np.where(uniform(self.seed, t, d, 0) >= self.sparsity, g, g.dtype.type(0))
        return g

    def __call__(self, x, t=1):
        """`at_step`, for whoever calls it as a function."""
        return self.at_step(x, t)


def standard_normal(seed, t, d):
    """The noise of step t in each of d coordinates: nearly standard normal.

    Shape (d,) for one seed, (n, d) for n.

    Examples
    --------
    >>> standard_normal(seed=3, t=1, d=2).round(4)
    array([0.1946, 0.6217])
    """
    draws = np.arange(1, DRAWS + 1).reshape(-1, *[1] * (1 + np.ndim(seed)))
    return uniform(seed, t, d, draws).sum(axis=0) - DRAWS / 2


def uniform(seed, t, d, draw):
    """Numbers in (0, 1) for step t, each of d coordinates, and the draws given: (..., d)."""
    seeds = np.asarray(seed, dtype=np.uint64)[..., None] & np.uint64(_WORD)
    h = _mix(seeds.astype(np.uint32) ^ np.uint32(_GOLDEN))
    for word in (t, np.arange(d), draw):
        h = _mix(h ^ _mix(np.atleast_1d(word).astype(np.uint32) + np.uint32(_GOLDEN)))
    return (h + 0.5) / 2**32


def _mix(h):
    h = h ^ (h >> np.uint32(16))
    h = h * np.uint32(0x85EBCA6B)
    h = h ^ (h >> np.uint32(13))
    h = h * np.uint32(0xC2B2AE35)
    return h ^ (h >> np.uint32(16))


def _is_number(value):
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_share(value):
    return _is_number(value) and 0 <= value < 1


def _is_seed(value):
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    return whole and 0 <= value <= _WORD
