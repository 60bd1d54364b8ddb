"""A sweep through the compiled engine is the array form's, bit for bit, for all that it takes.

Runs that diverge are among them, and sweeps that are interrupted.  What goes through the
compiled engine, and what does not, is the matter of test_fused_choice.
"""

import math
import signal

import numpy as np
import pytest
import tqdm.auto
from both_ways import hold, same, starts_on, watched
from hypothesis import given
from hypothesis import strategies as st

from adam_course import (
    LANDSCAPES,
    OPTIMIZERS,
    Adam,
    GradientDescent,
    NAdam,
    SignDescent,
    beale,
    bowl,
    minimize,
    quadratic,
    rosenbrock,
    saddle,
    sweep,
)
from adam_course.averages import power
from adam_course.fused import side_by_side, sweeps

every_rule = pytest.mark.parametrize("name", OPTIMIZERS)


@pytest.fixture
def compiled(monkeypatch):
    return watched(monkeypatch)


# ------------------------------------------------------------- bit for bit the same

RATES = np.append(np.logspace(-5, 1.5, 12), 1e200)  # some diverge, the last at once

# Two or three axes for each rule; the settings are never a multiple of what goes side by side.
GRIDS = {
    "GradientDescent": {"learning_rate": np.append(np.logspace(-6, 1, 130), [0.0, 1e200])},
    "SignDescent": {"learning_rate": np.append(np.logspace(-6, 1, 130), [0.0, 1e200])},
    "Momentum": {"learning_rate": RATES, "momentum": np.linspace(0, 0.99, 11)},
    "Nesterov": {"momentum": np.linspace(0, 0.99, 11), "learning_rate": RATES},
    "AdaGrad": {
        "learning_rate": RATES,
        "initial_accumulator": np.array([0.0, 0.1, 50.0]),
        "epsilon": np.array([0.0, 1e-10, 0.1]),
    },
    "RMSProp": {"learning_rate": RATES, "beta2": np.array([0.0, 0.5, 0.9, 0.99, 0.9999])},
    "Adam": {
        "beta2": np.array([0.0, 0.9, 0.999]),
        "learning_rate": RATES,
        "beta1": np.array([0.0, 0.5, 0.9, 0.99]),
    },
    "AdamW": {
        "learning_rate": RATES,
        "weight_decay": np.array([0.0, 0.01, 1.0, 30.0]),
        "beta1": np.array([0.9, 0.2, 0.0]),
    },
    "AMSGrad": {
        "beta2": np.array([0.5, 0.999]),
        "epsilon": np.array([1e-8, 1e-2, 1.0]),
        "learning_rate": RATES,
    },
    "NAdam": {
        "momentum_decay": np.array([0.0, 0.004, 0.5]),
        "beta1": np.array([0.0, 0.9, 0.99]),
        "learning_rate": RATES,
        "beta2": np.array([0.9, 0.999]),
    },
    # With 0.5 it never adapts, with 0.7 at once, with 0.999 from the sixth step on.
    "RAdam": {"learning_rate": RATES, "beta2": np.array([0.5, 0.7, 0.9, 0.999]), "beta1": [0, 0.9]},
    "AdaMax": {
        "beta1": np.array([0.0, 0.9]),
        "learning_rate": RATES,
        "beta2": np.array([0.0, 0.5, 0.999]),
        "epsilon": np.array([1e-8, 0.1]),
    },
}

SURFACES = {
    **LANDSCAPES,
    "very narrow": quadratic(1e6),
    "turned a little": quadratic(7, rotation=-20.5),
    "turned all around": quadratic(3, rotation=360.0),
    **{f"quadratic in {d}": quadratic(50, d=d) for d in (1, 3, 4, 5, 6, 7)},
    **{f"rosenbrock in {d}": rosenbrock for d in (3, 4, 5, 6, 7)},
}


PLANAR = [name for name in SURFACES if " in " not in name]


