"""Hyperparameters have natural scales: rates in decades, betas in the decades of 1 − beta."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adam_course import OPTIMIZERS
from adam_course.hyperparameters import DOMAINS
from adam_course.scales import BETAS, RANGES, check_range, from_scale, to_scale, within

every_name = pytest.mark.parametrize("name", DOMAINS)
RATE_LIKE = sorted(set(DOMAINS) - set(BETAS))


def test_betas_are_what_lies_between_zero_and_one():
    assert set(BETAS) == {name for name, (_, high) in DOMAINS.items() if high == 1}


@pytest.mark.parametrize("name", BETAS)
def test_nines_lie_equally_far_apart(name):
    nines = np.array([0.0, 0.9, 0.99, 0.999, 0.9999])
    np.testing.assert_allclose(to_scale(name, nines), [0, 1, 2, 3, 4], atol=1e-11)
    np.testing.assert_allclose(from_scale(name, np.arange(5.0)), nines, rtol=1e-15)


@pytest.mark.parametrize("name", RATE_LIKE)
def test_decades_lie_equally_far_apart(name):
    decades = np.array([1e-8, 1e-3, 1.0, 100.0])
    np.testing.assert_array_equal(to_scale(name, decades), [-8, -3, 0, 2])
    np.testing.assert_allclose(from_scale(name, np.array([-8.0, -3, 0, 2])), decades, rtol=1e-15)


@every_name
@given(part=st.floats(0, 1))
def test_there_and_back_is_the_same(name, part):
    value = 10.0 ** (8 * (part - 1)) if name not in BETAS else 1 - 10.0 ** (-6 * part)
    # On the scale of a beta the float 1 − beta is what is rounded.
    rest = 1 - value if name in BETAS else value
    back = from_scale(name, to_scale(name, value))
    assert back == pytest.approx(value, abs=1e-14 * rest + 1e-16, rel=0 if name in BETAS else 1e-14)
    assert to_scale(name, back) == pytest.approx(to_scale(name, value), abs=1e-9)


@every_name
def test_larger_is_further_on_every_scale(name):
    low, high = DOMAINS[name]
    values = np.linspace(low, min(high, 2.0), 50)[1:-1]
    assert (np.diff(to_scale(name, values)) > 0).all()
    assert (np.diff(from_scale(name, to_scale(name, values))) > 0).all()


@every_name
def test_an_array_is_its_numbers(name):
    values = np.array([[0.1, 0.5], [0.9, 0.999]])
    scaled = to_scale(name, values)
    assert scaled.shape == values.shape
    for at in np.ndindex(2, 2):
        assert scaled[at] == to_scale(name, values[at])
        assert from_scale(name, scaled)[at] == from_scale(name, scaled[at])


def test_zero_is_infinitely_far_on_a_scale_of_decades_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert to_scale("learning_rate", 0.0) == -math.inf
        assert to_scale("beta1", 1.0) == math.inf
    assert to_scale("beta1", 0.0) == 0.0


# ----------------------------------------------------------------------- ranges


def test_what_is_searched_unless_said_otherwise_is_a_range_of_its_rules():
    assert "learning_rate" in RANGES
    for name, wanted in RANGES.items():
        assert check_range(name, name, wanted) == wanted
        assert any(name in rule().hyperparameters for rule in OPTIMIZERS.values())
        low, high = (to_scale(name, end) for end in wanted)
        assert high - low > 2, "wide: two decades at least"
        for rule in OPTIMIZERS.values():
            default = rule().hyperparameters.get(name)
            assert default is None or default == 0 or wanted[0] <= default <= wanted[1]


@pytest.mark.parametrize(
    ("wanted", "got"),
    [
        ((1, 10), (1.0, 10.0)),
        ((np.float32(0.5), np.int64(2)), (0.5, 2.0)),
        ([1, 0.5], [1.0, 0.5]),
        ([0], [0.0]),
        (3, 3.0),
        (0, 0.0),
    ],
    ids=repr,
)
def test_a_range_is_a_pair_a_list_or_a_number_of_floats(wanted, got):
    checked = check_range("it", "learning_rate", wanted)
    assert checked == got
    assert type(checked) is type(got)
    for number in checked if isinstance(checked, list | tuple) else [checked]:
        assert type(number) is float


def test_a_list_is_copied():
    wanted = [0.1, 0.2]
    checked = check_range("it", "learning_rate", wanted)
    wanted[0] = 7.0
    assert checked == [0.1, 0.2]


@pytest.mark.parametrize("name", BETAS)
def test_a_range_of_betas_may_begin_at_zero(name):
    assert check_range("it", name, (0, 0.9)) == (0.0, 0.9)


@pytest.mark.parametrize("name", RATE_LIKE)
def test_a_range_of_decades_may_not_begin_at_zero(name):
    with pytest.raises(ValueError, match=r"^it must have low above 0 .* got \(0, 0.9\)$"):
        check_range("it", name, (0, 0.9))


@pytest.mark.parametrize(
    ("wanted", "match"),
    [
        ((0.5, 0.5), r"must have low < high, got the empty range \(0.5, 0.5\)"),
        ((0.9, 0.5), r"must have low < high, got the reversed range \(0.9, 0.5\)"),
        ((0.5, 1.0), r"must be in \[0, 1\), got 1.0 in \(0.5, 1.0\)"),
        ((-0.5, 0.5), r"must be in \[0, 1\), got -0.5 in \(-0.5, 0.5\)"),
        ((0.5, math.nan), r"must be in \[0, 1\), got nan in"),
        ((0.5, True), r"must be in \[0, 1\), got True in"),
        ((0.1, 0.5, 0.9), r"must be \(low, high\), got \(0.1, 0.5, 0.9\)"),
        ((), r"must be \(low, high\), got \(\)"),
        ([], r"must have at least one choice, got \[\]"),
        ([0.5, 1], r"must be in \[0, 1\), got 1 in \[0.5, 1\]"),
        ([0.5, "0.6"], r"must be in \[0, 1\), got '0.6' in"),
        ([[0.5]], r"must be in \[0, 1\), got \[0.5\] in"),
        (1, r"must be in \[0, 1\), got 1"),
        (0.5j, r"must be in \[0, 1\), got 0.5j"),
        (np.array([0.1, 0.5]), r"must be in \[0, 1\), got array\("),
        (False, r"must be in \[0, 1\), got False"),
    ],
    ids=repr,
)
def test_what_is_no_range_is_refused_with_its_value(wanted, match):
    with pytest.raises(ValueError, match=f"^it {match}"):
        check_range("it", "beta2", wanted)


@every_name
@given(ends=st.tuples(st.floats(1e-6, 0.999), st.floats(1e-6, 0.999)), part=st.floats(0, 1))
def test_a_value_between_two_ends_of_the_scale_is_between_them(name, ends, part):
    low, high = sorted(ends)
    scaled = to_scale(name, low) + part * (to_scale(name, high) - to_scale(name, low))
    value = from_scale(name, scaled)
    inside = within((low, high), value)
    assert low <= inside <= high
    assert type(inside) is float
    # Only rounding is taken back.
    assert inside == pytest.approx(value, rel=1e-12, abs=1e-15)
