"""The one loop: it takes the steps it should, records them all, and survives whatever happens.

Runs side by side are bit for bit the single runs, also where some of them diverge; nothing a
reader's own function does can damage what is recorded.
"""

import math
import re
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
import tqdm.auto

from adam_course import (
    LANDSCAPES,
    OPTIMIZERS,
    Adam,
    AdamW,
    GradientDescent,
    Momentum,
    NAdam,
    NoisyGradient,
    RAdam,
    RMSProp,
    Trajectory,
    bowl,
    minimize,
    quadratic,
    replay,
    rosenbrock,
    steps_below,
)
from adam_course.optimizer import SHARED_STATE

every_rule = pytest.mark.parametrize("rule", OPTIMIZERS.values(), ids=OPTIMIZERS)
every_landscape = pytest.mark.parametrize("landscape", LANDSCAPES.values(), ids=LANDSCAPES)

# From a hundredth of what works to far beyond it: the largest diverge on every landscape
# with gradient descent.
RATES = [1e-4, 1e-2, 0.3, 10.0, 1e4]


def square(x):
    return (x * x).sum(axis=-1)


def slope(x):
    return 2 * x


def by_hand(opt, landscape, steps, start=None):
    """A loop with the optimizer's own step: all x, and all states."""
    x = np.array(landscape.start if start is None else start, dtype=float)
    state = opt.init(x)
    xs, states = [x], [state]
    for _ in range(steps):
        x, state = opt.step(x, landscape.gradient(x), state)
        xs.append(x)
        states.append(state)
    return xs, states


def rows(path, i):
    """One run out of a trajectory of many, as what can be compared."""
    fields = {
        name: value[:, i] if value.ndim > 1 and name not in SHARED_STATE else value
        for name, value in path.state._asdict().items()
    }
    return path.x[:, i], path.loss[:, i], path.gradient[:, i], fields


# -------------------------------------------------------------- what is recorded


@every_rule
@every_landscape
def test_minimize_is_a_loop_over_step(rule, landscape):
    opt = rule(learning_rate=1e-4)
    path = minimize(landscape, opt, steps=12)
    xs, states = by_hand(opt, landscape, 12)
    np.testing.assert_array_equal(path.x, xs)
    np.testing.assert_array_equal(path.loss, [landscape(x) for x in xs])
    np.testing.assert_array_equal(path.gradient, [landscape.gradient(x) for x in xs[:-1]])
    assert path.t.tolist() == list(range(13))
    assert type(path.state) is rule.State
    for name in rule.State._fields:
        np.testing.assert_array_equal(
            getattr(path.state, name), [getattr(state, name) for state in states]
        )
    assert path.optimizer is opt
    assert path.diverged_at == -1
    assert path.stopped is None


def test_row_zero_is_the_start_and_the_state_before_any_step():
    path = minimize(bowl, Adam(), start=(8, -7), steps=3)
    assert path.x[0].tolist() == [8.0, -7.0]
    assert path.loss[0] == 113.0
    assert path.state.t.tolist() == [0, 1, 2, 3]
    assert not path.state.m[0].any()
    assert path.x.shape == (4, 2)
    assert path.loss.shape == (4,)
    assert path.gradient.shape == (3, 2)


@every_rule
def test_no_steps_leave_the_start(rule):
    path = minimize(bowl, rule(), steps=0)
    assert path.x.tolist() == [list(bowl.start)]
    assert path.loss.tolist() == [bowl(bowl.start)]
    assert path.gradient.shape == (0, 2)
    assert path.step.shape == (0, 2)
    assert path.effective_rate.shape == (0, 2)
    assert path.stopped is None


@pytest.mark.parametrize(
    ("steps", "record", "kept"),
    [
        (10, 1, list(range(11))),
        (10, 3, [0, 3, 6, 9, 10]),
        (9, 3, [0, 3, 6, 9]),
        (10, 100, [0, 10]),
        (0, 5, [0]),
    ],
)
def test_every_so_many_steps_are_recorded_and_the_last(steps, record, kept):
    thin = minimize(rosenbrock, Adam(0.1), steps=steps, record=record)
    full = minimize(rosenbrock, Adam(0.1), steps=steps)
    assert thin.t.tolist() == kept
    np.testing.assert_array_equal(thin.x, full.x[kept])
    np.testing.assert_array_equal(thin.loss, full.loss[kept])
    np.testing.assert_array_equal(thin.state.m, full.state.m[kept])
    np.testing.assert_array_equal(thin.state.t, kept)
    np.testing.assert_array_equal(thin.gradient, full.gradient[kept[:-1]])
    np.testing.assert_array_equal(
        thin.effective_rate, full.effective_rate[[t - 1 for t in kept[1:]]]
    )


def test_start_is_the_landscapes_own_unless_given():
    assert minimize(rosenbrock, Adam(), steps=0).x[0].tolist() == list(rosenbrock.start)
    assert minimize(rosenbrock, Adam(), start=[2, 3], steps=0).x[0].tolist() == [2.0, 3.0]


@pytest.mark.parametrize("start", [(8, -7), [8.0, -7.0], np.array([8, -7])], ids=type)
def test_a_start_of_any_kind_of_numbers_will_do(start):
    path = minimize(bowl, Adam(0.1), start=start, steps=5)
    assert path.x.dtype == np.float64
    np.testing.assert_array_equal(path.x, minimize(bowl, Adam(0.1), start=(8.0, -7.0), steps=5).x)


@every_rule
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_precision_of_the_start_is_kept(rule, dtype):
    path = minimize(rosenbrock, rule(1e-4), start=np.array([-1.5, 2.0], dtype), steps=5)
    assert path.x.dtype == path.gradient.dtype == dtype
    for name in set(path.state._fields) - {"t", *SHARED_STATE}:
        assert getattr(path.state, name).dtype == dtype
    assert path.effective_rate.dtype == dtype


def test_float32_is_kept_where_the_objective_gives_float64():
    # As the turned landscapes and many a reader's function do.
    path = minimize(
        lambda x: float(square(x)),
        Adam(0.1),
        start=np.ones(2, np.float32),
        gradient=lambda x: 2 * x.astype(float),
        steps=3,
    )
    assert path.x.dtype == path.gradient.dtype == path.state.v.dtype == np.float32