def test_every_rule_and_every_landscape_is_among_them():
    assert set(GRIDS) == set(OPTIMIZERS)
    assert set(LANDSCAPES) <= set(SURFACES)
    for name, axes in GRIDS.items():
        settings = math.prod(len(values) for values in axes.values())
        assert settings > side_by_side.LANES / 4
        assert settings % side_by_side.LANES
        swept = set(OPTIMIZERS[name]().hyperparameters) - set(axes)
        assert swept <= {"epsilon", "beta1", "beta2"}, "all that is the rule's own is swept"


@pytest.fixture
def loops(monkeypatch):
    """Which of the two loops were asked for."""
    asked = set()

    def watch(name, loop):
        def told(*codes):
            asked.add(name)
            return loop(*codes)

        monkeypatch.setattr(side_by_side, name, told)

    for name in ("in_the_plane", "anywhere"):
        watch(name, getattr(side_by_side, name))
    return asked


@every_rule
@pytest.mark.parametrize("surface", SURFACES)
def test_a_sweep_is_the_array_forms_bit_for_bit(surface, name, compiled, loops, monkeypatch):
    monkeypatch.setattr(sweeps, "ENOUGH_ALIKE", math.inf)
    landscape = SURFACES[surface]
    starts = starts_on(landscape, surface, 4)
    came_through = hold(landscape, OPTIMIZERS[name], starts, **GRIDS[name])
    assert compiled[0] is not None, "through the compiled engine"
    assert loops == {"anywhere"}
    settings = math.prod(len(values) for values in GRIDS[name].values())
    assert came_through > settings / 3, "enough of them show something"


# Each pair is compiled anew, for half a second: every rule meets two landscapes, every
# landscape three rules.
PAIRS = [
    (surface, name)
    for surface in PLANAR
    for name in OPTIMIZERS
    if surface in ("rosenbrock", "turned") or name in ("Adam", "AdaGrad", "SignDescent")
]


@pytest.mark.parametrize(("surface", "name"), PAIRS)
def test_so_it_is_where_landscape_and_rule_share_a_loop(
    surface, name, compiled, loops, monkeypatch
):
    monkeypatch.setattr(sweeps, "ENOUGH_ALIKE", 1)
    landscape = SURFACES[surface]
    starts = starts_on(landscape, surface, 1)
    came_through = hold(landscape, OPTIMIZERS[name], starts, **GRIDS[name])
    assert compiled[0] is not None, "through the compiled engine"
    assert loops == {"in_the_plane"}
    settings = math.prod(len(values) for values in GRIDS[name].values())
    assert came_through > settings / 12, "enough of them show something"


@every_rule
def test_many_steps_and_the_landscapes_own_start_change_nothing_in_that(name, compiled):
    # Three stretches and a bit; runs that begin to diverge late.
    axes = {"learning_rate": np.logspace(-3, 1, 131)}
    hold(rosenbrock, OPTIMIZERS[name], steps=3 * sweeps.STRETCH + 7, **axes)
    hold(beale, OPTIMIZERS[name], steps=sweeps.STRETCH, **axes)
    hold(saddle, OPTIMIZERS[name], start=[1, 2], steps=1, **axes)
    hold(bowl, OPTIMIZERS[name], start=[0.0, 1.0], **axes)  # where one coordinate stands still
    assert all(found is not None for found in compiled)


# Around what goes side by side at once, and what is enough to be taken by itself.
EDGES = [sweeps.ENOUGH_ALIKE, side_by_side.LANES, 2 * side_by_side.LANES]
EDGES = [1, 2, *(edge + k for edge in EDGES for k in (-1, 0, 1))]


@pytest.mark.parametrize("count", EDGES)
def test_no_number_of_runs_is_special(count, compiled):
    hold(rosenbrock, Adam, learning_rate=np.geomspace(1e-3, 1, count))
    hold(rosenbrock, Adam, learning_rate=np.geomspace(1e-3, 1, count), beta1=[0.9, 0.5, 0.0])
    hold(rosenbrock, Adam, beta2=np.linspace(0, 0.99, count), learning_rate=[0.1, 0.01])
    assert all(found is not None for found in compiled)


