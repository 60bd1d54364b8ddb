"""The moving average and its correction are the weighted sums that they are said to be."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adam_course import debias, ema, half_life
from adam_course.averages import plain, power
from adam_course.hyperparameters import WeakArray, check

BETAS = [0.0, 0.5, 0.9, 0.99, 0.999]
# Below the smallest normal number a float has fewer digits, and 1e-12 is not to be had.
numbers = st.floats(-1e6, 1e6).filter(lambda y: y == 0 or abs(y) > 1e-250)
values = st.lists(numbers, min_size=1, max_size=50)


def averaged(sequence, beta):
    average = 0.0
    for value in sequence:
        average = ema(average, value, beta)
    return average


# ------------------------------------------------------------------------ ema


@given(values, st.sampled_from(BETAS))
def test_ema_is_the_geometrically_weighted_sum(sequence, beta):
    t = len(sequence)
    exact = (1 - Fraction(beta)) * sum(
        Fraction(beta) ** (t - i) * Fraction(y) for i, y in enumerate(sequence, start=1)
    )
    largest = max(map(abs, sequence))
    assert averaged(sequence, beta) == pytest.approx(float(exact), rel=1e-13, abs=1e-13 * largest)


def test_ema_keeps_beta_of_the_old_and_takes_the_rest_of_the_new():
    assert ema(8.0, 16.0, beta=0.75) == 10.0
    assert ema(8.0, 16.0, beta=0.0) == 16.0


def test_ema_acts_on_arrays_element_by_element_and_changes_none():
    average, value = np.array([8.0, 0.0]), np.array([16.0, 4.0])
    assert ema(average, value, 0.75).tolist() == [10.0, 1.0]
    assert ema(average, value, np.array([0.75, 0.5])).tolist() == [10.0, 2.0]
    assert (average.tolist(), value.tolist()) == ([8.0, 0.0], [16.0, 4.0])


def test_ema_and_debias_keep_float32():
    average = ema(np.zeros(2, np.float32), np.ones(2, np.float32), 0.9)
    assert average.dtype == np.float32
    assert debias(average, 0.9, 1).dtype == np.float32
    assert debias(average, np.float64(0.9), 1).dtype == np.float32


# --------------------------------------------------------------------- debias


@given(values, st.sampled_from(BETAS))
def test_debias_makes_the_weights_sum_to_one(sequence, beta):
    t = len(sequence)
    weights = [Fraction(beta) ** (t - i) for i in range(1, t + 1)]
    exact = sum(w * Fraction(y) for w, y in zip(weights, sequence)) / sum(weights)
    largest = max(map(abs, sequence))
    corrected = debias(averaged(sequence, beta), beta, t)
    assert corrected == pytest.approx(float(exact), rel=1e-12, abs=1e-12 * largest)
    assert abs(corrected) <= largest * (1 + 1e-12)


@given(numbers, st.sampled_from(BETAS), st.integers(1, 300))
def test_a_constant_is_seen_as_itself_from_the_first_step(constant, beta, steps):
    average = averaged([constant] * steps, beta)
    assert debias(average, beta, steps) == pytest.approx(constant, rel=1e-12)


def test_debias_takes_many_steps_at_once():
    averages = [averaged([3.0] * t, 0.9) for t in (1, 2, 5)]
    np.testing.assert_allclose(debias(np.array(averages), 0.9, np.array([1, 2, 5])), 3.0)


def test_debias_before_any_value_is_zero_over_zero():
    with pytest.raises(ZeroDivisionError):
        debias(0.0, 0.9, 0)


# ------------------------------------------------------------------ half-life


@pytest.mark.parametrize(
    ("beta", "steps"),
    # ln 2 / −ln β to two figures after the point
    [(0.5, 1.0), (0.9, 6.58), (0.95, 13.51), (0.99, 68.97), (0.999, 692.8)],
)
def test_half_life_is_where_the_weight_is_half(beta, steps):
    assert half_life(beta) == pytest.approx(steps, abs=0.05)
    assert beta ** half_life(beta) == pytest.approx(0.5, rel=1e-12)


def test_without_memory_the_half_life_is_zero():
    assert half_life(0.0) == 0.0
    assert half_life(0) == 0.0


@pytest.mark.parametrize("bad", [1.0, -0.1, 2, float("nan"), float("inf")])
def test_half_life_of_no_beta_is_refused(bad):
    with pytest.raises(ValueError, match=rf"^beta must be in \[0, 1\), got {bad!r}$"):
        half_life(bad)


# ---------------------------------------------------------------------- power


@given(st.floats(0, 1, exclude_max=True), st.integers(1, 10_000))
def test_power_is_the_same_to_the_last_bit_for_one_beta_and_for_many(beta, t):
    single = power(beta, t)
    assert type(single) is float
    assert single == pytest.approx(beta**t, rel=1e-13)
    for count in (1, 3, 8, 17):  # with and without a remainder for vectorised loops
        assert (power(np.full((count, 1), beta), t) == single).all()
        assert (power(beta, np.full(count, t)) == single).all()


def test_power_of_zero():
    assert power(0.0, 1) == 0.0
    assert power(0.0, 0) == 1.0


def test_power_of_weak_arrays_is_weak():
    weak = check("beta1", [[0.5], [0.9]])
    assert type(power(weak, 3)) is WeakArray
    assert (np.ones(1, np.float32) * power(weak, 3)).dtype == np.float32


def test_power_with_a_weak_exponent_is_weak():
    weak = check("momentum_decay", [[0.5], [0.9]])
    assert type(power(0.96, 3 * weak)) is WeakArray


def test_plain_makes_pythons_floats_of_scalars_and_leaves_arrays_alone():
    assert type(plain(np.float64(0.5))) is float
    assert type(plain(np.array(0.5))) is float
    array = np.ones(2)
    assert plain(array) is array