def test_the_start_that_was_given_is_copied():
    start = np.array([8.0, -7.0])

    def gradient(x):
        start[:] = 0  # even while the run goes on
        return 2 * x

    path = minimize(bowl, GradientDescent(0.25), start=start, gradient=gradient, steps=2)
    assert path.x.tolist() == [[8.0, -7.0], [4.0, -3.5], [2.0, -1.75]]
    assert start.flags.writeable


def test_rows_do_not_share_their_memory():
    # The bug that a recorded list of one mutated array has: all rows are the last.
    path = minimize(bowl, Adam(0.1), steps=5)
    assert len({row.tobytes() for row in path.x}) == 6
    assert len({row.tobytes() for row in path.state.v}) == 6


def test_running_twice_gives_the_same():
    one, other = (minimize(rosenbrock, AdamW(0.1), steps=20) for _ in range(2))
    np.testing.assert_array_equal(one.x, other.x)


# ----------------------------------------------------------------- quantities


@every_rule
def test_derived_quantities_are_those_of_each_state(rule):
    opt = rule(learning_rate=1e-4)
    path = minimize(rosenbrock, opt, steps=15)
    _, states = by_hand(opt, rosenbrock, 15)
    for name in ("m_hat", "v_hat", "effective_rate"):
        if not hasattr(rule, name):
            with pytest.raises(AttributeError, match=f"^{rule.__name__} has no {name}$"):
                getattr(path, name)
            continue
        wanted = [np.broadcast_to(getattr(opt, name)(state), 2) for state in states[1:]]
        np.testing.assert_array_equal(getattr(path, name), wanted)


def test_the_step_is_the_difference_of_rows():
    path = minimize(rosenbrock, Adam(0.1), steps=10)
    np.testing.assert_array_equal(path.step, path.x[1:] - path.x[:-1])
    # and, by Adam's definition, the rate times the mean
    np.testing.assert_allclose(path.step, -path.effective_rate * path.m_hat, rtol=1e-12)


def test_a_thinned_run_has_no_single_steps():
    path = minimize(bowl, Adam(), steps=10, record=5)
    with pytest.raises(ValueError, match="record=1"):
        path.step  # noqa: B018
    assert minimize(bowl, Adam(), steps=1, record=5).step.shape == (1, 2)


@every_rule
def test_derived_quantities_of_a_sweep_are_those_of_the_single_runs(rule):
    rates = np.array([1e-4, 5e-4])
    path = minimize(rosenbrock, rule(learning_rate=rates[:, None]), steps=9)
    assert path.effective_rate.shape == path.step.shape == (9, 2, 2)
    for i, rate in enumerate(rates):
        alone = minimize(rosenbrock, rule(learning_rate=rate), steps=9)
        np.testing.assert_array_equal(path.effective_rate[:, i], alone.effective_rate)
        np.testing.assert_array_equal(path.step[:, i], alone.step)


def test_radams_rate_switches_within_a_run():
    path = minimize(rosenbrock, RAdam(0.01), steps=8)
    assert (path.effective_rate[:5] == 0.01).all()
    assert (path.effective_rate[5:] != 0.01).all()


# ----------------------------------------------------------------- first_below


def test_first_below_counts_the_steps_of_a_run():
    # Gradient descent with α = 1/4 halves x in each step: the loss is 100 / 4^t.
    path = minimize(square, GradientDescent(0.25), start=[10.0], gradient=slope, steps=10)
    assert path.first_below(101) == 0
    assert path.first_below(100) == 1, "below, not at"
    assert path.first_below(25.0) == 2
    assert path.first_below(1) == 4
    assert type(path.first_below(1)) is int
    assert path.first_below(1e-9) == math.inf
    assert path.first_below(0) == math.inf


def test_first_below_is_the_first_time_and_not_the_last():
    path = minimize(square, Momentum(0.1, 0.9), start=[1.0], gradient=slope, steps=60)
    assert (np.diff(path.loss) > 0).any(), "it rises again"
    first = path.first_below(0.1)
    assert path.loss[first] < 0.1 <= path.loss[:first].min()


def test_first_below_of_many_runs():
    path = minimize(
        square, GradientDescent([[0.25], [0.5], [1e-6]]), start=[10.0], gradient=slope, steps=10
    )
    first = path.first_below(1.0)
    assert first.tolist() == [4.0, 1.0, math.inf]
    assert first.dtype == float


def test_first_below_of_a_thinned_run_counts_steps_and_not_rows():
    path = minimize(square, GradientDescent(0.25), start=[10.0], gradient=slope, steps=12, record=5)
    assert path.t.tolist() == [0, 5, 10, 12]
    assert path.first_below(1) == 5


def test_first_below_of_a_run_that_diverges_is_never():
    path = minimize(bowl, GradientDescent(1e3), steps=2000)
    assert path.first_below(1e-3) == math.inf


def test_a_replay_has_no_loss_to_be_below():
    with pytest.raises(ValueError, match="needs a trajectory with a loss"):
        replay(Adam(), [1.0]).first_below(1.0)


# ---------------------------------------------------------------------- sweeps


@every_rule
@every_landscape
def test_a_sweep_is_bit_for_bit_its_single_runs_though_some_diverge(rule, landscape):
    steps = 150
    sweep = minimize(landscape, rule(learning_rate=np.array(RATES)[:, None]), steps=steps)
    assert sweep.x.shape[1:] == (len(RATES), 2)
    assert sweep.loss.shape[1:] == sweep.diverged_at.shape == (len(RATES),)
    for i, rate in enumerate(RATES):
        alone = minimize(landscape, rule(learning_rate=rate), steps=steps)
        x, loss, gradient, state = rows(sweep, i)
        length = len(alone.t)  # a run that diverges alone ends there
        assert sweep.diverged_at[i] == alone.diverged_at
        np.testing.assert_array_equal(x[:length], alone.x)
        np.testing.assert_array_equal(loss[:length], alone.loss)
        np.testing.assert_array_equal(gradient[: length - 1], alone.gradient)
        for name, value in state.items():
            np.testing.assert_array_equal(value[:length], getattr(alone.state, name))
        if alone.diverged_at >= 0:
            assert alone.t[-1] == alone.diverged_at
            assert np.isinf(loss[alone.diverged_at :]).all()
            np.testing.assert_array_equal(
                x[length:], x[length - 1 : length].repeat(len(x) - length, 0)
            )
        else:
            assert np.isfinite(loss).all()


