"""Objectives with their gradients, minima, good starts and plotting windows.

Every landscape maps points of shape (..., d) to values of shape (...), and its
gradient maps them to (..., d), so that one call serves a point, a grid or ten
thousand runs.  They can be pickled, for other processes and machines to descend.  All are
polynomials, written with products alone (a library's power
function may differ in the last bit): their arithmetic is the same in every
language, and a point's value does not depend on how many points stand beside it.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from numbers import Real

import numpy as np


@dataclass(frozen=True)
class Landscape:
    """An objective and all that is needed to descend and to draw it.

    Attributes
    ----------
    name : str
    formula : str
        The objective in LaTeX.
    minima : tuple of points
        Where it is least.
    minimum : float
        Its least value.
    start : point
        A start from which the descent has something to show.
    window : ((left, right), (bottom, top))
        The part of the plane worth drawing, with start and minima inside.
    d : int or None
        The number of coordinates; None where any number of at least 2 will do.

    Examples
    --------
    >>> rosenbrock([-1.5, 2.0]), rosenbrock.gradient([-1.5, 2.0])
    (12.5, array([-155.,  -50.]))
    >>> rosenbrock([[1.0, 1.0], [0.0, 0.0]])
    array([0., 1.])
    """

    name: str
    formula: str
    value_of: Callable = field(repr=False)
    gradient_of: Callable = field(repr=False)
    minima: tuple
    minimum: float
    start: tuple
    window: tuple
    d: int | None = 2

    def __call__(self, x):
        """The value at x: shape (..., d) to shape (...)."""
        value = self.value_of(self._coordinates(x))
        return value if np.ndim(value) else float(value)

    def gradient(self, x):
        """The gradient at x: shape (..., d) to shape (..., d)."""
        return self.gradient_of(self._coordinates(x))

    def _coordinates(self, x):
        x = np.asarray(x)
        if x.dtype.kind != "f":
            x = x.astype(float)
        count = x.shape[-1] if x.ndim else 0
        if count != self.d if self.d else count < 2:
            wanted = self.d or "at least 2"
            raise ValueError(
                f"x must have {wanted} coordinates in its last axis for the {self.name} "
                f"landscape, got shape {x.shape}"
            )
        return np.ascontiguousarray(x)  # sums must not depend on the layout in memory


def _planar(value, slope):
    """Functions of (x, y) as functions of points (..., 2)."""
    return {
        "value_of": partial(_planar_value, value),
        "gradient_of": partial(_planar_gradient, slope),
    }


def _planar_value(value, points):
    return value(points[..., 0], points[..., 1])


def _planar_gradient(slope, points):
    return np.stack(slope(points[..., 0], points[..., 1]), axis=-1)


def _square(x):
    return x * x


def _is_finite(number):
    return isinstance(number, Real) and not isinstance(number, bool) and math.isfinite(number)


def quadratic(condition=1.0, rotation=0.0, d=2):
    """A quadratic bowl, f(x) = Σ κ_i u_i², with u the coordinates turned by `rotation`.

    For d = 2 and no rotation: x² + condition · y².

    Parameters
    ----------
    condition : float, at least 1
        The ratio of the largest to the smallest curvature; the κ_i rise from 1 to
        it in equal ratios.
    rotation : float, in degrees
        By how much the axes of the bowl are turned against the coordinates; d = 2 only.
    d : int, at least 1
        The number of coordinates.

    Returns
    -------
    Landscape

    Raises
    ------
    ValueError
        If an argument is out of its range.

    Examples
    --------
    >>> narrow = quadratic(condition=10)
    >>> narrow([4.0, -3.0]), narrow.gradient([4.0, -3.0])
    (106.0, array([  8., -60.]))
    """
    if not (_is_finite(condition) and condition >= 1):
        raise ValueError(f"condition must be finite and at least 1, got {condition!r}")
    if not _is_finite(rotation):
        raise ValueError(f"rotation must be a finite angle in degrees, got {rotation!r}")
    if not (isinstance(d, int) and not isinstance(d, bool) and d >= 1):
        raise ValueError(f"d must be a whole number of at least 1, got {d!r}")
    if rotation and d != 2:
        raise ValueError(f"rotation needs d = 2, got rotation={rotation!r} with d={d!r}")
    curvatures = np.geomspace(1.0, condition, d)
    # Python's floats, so that they adopt the precision of the points.
    cos, sin = math.cos(math.radians(rotation)), math.sin(math.radians(rotation))
    turn = (cos, sin) if rotation else None
    if d == 2:
        formula = f"x^2 + {condition:g} y^2" if condition != 1 else "x^2 + y^2"
        formula += rf"\text{{, turned by }} {rotation:g}^\circ" if rotation else ""
    else:
        formula = r"\sum_i \kappa_i x_i^2"
    return Landscape(
        name="quadratic",
        formula=formula,
        value_of=partial(_quadratic_value, curvatures, turn),
        gradient_of=partial(_quadratic_gradient, curvatures, turn),
        minima=((0.0,) * d,),
        minimum=0.0,
        start=tuple([4.0, -3.0] * d)[:d],
        window=((-5.0, 5.0), (-5.0, 5.0)),
        d=d,
    )


def _quadratic_value(curvatures, turn, x):
    return (curvatures.astype(x.dtype) * _square(_turned(x, turn))).sum(axis=-1)


def _quadratic_gradient(curvatures, turn, x):
    u = _turned(x, turn)
    return _turned(2 * curvatures.astype(x.dtype) * u, turn and (turn[0], -turn[1]))


def _turned(x, turn):
    """Points in axes turned by the angle with this (cosine, sine); None for no angle."""
    if turn is None:
        return x
    cos, sin = turn
    return np.stack((cos * x[..., 0] + sin * x[..., 1], cos * x[..., 1] - sin * x[..., 0]), axis=-1)


bowl = quadratic()


def _rosenbrock_value(x):
    here, next_ = x[..., :-1], x[..., 1:]
    return (_square(1 - here) + 100 * _square(next_ - here * here)).sum(axis=-1)


def _rosenbrock_gradient(x):
    here, next_ = x[..., :-1], x[..., 1:]
    off_valley = next_ - here * here
    gradient = np.zeros_like(x)
    gradient[..., :-1] = -2 * (1 - here) - 400 * here * off_valley
    gradient[..., 1:] += 200 * off_valley
    return gradient


rosenbrock = Landscape(
    name="Rosenbrock",
    formula=r"\sum_i (1 - x_i)^2 + 100 (x_{i+1} - x_i^2)^2",
    value_of=_rosenbrock_value,
    gradient_of=_rosenbrock_gradient,
    minima=((1.0, 1.0),),
    minimum=0.0,
    start=(-1.5, 2.0),
    window=((-2.0, 2.0), (-1.0, 3.0)),
    d=None,
)


def _beale_residuals(x, y):
    return 1.5 - x + x * y, 2.25 - x + x * (y * y), 2.625 - x + x * (y * y * y)


def _beale_value(x, y):
    a, b, c = _beale_residuals(x, y)
    return a * a + b * b + c * c


def _beale_slope(x, y):
    a, b, c = _beale_residuals(x, y)
    dx = 2 * a * (y - 1) + 2 * b * (y * y - 1) + 2 * c * (y * y * y - 1)
    dy = 2 * a * x + 4 * b * x * y + 6 * c * x * (y * y)
    return dx, dy


beale = Landscape(
    name="Beale",
    formula=r"(1.5 - x + xy)^2 + (2.25 - x + xy^2)^2 + (2.625 - x + xy^3)^2",
    **_planar(_beale_value, _beale_slope),
    minima=((3.0, 0.5),),
    minimum=0.0,
    start=(1.0, 1.5),
    window=((-1.0, 4.0), (-1.5, 2.0)),
)


def _himmelblau_value(x, y):
    return _square(x * x + y - 11) + _square(x + y * y - 7)


def _himmelblau_slope(x, y):
    a, b = x * x + y - 11, x + y * y - 7
    return 4 * x * a + 2 * b, 2 * a + 4 * y * b


himmelblau = Landscape(
    name="Himmelblau",
    formula=r"(x^2 + y - 11)^2 + (x + y^2 - 7)^2",
    **_planar(_himmelblau_value, _himmelblau_slope),
    minima=(
        (3.0, 2.0),
        (-2.805118086952745, 3.131312518250573),
        (-3.779310253377747, -3.283185991286170),
        (3.584428340330492, -1.848126526964404),
    ),
    minimum=0.0,
    start=(0.0, -1.0),
    window=((-5.0, 5.0), (-5.0, 5.0)),
)


def _saddle_value(x, y):
    return x * x / 2 - y * y / 2 + _square(y * y) / 4


def _saddle_slope(x, y):
    return x, y * y * y - y


saddle = Landscape(
    name="saddle",
    formula=r"\tfrac12 x^2 - \tfrac12 y^2 + \tfrac14 y^4",
    **_planar(_saddle_value, _saddle_slope),
    minima=((0.0, 1.0), (0.0, -1.0)),
    minimum=-0.25,
    start=(1.5, 0.001),
    window=((-2.0, 2.0), (-2.0, 2.0)),
)


def _styblinski_tang_value(x):
    return (_square(x * x) - 16 * (x * x) + 5 * x).sum(axis=-1) / 2


def _styblinski_tang_gradient(x):
    return 2 * (x * x * x) - 16 * x + 2.5


styblinski_tang = Landscape(
    name="Styblinski–Tang",
    formula=r"\tfrac12 \sum_i (x_i^4 - 16 x_i^2 + 5 x_i)",
    value_of=_styblinski_tang_value,
    gradient_of=_styblinski_tang_gradient,
    minima=((-2.903534027771177, -2.903534027771177),),
    minimum=-78.33233140754285,
    start=(0.5, 4.0),
    window=((-5.0, 5.0), (-5.0, 5.0)),
)


# The one registry of landscapes.
LANDSCAPES = {
    "bowl": bowl,
    "narrow": quadratic(condition=10.0),
    "turned": quadratic(condition=100.0, rotation=45.0),
    "rosenbrock": rosenbrock,
    "beale": beale,
    "himmelblau": himmelblau,
    "saddle": saddle,
    "styblinski_tang": styblinski_tang,
}
