"""Adam in pure Python is Adam: at every step the package's, torch's, and the paper's to 50 digits.

And it is a safe one: bad input is refused by name and leaves nothing behind, key order does
not matter, nothing that is given is changed.
"""

import ast
import copy
import inspect
import math
import random
from types import MappingProxyType

import numpy as np
import pytest
from oracles import (
    DECIMAL_STEPS,
    GRADIENTS,
    START,
    corners_of,
    decimal_run,
    expected_steps,
    first_failing_step,
    label,
    settings_of,
    torch_run,
)

from adam_course import Adam, AdamFromScratch, from_scratch, replay
from adam_course.optimizers import AdamState

# ---------------------------------------------------------------------- parity


class OnArrays(Adam):
    """AdamFromScratch for `first_failing_step`: the entries of an array by their places.

    The state that comes back is a copy of what the object remembers; from the package's
    Adam come only the quantities derived from it.
    """

    def start(self, x):
        object.__setattr__(self, "adam", AdamFromScratch(**self.hyperparameters))
        return super().start(x)

    def update(self, x, g, state):
        places = list(np.ndindex(x.shape))
        moved = self.adam.update(
            {place: float(x[place]) for place in places},
            {place: float(g[place]) for place in places},
        )

        def array(values):
            return np.array([values[place] for place in places]).reshape(x.shape)

        return array(moved), AdamState(self.adam.t, array(self.adam.m), array(self.adam.v))


def parametrized(settings):
    return pytest.mark.parametrize("chosen", list(settings("Adam")), ids=label)


def as_dict(row):
    return {f"x{column}": float(value) for column, value in enumerate(row)}


@parametrized(settings_of)
def test_equals_torch_at_every_step(chosen):
    expected = expected_steps(torch_run, "Adam", **chosen)
    assert len(expected) == len(GRADIENTS) == 100
    assert first_failing_step(OnArrays(**chosen), expected) is None


@parametrized(corners_of)
def test_equals_its_definition_in_fifty_digits_at_every_step(chosen):
    expected = expected_steps(decimal_run, "Adam", **chosen)
    assert len(expected) == DECIMAL_STEPS
    assert first_failing_step(OnArrays(**chosen), expected) is None


@parametrized(settings_of)
def test_equals_the_packages_adam_bit_for_bit_at_every_step(chosen):
    """Both do the same operations in the same order, each of them rounded once."""
    adam, params = AdamFromScratch(**chosen), as_dict(START)
    path = replay(Adam(**chosen), GRADIENTS, start=START)
    for t, row in enumerate(GRADIENTS, start=1):
        params = adam.update(params, as_dict(row))
        assert adam.t == t
        assert params == as_dict(path.x[t])
        assert adam.m == as_dict(path.state.m[t])
        assert adam.v == as_dict(path.state.v[t])


@pytest.mark.parametrize("name", ["learning_rate", "beta1", "beta2", "epsilon"])
def test_a_hyperparameter_that_is_off_in_a_late_digit_is_seen(name):
    # The comparison can fail.  Epsilon is added to roots that are mostly much larger.
    off = getattr(Adam(), name) * (1 + (1e-3 if name == "epsilon" else 1e-10))
    expected = expected_steps(torch_run, "Adam")
    assert first_failing_step(OnArrays(**{name: off}), expected) is not None


def test_the_defaults_are_the_papers():
    assert vars(AdamFromScratch()) == {
        "learning_rate": 0.001,
        "beta1": 0.9,
        "beta2": 0.999,
        "epsilon": 1e-8,
        "t": 0,
        "m": {},
        "v": {},
    }


def test_hyperparameters_are_positional_in_the_order_of_the_slide():
    positional = AdamFromScratch(0.1, 0.8, 0.99, 1e-6)
    named = AdamFromScratch(learning_rate=0.1, beta1=0.8, beta2=0.99, epsilon=1e-6)
    assert vars(positional) == vars(named)
    assert list(inspect.signature(AdamFromScratch).parameters) == list(Adam().hyperparameters)


# ------------------------------------------------------------------------ keys


def test_the_order_of_the_keys_does_not_matter():
    shuffle = random.Random(0).shuffle

    def shuffled(values):
        keys = list(values)
        shuffle(keys)
        return {key: values[key] for key in keys}

    straight, mixed = AdamFromScratch(), AdamFromScratch()
    params, orders = as_dict(START), set()
    for row in GRADIENTS:
        given, grads = shuffled(params), shuffled(as_dict(row))
        orders.add((tuple(given), tuple(grads)))
        moved = mixed.update(given, grads)
        assert list(moved) == list(given), "the order of params comes back"
        params = straight.update(params, as_dict(row))
        assert moved == params
        assert (mixed.m, mixed.v) == (straight.m, straight.v)
    assert len(orders) > 90


@pytest.mark.parametrize(
    "keys", [("x", "y"), (0, 1), (("w1", 0, 2), ("w1", 1, 0)), (None, ""), ("a", frozenset())]
)
def test_anything_that_can_be_a_key_may_be_one(keys):
    first, second = keys
    moved = AdamFromScratch(0.5).update({first: 1.0, second: 2.0}, {second: -3.0, first: 3.0})
    assert moved == pytest.approx({first: 0.5, second: 2.5})