def test_the_sweeps_above_do_have_runs_that_diverge():
    ends = minimize(rosenbrock, GradientDescent(np.array(RATES)[:, None]), steps=150).diverged_at
    assert (ends >= 0).any()
    assert (ends < 0).any()


SWEPT = {
    "momentum": [0.0, 0.9, 0.99],
    "beta1": [0.0, 0.9, 0.99],
    "beta2": [0.5, 0.9, 0.999],
    "epsilon": [1e-8, 1e-4, 1.0],
    "weight_decay": [0.0, 0.1, 1.0],
    "momentum_decay": [0.0, 0.004, 1.0],
    "initial_accumulator": [0.0, 0.1, 1.0],
}


def swept():
    for name, rule in OPTIMIZERS.items():
        for hyperparameter in set(rule().hyperparameters) & set(SWEPT):
            yield pytest.param(rule, hyperparameter, id=f"{name}-{hyperparameter}")


@pytest.mark.parametrize(("rule", "name"), sorted(swept(), key=lambda p: p.id))
def test_a_sweep_of_any_hyperparameter_is_bit_for_bit_its_single_runs(rule, name):
    sweep = minimize(rosenbrock, rule(**{name: np.array(SWEPT[name])[:, None]}), steps=20)
    for i, value in enumerate(SWEPT[name]):
        alone = minimize(rosenbrock, rule(**{name: value}), steps=20)
        np.testing.assert_array_equal(sweep.x[:, i], alone.x)
        np.testing.assert_array_equal(sweep.effective_rate[:, i], alone.effective_rate)


def test_a_sweep_in_float32_is_bit_for_bit_its_single_runs():
    start = np.array([-1.5, 2.0], np.float32)
    sweep = minimize(rosenbrock, Adam([[0.01], [0.1]]), start=start, steps=50)
    for i, rate in enumerate((0.01, 0.1)):
        alone = minimize(rosenbrock, Adam(rate), start=start, steps=50)
        np.testing.assert_array_equal(sweep.x[:, i], alone.x)


def test_many_starts_are_bit_for_bit_their_single_runs():
    starts = np.random.default_rng(0).uniform(-2, 2, (6, 5, 2))
    together = minimize(rosenbrock, RMSProp(), start=starts, steps=30)
    for i in np.ndindex(6, 5):
        alone = minimize(rosenbrock, RMSProp(), start=starts[i], steps=30)
        np.testing.assert_array_equal(together.x[(slice(None), *i)], alone.x)


def test_starts_and_rates_make_a_grid():
    starts = np.random.default_rng(1).uniform(-2, 2, (1, 5, 2))
    rates = np.array([0.01, 0.1])
    grid = minimize(rosenbrock, Adam(rates[:, None, None]), start=starts, steps=10)
    assert grid.x.shape == (11, 2, 5, 2)
    alone = minimize(rosenbrock, Adam(0.1), start=starts[0, 3], steps=10)
    np.testing.assert_array_equal(grid.x[:, 1, 3], alone.x)


def test_many_points_without_any_run():
    path = minimize(bowl, Adam(), start=np.zeros((0, 2)), steps=3)
    assert path.x.shape == (4, 0, 2)


def test_the_order_of_a_sweep_does_not_matter():
    rates = np.array(RATES)[:, None]
    one = minimize(rosenbrock, GradientDescent(rates), steps=30)
    other = minimize(rosenbrock, GradientDescent(rates[::-1]), steps=30)
    np.testing.assert_array_equal(one.x, other.x[:, ::-1])


# ------------------------------------------------------------------ divergence


def test_a_run_that_diverges_ends_with_its_reason():
    # x_{t+1} = (1 − 2 α) x_t with 2 α − 1 = 1e100: x_t = 1e100^t, and the square of the
    # second is the first beyond what a float can hold.
    path = minimize(
        square, GradientDescent((1 + 1e100) / 2), start=[1.0], gradient=slope, steps=100
    )
    assert path.stopped == "diverged at step 2"
    assert path.diverged_at == 2
    assert type(path.diverged_at) is int
    assert path.t.tolist() == [0, 1, 2]
    assert path.loss[-1] == math.inf
    assert np.isfinite(path.loss[:-1]).all()
    assert path.gradient.shape == (2, 1)


def test_the_last_row_is_recorded_also_in_a_thinned_run_that_diverges():
    path = minimize(bowl, GradientDescent(1e3), steps=5000, record=1000)
    assert path.diverged_at % 1000 != 0
    assert path.t.tolist() == [0, path.diverged_at]


def test_divergence_in_the_loss_alone_and_in_the_gradient_alone_both_count():
    def only_loss(x):
        return math.nan if x[0] < 0 else 1.0

    path = minimize(only_loss, GradientDescent(1.0), start=[2.5], gradient=np.ones_like, steps=10)
    assert path.diverged_at == 3
    assert path.loss.tolist() == [1.0, 1.0, 1.0, math.inf]

    def only_gradient(x):
        return np.where(x < 0, np.nan, 1.0)

    path = minimize(
        lambda x: 1.0, GradientDescent(1.0), start=[2.5], gradient=only_gradient, steps=10
    )
    assert path.diverged_at == 3
    assert path.loss[-1] == math.inf


def test_one_coordinate_is_enough_to_diverge():
    path = minimize(
        lambda x: 1.0,
        GradientDescent(),
        start=[1.0, 1.0],
        gradient=lambda x: np.array([0.0, np.inf]),
        steps=5,
    )
    assert path.diverged_at == 0


def test_a_loss_that_is_minus_infinite_has_diverged_too():
    path = minimize(lambda x: -math.inf, GradientDescent(), start=[1.0], gradient=slope, steps=5)
    assert path.diverged_at == 0
    assert path.loss.tolist() == [math.inf]


