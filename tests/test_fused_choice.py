"""Which sweeps go through the compiled engine, and which are left to the array form.

The compiled engine has code for the package's landscapes in float64, up to seven
coordinates.  Whatever is something else in the least must not be taken for one of them.
"""

import dataclasses
import math
from functools import partial

import numpy as np
import pytest
from both_ways import hold, same, starts_on, watched

from adam_course import (
    Adam,
    Landscape,
    beale,
    bowl,
    landscapes,
    quadratic,
    rosenbrock,
    saddle,
    sweep,
    tuning,
)
from adam_course.fused import side_by_side, sweeps


@pytest.fixture
def compiled(monkeypatch):
    return watched(monkeypatch)


def test_the_engine_is_chosen_by_the_number_of_steps_of_single_runs(compiled, monkeypatch):
    monkeypatch.setattr(tuning, "WORTH_LOADING", 2 * 3 * 5 * 40)
    axes = {"learning_rate": [0.1, 0.2], "beta1": [0.0, 0.5, 0.9]}
    starts = starts_on(bowl, "bowl", 5)
    small = sweep(bowl, Adam, starts, 39, **axes)
    assert compiled == []
    large = sweep(bowl, Adam, starts, 40, **axes)
    assert len(compiled) == 1
    sweep(bowl, Adam, starts, 40, engine="array", **axes)
    sweep(bowl, Adam, starts, 40, gradient=lambda x: x, **axes)
    assert len(compiled) == 1
    same(small, sweep(bowl, Adam, starts, 39, engine="fused", **axes))
    same(large, sweep(bowl, Adam, starts, 40, engine="array", **axes))


def as_it_is(landscape, **changes):
    """A landscape of a class of one's own, else the same."""

    class Mine(Landscape):
        def gradient(self, x):
            return 0 * super().gradient(x)

    return Mine(**vars(landscape) | changes)


wide, narrow, turned = quadratic(3), quadratic(5), quadratic(3, rotation=30)
swapped = dataclasses.replace

OTHERS = {
    "another value": swapped(rosenbrock, value_of=landscapes._styblinski_tang_value),
    "another gradient": swapped(rosenbrock, gradient_of=landscapes._styblinski_tang_gradient),
    "value of one's own": swapped(wide, value_of=lambda x: (x * x).sum(axis=-1)),
    "gradient of one's own": swapped(wide, gradient_of=lambda x: 2 * x),
    "gradient of one's own, partial": swapped(wide, gradient_of=partial(np.multiply, 2.0)),
    "value of another quadratic": swapped(wide, value_of=narrow.value_of),
    "gradient of another quadratic": swapped(wide, gradient_of=narrow.gradient_of),
    "value of a turned one": swapped(wide, value_of=turned.value_of),
    "gradient of a turned one": swapped(turned, gradient_of=wide.gradient_of),
    "value of another plane": swapped(beale, value_of=saddle.value_of),
    "gradient of another plane": swapped(beale, gradient_of=saddle.gradient_of),
    "a class of one's own": as_it_is(rosenbrock),
    "a class of one's own, quadratic": as_it_is(wide),
    "eight coordinates": quadratic(10, d=8),
}


@pytest.mark.parametrize("other", OTHERS)
def test_what_is_not_wholly_the_packages_goes_to_the_array_form(other, compiled, monkeypatch):
    monkeypatch.setattr(tuning, "WORTH_LOADING", 0)
    landscape = OTHERS[other]
    axes = {"learning_rate": np.array([1e-3, 1e-2, 0.1])}
    assert sweeps.surface_of(landscape, len(landscape.start)) is None
    swept = sweep(landscape, steps=9, **axes)
    same(swept, sweep(landscape, steps=9, engine="array", **axes))
    assert compiled == []
    with pytest.raises(ValueError, match=r'^engine must be "array" or None here: "fused" needs'):
        sweep(landscape, steps=9, engine="fused", **axes)


def test_what_is_only_shown_differently_is_the_same_landscape(compiled):
    for landscape in (rosenbrock, saddle, wide, turned):
        shown = swapped(landscape, name="mine", start=(0.5, 0.25), window=((0, 1), (0, 1)))
        hold(shown, Adam, learning_rate=[0.1, 0.2])
        assert sweep(shown, steps=0, learning_rate=[0.1]).loss == landscape([0.5, 0.25])
    assert len(compiled) == 4