def test_each_key_goes_its_own_way_whatever_the_others_do():
    together, params = AdamFromScratch(0.1), as_dict(START)
    alone = {key: AdamFromScratch(0.1) for key in params}
    apart = dict(params)
    for row in GRADIENTS:
        grads = as_dict(row)
        params = together.update(params, grads)
        for key, adam in alone.items():
            apart |= adam.update({key: apart[key]}, {key: grads[key]})
        assert params == apart


# --------------------------------------------------------- what is refused

NAN, INF = math.nan, math.inf
HUGE = 10**400  # a whole number that no float can hold

HYPERPARAMETERS = [
    (name, value)
    for name, outside in {
        "learning_rate": (-0.1, -1e-300, NAN, INF, -INF, HUGE),
        "epsilon": (-1e-8, NAN, INF, -INF, HUGE),
        "beta1": (-0.1, 1, 1.0, 1.5, NAN, INF, HUGE),
        "beta2": (-0.1, 1, 1.0, 1.5, NAN, INF, HUGE),
    }.items()
    for value in (*outside, "0.1", None, True, False, 0.1j, [0.1], np.array([0.1]))
]


@pytest.mark.parametrize(
    ("name", "value"), HYPERPARAMETERS, ids=[f"{n}={v!r:.12}" for n, v in HYPERPARAMETERS]
)
def test_a_bad_hyperparameter_is_refused_by_name(name, value):
    domain = "in [0, 1)" if name.startswith("beta") else "finite and at least 0"
    with pytest.raises(ValueError) as refused:  # noqa: PT011
        AdamFromScratch(**{name: value})
    assert str(refused.value) == f"{name} must be {domain}, got {value!r}"


@pytest.mark.parametrize(
    "edge",
    [
        {"learning_rate": 0},
        {"epsilon": 0.0},
        {"beta1": 0},
        {"beta2": 0.0},
        {"beta1": 1 - 2**-53, "beta2": 1 - 2**-53},
        {"learning_rate": 1e300},
        {"learning_rate": np.float64(0.1)},
    ],
    ids=str,
)
def test_the_edges_of_the_domains_are_accepted_as_floats(edge):
    adam = AdamFromScratch(**edge)
    for name, value in edge.items():
        assert getattr(adam, name) == value
        assert type(getattr(adam, name)) is float


X_Y = {"x": 1.0, "y": 2.0}
BAD_CALLS = {
    "grads is a list": (X_Y, [1.0, 2.0], "grads must be a dict of numbers, got [1.0, 2.0]"),
    "params is a list": ([1.0], {"x": 1.0}, "params must be a dict of numbers, got [1.0]"),
    "params is a number": (1.0, 1.0, "params must be a dict of numbers, got 1.0"),
    "grads is missing": (X_Y, None, "grads must be a dict of numbers, got None"),
    "no parameter": ({}, {}, "params must have at least one entry, got {}"),
    "a gradient too few": (
        X_Y,
        {"x": 1.0},
        "grads has keys ['x'], params has keys ['x', 'y']: they must be equal",
    ),
    "a gradient too many": (
        X_Y,
        {"x": 1.0, "y": 1.0, "z": 1.0},
        "grads has keys ['x', 'y', 'z'], params has keys ['x', 'y']: they must be equal",
    ),
    "a gradient of another name": (
        X_Y,
        {"x": 1.0, "Y": 1.0},
        "grads has keys ['x', 'Y'], params has keys ['x', 'y']: they must be equal",
    ),
}
for bad in (NAN, INF, -INF, HUGE, "1", None, True, 1j, [1.0], np.array([1.0])):
    for key in X_Y:
        words = f"must be a finite number, got {bad!r}"
        BAD_CALLS[f"params[{key}] {bad!r:.12}"] = (
            X_Y | {key: bad},
            X_Y,
            f"params[{key!r}] {words}",
        )
        BAD_CALLS[f"grads[{key}] {bad!r:.12}"] = (X_Y, X_Y | {key: bad}, f"grads[{key!r}] {words}")

# What is wrong only after a first step on x and y.
BAD_LATER = {
    "a new key": (
        X_Y | {"z": 0.0},
        X_Y | {"z": 0.0},
        "params has keys ['x', 'y', 'z'], the first step had ['x', 'y']: "
        "a new run needs a new object",
    ),
    "a key that is gone": (
        {"x": 1.0},
        {"x": 1.0},
        "params has keys ['x'], the first step had ['x', 'y']: a new run needs a new object",
    ),
    "other keys": (
        {"a": 1.0, "b": 1.0},
        {"a": 1.0, "b": 1.0},
        "params has keys ['a', 'b'], the first step had ['x', 'y']: a new run needs a new object",
    ),
}


