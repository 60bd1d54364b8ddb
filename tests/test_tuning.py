"""A search finds what single runs would have found, says what failed, and loses nothing.

Its trials are drawn on their natural scales and are the same wherever they are computed: here,
in threads, in other processes or on a cluster.  One that fails leaves the others as they were.
"""

import math
import multiprocessing
import os
import re
import signal
import threading
import time
from concurrent.futures import BrokenExecutor, Executor, Future
from concurrent.futures import ProcessPoolExecutor as Processes
from concurrent.futures import ThreadPoolExecutor as Threads

import numpy as np
import pytest
import tqdm.auto
from pandas.testing import assert_frame_equal

from adam_course import (
    LANDSCAPES,
    OPTIMIZERS,
    Adam,
    AdamTuner,
    GradientDescent,
    Momentum,
    NAdam,
    NoisyGradient,
    RMSProp,
    Sweep,
    Tuning,
    beale,
    bowl,
    minimize,
    quadratic,
    rosenbrock,
    sweep,
)
from adam_course.scales import RANGES, to_scale

every_rule = pytest.mark.parametrize("rule", OPTIMIZERS.values(), ids=OPTIMIZERS)
every_landscape = pytest.mark.parametrize("landscape", LANDSCAPES.values(), ids=LANDSCAPES)

STARTS = np.random.default_rng(1).uniform(-2, 2, size=(3, 2))
OTHERS = np.random.default_rng(2).uniform(-2, 2, size=(4, 2))
RATES = {"learning_rate": (1e-3, 10.0)}


def square(x):
    return (x * x).sum(axis=-1)


def slope(x):
    return 2 * x


def tuner_of(objective=square, ranges=None, **options):
    """A tuner of a function of one's own, which is x² + y² unless said otherwise."""
    options = {"gradient": slope, "starts": STARTS, "held_out": OTHERS} | options
    return AdamTuner(objective, RATES if ranges is None else ranges, **options)


def settings(trial, rule=Adam):
    """The hyperparameters of a trial."""
    return {name: trial[name] for name in rule().hyperparameters if name in trial}


def same(one, other):
    """Assert that two tables are equal, to the last bit."""
    assert_frame_equal(one.reset_index(drop=True), other.reset_index(drop=True), check_exact=True)


class Interrupts:
    """A function that is interrupted at its k-th call, as by Ctrl-C."""

    def __init__(self, function, k):
        self.function, self.left = function, k

    def __call__(self, x):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
        return self.function(x)


# ---------------------------------------------------------------------- sweeps

GRIDS = {
    "one": {"learning_rate": [1e-3, 0.1, 10.0]},
    "two": {"beta2": [0.9, 0.999], "learning_rate": [0.01, 0.3, 1e200]},
    "three": {"beta1": [0.0, 0.9], "beta2": [0.5, 0.999], "learning_rate": [0.01, 0.3, 1.0]},
}
every_grid = pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)


def single(objective, opt, start, steps, **options):
    return minimize(objective, opt, start, steps, **options).loss[-1]


@every_grid
@pytest.mark.parametrize("start", [None, (8.0, -7.0), STARTS], ids=["own", "one", "several"])
def test_a_sweep_is_bit_for_bit_its_single_runs(grid, start):
    swept = sweep(rosenbrock, Adam, start, 40, **{n: np.array(v) for n, v in grid.items()})
    runs = np.shape(start)[:-1] if start is not None else ()
    assert swept.loss.shape == (*map(len, grid.values()), *runs)
    for at in np.ndindex(swept.loss.shape):
        opt = Adam(**{name: values[k] for (name, values), k in zip(grid.items(), at)})
        here = start[at[-1]] if runs else start
        assert swept.loss[at] == single(rosenbrock, opt, here, 40)


@every_rule
def test_a_sweep_of_any_rule_is_bit_for_bit_its_single_runs(rule):
    rates = np.array([1e-4, 1e-2, 1e200])
    swept = sweep(rosenbrock, rule, steps=30, learning_rate=rates)
    assert swept.rule is rule
    assert swept.loss.tolist() == [single(rosenbrock, rule(r), None, 30) for r in rates]


def test_a_function_of_ones_own_is_swept_with_its_gradient():
    rates = [0.01, 0.1, 0.3]
    swept = sweep(
        square, GradientDescent, STARTS, 20, gradient=slope, learning_rate=np.array(rates)
    )
    for at in np.ndindex(swept.loss.shape):
        opt = GradientDescent(rates[at[0]])
        assert swept.loss[at] == single(square, opt, STARTS[at[1]], 20, gradient=slope)


def test_a_gradient_of_ones_own_replaces_the_landscapes():
    swept = sweep(bowl, steps=9, gradient=np.zeros_like, learning_rate=[0.1, 0.2])
    assert swept.loss.tolist() == [bowl(bowl.start)] * 2


def test_a_number_among_the_hyperparameters_holds_for_all():
    swept = sweep(bowl, steps=9, learning_rate=[0.1, 0.2], beta1=0.5)
    assert list(swept.axes) == ["learning_rate"]
    assert swept.loss.tolist() == [single(bowl, Adam(r, beta1=0.5), None, 9) for r in (0.1, 0.2)]
    assert (swept.loss != sweep(bowl, steps=9, learning_rate=[0.1, 0.2]).loss).all()


def test_a_sweep_keeps_what_was_swept_in_the_order_of_its_axes():
    rates = np.array([0.1, 0.2, 0.3])
    swept = sweep(bowl, beta2=[0.9, 0.99], learning_rate=rates, steps=5)
    rates[:] = 7.0  # the caller's own, to go on with
    assert [(name, list(values)) for name, values in swept.axes.items()] == [
        ("beta2", [0.9, 0.99]),
        ("learning_rate", [0.1, 0.2, 0.3]),
    ]
    assert (swept.steps, swept.stopped) == (5, None)
    assert repr(swept) == "<Sweep of Adam: 2 beta2 × 3 learning_rate, 5 steps>"


def test_a_sweep_of_no_steps_is_the_loss_at_the_start():
    swept = sweep(bowl, start=STARTS, steps=0, learning_rate=[0.1, 0.2])
    assert swept.loss.tolist() == [bowl(STARTS).tolist()] * 2
    assert swept.steps == 0


