"""Every landscape has the values, gradients and minima that it says it has.

All landscapes are polynomials, so their gradients are not compared with differences of
values, to some tolerance, but with exact derivatives in rational numbers.
"""

import pickle
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import adam_course
from adam_course import LANDSCAPES, Landscape, bowl, quadratic, rosenbrock, styblinski_tang

# What is tested: the registry, and quadratics of other shapes.
ALL = LANDSCAPES | {
    "quadratic in 1": quadratic(d=1),
    "quadratic in 5": quadratic(condition=1000.0, d=5),
    "quadratic in 12": quadratic(condition=3.0, d=12),
    "turned by 30": quadratic(condition=7.0, rotation=30.0),
    "turned by -200": quadratic(condition=10.0, rotation=-200.0),
    "turned circle": quadratic(rotation=10.0),
}
every_landscape = pytest.mark.parametrize("landscape", ALL.values(), ids=ALL)
every_entry = pytest.mark.parametrize("landscape", LANDSCAPES.values(), ids=LANDSCAPES)

# The definitions as the literature has them, in powers and for one point at a time.
TEXTBOOK = {
    "bowl": lambda x, y: x**2 + y**2,
    "narrow": lambda x, y: x**2 + 10 * y**2,
    # Turned by 45°: the long axis lies along x = y
    "turned": lambda x, y: (x + y) ** 2 / 2 + 100 * (y - x) ** 2 / 2,
    # Rosenbrock (1960)
    "rosenbrock": lambda x, y: (1 - x) ** 2 + 100 * (y - x**2) ** 2,
    # Beale (1958)
    "beale": lambda x, y: sum(
        (c - x * (1 - y**i)) ** 2 for i, c in ((1, 1.5), (2, 2.25), (3, 2.625))
    ),
    # Himmelblau (1972)
    "himmelblau": lambda x, y: (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2,
    "saddle": lambda x, y: x**2 / 2 - y**2 / 2 + y**4 / 4,
    # Styblinski & Tang (1990)
    "styblinski_tang": lambda x, y: sum(z**4 - 16 * z**2 + 5 * z for z in (x, y)) / 2,
}

coordinates = st.floats(-5, 5)


def dimension(landscape):
    return landscape.d or 2


def points_in(landscape, count, seed=0):
    """Random points in the landscape's window (stretched to all of its coordinates)."""
    low, high = np.array(landscape.window).T
    d = dimension(landscape)
    low, high = np.resize(low, d), np.resize(high, d)
    return np.random.default_rng(seed).uniform(low, high, size=(count, d))


# ---------------------------------------------------------- exact derivatives


class Dual:
    """A rational number and its derivative in one direction: a + b ε with ε² = 0."""

    def __init__(self, value, slope=0):
        self.value, self.slope = Fraction(value), Fraction(slope)

    @staticmethod
    def of(other):
        other = other.item() if isinstance(other, np.ndarray) else other  # x[..., 0] is 0-d
        return other if isinstance(other, Dual) else Dual(other)

    def __add__(self, other):
        other = Dual.of(other)
        return Dual(self.value + other.value, self.slope + other.slope)

    def __mul__(self, other):
        other = Dual.of(other)
        return Dual(self.value * other.value, self.value * other.slope + self.slope * other.value)

    def __truediv__(self, number):
        return self * Dual(1 / Fraction(number))

    def __neg__(self):
        return self * -1

    def __sub__(self, other):
        return self + -Dual.of(other)

    def __rsub__(self, other):
        return -self + other

    __radd__, __rmul__ = __add__, __mul__


def exact_point(point, along=None):
    return np.array([Dual(float(x), i == along) for i, x in enumerate(point)], dtype=object)


def exact_slopes(landscape, point):
    """The exact derivatives of the landscape's value at a point of floats."""
    return [
        landscape.value_of(exact_point(point, along=i)).slope for i in range(dimension(landscape))
    ]


def test_dual_numbers_differentiate():
    x = Dual(3, 1)
    y = (2 * x * x * x - x / 2 + 5 - (1 - x)) * 1
    assert y.value == 2 * 27 - Fraction(3, 2) + 5 - (1 - 3)
    assert y.slope == 6 * 9 - Fraction(1, 2) + 1


@every_landscape
def test_the_gradient_is_exactly_the_derivative_of_the_value(landscape):
    for point in points_in(landscape, 5):
        slopes = exact_slopes(landscape, point)
        gradient = landscape.gradient_of(exact_point(point))
        assert [entry.value for entry in gradient] == slopes


@every_landscape
def test_values_and_gradients_in_floats_are_the_exact_ones_up_to_rounding(landscape):
    points = points_in(landscape, 20, seed=1)
    values, gradients = landscape(points), landscape.gradient(points)
    # The terms that are summed are at most of this size in the window, and are rounded there.
    size, slope = np.abs(values).max(), np.abs(gradients).max()
    for point, value, gradient in zip(points, values, gradients):
        exact = float(landscape.value_of(exact_point(point)).value)
        assert value == pytest.approx(exact, rel=1e-12, abs=1e-13 * size)
        slopes = [float(entry) for entry in exact_slopes(landscape, point)]
        np.testing.assert_allclose(gradient, slopes, rtol=1e-12, atol=1e-13 * slope)


@every_landscape
def test_the_gradient_agrees_with_differences_of_values(landscape):
    # The same once more without any machinery.  A central difference of width h is off by
    # h² f'''/6 and by rounding of the size of ulp(f)/h: 1e-10 and 1e-11 of the scale at h = 1e-5.
    points, h = points_in(landscape, 20, seed=2), 1e-5
    gradients = landscape.gradient(points)
    for i in range(dimension(landscape)):
        step = h * np.eye(dimension(landscape))[i]
        difference = (landscape(points + step) - landscape(points - step)) / (2 * h)
        scale = 1 + np.abs(gradients).max() + np.abs(landscape(points)).max()
        np.testing.assert_allclose(difference, gradients[:, i], rtol=0, atol=1e-8 * scale)


# --------------------------------------------------------------- definitions


def test_every_entry_has_a_definition_from_a_textbook():
    assert set(TEXTBOOK) == set(LANDSCAPES)


@pytest.mark.parametrize("name", LANDSCAPES)
@given(x=coordinates, y=coordinates)
def test_the_value_is_that_of_the_textbook(name, x, y):
    value = LANDSCAPES[name]([x, y])
    assert type(value) is float
    assert value == pytest.approx(TEXTBOOK[name](x, y), rel=1e-11, abs=1e-11)


@given(st.lists(coordinates, min_size=2, max_size=6))
def test_rosenbrock_in_more_dimensions_is_a_sum_over_neighbours(point):
    wanted = sum(TEXTBOOK["rosenbrock"](*pair) for pair in pairwise(point))
    assert rosenbrock(point) == pytest.approx(wanted, rel=1e-12, abs=1e-12)
    gradient = rosenbrock.gradient(np.array(point))
    exact = [
        float(rosenbrock.value_of(exact_point(point, along=i)).slope) for i in range(len(point))
    ]
    np.testing.assert_allclose(gradient, exact, rtol=1e-10, atol=1e-9)


@given(st.floats(1, 1e6), st.integers(2, 8), st.integers(0, 100))
def test_a_quadratic_weighs_squares_with_curvatures_in_equal_ratios(condition, d, seed):
    x = np.random.default_rng(seed).normal(size=d)
    kappa = condition ** (np.arange(d) / (d - 1))
    landscape = quadratic(condition=condition, d=d)
    assert landscape(x) == pytest.approx((kappa * x**2).sum(), rel=1e-12)
    np.testing.assert_allclose(landscape.gradient(x), 2 * kappa * x, rtol=1e-12)


@given(st.floats(-360, 360), st.floats(1, 100), coordinates, coordinates)
def test_a_turned_quadratic_is_the_quadratic_of_the_turned_point(angle, condition, x, y):
    # Turning the bowl by an angle moves its axes, so the point (cos, sin) lies on the flat one.
    turned, straight = quadratic(condition, rotation=angle), quadratic(condition)
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    there = turned([c * x - s * y, s * x + c * y])
    assert there == pytest.approx(straight([x, y]), rel=1e-11, abs=1e-11)
    assert turned([c, s]) == pytest.approx(1.0, rel=1e-11)


def test_the_condition_is_the_ratio_of_the_curvatures_whatever_the_rotation():
    for angle in (0.0, 20.0, 45.0):
        landscape = quadratic(condition=50.0, rotation=angle)
        hessian = np.stack([landscape.gradient(e) for e in np.eye(2)])
        low, high = np.linalg.eigvalsh(hessian)
        assert high / low == pytest.approx(50.0, rel=1e-12)


# -------------------------------------------------------------------- minima


@every_landscape
def test_minima_are_stationary_and_as_low_as_they_are_said_to_be(landscape):
    assert landscape.minima
    for point in landscape.minima:
        assert len(point) == dimension(landscape)
        # A minimum's coordinates are rounded by up to 1 ulp, and the curvature is below 1e4.
        assert np.abs(landscape.gradient(np.array(point))).max() < 1e-11
        assert landscape(point) == pytest.approx(landscape.minimum, rel=1e-14, abs=1e-25)


@every_landscape
def test_minima_curve_upwards(landscape):
    for point in landscape.minima:
        h = 1e-4
        hessian = np.stack(
            [
                (landscape.gradient(np.array(point) + h * e) - landscape.gradient(point - h * e))
                / h
                for e in np.eye(dimension(landscape))
            ]
        )
        assert np.linalg.eigvalsh((hessian + hessian.T) / 2).min() > 0.1


@every_landscape
def test_nowhere_in_the_window_is_lower(landscape):
    points = points_in(landscape, 20_000, seed=3)
    assert landscape(points).min() >= landscape.minimum
    # and close by it comes near: the minimum is not merely a bound
    near = np.array(landscape.minima[0]) + 1e-6 * points[:100]
    assert landscape(near).min() < landscape.minimum + 1e-6


@every_entry
def test_every_minimum_of_the_window_is_listed(landscape):
    # Newton's method on the gradient from a grid of points finds all stationary points; those
    # at the least value are the listed minima, and each of them is found.
    x = points_in(landscape, 500, seed=4)
    h, frame = 1e-6, np.eye(2)
    for _ in range(60):
        g = landscape.gradient(x)
        columns = [(landscape.gradient(x + h * e) - g) / h for e in frame]
        hessian = np.stack(columns, axis=-1)
        usable = np.abs(np.linalg.det(hessian)) > 1e-9
        x, g, hessian = x[usable], g[usable], hessian[usable]
        x = x - np.linalg.solve(hessian, g[..., None])[..., 0]
        x = x[(np.abs(x) < 50).all(axis=-1)]
    lowest = x[landscape(x) < landscape.minimum + 1e-9]
    distances = np.linalg.norm(lowest[:, None] - np.array(landscape.minima), axis=-1)
    assert distances.min(axis=1).max() < 1e-4
    assert set(distances.argmin(axis=1)) == set(range(len(landscape.minima)))


def test_the_closed_forms_of_minima_that_have_one():
    assert LANDSCAPES["saddle"].minimum == -1 / 4
    # Styblinski & Tang: per coordinate −39.16616570377142 at −2.903534, the least root of
    # 2 x³ − 16 x + 5/2
    roots = np.roots([2, 0, -16, 2.5])
    assert styblinski_tang.minima[0][0] == pytest.approx(roots.real.min(), rel=1e-12)
    assert LANDSCAPES["himmelblau"]([3, 2]) == LANDSCAPES["beale"]([3, 0.5]) == 0.0


def test_the_saddle_has_a_saddle_at_the_origin():
    saddle = LANDSCAPES["saddle"]
    assert saddle.gradient([0.0, 0.0]).tolist() == [0.0, 0.0]
    assert saddle([0.1, 0.0]) > saddle([0.0, 0.0]) > saddle([0.0, 0.1])


# ------------------------------------------------------- starts and windows


@every_landscape
def test_the_start_and_the_minima_are_in_the_window(landscape):
    (left, right), (bottom, top) = landscape.window
    assert left < right
    assert bottom < top
    for point in (landscape.start, *landscape.minima):
        assert len(point) == dimension(landscape)
        if len(point) == 2:
            assert left < point[0] < right
            assert bottom < point[1] < top


@every_landscape
def test_the_start_leaves_something_to_descend(landscape):
    assert landscape(landscape.start) > landscape.minimum + 0.1
    assert (landscape.gradient(landscape.start) != 0).any()


# ------------------------------------------------------------ shapes and types


@every_landscape
@pytest.mark.parametrize("shape", [(1,), (7,), (3, 4), (2, 1, 5), (0,), (0, 3)])
def test_many_points_at_once_are_bit_for_bit_the_single_points(landscape, shape):
    count = int(np.prod(shape))
    points = points_in(landscape, count, seed=5).reshape(*shape, dimension(landscape))
    values, gradients = landscape(points), landscape.gradient(points)
    assert values.shape == shape
    assert gradients.shape == points.shape
    for i in np.ndindex(shape):
        assert values[i] == landscape(points[i])
        np.testing.assert_array_equal(gradients[i], landscape.gradient(points[i]))


@every_landscape
def test_the_layout_in_memory_does_not_matter(landscape):
    points = points_in(landscape, 50, seed=6)
    values, gradients = landscape(points), landscape.gradient(points)
    for other in (np.asfortranarray(points), np.repeat(points, 2, axis=1)[:, ::2]):
        np.testing.assert_array_equal(landscape(other), values)
        np.testing.assert_array_equal(landscape.gradient(other), gradients)
    np.testing.assert_array_equal(landscape(points[::2]), values[::2])


@every_landscape
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
def test_precision_is_kept(landscape, dtype):
    points = points_in(landscape, 6, seed=7).astype(dtype)
    assert landscape(points).dtype == dtype
    assert landscape.gradient(points).dtype == dtype
    assert landscape.gradient(points[0]).dtype == dtype


@every_landscape
def test_nothing_that_is_given_is_written_to(landscape):
    points = points_in(landscape, 6, seed=8)
    before = points.copy()
    points.flags.writeable = False
    landscape(points)
    gradient = landscape.gradient(points)
    assert not np.shares_memory(gradient, points)
    assert gradient.flags.writeable
    np.testing.assert_array_equal(points, before)


@every_landscape
def test_lists_tuples_and_whole_numbers_are_points_too(landscape):
    ones = [1] * dimension(landscape)
    assert landscape(ones) == landscape(tuple(ones)) == landscape(np.ones(len(ones)))
    assert landscape(np.array(ones)) == landscape(np.ones(len(ones)))
    np.testing.assert_array_equal(landscape.gradient(ones), landscape.gradient(np.ones(len(ones))))


@every_landscape
def test_a_single_value_is_a_float_and_a_single_gradient_an_array(landscape):
    assert type(landscape(landscape.start)) is float
    assert type(landscape.gradient(landscape.start)) is np.ndarray


# ------------------------------------------------------------------ refusals


@every_landscape
def test_points_with_another_number_of_coordinates_are_refused(landscape):
    wrong = [np.ones(()), np.ones(1) if landscape.d != 1 else np.ones(2)]
    wrong += [np.ones((4, landscape.d + 1))] if landscape.d else [np.ones((5, 1))]
    for x in wrong:
        wanted = landscape.d or "at least 2"
        with pytest.raises(ValueError, match=f"^x must have {wanted} coordinates") as refusal:
            landscape(x)
        assert str(x.shape) in str(refusal.value)
        assert landscape.name in str(refusal.value)
        with pytest.raises(ValueError, match=f"^x must have {wanted} coordinates"):
            landscape.gradient(x)


@pytest.mark.parametrize("bad", [0.5, 0, -1.0, np.nan, np.inf])
def test_a_condition_below_one_or_not_finite_is_refused(bad):
    with pytest.raises(ValueError, match=f"^condition must be .* got {bad!r}"):
        quadratic(condition=bad)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_rotation_that_is_no_angle_is_refused(bad):
    with pytest.raises(ValueError, match=f"^rotation must be .* got {bad!r}"):
        quadratic(rotation=bad)


@pytest.mark.parametrize("bad", [0, -1, 2.0, "2", None])
def test_a_dimension_that_is_no_count_is_refused(bad):
    with pytest.raises(ValueError, match=f"^d must be .* got {bad!r}"):
        quadratic(d=bad)


@pytest.mark.parametrize("d", [1, 3])
def test_a_rotation_outside_the_plane_is_refused(d):
    with pytest.raises(ValueError, match=f"^rotation needs d = 2, got rotation=30 with d={d}"):
        quadratic(rotation=30, d=d)


@pytest.mark.parametrize(
    "arguments", [{"condition": "10"}, {"condition": None}, {"rotation": "45"}], ids=repr
)
def test_an_argument_that_is_no_number_is_refused(arguments):
    with pytest.raises(ValueError, match=f"^{next(iter(arguments))} must be"):
        quadratic(**arguments)


def test_a_truth_value_is_no_dimension():
    with pytest.raises(ValueError, match="d must be"):
        quadratic(d=True)


# ------------------------------------------------------------------- registry


def test_the_registry_holds_what_the_package_exports_under_the_same_names():
    exported = {
        name: value for name, value in vars(adam_course).items() if isinstance(value, Landscape)
    }
    for name, landscape in exported.items():
        assert LANDSCAPES[name] is landscape
    assert set(LANDSCAPES) - set(exported) == {"narrow", "turned"}
    assert bowl.formula == "x^2 + y^2"


@every_landscape
def test_a_landscape_cannot_be_changed_and_prints_without_its_functions(landscape):
    with pytest.raises(AttributeError):
        landscape.minimum = 1.0
    assert "0x" not in repr(landscape)
    assert landscape.name in repr(landscape)


@every_landscape
def test_the_formula_is_balanced_latex_that_names_its_coordinates(landscape):
    assert landscape.formula.count("{") == landscape.formula.count("}")
    assert landscape.formula.count("(") == landscape.formula.count(")")
    assert "x" in landscape.formula


# -------------------------------------------------------------------- pickling


@every_landscape
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_landscape_survives_pickling_bit_for_bit(landscape, protocol):
    other = pickle.loads(pickle.dumps(landscape, protocol))
    assert type(other) is Landscape
    points = points_in(landscape, 50, seed=9)
    for x in (points, points.astype(np.float32)):
        np.testing.assert_array_equal(other(x), landscape(x))
        np.testing.assert_array_equal(other.gradient(x), landscape.gradient(x))
    for name in ("name", "formula", "minima", "minimum", "start", "window", "d"):
        assert getattr(other, name) == getattr(landscape, name)
        assert type(getattr(other, name)) is type(getattr(landscape, name))
    gradient = pickle.loads(pickle.dumps(landscape.gradient, protocol))  # a method of its own
    np.testing.assert_array_equal(gradient(points), landscape.gradient(points))


@every_landscape
def test_a_pickled_landscape_refuses_what_it_refused(landscape):
    other = pickle.loads(pickle.dumps(landscape))
    with pytest.raises(ValueError, match=r"^x must have .* coordinates"):
        other(np.ones(()))
    with pytest.raises(AttributeError):
        other.minimum = 1.0