def test_starts_may_have_more_axes_than_one(compiled):
    starts = np.random.default_rng(1).uniform(-2, 2, (3, 5, 2))
    hold(rosenbrock, NAdam, starts, beta1=[0.5, 0.9], learning_rate=[0.1, 0.01, 0.2])
    assert compiled[0][0].shape == (2, 3, 3, 5)


def test_a_sweep_through_the_compiled_engine_is_its_single_runs(compiled):
    axes = {"beta1": np.array([0.0, 0.9]), "learning_rate": np.array([0.01, 0.3, 1e200])}
    starts = starts_on(rosenbrock, "rosenbrock", 2)
    swept = sweep(rosenbrock, Adam, starts, 60, engine="fused", **axes)
    for b, r, s in np.ndindex(swept.loss.shape):
        opt = Adam(axes["learning_rate"][r], axes["beta1"][b])
        assert swept.loss[b, r, s] == minimize(rosenbrock, opt, starts[s], 60).loss[-1]
    assert len(compiled) == 1


NUMBERS = {
    "learning_rate": st.floats(1e-6, 1e3),
    "momentum": st.floats(0, 0.999),
    "beta1": st.floats(0, 0.999),
    "beta2": st.floats(0, 0.9999),
    "epsilon": st.floats(1e-12, 1.0),
    "weight_decay": st.floats(0, 10),
    "momentum_decay": st.floats(0, 1),
    "initial_accumulator": st.floats(0, 10),
}


@st.composite
def searches(draw):
    """A rule, a landscape, starts, a number of steps, and axes of any kind and order."""
    name = draw(st.sampled_from(list(OPTIMIZERS)))
    surface = draw(st.sampled_from(list(SURFACES)))
    own = list(OPTIMIZERS[name]().hyperparameters)
    swept = draw(st.lists(st.sampled_from(own), min_size=1, max_size=3, unique=True))
    axes = {key: draw(st.lists(NUMBERS[key], min_size=1, max_size=7)) for key in swept}
    fixed = {key: draw(NUMBERS[key]) for key in own if key not in axes and draw(st.booleans())}
    count = draw(st.integers(0, 4))
    starts = starts_on(SURFACES[surface], surface, count or 1)
    steps = draw(st.sampled_from([1, 2, 7, 49, 50, 51, 101]))
    return SURFACES[surface], OPTIMIZERS[name], starts if count else starts[0], steps, axes | fixed


@given(searches())
def test_any_search_is_the_array_forms_bit_for_bit(search):
    landscape, rule, starts, steps, hyperparameters = search
    hold(landscape, rule, starts, steps, **hyperparameters)


# ---------------------------------------------------------------------- divergence


# Steps so long that the loss is infinite there, and the gradient, which leads back, is not.
FAR = {"rosenbrock": 1e80, "beale": 1e41, "himmelblau": 1e80, "saddle": 1e80}
FAR |= {"styblinski_tang": 1e80, "quadratic in 5": 1e160, "bowl": 1e160, "turned": 1e160}


@pytest.mark.parametrize("surface", FAR)
def test_a_loss_that_overflows_on_the_way_counts_though_the_run_comes_back(surface, compiled):
    landscape, rates = SURFACES[surface], [1e-3, FAR[surface]]
    start = np.add(landscape.start, (4.0, 4.0) if surface == "himmelblau" else 0.0)
    x, seen = start, []
    with np.errstate(over="ignore"):
        for _ in range(2):
            g = landscape.gradient(x)
            x = x - FAR[surface] * np.sign(g)
            seen.append((np.isfinite(g).all(), np.isfinite(landscape(x))))
    assert seen == [(True, False), (True, True)]
    swept = sweep(landscape, SignDescent, start, 2, engine="fused", learning_rate=rates)
    assert np.isinf(swept.loss).tolist() == [False, True]
    hold(landscape, SignDescent, start, 2, learning_rate=rates)
    assert all(found is not None for found in compiled)