def test_the_best_has_the_least_median_over_the_starts_and_is_the_first_of_several():
    axes = {"learning_rate": np.array([0.1, 0.2]), "beta1": np.array([0.0, 0.5, 0.9])}
    loss = np.full((2, 3, 3), 5.0)
    loss[0, 2] = [0.0, 6.0, 7.0]  # the least loss, and the least mean of a start, but not median
    loss[1, 0] = [4.0, 4.0, math.inf]
    loss[1, 1] = [9.0, 4.0, 1.0]
    swept = Sweep(Adam, axes, loss, steps=10)
    assert swept.summary.tolist() == [[5.0, 5.0, 6.0], [4.0, 4.0, 5.0]]
    assert swept.best == {"learning_rate": 0.2, "beta1": 0.0}
    assert all(type(value) is float for value in swept.best.values())


def test_without_several_starts_the_summary_is_the_loss():
    swept = sweep(bowl, steps=50, learning_rate=[1e-3, 0.1, 1e-2])
    assert swept.summary is swept.loss
    assert swept.best == {"learning_rate": 0.1}


def test_what_diverges_is_infinite_and_nobody_else_notices():
    rates = [0.1, 1e200, 0.2, 3.0]
    swept = sweep(bowl, GradientDescent, start=STARTS, steps=600, learning_rate=np.array(rates))
    assert np.isinf(swept.loss[[1, 3]]).all()
    well = sweep(bowl, GradientDescent, start=STARTS, steps=600, learning_rate=np.array([0.1, 0.2]))
    np.testing.assert_array_equal(swept.loss[[0, 2]], well.loss)
    assert swept.best["learning_rate"] in (0.1, 0.2)
    assert swept.stopped is None


def test_a_sweep_in_which_all_diverge_says_so_and_has_no_best():
    swept = sweep(bowl, GradientDescent, steps=600, learning_rate=[1e100, 1e200])
    last = minimize(bowl, GradientDescent(1e100), steps=600).diverged_at
    assert swept.stopped == f"diverged at step {last}"
    assert swept.steps == last
    assert repr(swept).endswith(f"{last} steps; diverged at step {last}>")
    with pytest.raises(ValueError, match=r"^no combination came through: .*diverged at step"):
        swept.best  # noqa: B018


def test_an_interrupted_sweep_has_the_losses_of_the_steps_that_were_done():
    options = {"gradient": slope, "learning_rate": np.array([0.01, 0.1, 0.3])}
    swept = sweep(Interrupts(square, 8), start=STARTS, steps=500, **options)
    assert swept.steps == 6
    assert swept.stopped == "interrupted at step 7"
    assert repr(swept).endswith("6 steps; interrupted at step 7>")
    np.testing.assert_array_equal(swept.loss, sweep(square, start=STARTS, steps=6, **options).loss)


def test_a_sweep_interrupted_before_anything_is_done_passes_it_on():
    with pytest.raises(KeyboardInterrupt):
        sweep(Interrupts(square, 1), start=STARTS, gradient=slope, learning_rate=[0.1, 0.2])


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"rule": "Adam"}, "^rule must be a rule such as Adam .* got 'Adam'"),
        ({"rule": Adam(0.1)}, r"^rule must be a rule such as Adam .* got Adam\("),
        ({"rule": dict}, "^rule must be .* got <class 'dict'>"),
        ({"momentum": [0.9]}, r"^hyperparameters must be of Adam: .*; got momentum=\[0.9\]"),
        ({"learning_rate": 0.1}, r"^hyperparameters must hold at least one array, got .*0.1"),
        ({"learning_rate": [[0.1]]}, r"^learning_rate must be an array \(n,\), got shape \(1, 1\)"),
        ({"learning_rate": []}, r"^learning_rate must be finite and at least 0, got \[\]"),
        ({"learning_rate": [[0.1], [1, 2]]}, r"^learning_rate must be finite .* got \[\[0.1\]"),
        ({"learning_rate": ["a"]}, "^learning_rate must be finite .*'a'"),
        ({"learning_rate": [0.1, -1]}, r"^learning_rate must be .* got \[0.1, -1\]: -1.0 is not"),
        ({"beta1": [0.1, 1.0]}, r"^beta1 must be in \[0, 1\), got \[0.1, 1.0\]: 1.0 is not"),
        ({"beta1": 1.5}, r"^beta1 must be in \[0, 1\), got 1.5"),
        ({"start": 3.0}, r"^start must be a point \(d,\) or points \(runs, d\), got 3.0"),
        ({"start": [[1.0], [1.0, 2.0]]}, r"^start must be a point .* got \[\[1.0\]"),
        ({"start": [1.0, math.nan]}, "^start must be finite, got .*nan"),
        ({"steps": -1}, "^steps must be a whole number of at least 0, got -1"),
        ({"steps": 2.5}, "^steps must be .* got 2.5"),
        ({"objective": 3.0}, "^objective must be .* got 3.0"),
        ({"objective": square}, "^gradient must be given"),
        ({"objective": square, "gradient": slope}, "^start must be given"),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, dict) else "",
)
def test_bad_arguments_of_a_sweep_are_refused_by_name(arguments, match):
    with pytest.raises(ValueError, match=match):
        sweep(**{"objective": bowl, "learning_rate": [0.1, 0.2], "steps": 3} | arguments)


def test_a_single_number_is_not_taken_for_a_point_of_many_coordinates():
    # Broadcast to the five rates it would be one point, and one loss for all.
    with pytest.raises(ValueError, match=r"^start must be a point"):
        sweep(square, start=3.0, gradient=slope, learning_rate=np.full(5, 0.1))


# ----------------------------------------------------------------- what is drawn


