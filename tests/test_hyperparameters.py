"""A hyperparameter is a checked number, or a read-only array that behaves as its numbers do."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adam_course import OPTIMIZERS
from adam_course.hyperparameters import DOMAINS, WeakArray, check

every_name = pytest.mark.parametrize("name", DOMAINS)

# ---------------------------------------------------------------------- check


def test_every_hyperparameter_of_every_rule_has_a_domain_and_every_domain_is_used():
    used = {name for rule in OPTIMIZERS.values() for name in rule().hyperparameters}
    assert used == set(DOMAINS)


@every_name
@pytest.mark.parametrize("kind", [float, np.float64, np.float32, np.float16, np.array])
def test_a_number_of_any_kind_becomes_a_float(name, kind):
    value = check(name, kind(0.5))
    assert type(value) is float
    assert value == 0.5


@every_name
@pytest.mark.parametrize("zero", [0, np.int8(0), np.uint64(0), np.array(0)])
def test_a_whole_number_becomes_a_float(name, zero):
    assert type(check(name, zero)) is float


@every_name
@pytest.mark.parametrize("kind", [list, tuple, np.array, lambda v: np.array(v, np.float32)])
def test_many_numbers_become_a_weak_array_of_float64(name, kind):
    held = check(name, kind([[0.5], [0.25]]))
    assert type(held) is WeakArray
    assert held.dtype == np.float64
    assert held.shape == (2, 1)
    assert held.tolist() == [[0.5], [0.25]]


@every_name
def test_the_domain_is_held_at_its_ends(name):
    low, high = DOMAINS[name]
    assert check(name, low) == low
    with pytest.raises(ValueError, match=name):
        check(name, np.nextafter(low, -1))
    with pytest.raises(ValueError, match=name):
        check(name, high)
    below = np.nextafter(high, 0)
    assert check(name, below) == below


@every_name
def test_the_domain_is_said_in_the_refusal(name):
    said = {
        (0, 1): rf"{name} must be in \[0, 1\), got -1",
        (0, np.inf): f"{name} must be finite and at least 0, got -1",
    }
    with pytest.raises(ValueError, match=said[DOMAINS[name]]):
        check(name, -1)


def test_the_betas_and_momentum_are_below_one_and_the_rest_are_not():
    assert {name for name, (_, high) in DOMAINS.items() if high == 1} == {
        "beta1",
        "beta2",
        "momentum",
    }
    assert all(low == 0 for low, _ in DOMAINS.values())


# ----------------------------------------------------------------- weak arrays

WEAK = check("learning_rate", [[0.1], [1 / 3], [1e-3]])
SINGLE = [0.1, 1 / 3, 1e-3]

OPERATIONS = {
    "times": lambda a, x: a * x,
    "times from the right": lambda a, x: x * a,
    "plus": lambda a, x: x + a,
    "minus": lambda a, x: x - a,
    "minus from the left": lambda a, x: a - x,
    "over": lambda a, x: a / x,
    "under": lambda a, x: x / a,
    "power": lambda a, x: x**a,
    "maximum": lambda a, x: np.maximum(a, x),
    "compound": lambda a, x: (1 - a) * x + a * (2 * a) * (x * x),
}


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_a_weak_array_meets_an_array_as_each_of_its_numbers_would(operation, dtype):
    x = np.linspace(0.5, 2, 5).astype(dtype)
    together = operation(WEAK, np.broadcast_to(x, (3, 5)))
    assert type(together) is np.ndarray
    assert together.dtype == dtype
    for row, value in zip(together, SINGLE):
        np.testing.assert_array_equal(row, operation(value, x))


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_among_themselves_and_with_numbers_weak_arrays_stay_weak_and_float64(operation):
    for other in (2.5, WEAK, 3):
        result = operation(WEAK, other)
        assert type(result) is WeakArray
        assert result.dtype == np.float64
        for row, value in zip(result[:, 0], SINGLE):
            other_value = value if other is WEAK else other
            assert row == pytest.approx(operation(value, other_value), rel=1e-15)


def test_with_whole_numbers_and_truth_values_weak_arrays_stay_weak():
    assert type(WEAK * np.arange(3)) is WeakArray
    assert type(WEAK * (np.arange(3) > 1)) is WeakArray


def test_comparisons_give_plain_truth_values():
    compared = WEAK > 0.2
    assert type(compared) is np.ndarray
    assert compared.dtype == bool
    assert compared.tolist() == [[False], [True], [False]]


def test_the_widest_of_the_arrays_that_are_met_counts():
    met = np.add(np.ones(2, np.float32), np.ones(2)) + WEAK
    assert met.dtype == np.float64
    assert (np.where(True, WEAK * np.ones(2, np.float32), 0)).dtype == np.float32


def test_weak_arrays_are_not_written_to():
    mine = check("learning_rate", [0.1, 0.2])
    with pytest.raises(ValueError, match="read-only"):
        mine[0] = 1.0
    with pytest.raises(TypeError):
        mine *= 2
    with pytest.raises(TypeError):
        np.add(mine, 1.0, out=np.empty(2))
    assert mine.tolist() == [0.1, 0.2]


def test_they_cannot_be_made_writable_through_their_base():
    mine = check("learning_rate", [0.1, 0.2])
    with pytest.raises(ValueError, match=r"read-only"):
        mine.view(np.ndarray)[0] = 1.0


@pytest.mark.parametrize(
    "trip", [copy.copy, copy.deepcopy, lambda a: pickle.loads(pickle.dumps(a))]
)
def test_weak_arrays_stay_weak_when_they_are_copied(trip):
    other = trip(WEAK)
    assert type(other) is WeakArray
    assert other.tolist() == WEAK.tolist()
    assert (other * np.ones(2, np.float32)).dtype == np.float32


@given(st.floats(1e-3, 1e3), st.floats(-1e3, 1e3, width=32))
def test_one_weak_number_and_one_of_pythons_round_alike(rate, value):
    x = np.array([value], np.float32)
    weak = check("learning_rate", [rate])
    assert (weak * x).tobytes() == (rate * x).tobytes()
    assert (x - weak * (x * x)).tobytes() == (x - rate * (x * x)).tobytes()