def test_in_the_last_row_only_the_loss_is_looked_at():
    seen = []

    def gradient(x):
        seen.append(x.copy())
        return slope(x)

    minimize(square, Adam(), start=[1.0], gradient=gradient, steps=4)
    assert len(seen) == 4, "one gradient is the unit of cost"


def test_pythons_overflow_is_a_divergence_as_numpys_is():
    def objective(x):
        return math.exp(float(x[0]) ** 2)

    def gradient(x):
        return np.array([2 * float(x[0]) * math.exp(float(x[0]) ** 2)])

    with pytest.raises(OverflowError):
        objective([30.0])
    path = minimize(objective, GradientDescent(1.0), start=[1.5], gradient=gradient, steps=10)
    assert path.stopped == f"diverged at step {path.diverged_at}"
    assert path.loss[-1] == math.inf
    assert np.isfinite(path.loss[:-1]).all()


def test_an_overflow_in_a_batch_ends_all_of_it():
    def objective(x):
        return np.array([float(row[0]) ** 2 for row in x])

    path = minimize(
        objective,
        GradientDescent([[1e-3], [1e200]]),
        start=[2.0],
        gradient=slope,
        steps=10,
    )
    assert path.stopped == "diverged at step 1"
    assert path.diverged_at.tolist() == [1, 1]


def test_any_other_exception_of_a_readers_function_is_the_readers_to_see():
    def broken(x):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        minimize(broken, Adam(), start=[1.0], gradient=slope, steps=3)
    with pytest.raises(KeyError, match="mine"):
        minimize(square, Adam(), start=[1.0], gradient=broken, steps=3)


def test_runs_that_go_on_do_not_notice_those_that_diverge():
    rates = np.array([[0.1], [1e200], [0.2]])
    path = minimize(bowl, GradientDescent(rates), steps=50)
    assert path.stopped is None
    assert path.diverged_at.tolist()[::2] == [-1, -1]
    end = path.diverged_at[1]
    assert 0 < end < 5
    for i in (0, 2):
        alone = minimize(bowl, GradientDescent(rates[i, 0]), steps=50)
        np.testing.assert_array_equal(path.x[:, i], alone.x)
        np.testing.assert_array_equal(path.loss[:, i], alone.loss)
    assert (path.x[end:, 1] == path.x[end, 1]).all(), "it stands still"
    assert np.isinf(path.loss[end:, 1]).all()


def test_a_batch_ends_when_its_last_run_has_diverged():
    path = minimize(bowl, GradientDescent([[1e100], [1e10]]), steps=1000)
    assert path.stopped == f"diverged at step {path.diverged_at.max()}"
    assert path.diverged_at[0] < path.diverged_at[1]
    assert path.t[-1] == path.diverged_at.max()


def test_a_run_that_has_diverged_does_not_come_back():
    # Its loss is finite again while it stands still, and is still not counted.
    calls = []

    def flaky(x):
        calls.append(1)
        return np.where(len(calls) == 3, np.inf, square(x)) if len(calls) == 3 else square(x)

    def objective(x):
        loss = flaky(x)
        loss = np.array(loss, dtype=float)
        loss[1] = 0.0  # the other run is well
        return loss

    path = minimize(
        objective, GradientDescent([[0.1], [0.1]]), start=[1.0], gradient=slope, steps=6
    )
    assert path.diverged_at.tolist() == [2, -1]
    assert np.isinf(path.loss[2:, 0]).all()
    assert (path.loss[:, 1] == 0).all()


def test_derived_quantities_of_a_run_that_diverged_give_no_warning():
    path = minimize(rosenbrock, Adam([[0.1], [1e200]]), steps=20)
    assert path.diverged_at[1] >= 0
    for quantity in (path.effective_rate, path.m_hat, path.v_hat, path.step):
        assert np.isfinite(quantity[:, 0]).all()


# ---------------------------------------------------------- interrupts, progress


class Interrupts:
    """A function that is interrupted at its k-th call, as by Ctrl-C."""

    def __init__(self, function, k):
        self.function, self.left = function, k

    def __call__(self, x):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
        return self.function(x)


@pytest.mark.parametrize("k", [1, 2, 7])
def test_an_interrupt_in_the_objective_returns_what_is_done(k):
    full = minimize(square, Adam(0.1), start=[1.0, 2.0], gradient=slope, steps=20)
    path = minimize(
        Interrupts(square, k + 1), Adam(0.1), start=[1.0, 2.0], gradient=slope, steps=20
    )
    assert path.stopped == f"interrupted at step {k}"
    assert path.t.tolist() == list(range(k))
    np.testing.assert_array_equal(path.x, full.x[:k])
    np.testing.assert_array_equal(path.loss, full.loss[:k])
    np.testing.assert_array_equal(path.gradient, full.gradient[: k - 1])
    np.testing.assert_array_equal(path.effective_rate, full.effective_rate[: k - 1])
    assert path.diverged_at == -1


def test_an_interrupt_in_the_gradient_returns_what_is_done():
    path = minimize(square, Adam(0.1), start=[1.0], gradient=Interrupts(slope, 4), steps=20)
    assert path.stopped == "interrupted at step 3"
    assert path.t.tolist() == [0, 1, 2]


def test_an_interrupt_before_anything_is_done_is_passed_on():
    with pytest.raises(KeyboardInterrupt):
        minimize(Interrupts(square, 1), Adam(), start=[1.0], gradient=slope, steps=5)


def test_an_interrupted_thinned_run_keeps_the_rows_it_has():
    path = minimize(Interrupts(square, 14), Adam(), start=[1.0], gradient=slope, steps=50, record=5)
    assert path.t.tolist()[:3] == [0, 5, 10]
    assert path.stopped == "interrupted at step 13"


def test_an_interrupted_thinned_run_ends_with_the_last_step_that_was_done():
    path = minimize(Interrupts(square, 14), Adam(), start=[1.0], gradient=slope, steps=50, record=5)
    assert path.t.tolist() == [0, 5, 10, 12]