def test_a_search_is_a_row_for_each_trial():
    found = tuner_of(ranges={"learning_rate": (1e-3, 1), "beta1": 0.8}).tune(30, 10, seed=4)
    table = found.table
    columns = ["seed", "trial", "learning_rate", "beta1", "score", "held_out", "status"]
    assert list(table) == columns
    assert len(table) == len(found.trials) == 30
    assert list(table["trial"]) == list(range(30))
    assert set(table["seed"]) == {4}
    assert set(table["beta1"]) == {0.8}
    assert set(table["status"]) == {"ok"}
    assert table["learning_rate"].nunique() == 30
    assert found.searched == ("learning_rate",)
    assert found.stopped is None


def test_a_seed_draws_the_same_again_and_another_seed_others():
    tuner = tuner_of()
    same(tuner.tune(9, 5, seed=1).table, tuner.tune(9, 5, seed=1).table)
    same(tuner.tune(9, 5).table, tuner.tune(9, 5, seed=0).table)
    rates = [set(tuner.tune(9, 5, seed=seed).table["learning_rate"]) for seed in (1, 2)]
    assert not rates[0] & rates[1]


@pytest.mark.parametrize("count", [1, 7, 25, 26, 60])
def test_a_trial_is_the_same_however_many_come_after_it(count):
    tuner = tuner_of(rosenbrock, {"learning_rate": (1e-3, 1e3), "beta2": (0.5, 0.999)})
    same(tuner.tune(count, 20, seed=3).table, tuner.tune(80, 20, seed=3).table.head(count))


def test_what_is_drawn_for_one_does_not_depend_on_the_range_of_another():
    ranges = ({"beta1": b, "learning_rate": (1e-3, 1)} for b in (0.9, [0.1, 0.2], (0.5, 0.99)))
    first, *others = (tuner_of(ranges=r).tune(9, 5).table["learning_rate"] for r in ranges)
    for other in others:
        assert list(first) == list(other)


def drawn(ranges, rule=Adam, count=2000):
    """Many trials of the least possible work."""
    tuner = tuner_of(ranges=ranges, rule=rule, starts=[[1.0]], held_out=[[2.0]])
    return tuner.tune(count, iterations=1, seed=6).table


def off_uniform(values, low, high):
    """Kolmogorov and Smirnov: the largest distance from the uniform distribution function."""
    shares = (np.sort(values) - low) / (high - low)
    steps = np.arange(len(shares) + 1) / len(shares)
    return max((steps[1:] - shares).max(), (shares - steps[:-1]).max())


# For 2000 uniform draws the distance is beyond 0.0436 once in a thousand times.
LIMIT = 1.95 / math.sqrt(2000)


@pytest.mark.parametrize(
    ("rule", "ranges"),
    [
        (Adam, {"learning_rate": (1e-4, 10.0), "beta2": (0.5, 0.9999)}),
        (Adam, {"epsilon": (1e-12, 1e-2), "beta1": (0.0, 0.99)}),
        (Momentum, {"momentum": (0.2, 0.997), "learning_rate": (1e-6, 1e-5)}),
        (NAdam, {"momentum_decay": (1e-4, 1.0), "learning_rate": (1e-2, 1e2)}),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, dict) else "",
)
def test_draws_are_uniform_on_their_natural_scale_and_independent(rule, ranges):
    table = drawn(ranges, rule)
    scaled = []
    for name, (low, high) in ranges.items():
        assert table[name].between(low, high).all()
        scaled.append(to_scale(name, table[name].to_numpy()))
        assert off_uniform(scaled[-1], to_scale(name, low), to_scale(name, high)) < LIMIT
        assert off_uniform(table[name], low, high) > 5 * LIMIT, "on the plain scale they are not"
    assert abs(np.corrcoef(scaled)[0, 1]) < 3 / math.sqrt(2000)


def test_a_narrow_range_is_never_left():
    # The next float on the scale is further away than the ends are from each other.
    low = 0.3
    high = np.nextafter(low, 1)
    table = drawn({"learning_rate": (low, high), "beta1": (low, high)}, count=200)
    assert set(table["learning_rate"]) <= {low, high}
    assert set(table["beta1"]) <= {low, high}


def test_a_list_is_a_choice_and_a_number_is_fixed():
    table = drawn({"learning_rate": [0.3, 1, 0.1], "beta1": 0, "epsilon": (1e-9, 1.0)})
    counts = table["learning_rate"].value_counts()
    assert set(counts.index) == {0.1, 0.3, 1.0}
    # A third of 2000 each; the standard deviation of a count is 21.
    assert np.abs(counts - 2000 / 3).max() < 4 * 21
    assert set(table["beta1"]) == {0.0}


def test_what_is_not_said_is_searched_where_the_course_searches():
    tuner = AdamTuner(bowl, rule=Momentum)
    assert tuner.parameter_ranges == {name: RANGES[name] for name in ("learning_rate", "momentum")}
    assert tuner.tune(5, 5).searched == ("learning_rate", "momentum")
    assert set(AdamTuner(bowl).parameter_ranges) == {"learning_rate", "beta1", "beta2"}


@every_rule
def test_every_rule_can_be_searched_as_it_is(rule):
    found = AdamTuner(bowl, rule=rule).tune(4, 5)
    assert type(found.optimizer) is rule
    assert found.rule is rule


# ------------------------------------------------------------------------ grids


def test_a_grid_goes_from_end_to_end_in_equal_steps_of_the_scale():
    ranges = {"learning_rate": (1e-3, 10.0), "beta2": (0.5, 0.999)}
    table = tuner_of(ranges=ranges).tune(15, 5, sampling="grid").table
    assert len(table) == 9, "three each: of four there would be sixteen"
    assert len(set(zip(table["learning_rate"], table["beta2"]))) == 9
    for name, (low, high) in ranges.items():
        values = sorted(set(table[name]))
        assert len(values) == 3
        assert (values[0], values[-1]) == (low, high)
        steps = np.diff(to_scale(name, np.array(values)))
        np.testing.assert_allclose(steps, steps[0], rtol=1e-9)


def test_a_grid_has_all_of_a_list_and_what_is_fixed():
    ranges = {"learning_rate": (1e-3, 1.0), "beta1": [0.9, 0.0], "epsilon": 1e-3}
    table = tuner_of(ranges=ranges).tune(11, 5, sampling="grid").table
    assert len(table) == 10
    assert len(set(zip(table["learning_rate"], table["beta1"]))) == 10
    assert set(table["beta1"]) == {0.0, 0.9}
    assert set(table["epsilon"]) == {1e-3}