@pytest.mark.parametrize(
    ("steps", "params", "grads", "words"),
    [
        pytest.param(steps, *call, id=f"{name}, after {steps} steps")
        for steps, calls in ((0, BAD_CALLS), (1, BAD_CALLS), (3, BAD_CALLS | BAD_LATER))
        for name, call in calls.items()
    ],
)
def test_a_bad_call_is_refused_by_name_and_changes_nothing(steps, params, grads, words):
    adam, point = AdamFromScratch(0.1), dict(X_Y)
    for _ in range(steps):
        point = adam.update(point, {key: 2 * x for key, x in point.items()})
    memory, given = copy.deepcopy(vars(adam)), copy.deepcopy((params, grads))
    with pytest.raises(ValueError) as refused:  # noqa: PT011
        adam.update(params, grads)
    assert str(refused.value) == words
    assert vars(adam) == memory
    assert repr((params, grads)) == repr(given)
    # And the run can go on as if nothing had been.
    untouched = AdamFromScratch(0.1)
    untouched.t, untouched.m, untouched.v = memory["t"], memory["m"], memory["v"]
    assert adam.update(point, X_Y) == untouched.update(point, X_Y)


def test_a_step_that_fails_half_way_leaves_nothing_behind():
    # With ε = 0 and no gradient for y there is 0/0 after x has been computed.
    adam = AdamFromScratch(epsilon=0)
    with pytest.raises(ZeroDivisionError):
        adam.update({"x": 1.0, "y": 1.0}, {"x": 1.0, "y": 0.0})
    assert (adam.t, adam.m, adam.v) == (0, {}, {})
    adam.update({"x": 1.0, "y": 1.0}, {"x": 1.0, "y": 1.0})
    assert adam.t == 1


# ------------------------------------------------------------------- purity


def test_arguments_are_not_changed_and_earlier_results_stay_what_they_were():
    adam, params = AdamFromScratch(0.1), as_dict(START)
    kept, copies = [], []
    for row in GRADIENTS[:20]:
        grads = as_dict(row)
        before = (dict(params), dict(grads))
        moved = adam.update(params, grads)
        assert (params, grads) == before
        assert moved is not params
        kept.append((moved, adam.m, adam.v))
        copies.append(copy.deepcopy(kept[-1]))
        params = moved
    assert kept == copies
    assert adam.m is not adam.v


def test_a_mapping_that_cannot_be_written_to_is_good_enough():
    params, grads = MappingProxyType({"x": 1.0}), MappingProxyType({"x": 5.0})
    moved = AdamFromScratch(0.1).update(params, grads)
    assert moved == pytest.approx({"x": 0.9})
    assert type(moved) is dict


def test_whole_numbers_are_taken_as_what_they_are_and_floats_come_back():
    whole, real = AdamFromScratch(1), AdamFromScratch(1.0)
    large = 2 * 10**200  # its square is an integer beyond the floats
    for grads in ({"x": 3, "y": large}, {"x": -4, "y": 0}):
        moved = whole.update({"x": 8, "y": -7}, grads)
        as_floats = {key: float(g) for key, g in grads.items()}
        assert moved == real.update({"x": 8.0, "y": -7.0}, as_floats)
        for numbers in (moved, whole.m, whole.v):
            assert {type(number) for number in numbers.values()} == {float}


def test_numpys_numbers_come_back_as_pythons():
    moved = AdamFromScratch(np.float64(0.1)).update({"x": np.float64(1)}, {"x": np.float64(5)})
    assert type(moved["x"]) is float
    assert moved == AdamFromScratch(0.1).update({"x": 1.0}, {"x": 5.0})


# ------------------------------------------------------- one object is one run


def first_move(adam):
    return adam.update({"x": -5.0}, {"x": -10.0})["x"] + 5.0


def test_a_second_run_needs_a_second_object():
    used, x = AdamFromScratch(0.1), {"x": 5.0}
    for _ in range(100):
        x = used.update(x, {"x": 2 * x["x"]})
    assert first_move(AdamFromScratch(0.1)) == pytest.approx(0.1, rel=1e-8)
    assert first_move(used) == pytest.approx(0.0225, abs=5e-5)
    with pytest.raises(ValueError, match="a new run needs a new object"):
        used.update({"z": 1.0}, {"z": 1.0})


def test_two_objects_share_nothing():
    first, second = AdamFromScratch(), AdamFromScratch()
    first.update({"x": 1.0}, {"x": 1.0})
    assert (second.t, second.m, second.v) == (0, {}, {})


# --------------------------------------------------------------------- the file


def test_imports_only_math_and_the_abstract_mapping():
    tree = ast.parse(inspect.getsource(from_scratch))
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Name):
            assert node.id not in ("__import__", "eval", "exec")
    assert imported == {"math", "collections.abc.Mapping"}


@pytest.mark.parametrize(
    "chosen", [{}, {"learning_rate": 1}, {"beta1": 0.5, "epsilon": np.float64(1e-3)}], ids=str
)
def test_its_representation_makes_it_again(chosen):
    adam = AdamFromScratch(**chosen)
    again = eval(repr(adam))
    assert vars(again) == vars(adam)
    assert repr(again) == repr(adam)


def test_its_representation_shows_the_hyperparameters_in_their_order():
    assert repr(AdamFromScratch(0.1)) == (
        "AdamFromScratch(learning_rate=0.1, beta1=0.9, beta2=0.999, epsilon=1e-08)"
    )