def test_progress_shows_a_bar_and_changes_nothing(capsys):
    quiet = minimize(rosenbrock, Adam(0.1), steps=25)
    assert capsys.readouterr() == ("", "")
    loud = minimize(rosenbrock, Adam(0.1), steps=25, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "/25" in err
    assert "step" in err
    np.testing.assert_array_equal(loud.x, quiet.x)


@pytest.mark.parametrize("end", ["diverged", "interrupted", "failed"])
def test_the_bar_is_closed_however_the_run_ends(end, monkeypatch):
    import tqdm.auto

    closed, steps = [], []

    class Bar:
        def __init__(self, total, **options):
            assert total == 500

        def update(self):
            steps.append(1)

        def close(self):
            closed.append(1)

    def broken(x):
        raise KeyError

    monkeypatch.setattr(tqdm.auto, "tqdm", Bar)
    if end == "diverged":
        path = minimize(bowl, GradientDescent(1e100), steps=500, progress=True)
        assert len(steps) == path.diverged_at
    elif end == "interrupted":
        interrupted = Interrupts(square, 4)
        minimize(interrupted, Adam(), start=[1.0], gradient=slope, steps=500, progress=True)
        assert len(steps) == 3
    else:
        with pytest.raises(KeyError):
            minimize(broken, Adam(), start=[1.0], gradient=slope, steps=500, progress=True)
    assert closed == [1]


# ---------------------------------------------------------- a reader's functions


def test_an_objective_may_be_any_function_of_a_point():
    path = minimize(
        lambda x: float(x[0] ** 2 + 10 * x[1] ** 2),
        Adam(0.1),
        start=[4.0, -3.0],
        gradient=lambda x: [2 * x[0], 20 * x[1]],
        steps=30,
    )
    np.testing.assert_array_equal(path.x, minimize(quadratic(condition=10), Adam(0.1), steps=30).x)


def test_a_single_number_may_be_minimized():
    path = minimize(lambda x: x * x, Adam(0.1), start=3.0, gradient=lambda x: 2 * x, steps=4)
    assert path.x.shape == path.loss.shape == (5,)
    assert path.gradient.shape == (4,)
    alone = minimize(square, Adam(0.1), start=[3.0], gradient=slope, steps=4)
    np.testing.assert_array_equal(path.x, alone.x[:, 0])


def test_a_gradient_of_ones_own_replaces_the_landscapes():
    path = minimize(bowl, GradientDescent(1.0), start=(1.0, 1.0), gradient=np.zeros_like, steps=5)
    assert (path.x == 1.0).all()


def test_a_gradient_that_knows_its_step_is_asked_for_it():
    class Noisy:
        def __init__(self):
            self.asked = []

        def __call__(self, x):
            raise AssertionError("at_step is called in its place")

        def at_step(self, x, t):
            self.asked.append(t)
            return t * np.ones_like(x)

    noisy = Noisy()
    path = minimize(square, GradientDescent(1.0), start=[0.0], gradient=noisy, steps=4)
    assert noisy.asked == [1, 2, 3, 4]
    assert path.x[:, 0].tolist() == [0.0, -1.0, -3.0, -6.0, -10.0]


def test_a_function_that_reuses_its_array_does_not_spoil_the_record():
    buffer = np.empty(2)

    def gradient(x):
        np.multiply(x, 2, out=buffer)
        return buffer

    path = minimize(square, Adam(0.1), start=[8.0, -7.0], gradient=gradient, steps=10)
    np.testing.assert_array_equal(path.x, minimize(bowl, Adam(0.1), start=(8, -7), steps=10).x)
    np.testing.assert_array_equal(path.gradient, 2 * path.x[:-1])


def test_a_gradient_that_returns_its_argument_does_not_spoil_the_record():
    path = minimize(square, GradientDescent(0.5), start=[8.0], gradient=lambda x: x, steps=3)
    assert path.gradient[:, 0].tolist() == [8.0, 4.0, 2.0]


def test_a_function_that_writes_to_x_is_stopped():
    def objective(x):
        x += 1
        return square(x)

    with pytest.raises(ValueError, match="read-only"):
        minimize(objective, Adam(), start=[1.0], gradient=slope, steps=3)

    def gradient(x):
        x *= 2
        return x

    with pytest.raises(ValueError, match="read-only"):
        minimize(square, Adam(), start=[1.0], gradient=gradient, steps=3)


def test_a_gradient_of_whole_numbers_will_do():
    path = minimize(
        square, GradientDescent(0.5), start=[4.0], gradient=lambda x: x.astype(int), steps=2
    )
    assert path.x[:, 0].tolist() == [4.0, 2.0, 1.0]


def test_warnings_of_a_readers_function_are_silent_only_inside_the_run():
    path = minimize(bowl, GradientDescent(1e200), steps=5)
    assert path.stopped
    with pytest.raises(RuntimeWarning):
        np.array(1e308) * 10


# ---------------------------------------------------------------------- replay


@every_rule
def test_replay_feeds_the_gradients_that_are_given(rule):
    gradients = np.random.default_rng(0).normal(size=(12, 3))
    opt = rule()
    path = replay(opt, gradients, start=[1.0, 2.0, 3.0])
    x, state = np.array([1.0, 2.0, 3.0]), opt.init(np.zeros(3))
    for t, g in enumerate(gradients, start=1):
        x, state = opt.step(x, g, state)
        np.testing.assert_array_equal(path.x[t], x)
        for name in state._fields:
            np.testing.assert_array_equal(getattr(path.state, name)[t], getattr(state, name))
    np.testing.assert_array_equal(path.gradient, gradients)
    assert path.loss is None
    assert path.t.tolist() == list(range(13))
    assert path.diverged_at == -1


def test_replay_of_numbers_is_a_run_of_one_number():
    path = replay(Adam(learning_rate=1.0), [1e-3, 1e-3, 1e-3])
    assert path.x.shape == (4,)
    assert path.m_hat.shape == path.effective_rate.shape == (3,)
    np.testing.assert_allclose(path.x, [0, -1, -2, -3], rtol=1e-4)
    np.testing.assert_allclose(path.m_hat, 1e-3)


def test_replay_of_many_settings_gives_each_the_same_gradients():
    gradients = np.random.default_rng(1).normal(size=(9, 2))
    rates = np.array([0.1, 1.0, 10.0])
    path = replay(Adam(rates[:, None]), gradients)
    assert path.x.shape == (10, 3, 2)
    for i, rate in enumerate(rates):
        np.testing.assert_array_equal(path.x[:, i], replay(Adam(rate), gradients).x)
        np.testing.assert_array_equal(path.gradient[:, i], gradients)


def test_replay_of_one_number_each_to_many_settings():
    path = replay(Adam([[0.1], [1.0]]), [1.0, 2.0])
    assert path.x.shape == (3, 2, 1)
    assert path.x[:, 1, 0].tolist() == replay(Adam(1.0), [1.0, 2.0]).x.tolist()


def test_replay_starts_at_zero_unless_told():
    assert replay(Adam(), np.ones((2, 3))).x[0].tolist() == [0.0, 0.0, 0.0]
    assert replay(Adam(), np.ones((2, 3)), start=7).x[0].tolist() == [7.0, 7.0, 7.0]


def test_replay_of_nothing_is_the_start():
    path = replay(Adam(), np.zeros((0, 2)))
    assert path.x.tolist() == [[0.0, 0.0]]
    assert path.gradient.shape == (0, 2)


def test_replay_does_not_change_the_gradients_it_is_given():
    gradients = np.ones((3, 2))
    path = replay(Momentum(), gradients)
    path.gradient[:] = 5
    assert (gradients == 1).all()


# -------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"optimizer": "Adam"}, "^optimizer must be an Optimizer .* got 'Adam'"),
        ({"optimizer": Adam}, "^optimizer must be an Optimizer .* got <class"),
        ({"objective": 3.0}, "^objective must be .* got 3.0"),
        ({"objective": square}, "^gradient must be given"),
        ({"objective": square, "gradient": 1.0}, "^gradient must be a function, got 1.0"),
        ({"objective": square, "gradient": slope}, "^start must be given"),
        ({"steps": -1}, "^steps must be a whole number of at least 0, got -1"),
        ({"steps": 1.5}, "^steps must be .* got 1.5"),
        ({"steps": True}, "^steps must be .* got True"),
        ({"steps": None}, "^steps must be .* got None"),
        ({"steps": "9"}, "^steps must be .* got '9'"),
        ({"record": 0}, "^record must be a whole number of at least 1, got 0"),
        ({"record": 2.0}, "^record must be .* got 2.0"),
        ({"start": "here"}, "^start must be .* got 'here'"),
        ({"start": [[1.0], [1.0, 2.0]]}, "^start must be "),
        ({"start": [1.0, math.nan]}, "^start must be finite, got .*nan"),
        ({"start": [1.0, math.inf]}, "^start must be finite, got .*inf"),
        ({"start": [1.0, 2.0, 3.0]}, "^x must have 2 coordinates"),
        (
            {"optimizer": Adam([[0.1], [0.2]]), "start": np.ones((3, 2))},
            r"^start of shape \(3, 2\) does not fit hyperparameters of shape \(2, 1\)",
        ),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, dict) else "",
)
def test_bad_arguments_of_minimize_are_refused_by_name(arguments, match):
    with pytest.raises(ValueError, match=match):
        minimize(**{"objective": bowl, "optimizer": Adam()} | arguments)