def test_a_grid_of_choices_alone_is_all_of_them():
    ranges = {"learning_rate": [0.1, 0.2, 0.3], "beta1": [0.9, 0.0]}
    assert len(tuner_of(ranges=ranges).tune(100, 5, sampling="grid").trials) == 6


def test_a_cube_of_a_grid_is_not_one_short():
    # 1000 ** (1 / 3) is 9.999999999999998.
    ranges = {"learning_rate": (1e-3, 1.0), "beta1": (0.1, 0.9), "beta2": (0.1, 0.9)}
    tuner = tuner_of(ranges=ranges, starts=[[1.0]], held_out=[[2.0]])
    assert len(tuner.tune(1000, 1, sampling="grid").trials) == 1000


def test_a_grid_draws_nothing():
    one, other = (tuner_of().tune(7, 5, seed=s, sampling="grid") for s in (0, (3, 4)))
    same(one.table.drop(columns="seed"), other.table.drop(columns="seed"))


@pytest.mark.parametrize(
    ("ranges", "least"),
    [
        ({"learning_rate": (1e-3, 1.0)}, 2),
        ({"learning_rate": (1e-3, 1.0), "beta1": [0.9, 0.8, 0.7]}, 6),
        ({"learning_rate": (1e-3, 1.0), "beta1": (0.1, 0.9), "beta2": (0.1, 0.9)}, 8),
        ({"learning_rate": [0.1, 0.2], "beta1": [0.9, 0.8, 0.7]}, 6),
    ],
)
def test_a_grid_that_does_not_fit_says_how_many_trials_it_takes(ranges, least):
    tuner = tuner_of(ranges=ranges)
    wanted = f"^num_trials must be at least {least} for a grid of these ranges, got {least - 1}$"
    with pytest.raises(ValueError, match=wanted):
        tuner.tune(least - 1, 5, sampling="grid")
    assert len(tuner.tune(least, 5, sampling="grid").trials) == least


# ----------------------------------------------------------------------- scores


def losses_of(trial, objective, starts, steps, rule=Adam, **options):
    """The last losses of single runs with the hyperparameters of a trial."""
    opt = rule(**settings(trial, rule))
    return [single(objective, opt, start, steps, **options) for start in starts]


@pytest.mark.parametrize("rule", [Adam, RMSProp, Momentum])
def test_the_score_is_the_median_loss_from_the_starts_and_held_out_from_the_others(rule):
    tuner = AdamTuner(rosenbrock, {"learning_rate": (1e-4, 0.1)}, rule=rule, held_out=OTHERS)
    for trial in tuner.tune(8, 60, seed=2).trials:
        mine = losses_of(trial, rosenbrock, tuner.starts, 60, rule)
        others = losses_of(trial, rosenbrock, OTHERS, 60, rule)
        assert trial["score"] == np.median(mine)
        assert trial["held_out"] == np.median(others)
        assert trial["status"] == f"diverged from {np.isinf(mine + others).sum()} of 12 starts" or (
            trial["status"] == "ok" and np.isfinite(mine + others).all()
        )


@pytest.mark.parametrize("summary", [np.max, np.mean, lambda losses: losses[0]])
def test_another_summary_makes_another_score(summary):
    for trial in tuner_of(summary=summary).tune(5, 20).trials:
        assert trial["score"] == summary(
            np.array(losses_of(trial, square, STARTS, 20, gradient=slope))
        )
        assert trial["held_out"] == summary(
            np.array(losses_of(trial, square, OTHERS, 20, gradient=slope))
        )


@every_landscape
def test_what_is_tuned_is_what_descends(landscape):
    # The tuner of the slides descended another function than the one it was given.
    tuner = AdamTuner(landscape, {"learning_rate": (1e-3, 1.0)})
    found = tuner.tune(20, 100, seed=1)
    starts = tuner.starts.tolist()
    ends = minimize(landscape, found.optimizer, tuner.starts, 100).loss[-1]
    assert found.best_score == np.median(ends)
    fallen = np.median(landscape(tuner.starts)) - landscape.minimum
    assert found.best_score - landscape.minimum < 0.2 * fallen
    assert found.held_out_score < np.median(landscape(tuner.held_out))
    assert tuner.starts.tolist() == starts


def test_the_starts_of_a_landscape_are_in_its_window_and_always_the_same():
    for landscape in [*LANDSCAPES.values(), quadratic(condition=10.0, d=5)]:
        tuner, again = AdamTuner(landscape), AdamTuner(landscape)
        d = landscape.d or 2
        assert tuner.starts.shape == (8, d)
        assert tuner.held_out.shape == (32, d)
        np.testing.assert_array_equal(tuner.starts, again.starts)
        np.testing.assert_array_equal(tuner.held_out, again.held_out)
        points = np.concatenate([tuner.starts, tuner.held_out])
        assert len(np.unique(points, axis=0)) == 40
        for i, (low, high) in enumerate(landscape.window):
            assert (low <= points[:, i]).all()
            assert (points[:, i] <= high).all()
            assert np.ptp(points[:, i]) > 0.8 * (high - low)


def test_a_gradient_of_ones_own_is_the_one_that_is_followed():
    still = AdamTuner(bowl, RATES, gradient=np.zeros_like)
    assert still.tune(3, 20).best_score == np.median(bowl(still.starts))


def test_a_gradient_that_knows_its_step_is_asked_for_it():
    noisy = NoisyGradient(bowl, noise=1.0, seed=3)
    tuner = AdamTuner(bowl, RATES, gradient=noisy)
    for trial in tuner.tune(3, 30).trials:
        opt = Adam(**settings(trial))
        ends = [single(bowl, opt, start, 30, gradient=noisy) for start in tuner.starts]
        assert trial["score"] == np.median(ends)


def test_starts_that_share_a_coordinate_with_others_are_not_the_same():
    tuner = tuner_of(starts=[[1.0, 2.0]], held_out=[[1.0, 3.0], [2.0, 1.0]])
    assert len(tuner.held_out) == 2