def test_a_loss_that_overflows_at_the_start_or_in_a_stretch_before_counts(compiled):
    starts = [[1.0, 1.0], [1e160, 1.0]]
    hold(bowl, SignDescent, starts, 60, learning_rate=[0.1, 1e160])
    # The first of two terms is infinite, and one tiny step of a huge gradient mends it.
    starts, rates = [[1e80, 0.0, 0.0], [0.5, 0.5, 0.5]], [2.5e-163, 0.0]
    swept = sweep(rosenbrock, GradientDescent, starts, 1, engine="fused", learning_rate=rates)
    assert np.isinf(swept.loss).tolist() == [[True, False], [True, False]]
    assert np.isfinite(rosenbrock([1e64, 0.0, 0.0]))
    hold(rosenbrock, GradientDescent, starts, 1, learning_rate=rates)
    assert all(found is not None for found in compiled)


@pytest.mark.parametrize(
    ("landscape", "start", "infinite"),
    [(beale, (0.0, 5e102), 0), (quadratic(8e307), (1.0, 1.2), 1)],
    ids=["first", "second"],
)
def test_a_gradient_that_overflows_counts_though_the_loss_does_not(
    landscape, start, infinite, compiled
):
    with np.errstate(over="ignore", invalid="ignore"):
        assert np.isfinite(landscape(start))
        assert np.isinf(landscape.gradient(start)).tolist() == [infinite == 0, infinite == 1]
    starts, rates = [start, (1.0, 0.5)], [0.0, 1e-3]
    swept = sweep(landscape, SignDescent, starts, 3, engine="fused", learning_rate=rates)
    assert np.isinf(swept.loss[0]).tolist() == [True, False], "though it stands still"
    hold(landscape, SignDescent, starts, 3, learning_rate=rates)
    assert compiled[0] is not None


def test_the_last_loss_is_looked_at_and_the_gradient_there_is_not(compiled):
    # As in minimize: after the last step nobody needs the gradient.
    with np.errstate(over="ignore"):
        assert np.isinf(quadratic(8e307).gradient([1.0, 1.2])[1])
    starts = [(1.0, 1.0), (1.0, 0.9)]
    assert hold(quadratic(8e307), SignDescent, starts, 1, learning_rate=[0.0, -0.0]) == 4
    swept = sweep(bowl, SignDescent, (1.0, 1.0), 1, engine="fused", learning_rate=[1e160, 0.1])
    assert np.isinf(swept.loss).tolist() == [True, False]
    # Where it is no number, because of ∞ − ∞, it is infinite too.
    hold(saddle, SignDescent, steps=1, learning_rate=[1e200, 0.1])
    assert all(found is not None for found in compiled)


@pytest.mark.parametrize("steps", [3, 600])
def test_where_all_diverge_the_array_form_says_when(steps, compiled):
    # Twice this curvature is infinite, and so is the gradient of a loss that is not.
    hold(quadratic(1e308), SignDescent, (1.0, 0.5), steps, learning_rate=[0.0, 1e-3])
    rates = np.array([1e100, 1e200])
    fused = sweep(bowl, GradientDescent, steps=steps, engine="fused", learning_rate=rates)
    array = sweep(bowl, GradientDescent, steps=steps, engine="array", learning_rate=rates)
    assert compiled == [None, None]
    assert fused.stopped.startswith("diverged at step ")
    same(fused, array)


# ------------------------------------------------------- interrupts and the progress

MANY = {"learning_rate": np.geomspace(1e-4, 1, 70), "beta1": np.array([0.0, 0.9])}


class Bar:
    """In place of tqdm's bar: what it is told; it interrupts after so many updates."""

    all = ()
    most = math.inf

    def __init__(self, **options):
        Bar.all += (self,)
        self.options, self.told, self.closed = options, [], False

    def update(self, count):
        self.told.append(count)
        if len(self.told) == Bar.most:
            signal.raise_signal(signal.SIGINT)

    def close(self):
        self.closed = True