@pytest.mark.parametrize(
    ("objective", "gradient", "match"),
    [
        (
            lambda x: x,
            slope,
            r"^objective must return shape \(\) for x of shape \(2,\), got .*\(2,\)",
        ),
        (lambda x: [square(x)], slope, r"^objective must return shape \(\) .* got shape \(1,\)"),
        (
            square,
            square,
            r"^gradient must return shape \(2,\) for x of shape \(2,\), got shape \(\)",
        ),
        (square, lambda x: None, r"^gradient must return shape \(2,\)"),
    ],
)
def test_functions_that_return_another_shape_are_refused(objective, gradient, match):
    with pytest.raises(ValueError, match=match):
        minimize(objective, Adam(), start=[1.0, 2.0], gradient=gradient, steps=3)


def test_a_function_of_one_point_is_refused_in_a_sweep():
    with pytest.raises(ValueError, match=r"^objective must return shape \(3,\) for x of shape"):
        minimize(
            lambda x: float((x * x).sum()),
            Adam([[0.1], [0.2], [0.3]]),
            start=[1.0, 2.0],
            gradient=slope,
        )


def test_an_objective_that_forgets_to_return_is_refused():
    with pytest.raises(ValueError, match=r"^objective must return"):
        minimize(lambda x: None, Adam(), start=[1.0, 2.0], gradient=slope, steps=3)


@pytest.mark.parametrize(
    ("gradients", "match"),
    [
        ("abc", "^gradients must be an array of numbers, got 'abc'"),
        ([[1.0], [1.0, 2.0]], "^gradients must be an array of numbers"),
        (3.0, "^gradients must be a sequence, one entry a step, got .*3"),
        ([1.0, math.nan, 2.0], "^gradients must be finite, got nan at step 2"),
        ([[1.0, 2.0], [3.0, -math.inf]], "^gradients must be finite, got .*inf.* at step 2"),
    ],
)
def test_bad_gradients_are_refused(gradients, match):
    with pytest.raises(ValueError, match=match):
        replay(Adam(), gradients)


@pytest.mark.parametrize("start", [[1.0, 2.0, 3.0], np.ones((4, 2)), "x", None])
def test_a_start_unlike_one_gradient_is_refused(start):
    with pytest.raises(ValueError, match=r"^start must "):
        replay(Adam(), np.ones((5, 2)), start=start)


def test_a_start_that_is_not_finite_is_refused_for_that():
    with pytest.raises(ValueError, match=r"^start must be finite"):
        replay(Adam(), np.ones((5, 2)), start=[1.0, math.nan])


def test_gradients_that_do_not_fit_the_hyperparameters_are_refused_for_that():
    with pytest.raises(ValueError, match=r"hyperparameters of shape \(3, 1\)"):
        replay(Adam(np.full((3, 1), 0.1)), np.ones((5, 4, 2)))