def test_starts_that_were_given_are_copied():
    starts = STARTS.copy()
    tuner = tuner_of(starts=starts)
    starts[:] = 0.0
    np.testing.assert_array_equal(tuner.starts, STARTS)


# --------------------------------------------------------------------- the best


def trial_of(rate, score, held_out=9.0, seed=0, status="ok"):
    return {
        "seed": seed,
        "trial": 0,
        "learning_rate": rate,
        "beta1": 0.5,
        "score": score,
        "held_out": held_out,
        "status": status,
    }


def test_the_best_has_the_least_score_whatever_the_others_say():
    rows = [
        trial_of(0.1, math.nan, 0.0, status="ValueError: no"),
        trial_of(0.2, 3.0, 1.0),
        trial_of(0.3, 2.0, 8.0),
        trial_of(0.4, 2.0, 0.5),
        trial_of(0.5, math.inf, 0.0, status="diverged from 9 of 9 starts"),
    ]
    found = Tuning(Adam, rows, ("learning_rate",))
    assert found.best == {"learning_rate": 0.3, "beta1": 0.5}
    assert (found.best_score, found.held_out_score) == (2.0, 8.0)
    assert found.optimizer == Adam(0.3, beta1=0.5)
    assert repr(found) == (
        "<Tuning of Adam: 5 trials, 2 of them not ok; best learning_rate=0.3: 2, held out 8>"
    )


def test_several_seeds_are_their_searches_one_after_the_other():
    tuner = tuner_of()
    several = tuner.tune(7, 10, seed=(5, 2, 8))
    each = [tuner.tune(7, 10, seed=seed) for seed in (5, 2, 8)]
    assert len(several.trials) == 21
    for k, found in enumerate(each):
        same(several.table[7 * k : 7 * k + 7], found.table)
    assert list(several.by_seed.index) == [5, 2, 8]
    assert list(several.by_seed["score"]) == [found.best_score for found in each]
    assert list(several.by_seed["held_out"]) == [found.held_out_score for found in each]
    assert several.best_score == min(found.best_score for found in each)
    same(tuner.tune(7, 10, seed=np.array([5, 2, 8])).table, several.table)
    same(tuner.tune(7, 10, seed=range(3)).table, tuner.tune(7, 10, seed=[0, 1, 2]).table)


def test_a_seed_whose_trials_all_failed_has_no_best():
    rows = [trial_of(0.1, math.nan, seed=1), trial_of(0.2, 5.0, seed=2)]
    assert list(Tuning(Adam, rows, ("learning_rate",)).by_seed.index) == [2]
    none = Tuning(Adam, rows[:1], ("learning_rate",)).by_seed
    assert len(none) == 0
    assert none.index.name == "seed"
    assert "learning_rate" in none


# ------------------------------------------------------------- trials that fail

FAR = 50.0  # a point that no run from the starts reaches unless its rate is much too large
WIDE = {"learning_rate": (1e-3, 1e4)}


def raises_far_away(x):
    if np.abs(x).max() > FAR:
        raise ValueError(f"too far\n  out for {x.ndim - 1} axes")
    return square(x)


def nan_far_away(x):
    return np.where(np.abs(x).max(axis=-1) > FAR, np.nan, square(x))


def reached(trial, steps=20):
    """How far away the runs of a trial go, at most."""
    both = np.concatenate([STARTS, OTHERS])
    return np.abs(minimize(square, Adam(**settings(trial)), both, steps, gradient=slope).x).max()


def test_a_function_that_raises_fails_its_trial_alone():
    found = tuner_of(raises_far_away, WIDE).tune(60, 20, seed=1)
    wanted = tuner_of(square, WIDE).tune(60, 20, seed=1)
    far = np.array([reached(trial) > FAR for trial in wanted.trials])
    assert 10 < far.sum() < 50
    assert (found.table["status"] != "ok").tolist() == far.tolist()
    assert set(found.table["status"][far]) == {"ValueError: too far out for 2 axes"}
    assert found.table.loc[far, ["score", "held_out"]].isna().all(axis=None)
    same(found.table[~far], wanted.table[~far])
    same(
        found.table[["seed", "trial", "learning_rate"]],
        wanted.table[["seed", "trial", "learning_rate"]],
    )
    assert found.best == wanted.best
    assert f"60 trials, {far.sum()} of them not ok; best learning_rate=" in repr(found)


def test_a_gradient_that_raises_fails_its_trial_alone():
    def gradient(x):
        if np.abs(x).max() > FAR:
            raise KeyError("far")
        return slope(x)

    found = tuner_of(square, WIDE, gradient=gradient).tune(30, 20, seed=1)
    assert set(found.table["status"]) == {"ok", "KeyError: 'far'"}


def test_a_function_that_gives_nan_has_diverged_from_there():
    ranges = {"learning_rate": (0.5, 1.5)}  # beyond 1 they run away, the further starts first
    found = tuner_of(nan_far_away, ranges, rule=GradientDescent).tune(60, 20, seed=1)
    for trial in found.trials:
        mine, others = (
            losses_of(trial, nan_far_away, starts, 20, GradientDescent, gradient=slope)
            for starts in (STARTS, OTHERS)
        )
        lost = np.isinf(mine + others).sum()
        assert trial["status"] == (f"diverged from {lost} of 7 starts" if lost else "ok")
        assert trial["score"] == np.median(mine)
        assert trial["held_out"] == np.median(others)
    assert found.table["status"].nunique() > 2
    assert np.isfinite(found.best_score)


def test_a_trial_that_diverges_from_a_few_starts_still_has_a_score():
    def objective(x):  # infinite on one side of the first start
        return np.where(x[..., 0] > 1.9, np.inf, square(x))

    starts = [[1.95, 0.0], [1.0, 0.0], [0.5, 0.0]]
    found = tuner_of(objective, {"learning_rate": 1e-9}, starts=starts).tune(1, 1)
    assert found.trials[0]["status"] == "diverged from 1 of 7 starts"
    assert found.best_score == pytest.approx(1.0)


