"""Many small gradients are moved by one call; what was infinite once has diverged."""

import numpy as np
import pytest

from adam_course import Adam, Fused, GradientDescent, rosenbrock, sweep
from adam_course.fused import optimizer

every_precision = pytest.mark.parametrize("dtype", ["float32", "float64"])


def some(shapes, dtype, seed=0):
    """Arrays of these shapes, by letters."""
    generator = np.random.default_rng(seed)
    return {name: generator.standard_normal(s).astype(dtype) for name, s in shapes.items()}


class Counting:
    """The kernel of a run, and how often it was called."""

    def __init__(self, fast):
        self.kernel, self.calls = fast._kernel, 0
        fast._kernel = self

    def __call__(self, *arguments):
        self.calls += 1
        self.kernel(*arguments)


@every_precision
@pytest.mark.parametrize("engine", ["numba", "numpy"])
def test_small_gradients_go_together_and_large_ones_apart(dtype, engine, monkeypatch):
    """In one call or in three, bit by bit the same."""
    shapes = {"a": (7, 3), "b": (), "c": (21,)}
    moved = {}
    for together in (True, False):
        monkeypatch.setattr(optimizer, "WORTH_A_CALL", 15 if together else 14)
        fast = Fused(Adam(), some(shapes, dtype), engine=engine)
        counting = Counting(fast)
        for seed in (1, 2):
            fast.step(some(shapes, dtype, seed))
        assert counting.calls == 2 * (1 if together else 3)
        moved[together] = fast
    for name in shapes:
        assert (moved[True].parameters[name] == moved[False].parameters[name]).all()
        assert (moved[True].state.v[name] == moved[False].state.v[name]).all()


def test_keys_in_another_order_are_no_other_gradients():
    shapes = {"a": (5,), "b": (5,)}
    one, other = (Fused(Adam(), some(shapes, "float64")) for _ in range(2))
    gradient = some(shapes, "float64", 1)
    one.step(gradient)
    other.step({"b": gradient["b"], "a": gradient["a"]})
    assert (one.parameters["a"] == other.parameters["a"]).all()
    assert (one.parameters["b"] == other.parameters["b"]).all()


def test_gradients_that_lie_anyhow_in_memory_are_read_in_their_own_order():
    shapes = {"a": (4, 6), "b": (9,)}
    one, other = (Fused(Adam(), some(shapes, "float64")) for _ in range(2))
    gradient = some(shapes, "float64", 1)
    one.step(gradient)
    other.step({"a": np.asfortranarray(gradient["a"]), "b": gradient["b"][::-1].copy()[::-1]})
    assert (one.parameters["a"] == other.parameters["a"]).all()
    assert (one.parameters["b"] == other.parameters["b"]).all()


def test_a_gradient_made_of_the_parameters_is_read_before_they_move():
    """Each is the other's gradient, as on the saddle x y."""
    fast = Fused(Adam(0.1), [np.array([1.0]), np.array([2.0])])
    x, y = fast.parameters
    fast.step([y, x])
    m = [float(part[0]) for part in fast.state.m]
    assert m == pytest.approx([0.2, 0.1], rel=1e-15)


def test_what_was_put_into_gradients_stays_there():
    fast = Fused(Adam(), [np.ones(3), np.ones(2)])
    fast.gradients[0][...] = 5.0
    fast.step([np.ones(3), np.ones(2)])
    assert fast.gradients[0].tolist() == [5.0] * 3


@pytest.mark.parametrize("wrong", [3.0, None.__class__, object()], ids=["number", "type", "object"])
def test_what_holds_no_gradients_is_refused_by_name(wrong):
    fast = Fused(Adam(), [np.ones(3), np.ones(2)])
    with pytest.raises(ValueError, match=r"^gradients must be"):
        fast.step(wrong)


def test_a_run_that_was_infinite_once_has_diverged_though_it_came_back():
    """Only the first pair's term of the loss overflows; one step later all is finite."""
    starts = [(1e80, 1.0, 1.0), (0.5, 0.5, 0.5)]
    losses = [
        sweep(rosenbrock, GradientDescent, starts, 2, engine=engine, learning_rate=[2.5e-163]).loss
        for engine in ("array", "fused")
    ]
    assert np.isinf(losses[0]).tolist() == [[True, False]]
    assert (losses[0] == losses[1]).all()