def test_replay_needs_an_optimizer():
    with pytest.raises(ValueError, match=r"^optimizer must be"):
        replay(0.1, [1.0])


# ------------------------------------------------------------------------ repr


def test_repr_says_how_the_run_went():
    path = minimize(square, GradientDescent(0.25), start=[10.0], gradient=slope, steps=2)
    assert repr(path) == (
        "<Trajectory of GradientDescent(learning_rate=0.25): 2 steps, loss 100 to 6.25>"
    )
    sweep = minimize(bowl, Adam([[0.1], [0.2], [0.3]]), steps=4)
    assert re.fullmatch(r"<Trajectory of Adam\(.*\): 4 steps, 3 runs>", repr(sweep))
    diverged = minimize(bowl, GradientDescent(1e200), steps=4)
    assert repr(diverged).endswith("to inf; diverged at step 1>")
    assert repr(replay(Adam(), [1.0, 2.0])).endswith(": 2 steps>")


def test_trajectories_are_compared_by_identity():
    # == on arrays has no one answer.
    path = minimize(bowl, Adam(), steps=1)
    assert path == path
    assert path != minimize(bowl, Adam(), steps=1)
    assert isinstance(path, Trajectory)
    assert {path: 1}[path] == 1


def test_nadam_runs_like_every_other():
    path = minimize(bowl, NAdam([[0.1], [0.2]]), steps=5)
    assert path.state.mu_product.shape == (6,)
    assert path.state.mu_product[0] == 1.0


# ----------------------------------------------------------------- steps_below


def first_below(objective, optimizer, loss, start=None, cap=1000, **options):
    """What steps_below promises to return."""
    return minimize(objective, optimizer, start, cap, **options).first_below(loss)


def steps_below_are_those_of_recorded_runs(landscape, rule):
    for share in (1.1, 0.5, 1e-3):  # of the height of the start above the minimum
        loss = landscape.minimum + share * (landscape(landscape.start) - landscape.minimum)
        wanted = [first_below(landscape, rule(rate), loss, cap=80) for rate in RATES]
        alone = [steps_below(landscape, rule(rate), loss, cap=80) for rate in RATES]
        assert alone == wanted
        assert list(map(type, alone)) == list(map(type, wanted))
        swept = steps_below(landscape, rule(np.array(RATES)[:, None]), loss, cap=80)
        assert swept.tolist() == wanted


@every_rule
def test_steps_below_of_any_rule_are_those_of_a_recorded_run(rule):
    steps_below_are_those_of_recorded_runs(rosenbrock, rule)


@every_landscape
def test_steps_below_on_any_landscape_are_those_of_a_recorded_run(landscape):
    steps_below_are_those_of_recorded_runs(landscape, Adam)


def test_the_steps_below_above_are_none_some_and_never():
    loss = rosenbrock(rosenbrock.start) / 2
    steps = steps_below(rosenbrock, GradientDescent(np.array(RATES)[:, None]), loss, cap=80)
    assert np.isfinite(steps).any()
    assert np.isinf(steps).any()
    assert steps_below(rosenbrock, Adam(), 1.1 * rosenbrock(rosenbrock.start)) == 0


def test_steps_below_of_rates_and_starts_make_a_grid():
    starts = np.random.default_rng(3).uniform(-2, 2, (5, 2))
    opt = RMSProp(np.array([1e-3, 0.1, 1.0])[:, None, None])
    steps = steps_below(rosenbrock, opt, 0.5, starts, cap=300)
    assert steps.shape == (3, 5)
    assert steps.dtype == float
    assert steps.tolist() == first_below(rosenbrock, opt, 0.5, starts, cap=300).tolist()
    assert 0 < np.isfinite(steps).sum() < steps.size


def test_steps_below_is_below_and_not_at():
    # Gradient descent with α = 1/4 halves x in each step: the loss is 100 / 4^t.
    arguments = {"start": [10.0], "gradient": slope}
    for loss, wanted in ((101, 0), (100, 1), (25.0, 2), (1, 4)):
        assert steps_below(square, GradientDescent(0.25), loss, **arguments) == wanted


def test_steps_below_is_the_first_time_also_where_the_loss_rises_again():
    arguments = {"start": [1.0], "gradient": slope, "cap": 60}
    opt = Momentum([[0.1], [1e-5]], 0.9)  # the second keeps it going
    steps = steps_below(square, opt, 0.1, **arguments)
    assert (np.diff(minimize(square, opt, [1.0], 60, gradient=slope).loss[:, 0]) > 0).any()
    assert steps.tolist() == first_below(square, opt, 0.1, **arguments).tolist()


@pytest.mark.parametrize(("cap", "wanted"), [(0, math.inf), (3, math.inf), (4, 4), (5, 4)])
def test_the_cap_is_the_last_step_that_counts(cap, wanted):
    steps = steps_below(square, GradientDescent(0.25), 1, [10.0], cap, gradient=slope)
    assert steps == wanted


def test_a_cap_of_zero_looks_at_the_start():
    assert steps_below(bowl, Adam(), 1e3, cap=0) == 0
    starts = [[1.0, 1.0], [2.0, 2.0]]
    assert steps_below(bowl, Adam(), 3, starts, cap=0).tolist() == [0.0, math.inf]


def test_a_run_that_has_diverged_is_never_below():
    # At its second step the gradient is lost while the loss would be low enough.
    def gradient(x):
        return np.where(np.abs(x) < 3, np.nan, slope(x))

    arguments = {"start": [[10.0], [3e3]], "gradient": gradient, "cap": 30}
    steps = steps_below(square, GradientDescent(0.25), 7.0, **arguments)
    assert steps.tolist() == [math.inf, math.inf]
    assert first_below(square, GradientDescent(0.25), 7.0, **arguments).tolist() == steps.tolist()
    assert steps_below(bowl, GradientDescent(1e100), 1e-3) == math.inf


class Counted:
    """A function that counts its calls."""

    def __init__(self, function):
        self.function, self.calls = function, 0

    def __call__(self, x):
        self.calls += 1
        return self.function(x)