@pytest.mark.parametrize("count", [1, 30])
def test_pythons_overflow_fails_no_run_but_its_own(count):
    # NumPy's floats become infinite where Python's raise, for all the runs of an array.
    def by_python(x):
        values = [sum(float(z) ** 2 for z in point) for point in x.reshape(-1, 2)]
        return np.reshape(values, x.shape[:-1])

    starts = [*STARTS, [1e160, 0.0]]  # its square is beyond the floats
    options = {"rule": GradientDescent, "held_out": OTHERS, "starts": starts}
    ranges = {"learning_rate": (1e-2, 1e20)}
    found = tuner_of(by_python, ranges, **options).tune(count, 9, seed=1)
    wanted = tuner_of(square, ranges, **options).tune(count, 9, seed=1)
    same(found.table, wanted.table)
    assert "diverged from 1 of 8 starts" in set(found.table["status"])
    assert (count == 1) == (found.table["status"].nunique() == 1)


def test_a_summary_that_raises_or_gives_nan_says_so():
    def by_size(losses):
        if losses.max() > 1.0:
            raise RuntimeError("no summary")
        return losses.max()

    table = tuner_of(summary=by_size).tune(30, 30, seed=2).table
    assert set(table["status"]) == {"ok", "RuntimeError: no summary"}
    nan = tuner_of(summary=lambda losses: math.nan).tune(2, 5)
    assert set(nan.table["status"]) == {"summary gave nan"}
    with pytest.raises(ValueError, match="no trial came through: summary gave nan"):
        nan.best  # noqa: B018


def test_a_summary_of_infinite_losses_gives_no_warning():
    found = tuner_of(nan_far_away, WIDE, summary=np.ptp).tune(30, 20, seed=1)
    assert found.table["status"].str.match("ok|diverged from").all()
    assert found.table["score"].isna().any()
    assert np.isfinite(found.best_score)


def always(x):
    raise KeyError("mine")


@pytest.mark.parametrize("name", ["best", "best_score", "held_out_score", "optimizer"])
def test_a_search_in_which_all_fail_says_why(name):
    found = tuner_of(always).tune(3, 5)
    assert repr(found) == "<Tuning of Adam: 3 trials, 3 of them not ok; KeyError: 'mine'>"
    assert list(found.table["status"]) == ["KeyError: 'mine'"] * 3
    with pytest.raises(ValueError, match=r"^no trial came through: KeyError: 'mine'$"):
        getattr(found, name)


def test_a_search_in_which_all_diverge_says_so():
    found = tuner_of(lambda x: np.full(x.shape[:-1], np.inf)).tune(3, 5)
    assert found.table["score"].tolist() == [math.inf] * 3
    with pytest.raises(ValueError, match=r"^no trial came through: diverged from 7 of 7 starts$"):
        found.best  # noqa: B018
    assert "3 of them not ok; diverged from 7 of 7 starts>" in repr(found)


def test_a_function_of_single_points_is_told_what_it_should_return():
    found = tuner_of(lambda x: (x * x).sum()).tune(2, 5)
    assert found.trials[0]["status"] == (
        "ValueError: objective must return shape (1, 7) for x of shape (1, 7, 2), got shape ()"
    )


# ------------------------------------------------------------ Ctrl-C, and the bar


class Bar:
    """In place of tqdm's bar: what it is told."""

    made = None

    def __init__(self, total, **options):
        Bar.made = self
        self.total, self.done, self.closed = total, 0, 0

    def update(self, count):
        self.done += count

    def close(self):
        self.closed += 1


@pytest.fixture
def bar(monkeypatch):
    monkeypatch.setattr(tqdm.auto, "tqdm", Bar)


@pytest.mark.parametrize("of", ["objective", "gradient"])
def test_an_interrupt_returns_the_trials_that_are_done(of, bar):
    # 31 calls of the objective to a chunk of 25 trials: loss and gradient at each of 30 steps.
    functions = {"objective": square, "gradient": slope}
    functions[of] = Interrupts(functions[of], 2 * 31 + 10)
    found = tuner_of(**functions).tune(100, 30, progress=True)
    assert found.stopped == "interrupted after 50 of 100 trials"
    same(found.table, tuner_of().tune(50, 30).table)
    assert repr(found).endswith("; interrupted after 50 of 100 trials>")
    assert np.isfinite(found.best_score)
    assert (Bar.made.total, Bar.made.done, Bar.made.closed) == (100, 50, 1)


def test_an_interrupt_while_failed_trials_are_repeated_leaves_no_half_trial():
    calls = []

    def objective(x):
        calls.append(x.shape)
        if len(calls) == 20:  # among the second 25 trials, one by one
            raise KeyboardInterrupt
        if len(calls) > 10:
            raise RuntimeError
        return square(x)

    found = tuner_of(objective).tune(60, 8)
    assert calls[-1] == (1, 7, 2)
    assert found.stopped == "interrupted after 25 of 60 trials"
    assert len(found.table) == 25


def test_an_interrupt_before_anything_is_done_leaves_an_empty_table():
    found = tuner_of(Interrupts(square, 1)).tune(10, 5)
    assert found.stopped == "interrupted after 0 of 10 trials"
    assert repr(found) == "<Tuning of Adam: 0 trials; interrupted after 0 of 10 trials>"
    assert len(found.table) == len(found.by_seed) == 0
    assert set(found.table) >= {"seed", "trial", "learning_rate", "score", "held_out", "status"}
    with pytest.raises(ValueError, match=r"^no trial came through: interrupted after 0 of 10"):
        found.best  # noqa: B018


def test_the_bar_counts_trials_and_is_closed(bar):
    tuner_of().tune(30, 5, seed=(1, 2), progress=True)
    assert (Bar.made.total, Bar.made.done, Bar.made.closed) == (60, 60, 1)
    tuner_of(always).tune(30, 5, progress=True)
    assert (Bar.made.total, Bar.made.done, Bar.made.closed) == (30, 30, 1)
    with Threads(2) as pool:
        tuner_of().tune(60, 5, progress=True, executor=pool)
    assert (Bar.made.total, Bar.made.done, Bar.made.closed) == (60, 60, 1)