@pytest.fixture
def bars(monkeypatch):
    monkeypatch.setattr(tqdm.auto, "tqdm", Bar)
    monkeypatch.setattr(Bar, "all", ())
    monkeypatch.setattr(Bar, "most", math.inf)
    # In a process that was started in the background Ctrl-C does nothing, unless it is asked to.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_progress_is_told_of_every_stretch(bars):
    loud = sweep(bowl, steps=120, engine="fused", progress=True, **MANY)
    (bar,) = Bar.all
    assert (bar.options["total"], bar.options["unit"]) == (120, "step")
    assert bar.told == [50, 50, 20]
    assert bar.closed
    same(loud, sweep(bowl, steps=120, engine="fused", **MANY))
    assert len(Bar.all) == 1, "and silent unless asked for"


@pytest.mark.parametrize("stretches", [1, 2])
def test_ctrl_c_between_two_stretches_returns_what_was_done(stretches, bars, monkeypatch):
    monkeypatch.setattr(Bar, "most", stretches)
    swept = sweep(rosenbrock, steps=120, engine="fused", progress=True, **MANY)
    done = 50 * stretches
    assert swept.steps == done
    assert swept.stopped == f"interrupted at step {done + 1}"
    assert Bar.all[0].closed
    array = sweep(rosenbrock, steps=done, engine="array", **MANY)
    assert swept.loss.tobytes() == array.loss.tobytes()


def test_ctrl_c_after_the_last_stretch_has_interrupted_nothing(bars, monkeypatch):
    monkeypatch.setattr(Bar, "most", 3)
    swept = sweep(rosenbrock, steps=120, engine="fused", progress=True, **MANY)
    same(swept, sweep(rosenbrock, steps=120, engine="array", **MANY))


def interrupt(monkeypatch, loop, call, inside):
    """Have the loop interrupted in that call of it, after so many steps of the stretch."""
    make, calls = getattr(side_by_side, loop), []

    def interrupted_one(*codes):
        stretch = make(*codes)

        def interrupted(*arguments):
            calls.append(arguments)
            if len(calls) != call:
                return stretch(*arguments)
            # Compiled code puts the runs and the clock forward together.
            *others, numbers, group, trouble, constants = arguments
            some = np.ascontiguousarray(numbers[..., :inside])
            stretch(*others, some, group, trouble, constants)
            raise KeyboardInterrupt

        return interrupted

    monkeypatch.setattr(side_by_side, loop, interrupted_one)
    return calls


@pytest.mark.parametrize("loop", ["in_the_plane", "anywhere"])
@pytest.mark.parametrize("inside", [0, 1, 23])
def test_ctrl_c_within_a_stretch_returns_the_steps_that_the_runs_have_taken(
    inside, loop, monkeypatch
):
    monkeypatch.setattr(sweeps, "ENOUGH_ALIKE", 70 if loop == "in_the_plane" else 71)
    calls = interrupt(monkeypatch, loop, call=2, inside=inside)
    swept = sweep(rosenbrock, steps=120, engine="fused", **MANY)
    assert len(calls) == 2
    assert swept.steps == 50 + inside
    assert swept.stopped == f"interrupted at step {51 + inside}"
    array = sweep(rosenbrock, steps=50 + inside, engine="array", **MANY)
    assert swept.loss.tobytes() == array.loss.tobytes()


def test_ctrl_c_before_the_first_step_returns_the_start(monkeypatch):
    interrupt(monkeypatch, "in_the_plane", call=1, inside=0)
    swept = sweep(rosenbrock, steps=120, engine="fused", **MANY)
    assert (swept.steps, swept.stopped) == (0, "interrupted at step 1")
    assert (swept.loss == rosenbrock(rosenbrock.start)).all()


# -------------------------------------------------------------------------- powers


@given(
    beta=st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=5),
    first=st.integers(1, 10**6),
)
def test_compiled_powers_are_pythons_to_the_last_bit(beta, first):
    t = np.arange(first, first + 60)
    beta = np.array(beta)[:, None]
    assert sweeps._powers(beta, t).tobytes() == power(beta, t).tobytes()