def test_a_run_ends_when_it_has_arrived():
    objective = Counted(square)
    steps = steps_below(objective, GradientDescent(0.25), 1, [10.0], 10**6, gradient=slope)
    assert objective.calls == steps + 1, "the loss at the start, and after each step"


def test_many_runs_end_with_the_last_that_arrives_or_diverges():
    objective = Counted(square)
    opt = GradientDescent([[0.25], [0.1], [1e100]])
    steps = steps_below(objective, opt, 1, [10.0], 10**6, gradient=slope)
    assert steps.tolist()[0] < steps.tolist()[1] < steps.tolist()[2] == math.inf
    assert objective.calls == steps[1] + 1
    objective = Counted(square)
    assert steps_below(objective, GradientDescent(1e100), 1, [10.0], gradient=slope) == math.inf
    end = minimize(square, GradientDescent(1e100), [10.0], gradient=slope).diverged_at
    assert objective.calls == end + 1


def test_steps_below_without_any_run_is_empty():
    assert steps_below(bowl, Adam(), 1.0, np.zeros((0, 2))).shape == (0,)


def test_steps_below_of_a_single_number():
    steps = steps_below(lambda x: x * x, Adam(0.1), 0.01, 3.0, gradient=lambda x: 2 * x)
    assert steps == steps_below(square, Adam(0.1), 0.01, [3.0], gradient=slope)
    assert type(steps) is int


def test_a_gradient_that_knows_its_step_is_asked_for_it_by_steps_below_too():
    noisy = NoisyGradient(bowl, noise=1.0, seed=3)
    arguments = {"gradient": noisy, "cap": 300}
    wanted = first_below(bowl, Adam(0.1), 0.5, **arguments)
    assert 1 < wanted < 300
    assert steps_below(bowl, Adam(0.1), 0.5, **arguments) == wanted


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"loss": math.nan}, "^loss must be a finite number, got nan"),
        ({"loss": math.inf}, "^loss must be a finite number, got inf"),
        ({"loss": "1"}, "^loss must be a finite number, got '1'"),
        ({"loss": None}, "^loss must be a finite number, got None"),
        ({"loss": True}, "^loss must be a finite number, got True"),
        ({"loss": [1.0, 2.0]}, r"^loss must be a finite number, got \[1.0, 2.0\]"),
        ({"loss": np.array([1.0])}, r"^loss must be a finite number, got array\("),
        ({"cap": -1}, "^cap must be a whole number of at least 0, got -1"),
        ({"cap": 10.0}, "^cap must be .* got 10.0"),
        ({"cap": True}, "^cap must be .* got True"),
        ({"cap": None}, "^cap must be .* got None"),
        ({"optimizer": Adam}, "^optimizer must be an Optimizer"),
        ({"objective": square}, "^gradient must be given"),
        ({"objective": square, "gradient": slope}, "^start must be given"),
        ({"start": [1.0, math.nan]}, "^start must be finite"),
        ({"start": [1.0, 2.0, 3.0]}, "^x must have 2 coordinates"),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, dict) else "",
)
def test_bad_arguments_of_steps_below_are_refused_by_name(arguments, match):
    with pytest.raises(ValueError, match=match):
        steps_below(**{"objective": bowl, "optimizer": Adam(), "loss": 1.0} | arguments)


@pytest.mark.parametrize("loss", [np.float32(0.5), np.int64(1), Fraction(1, 2)], ids=type)
def test_a_loss_of_any_kind_of_number_will_do(loss):
    steps = steps_below(bowl, GradientDescent(0.1), loss)
    assert steps == steps_below(bowl, GradientDescent(0.1), float(loss))


class Told:
    """In place of tqdm's bar: what it was told.  Without steps it is false, as tqdm's is."""

    def __init__(self, total, **options):
        Told.made = self
        self.total, self.steps, self.closed = total, 0, 0

    def __bool__(self):
        return self.total > 0

    def update(self):
        self.steps += 1

    def close(self):
        self.closed += 1


@pytest.mark.parametrize("error", [KeyboardInterrupt, KeyError])
@pytest.mark.parametrize("k", [1, 4])
def test_an_interrupt_of_steps_below_passes_and_closes_the_bar(error, k, monkeypatch):
    # It returns no part of its counts: a run that did not arrive would look like one that never
    # does.
    calls = []

    def objective(x):
        calls.append(1)
        if len(calls) == k:
            raise error
        return square(x)

    monkeypatch.setattr(tqdm.auto, "tqdm", Told)
    with pytest.raises(error):
        steps_below(objective, Adam(), 1e-9, [1.0], 500, gradient=slope, progress=True)
    assert (Told.made.total, Told.made.steps, Told.made.closed) == (500, k - 1, 1)


def test_the_bar_of_steps_below_counts_steps_and_is_closed(monkeypatch, capsys):
    arguments = {"start": [10.0], "gradient": slope, "progress": True}
    assert steps_below(square, GradientDescent(0.25), 1, cap=50, **arguments) == 4
    out, err = capsys.readouterr()
    assert out == ""
    assert "/50" in err
    monkeypatch.setattr(tqdm.auto, "tqdm", Told)
    steps_below(square, GradientDescent(0.25), 1, cap=50, **arguments)
    assert (Told.made.total, Told.made.steps, Told.made.closed) == (50, 4, 1)
    steps_below(square, GradientDescent(0.25), 1, cap=3, **arguments)
    assert (Told.made.total, Told.made.steps, Told.made.closed) == (3, 3, 1)


@pytest.mark.parametrize(
    "run", [minimize, partial(steps_below, loss=1.0)], ids=["minimize", "below"]
)
def test_a_bar_of_no_steps_is_closed_too(run, monkeypatch):
    monkeypatch.setattr(tqdm.auto, "tqdm", Told)
    steps = {"steps": 0} if run is minimize else {"cap": 0}
    run(bowl, Adam(), progress=True, **steps)
    assert (Told.made.total, Told.made.closed) == (0, 1)


def test_steps_below_is_silent_about_what_overflows():
    assert steps_below(bowl, GradientDescent(1e200), 1e-3) == math.inf