def test_the_bar_is_closed_also_when_the_whole_program_is_told_to_end(bar):
    def objective(x):
        raise SystemExit

    with pytest.raises(SystemExit):
        tuner_of(objective).tune(10, 5, progress=True)
    assert Bar.made.closed == 1


def test_progress_is_silent_unless_asked_for_and_changes_nothing(capsys):
    quiet = tuner_of().tune(30, 5)
    assert capsys.readouterr() == ("", "")
    loud = tuner_of().tune(30, 5, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "/30" in err
    assert "trial" in err
    same(loud.table, quiet.table)


# -------------------------------------------------------------------- executors


def test_threads_give_the_same_table_and_can_be_used_again():
    tuner = tuner_of(raises_far_away, WIDE)
    with Threads(2) as pool:
        for seed in (0, 1):
            same(
                tuner.tune(60, 20, seed=seed, executor=pool).table,
                tuner.tune(60, 20, seed=seed).table,
            )


def wait_until(holds, seconds=20):
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.002)


def both_at_work(function, folder):
    """The function, waiting at its first call until two processes have called it."""

    def waits(x):
        (folder / str(os.getpid())).touch()
        wait_until(lambda: len(list(folder.iterdir())) == 2)
        return function(x)

    return waits


def local_problem():
    """What nobody could import: functions, a rule and a summary that are defined in here."""

    class Halved(Adam):
        def update(self, x, g, state):
            return super().update(x, g / 2, state)

    def objective(x):
        if np.abs(x).max() > FAR:
            raise ValueError("too far out")
        return square_here(x)

    def square_here(x):
        return (x * x).sum(axis=-1)

    options = {"gradient": lambda x: 2 * x, "summary": lambda losses: losses.max(), "rule": Halved}
    return objective, WIDE, options


def same_from(executor, folder):
    """Assert that an executor's table is the one of here, and that two processes made it."""
    objective, ranges, options = local_problem()
    wanted = tuner_of(objective, ranges, **options).tune(100, 20, seed=1)
    assert 10 < (wanted.table["status"] == "ok").sum() < 90
    waiting = tuner_of(both_at_work(objective, folder), ranges, **options)
    found = waiting.tune(100, 20, seed=1, executor=executor)
    same(found.table, wanted.table)
    assert found.stopped is None
    workers = {int(file.name) for file in folder.iterdir()}
    assert len(workers) == 2
    assert os.getpid() not in workers


def pool_of(count):
    # Not by fork: a process that shares nothing with this one, as on another machine.
    return Processes(count, mp_context=multiprocessing.get_context("spawn"))


def test_processes_give_the_same_table_for_functions_that_they_cannot_import(tmp_path):
    with pool_of(2) as pool:
        same_from(pool, tmp_path)
        tuner = AdamTuner(beale)
        same(tuner.tune(30, 20, executor=pool).table, tuner.tune(30, 20).table)


def test_a_dask_cluster_gives_the_same_table_for_functions_that_it_cannot_import(tmp_path):
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=2,
            processes=True,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",  # any port that is free
        ) as cluster,
        Client(cluster) as client,
    ):
        same_from(client.get_executor(), tmp_path)
        workers = client.run(os.getpid)
        assert set(workers.values()) == {int(file.name) for file in tmp_path.iterdir()}
    assert cluster.status.name == "closed"


def test_a_worker_that_dies_is_reported_and_what_was_done_is_kept():
    here = os.getpid()

    def objective(x):
        if np.abs(x).max() > 1e6:
            assert os.getpid() != here
            os._exit(1)
        return (x * x).sum(axis=-1)

    # In the order of the rates: those of the first 25 are below 1, those of the last are not.
    tuner = tuner_of(objective, {"learning_rate": (1e-4, 1e4)}, rule=GradientDescent)
    wanted = tuner_of(square, {"learning_rate": (1e-4, 1e4)}, rule=GradientDescent)
    with pool_of(1) as pool:
        found = tuner.tune(75, 30, sampling="grid", executor=pool)
        again = tuner.tune(75, 30, sampling="grid", executor=pool)  # with the broken pool
    assert len(found.table) == 75
    same(found.table.head(25), wanted.tune(75, 30, sampling="grid").table.head(25))
    lost = found.table[25:]
    assert lost["score"].isna().all()
    assert lost["status"].str.match("BrokenProcessPool: .*terminated abruptly").all()
    assert found.stopped is None
    assert again.table["status"].str.startswith("BrokenProcessPool: ").all()
    assert "; BrokenProcessPool: " in repr(again)


def test_an_interrupt_while_waiting_returns_the_trials_that_are_done(bar):
    # Two threads: one works on, the other hangs in the trial in which Ctrl-C comes.
    first, go = threading.Semaphore(), threading.Event()
    main = threading.main_thread().ident

    def objective(x):
        if first.acquire(blocking=False):
            wait_until(lambda: Bar.made.done == 75)
            signal.pthread_kill(main, signal.SIGINT)
            go.wait(20)
        return square(x)

    pool = Threads(2)
    # A shell starts what it runs in the background with its SIGINT ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        found = tuner_of(objective).tune(100, 5, executor=pool, progress=True)
        assert found.stopped == "interrupted after 75 of 100 trials"
        assert len(set(found.table["trial"])) == 75
        same(found.table, tuner_of().tune(100, 5).table.iloc[found.table["trial"]])
        assert (Bar.made.done, Bar.made.closed) == (75, 1)
    finally:
        signal.signal(signal.SIGINT, before)
        go.set()
        pool.shutdown()


class Later(Executor):
    """An executor that does nothing until it is told, and fails at the k-th that it is given."""

    def __init__(self, error, k):
        self.error, self.k, self.given = error, k, []

    def submit(self, function, *arguments):
        if len(self.given) == self.k:
            raise self.error
        self.given.append(Future())
        if isinstance(self.error, BrokenExecutor):
            self.given[-1].set_result(function(*arguments))
        return self.given[-1]


def test_what_cannot_be_handed_out_is_the_readers_to_see_and_nothing_is_left_running():
    executor = Later(RuntimeError("cannot schedule new futures after shutdown"), 2)
    with pytest.raises(RuntimeError, match="after shutdown"):
        tuner_of().tune(100, 5, executor=executor)
    assert [future.cancelled() for future in executor.given] == [True, True]