@pytest.mark.parametrize(
    "start",
    [np.array([1, 2], np.float32), np.ones((3, 2), np.float16), np.ones(2, np.longdouble)],
    ids=lambda start: str(start.dtype),
)
def test_other_precisions_than_float64_go_to_the_array_form(start, compiled, monkeypatch):
    monkeypatch.setattr(tuning, "WORTH_LOADING", 0)
    swept = sweep(rosenbrock, start=start, steps=5, learning_rate=[0.1, 0.2])
    array = sweep(rosenbrock, start=start, steps=5, engine="array", learning_rate=[0.1, 0.2])
    np.testing.assert_array_equal(swept.loss, array.loss)
    assert swept.loss.dtype == array.loss.dtype
    assert compiled == []
    with pytest.raises(ValueError, match=r"^engine must be .* a start in float64 .*start"):
        sweep(rosenbrock, start=start, steps=5, engine="fused", learning_rate=[0.1, 0.2])


def test_without_numba_a_large_sweep_goes_to_the_array_form(compiled, monkeypatch):
    monkeypatch.setattr(tuning, "WORTH_LOADING", 0)
    axes = {"learning_rate": np.array([0.1, 0.2])}
    with_numba = sweep(rosenbrock, steps=60, **axes)
    assert len(compiled) == 1
    monkeypatch.setattr(tuning, "find_spec", lambda name: None)
    same(with_numba, sweep(rosenbrock, steps=60, **axes))
    assert len(compiled) == 1
    with pytest.raises(ValueError, match=r'^engine must be "array" or None .* needs numba'):
        sweep(rosenbrock, steps=60, engine="fused", **axes)


def square(x):
    return (x * x).sum(axis=-1)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"engine": "x"}, '^engine must be "fused", "array" or None, got \'x\''),
        ({"engine": "numba"}, '^engine must be "fused", "array" or None, got \'numba\''),
        ({"engine": 1}, '^engine must be "fused", "array" or None, got 1'),
        ({"gradient": square}, '^gradient must be left out for engine="fused", got <function'),
        ({"objective": square, "start": [1.0]}, "^engine must be .* got <function square"),
        ({"objective": square}, "^engine must be .* start None"),
        ({"steps": 0}, "^engine must be .* at least one step, got .* 0 steps$"),
        ({"start": [1.0, 1.0, 1.0]}, r"^x must have 2 coordinates .* Beale .* shape \(2, 3\)"),
        ({"start": [1.0, math.inf]}, r"^start must be finite, got \[1.0, inf\]"),
        ({"start": np.ones((3, 2)), "learning_rate": [[1.0]]}, "^learning_rate must be an array"),
        ({"objective": quadratic(3, d=3), "start": [1.0, 1.0]}, "^x must have 3 coordinates"),
        ({"objective": quadratic(3), "start": [1.0] * 3}, "^x must have 2 coordinates"),
        ({"objective": rosenbrock, "start": [1.0]}, "^x must have at least 2 coordinates"),
        ({"objective": swapped(wide, d=None), "start": [1.0] * 3}, "^engine must be"),
        ({"objective": swapped(beale, d=3), "start": [1.0] * 3}, "^engine must be"),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, dict) else "",
)
def test_what_the_compiled_engine_cannot_do_is_refused_by_name(arguments, match, monkeypatch):
    # Nothing may have been run: the compiled code does not look where its arrays end.
    monkeypatch.setattr(side_by_side, "in_the_plane", None)
    monkeypatch.setattr(side_by_side, "anywhere", None)
    known = {"objective": beale, "engine": "fused", "steps": 5, "learning_rate": [0.1, 0.2]}
    with pytest.raises(ValueError, match=match):
        sweep(**known | arguments)


def test_no_coordinates_and_no_runs_are_what_they_are_in_the_array_form(monkeypatch):
    monkeypatch.setattr(tuning, "WORTH_LOADING", 0)
    for engine in ("fused", "array", None):
        with pytest.raises(ValueError, match=r"^x must have 2 coordinates"):
            sweep(bowl, start=[], steps=5, engine=engine, learning_rate=[0.1, 0.2])
        none = sweep(bowl, start=np.ones((0, 2)), steps=5, engine=engine, learning_rate=[0.1])
        assert none.loss.shape == (1, 0)


def test_the_start_and_the_hyperparameters_are_left_as_they_were(compiled):
    starts, rates = starts_on(rosenbrock, "rosenbrock", 3), np.array([0.3, 0.1, 0.2])
    before = starts.tobytes(), rates.tobytes()
    swept = sweep(rosenbrock, start=starts, steps=60, engine="fused", learning_rate=rates)
    assert (starts.tobytes(), rates.tobytes()) == before
    assert swept.axes["learning_rate"].tolist() == [0.3, 0.1, 0.2]