def test_what_cannot_travel_is_the_readers_to_see():
    lock = threading.Lock()

    def objective(x):
        with lock:
            return square(x)

    with pytest.raises(TypeError, match="lock"):
        tuner_of(objective).tune(5, 5, executor=Later(None, 9))


def test_workers_lost_while_others_are_handed_out_cost_their_own_trials_alone():
    found = tuner_of().tune(100, 5, executor=Later(BrokenExecutor("lost"), 3))
    same(found.table.head(75), tuner_of().tune(75, 5).table)
    assert list(found.table["status"][75:]) == ["BrokenExecutor: lost"] * 25
    assert found.stopped is None


def test_an_interrupt_while_trials_are_handed_out_cancels_them():
    executor = Later(KeyboardInterrupt(), 2)
    found = tuner_of().tune(100, 5, executor=executor)
    assert found.stopped == "interrupted after 0 of 100 trials"
    assert [future.cancelled() for future in executor.given] == [True, True]


def test_a_worker_that_is_interrupted_leaves_its_trials_out():
    with Threads(1) as pool:
        found = tuner_of(Interrupts(square, 8)).tune(100, 5, executor=pool)
    assert found.stopped == "interrupted after 75 of 100 trials"
    wanted = tuner_of().tune(100, 5).table
    same(found.table, wanted.drop(index=range(25, 50)))


# --------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("wanted", "match"),
    [
        ((1e-3, 1e-3), r"must have low < high, got the empty range \(0.001, 0.001\)"),
        ((1.0, 1e-3), r"must have low < high, got the reversed range \(1.0, 0.001\)"),
        ((-1e-3, 1.0), r"must be finite and at least 0, got -0.001 in \(-0.001, 1.0\)"),
        ((1e-3, math.inf), r"must be finite and at least 0, got inf in"),
        ((0, 1.0), r"must have low above 0 on its logarithmic scale, got \(0, 1.0\)"),
        ((1e-3,), r"must be \(low, high\), got \(0.001,\)"),
        ([], r"must have at least one choice, got \[\]"),
        ("0.1", r"must be finite and at least 0, got '0.1'"),
        (None, r"must be finite and at least 0, got None"),
    ],
    ids=repr,
)
def test_a_bad_range_is_refused_with_its_name_and_value(wanted, match):
    with pytest.raises(ValueError, match=rf"^parameter_ranges\['learning_rate'\] {match}"):
        AdamTuner(bowl, {"learning_rate": wanted})


def test_a_beta_outside_of_its_domain_is_refused():
    with pytest.raises(
        ValueError, match=r"^parameter_ranges\['beta1'\] must be in \[0, 1\), got 1"
    ):
        AdamTuner(bowl, {"beta1": (0.9, 1.0)})


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"objective_function": 3.0}, "^objective_function must be .* got 3.0"),
        ({"objective_function": square}, "^gradient must be a function, .* got None"),
        ({"gradient": 0}, "^gradient must be a function, .* got 0"),
        (
            {"objective_function": square, "gradient": slope},
            r"^starts must be an array \(n, d\) of finite points, got None",
        ),
        (
            {"objective_function": square, "gradient": slope, "starts": STARTS},
            r"^held_out must be an array \(n, d\) of finite points, got None",
        ),
        ({"starts": [1.0, 2.0]}, r"^starts must be an array .* got \[1.0, 2.0\]"),
        ({"starts": np.empty((0, 2))}, "^starts must be an array"),
        ({"starts": [[1.0, math.nan]]}, "^starts must be an array .*nan"),
        ({"starts": [[1.0], [1.0, 2.0]]}, "^starts must be an array"),
        ({"held_out": "there"}, "^held_out must be an array .* got 'there'"),
        (
            {"held_out": np.ones((3, 4))},
            r"^held_out must have points of 2 numbers, as starts has, got shape \(3, 4\)",
        ),
        (
            {"starts": STARTS, "held_out": [[0.0, 0.0], STARTS[1]]},
            "^held_out must have none of the points that starts has",
        ),
        ({"rule": Adam()}, r"^rule must be a rule such as Adam .* got Adam\("),
        ({"rule": "Adam"}, "^rule must be .* got 'Adam'"),
        ({"summary": "median"}, "^summary must be a function, got 'median'"),
        ({"parameter_ranges": [0.1]}, r"^parameter_ranges must be a dict .* got \[0.1\]"),
        ({"parameter_ranges": {}}, "^parameter_ranges must be a dict .* got {}"),
        (
            {"parameter_ranges": {"momentum": (0.1, 0.9)}},
            r"^parameter_ranges must be of Adam: learning_rate, .*; got momentum=\(0.1, 0.9\)",
        ),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, dict) else "",
)
def test_bad_arguments_of_a_tuner_are_refused_by_name(arguments, match):
    with pytest.raises(ValueError, match=match):
        AdamTuner(**{"objective_function": bowl} | arguments)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("num_trials", 0),
        ("num_trials", -5),
        ("num_trials", 2.0),
        ("num_trials", True),
        ("num_trials", None),
        ("iterations", 0),
        ("iterations", 1.5),
        ("iterations", False),
        ("seed", -1),
        ("seed", 1.0),
        ("seed", None),
        ("seed", True),
        ("seed", ()),
        ("seed", (1, -2)),
        ("seed", [[1], [2, 3]]),
        ("seed", "12"),
        ("sampling", "uniform"),
        ("sampling", None),
        ("executor", 2),
        ("executor", "threads"),
        ("executor", Threads),
    ],
    ids=repr,
)
def test_bad_arguments_of_tune_are_refused_by_name(name, value):
    with pytest.raises(ValueError, match=f"^{name} must be .*, got {re.escape(repr(value))}$"):
        tuner_of().tune(**{"num_trials": 3, "iterations": 2, name: value})


def test_numpys_whole_numbers_will_do():
    found = tuner_of().tune(np.int64(3), np.int32(2), seed=np.uint8(4))
    same(found.table, tuner_of().tune(3, 2, seed=4).table)
